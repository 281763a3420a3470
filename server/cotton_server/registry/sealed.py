"""Rows of the bale store that lie on disk too: what a part of them gives, and which keys it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from cotton_server.domain.identifiers import HALF, USDA_HIGH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton_server.domain.identifiers import UInt64Array

KEY_RANGES_MAX: Final = 64
"""Ranges that the keys of a part are told in: so many dates that are far from all others cost
nothing."""

_DIGITS_3: Final = np.uint64(10**3)
_DIGITS_9: Final = np.uint64(10**9)
_DIGITS_13: Final = np.uint64(10**13)


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys whose number (`key_numbers`) is from `first` to `last`, both included."""

    first: int
    last: int


class SealedPart(Protocol):
    """Rows [first_row, stop_row) of the store, readable from disk as often as wanted.

    Several threads may read at once.
    """

    @property
    def first_row(self) -> int:
        """The first row."""

    @property
    def stop_row(self) -> int:
        """The row after the last."""

    @property
    def bales(self) -> int:
        """How many of the rows the duplicate index gives for their bales: sum of `is_first`."""

    @property
    def key_ranges(self) -> Sequence[KeyRange]:
        """What `key_ranges` gives for all keys: a key outside of them is not in the part."""

    def read(self) -> Mapping[str, npt.NDArray[Any]]:
        """All columns, in order of rows, in stored types.

        high, low (uint64), the value fields by name (ABSENT where absent), lot, standard,
        laboratory, instrument (int32), position (uint32), batch_row (uint16), kind (uint8),
        inspected_at_s (uint32) and is_first (bool).
        """

    def read_keys(self) -> Mapping[str, npt.NDArray[Any]]:
        """The columns high, low and is_first only."""


def key_numbers(high: UInt64Array, low: UInt64Array) -> UInt64Array:
    """A number for each key by which keys of one time lie together.

    Of a 32-digit code its 12 digits of date and time of baling; of a USDA bale 10**12 and its
    crop year. Any two numbers have one, also such as no accepted bale has.
    """
    of_codes = high % _DIGITS_9 * _DIGITS_3 + low // _DIGITS_13
    if int(high.max(initial=0)) < USDA_HIGH:
        return of_codes
    of_usda = high - np.uint64(USDA_HIGH) + np.uint64(_USDA_NUMBERS)
    return np.where(high < np.uint64(USDA_HIGH), of_codes, of_usda)


_USDA_NUMBERS: Final = HALF // 10**4
"""Above the 12 digits of any code."""


def key_ranges(high: UInt64Array, low: UInt64Array) -> tuple[KeyRange, ...]:
    """At most KEY_RANGES_MAX ascending ranges, apart by the widest gaps, with all keys' numbers."""
    numbers = np.unique(key_numbers(high, low))
    if len(numbers) == 0:
        return ()
    gaps = np.diff(numbers)
    ends = np.flatnonzero(gaps > 1)
    if len(ends) >= KEY_RANGES_MAX:
        widest = np.argpartition(gaps[ends], -(KEY_RANGES_MAX - 1))[-(KEY_RANGES_MAX - 1) :]
        ends = np.sort(ends[widest])
    firsts = numbers[np.concatenate([[0], ends + 1])].tolist()
    lasts = numbers[np.concatenate([ends, [len(numbers) - 1]])].tolist()
    return tuple(map(KeyRange, firsts, lasts))
