"""A hash table of rows by the hashes of their keys, made for many keys at a time."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

    from cotton_server.domain.identifiers import UInt64Array

RowArray = npt.NDArray[np.int32]
TagArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

NOT_FOUND: Final = -1

SLOTS: Final = 8
"""Slots of a bucket: their tags are one word."""

AT_ONCE: Final = 1 << 14
"""Keys that are worked on at a time: what is made of them stays in the nearest cache."""

_REMOVED: Final = 1
"""The tag of what was removed; 0 is that of a free slot."""
_LEAST_TAG: Final = np.uint64(2)
_TAG_BITS: Final = np.uint64(0xFF)
_SECOND_TAG: Final = np.uint64(8)
_HALF: Final = np.uint64(32)
_LAST_TAG: Final = np.uint64(56)
_EACH: Final = np.uint64(0x0101010101010101)
_LOW_BITS: Final = np.uint64(0x7F7F7F7F7F7F7F7F)
_TOP_BITS: Final = np.uint64(0x8080808080808080)
_ONE: Final = np.uint64(1)


class KeyHashing:
    """64-bit hashes of keys; equal keys have equal hashes."""

    def __init__(self) -> None:
        """Draws factors, so that nobody can prepare keys that collide."""
        self._factors = [np.uint64(secrets.randbits(64) | 1) for _ in range(3)]

    def __call__(self, high: UInt64Array, low: UInt64Array) -> UInt64Array:
        """The hashes of keys."""
        first, second, third = self._factors
        mixed = high * first
        mixed ^= mixed >> np.uint64(29)
        mixed += low * second
        mixed ^= mixed >> np.uint64(32)
        mixed *= third
        mixed ^= mixed >> np.uint64(29)
        return mixed


class KeyTable:
    """Rows in buckets of eight slots; of each row two tags, of eight bits of its hash each.

    A lookup reads one word, the first tags of a bucket: nearly always that is all for a key that is
    not there. Where both tags are the same, whoever asks compares whole keys. A bucket that is full
    goes on in the next. What is removed leaves a mark, so that those behind it are still found.

    One thread changes it; others look at the same time. A row is written before its first tag.
    """

    def __init__(self, slots: int) -> None:
        """An empty table with room for less than `slots` rows."""
        self._buckets = -(-slots // SLOTS)
        self._words: UInt64Array = np.zeros(self._buckets, np.uint64)
        self._tags = self._words.view(np.uint8)
        self._seconds: TagArray = np.zeros(self._buckets * SLOTS, np.uint8)
        self._rows: RowArray = np.zeros(self._buckets * SLOTS, np.int32)
        self.taken = 0
        """Slots that are not free: those of rows that were removed too."""

    @property
    def slots(self) -> int:
        """Rows that the table would hold if it were full."""
        return len(self._rows)

    @property
    def size_bytes(self) -> int:
        """Memory of the table."""
        return sum(array.nbytes for array in self.memory)

    @property
    def memory(self) -> tuple[UInt64Array, TagArray, RowArray]:
        """The arrays of the table."""
        return self._words, self._seconds, self._rows

    def find(
        self, hashes: UInt64Array, is_key: Callable[[IntArray, RowArray], BoolArray]
    ) -> RowArray:
        """The row of each key, NOT_FOUND where there is none.

        `is_key` is given places in `hashes` and a row for each: whether it is the row of that key.
        """
        found: RowArray = np.full(len(hashes), NOT_FOUND, np.int32)
        slots: IntArray = np.empty(len(hashes), np.int64)
        for start in range(0, len(hashes), AT_ONCE):
            slots[start : start + AT_ONCE] = self._find(hashes[start : start + AT_ONCE], None)
        # Both tags are those of another key once in some thousand times: whole keys are compared
        # all at once, and only where they differ is looked further.
        there = np.flatnonzero(slots != NOT_FOUND)
        if len(there):
            rows = self._rows.take(slots[there])
            same = is_key(there, rows)
            found[there[same]] = rows[same]
            wrong = there[~same]
            if len(wrong):
                slots = self._find(hashes[wrong], lambda places, rows: is_key(wrong[places], rows))
                right = np.flatnonzero(slots != NOT_FOUND)
                found[wrong[right]] = self._rows[slots[right]]
        return found

    def place(self, rows: RowArray, hashes: UInt64Array) -> None:
        """Enters rows whose keys are new and differ from each other; there must be free slots."""
        self.taken += len(rows)
        for start in range(0, len(rows), AT_ONCE):
            self._place(rows[start : start + AT_ONCE], hashes[start : start + AT_ONCE])

    def remove(self, rows: RowArray, hashes: UInt64Array) -> int:
        """Removes those of the rows that are there; gives how many were."""
        slots = self._find(hashes, lambda places, found: found == rows[places])
        there = slots[slots != NOT_FOUND]
        self._tags[there] = _REMOVED
        return len(there)

    def _find(
        self, hashes: UInt64Array, accept: Callable[[IntArray, RowArray], BoolArray] | None
    ) -> IntArray:
        """The slot of each that is accepted, or that is the first with its tags; or NOT_FOUND."""
        slots: IntArray = np.full(len(hashes), NOT_FOUND, np.int64)
        buckets, tags, seconds = self._bucket(hashes), _tags(hashes), _second_tags(hashes)
        tags *= _EACH
        places: IntArray | None = None
        while True:
            words = self._words.take(buckets)
            full = np.flatnonzero(words >> _LAST_TAG)
            words ^= tags
            same = words & _LOW_BITS
            same += _LOW_BITS
            same |= words
            same |= _LOW_BITS
            np.invert(same, out=same)
            candidates = np.flatnonzero(same)
            if len(candidates):
                at = candidates if places is None else places[candidates]
                self._accept(slots, at, same[candidates], buckets[candidates], seconds, accept)
            if places is None:
                going_on = full[slots[full] == NOT_FOUND]
                places = going_on
            else:
                going_on = full[slots[places[full]] == NOT_FOUND]
                places = places[going_on]
            if len(places) == 0:
                return slots
            buckets, tags = self._next(buckets[going_on]), tags[going_on]

    def _accept(
        self,
        slots: IntArray,
        places: IntArray,
        same: UInt64Array,
        buckets: IntArray,
        seconds: TagArray,
        accept: Callable[[IntArray, RowArray], BoolArray] | None,
    ) -> None:
        """Enters the slots that are accepted of those whose first tag is the same, a bit each."""
        while len(places):
            lowest = same & (~same + _ONE)
            slot = buckets * SLOTS + (np.bitwise_count(lowest - _ONE) >> 3)
            accepted = self._seconds.take(slot) == seconds[places]
            if accept is not None:
                tagged = np.flatnonzero(accepted)
                if len(tagged):
                    accepted[tagged] = accept(places[tagged], self._rows.take(slot[tagged]))
            slots[places[accepted]] = slot[accepted]
            same ^= lowest
            left = np.flatnonzero(~accepted & (same != 0))
            places, same, buckets = places[left], same[left], buckets[left]

    def _place(self, rows: RowArray, hashes: UInt64Array) -> None:
        buckets, seconds = self._bucket(hashes), _second_tags(hashes)
        tags = _tags(hashes).astype(np.uint8)
        while len(rows):
            words = self._words.take(buckets)
            taken = words & _LOW_BITS
            taken += _LOW_BITS
            taken |= words
            taken &= _TOP_BITS
            # Tags fill a bucket from its first slot on, so those there count the first free one.
            place = np.bitwise_count(taken)
            open_ = np.flatnonzero(place < SLOTS)
            slots = buckets[open_] * SLOTS + place[open_]
            # Where several rows want one free slot the last stays; the others see that it is not
            # theirs and try again.
            self._rows[slots] = rows[open_]
            won = self._rows.take(slots) == rows[open_]
            self._seconds[slots[won]] = seconds[open_[won]]
            self._tags[slots[won]] = tags[open_[won]]
            left = np.ones(len(rows), np.bool_)
            left[open_[won]] = False
            full = place == SLOTS
            buckets[full] = self._next(buckets[full])
            rows, buckets = rows[left], buckets[left]
            tags, seconds = tags[left], seconds[left]

    def _bucket(self, hashes: UInt64Array) -> IntArray:
        buckets = hashes >> _HALF
        buckets *= np.uint64(self._buckets)
        buckets >>= _HALF
        return buckets.view(np.int64)

    def _next(self, buckets: IntArray) -> IntArray:
        following = buckets + 1
        following[following == self._buckets] = 0
        return following


def _tags(hashes: UInt64Array) -> UInt64Array:
    tags: UInt64Array = hashes & _TAG_BITS
    np.maximum(tags, _LEAST_TAG, out=tags)
    return tags


def _second_tags(hashes: UInt64Array) -> TagArray:
    return (hashes >> _SECOND_TAG).astype(np.uint8)
