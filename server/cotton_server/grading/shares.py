"""Prints counts as shares that total 100 %, in hundredths of a percent."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cotton_server.grading.rounding import half_even

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARE_DECIMALS: Final = (1, 2)
"""Decimals to which shares can be printed."""

_WHOLE: Final = 10_000


class ShareDecimalsError(ValueError):
    """Shares were asked for with decimals in which none are published."""

    def __init__(self, decimals: int) -> None:
        super().__init__(f"Shares are printed with 1 or 2 decimals, not with {decimals}.")


class ShareRule(StrEnum):
    """How shares are made to total 100 %."""

    CERTIFICATE = "certificate"
    """Each class is rounded; the last one that has bales takes the rest."""
    LARGEST_REMAINDER = "largest remainder"
    """Each class is cut off; the units left over go to the largest remainders."""


def printed_shares(counts: Sequence[int], *, rule: ShareRule, decimals: int) -> tuple[int, ...]:
    """Shares of `counts` in hundredths of a percent: multiples of 10 at one decimal.

    They total 10 000 and none is negative; all are 0 where every count is 0. Counts are
    in the order of the classes and not negative.
    """
    step = _step(decimals)
    bales = sum(counts)
    if bales == 0:
        return (0,) * len(counts)
    if rule is ShareRule.CERTIFICATE:
        shares = _last_takes_the_rest(counts, bales, step)
        # Many classes that were all rounded up can leave less than nothing for a small last
        # class of a large lot; a negative share is never printed.
        if min(shares) >= 0:
            return shares
    return _largest_remainder(counts, bales, step)


def _step(decimals: int) -> int:
    """The smallest printed difference, in hundredths of a percent."""
    if decimals not in SHARE_DECIMALS:
        raise ShareDecimalsError(decimals)
    return 10 if decimals == 1 else 1


def _last_takes_the_rest(counts: Sequence[int], bales: int, step: int) -> tuple[int, ...]:
    """As published certificates print them: 2 of 186 bales stand as 1.0 % where 1.1 % is nearer."""
    last = max(place for place, count in enumerate(counts) if count)
    shares = [half_even(count * _WHOLE, bales * step) * step for count in counts]
    shares[last] = _WHOLE - sum(shares[:last])
    return tuple(shares)


def _largest_remainder(counts: Sequence[int], bales: int, step: int) -> tuple[int, ...]:
    """Equal remainders: the class listed first gets the unit."""
    parts = _WHOLE // step
    units = [count * parts // bales for count in counts]
    remainders = [count * parts % bales for count in counts]
    # A sort in reverse keeps the order of equals, so the class listed first comes first.
    largest_first = sorted(range(len(counts)), key=remainders.__getitem__, reverse=True)
    for place in largest_first[: parts - sum(units)]:
        units[place] += 1
    return tuple(unit * step for unit in units)
