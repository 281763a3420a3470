"""Prints counts as shares that total 100 %, in hundredths of a percent."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cotton_server.grading.rounding import half_even

if TYPE_CHECKING:
    from collections.abc import Sequence

Int64Array = npt.NDArray[np.int64]

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
    table = np.asarray([counts], np.int64).reshape(1, -1)
    shares: list[int] = share_table(table, rule=rule, decimals=decimals)[0].tolist()
    return tuple(shares)


def share_table(counts: Int64Array, *, rule: ShareRule, decimals: int) -> Int64Array:
    """Shares of many rows at once: `counts` has a row a set of bales and a column a class.

    As `printed_shares`, row by row; exact below 4.6e14 bales. Raises ShareDecimalsError.
    """
    step = _step(decimals)
    bales = counts.sum(axis=1)
    # Rows without bales are told apart at the end; until then they divide by one.
    divisor = np.where(bales == 0, 1, bales)[:, np.newaxis]
    if rule is ShareRule.CERTIFICATE and counts.shape[1]:
        shares = _last_takes_the_rest(counts, divisor, step)
        # Many classes that were all rounded up can leave less than nothing for a small last
        # class of a large lot; a negative share is never printed.
        negative = (shares < 0).any(axis=1)
        if negative.any():
            shares[negative] = _largest_remainder(counts[negative], divisor[negative], step)
    else:
        shares = _largest_remainder(counts, divisor, step)
    shares[bales == 0] = 0
    return shares


def _step(decimals: int) -> int:
    """The smallest printed difference, in hundredths of a percent."""
    if decimals not in SHARE_DECIMALS:
        raise ShareDecimalsError(decimals)
    return 10 if decimals == 1 else 1


def _last_takes_the_rest(counts: Int64Array, bales: Int64Array, step: int) -> Int64Array:
    """As published certificates print them: 2 of 186 bales stand as 1.0 % where 1.1 % is nearer."""
    shares: Int64Array = half_even(counts * _WHOLE, bales * step) * step
    classes = counts.shape[1]
    last = classes - 1 - np.argmax(counts[:, ::-1] > 0, axis=1)
    rows = np.arange(len(counts))
    shares[rows, last] += _WHOLE - shares.sum(axis=1)
    return shares


def _largest_remainder(counts: Int64Array, bales: Int64Array, step: int) -> Int64Array:
    """Equal remainders: the class listed first gets the unit."""
    parts = _WHOLE // step
    units = counts * parts // bales
    remainders = counts * parts % bales
    left = parts - units.sum(axis=1, keepdims=True)
    # A stable sort keeps the order of equals, so the class listed first comes first.
    order = np.argsort(-remainders, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(counts.shape[1])[np.newaxis, :], axis=1)
    shares: Int64Array = (units + (rank < left)) * step
    return shares
