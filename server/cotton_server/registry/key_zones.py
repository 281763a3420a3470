"""Where the keys of many bales lie: ranges of numbers by which keys of one time lie together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cotton_server.domain.identifiers import USDA_HIGH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.domain.identifiers import UInt64Array

ZONES_MAX: Final = 4096
"""Ranges that the keys of a part are told in, 16 bytes each: as many dates or runs of USDA bales
that are far from all others cost nothing."""

_DIGITS_3: Final = np.uint64(10**3)
_DIGITS_9: Final = np.uint64(10**9)
_DIGITS_12: Final = np.uint64(10**12)
_DIGITS_13: Final = np.uint64(10**13)


def key_numbers(high: UInt64Array, low: UInt64Array) -> UInt64Array:
    """A number for each key by which keys of one time lie together.

    Of a 32-digit code its 12 digits of date and time of baling; of a USDA bale its crop year and
    its 12 digits, above all of those, so that the bales of a gin lie together as it counts them.
    Any two numbers have one, also such as no accepted bale has.
    """
    of_codes = high % _DIGITS_9 * _DIGITS_3 + low // _DIGITS_13
    if int(high.max(initial=0)) < USDA_HIGH:
        return of_codes
    of_usda = (high - np.uint64(USDA_HIGH)) * _DIGITS_12 + low
    return np.where(high < np.uint64(USDA_HIGH), of_codes, of_usda)


@dataclass(frozen=True, slots=True, eq=False)
class KeyZones:
    """Ranges of key numbers, ascending and apart: a key outside of them is not among the keys.

    `firsts` and `lasts` of each, both included.
    """

    firsts: UInt64Array
    lasts: UInt64Array

    @staticmethod
    def of(high: UInt64Array, low: UInt64Array) -> KeyZones:
        """At most ZONES_MAX, apart by the widest gaps, with the numbers of all keys.

        Of gaps that are equally wide those of the lowest numbers: the same keys always have the
        same ranges.
        """
        numbers = np.sort(key_numbers(high, low))
        if len(numbers) == 0:
            return KeyZones(numbers, numbers)
        gaps = np.diff(numbers)
        ends = np.flatnonzero(gaps > 1)
        if len(ends) >= ZONES_MAX:
            ends = _widest(gaps, ends, ZONES_MAX - 1)
        firsts = numbers[np.concatenate([[0], ends + 1])]
        return KeyZones(firsts, numbers[np.concatenate([ends, [len(numbers) - 1]])])

    @staticmethod
    def merged(zones: Sequence[KeyZones]) -> KeyZones:
        """The same numbers as in any of these."""
        none = np.zeros(0, np.uint64)
        firsts = np.concatenate([none, *(each.firsts for each in zones)])
        lasts = np.concatenate([none, *(each.lasts for each in zones)])
        if len(firsts) == 0:
            return KeyZones(firsts, lasts)
        # Ascending pieces are merged faster than they would be sorted.
        order = np.argsort(firsts, kind="stable")
        firsts, reached = firsts[order], np.maximum.accumulate(lasts[order])
        begins = np.concatenate([[True], firsts[1:] > reached[:-1]])
        return KeyZones(firsts[begins], reached[np.concatenate([begins[1:], [True]])])

    def places_in(self, numbers: UInt64Array) -> npt.NDArray[np.int64]:
        """Places of the numbers, of which there is at least one, that are in a range."""
        # Mostly all numbers are between two ranges: a new season is in none of an old one.
        start = int(np.searchsorted(self.lasts, numbers.min()))
        stop = int(np.searchsorted(self.firsts, numbers.max(), side="right"))
        if start >= stop:
            return np.zeros(0, np.int64)
        firsts, lasts = self.firsts[start:stop], self.lasts[start:stop]
        last_begun = np.searchsorted(firsts, numbers, side="right") - 1
        return np.flatnonzero((last_begun >= 0) & (numbers <= lasts[last_begun]))


def _widest(gaps: UInt64Array, places: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """The places, ascending, of the widest gaps; of such as are equally wide the first."""
    # The value at a rank is the same however numbers are partitioned; which of equals come after
    # it is not.
    least = np.partition(gaps[places], -count)[-count]
    wider = places[gaps[places] > least]
    as_wide = places[gaps[places] == least][: count - len(wider)]
    return np.sort(np.concatenate([wider, as_wide]))
