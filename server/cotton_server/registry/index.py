"""The duplicate index: which stored row holds a bale key. Exact, vectorised, in memory."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cotton_server.registry.reserve import populate

if TYPE_CHECKING:
    from cotton_server.domain.identifiers import UInt64Array

RowArray = npt.NDArray[np.int32]

NOT_FOUND: Final = -1
SLOTS_FIRST: Final = 1 << 20
"""Slots of a new table: 4 MiB, so that a small ledger never waits for it to grow."""

_EMPTY: Final = 0
"""A slot holds a row plus one: a table of zeros is empty, and costs nothing before it is used."""

MOVED_MIN: Final = 1 << 14
"""Slots of the former table that are looked at with each addition."""

_MOVED_PER_ROW: Final = 4
"""The new table is full after as many additions as half the former has slots: moving four slots
for each leaves the former empty when half of that time is over."""


_SHORTLY_BEFORE: Final = 16
"""The last sixteenth of the way to the next table."""


class BaleIndex:
    """An open-addressing hash table over the key columns of the bale store.

    A slot holds a row; a hit is checked against the key itself in the columns, so two keys that
    share a hash are still told apart. At most half of the slots are taken: 8 to 16 bytes a
    bale. Lookups and insertions work on whole arrays: every probing round is a handful of
    numpy calls over the keys that are still undecided.

    A table that is full is followed by one of twice the size, and its rows move a few at a time,
    with every addition: no group waits for the whole. Until they all have, lookups that find
    nothing in the new table go on in the former one.
    """

    def __init__(
        self, high: UInt64Array, low: UInt64Array, *, slots_first: int = SLOTS_FIRST
    ) -> None:
        """Takes the key columns of the store, of full capacity; rows are added later.

        `slots_first`, a power of two, is the size that the table starts with.
        """
        self._high = high
        self._low = low
        self._slots: RowArray = np.zeros(slots_first, np.int32)
        self._former: RowArray | None = None
        self._next: RowArray | None = None
        self._moved = 0
        self._count = 0
        # Drawn at every start, so that nobody can prepare keys that collide.
        self._factors = [np.uint64(secrets.randbits(64) | 1) for _ in range(3)]

    def __len__(self) -> int:
        """Keys in the index."""
        return self._count

    @property
    def size_bytes(self) -> int:
        """Memory of the table, without the key columns."""
        former = self._former
        return self._slots.nbytes + (0 if former is None else former.nbytes)

    def hashes(self, high: UInt64Array, low: UInt64Array) -> UInt64Array:
        """64-bit hashes of keys; equal keys have equal hashes."""
        first, second, third = self._factors
        mixed = high * first
        mixed ^= mixed >> np.uint64(29)
        mixed += low * second
        mixed ^= mixed >> np.uint64(32)
        mixed *= third
        mixed ^= mixed >> np.uint64(29)
        return mixed

    def find(self, high: UInt64Array, low: UInt64Array, hashes: UInt64Array) -> RowArray:
        """Stored row of each key, NOT_FOUND where there is none."""
        if self._count == 0:
            return np.full(len(high), NOT_FOUND, np.int32)
        # Both are taken before either is looked at, the new one first: whatever is moved
        # meanwhile beside a reader is in one of them.
        slots, former = self._slots, self._former
        found = self._find_in(slots, high, low, hashes)
        if former is not None:
            missing = np.flatnonzero(found == NOT_FOUND)
            found[missing] = self._find_in(former, high[missing], low[missing], hashes[missing])
        return found

    def add(self, rows: RowArray, hashes: UInt64Array) -> None:
        """Enters rows whose keys are new and differ from each other."""
        if (self._count + len(hashes)) * 2 > len(self._slots):
            self._grow(self._count + len(hashes))
        _place(self._slots, rows, hashes)
        self._count += len(hashes)
        if self._former is not None:
            self._move(max(_MOVED_PER_ROW * len(hashes), MOVED_MIN))

    def reserve(self) -> None:
        """Has the memory of the next table ready shortly before it is needed.

        One thread calls it, beside the one that adds.
        """
        size = len(self._slots)
        ready = self._next
        if ready is not None and len(ready) != 2 * size:
            # It was made while the table that it was to follow was followed by another.
            self._next = ready = None
        if ready is None and self._count * 2 > size - size // _SHORTLY_BEFORE:
            table = np.zeros(2 * size, np.int32)
            populate(table)
            self._next = table

    def _find_in(
        self, slots: RowArray, high: UInt64Array, low: UInt64Array, hashes: UInt64Array
    ) -> RowArray:
        found: RowArray = np.full(len(high), NOT_FOUND, np.int32)
        mask = np.uint64(len(slots) - 1)
        slot = (hashes & mask).astype(np.int64)
        held = slots[slot]
        open_ = np.flatnonzero(held != _EMPTY)
        slot, rows = slot[open_], held[open_] - 1
        while len(open_):
            same = (self._high[rows] == high[open_]) & (self._low[rows] == low[open_])
            found[open_[same]] = rows[same]
            go_on = ~same
            open_, slot = open_[go_on], (slot[go_on] + 1) & int(mask)
            held = slots[slot]
            taken = held != _EMPTY
            open_, slot, rows = open_[taken], slot[taken], held[taken] - 1
        return found

    def _grow(self, count: int) -> None:
        """A table that holds as many keys; the rows of the one before are still to move."""
        while self._former is not None:  # more was added at once than a table holds
            self._move(len(self._former))
        size = len(self._slots)
        while count * 2 > size:
            size *= 2
        self._former, self._moved = self._slots, 0
        ready, self._next = self._next, None
        self._slots = (
            ready if ready is not None and len(ready) == size else np.zeros(size, np.int32)
        )

    def _move(self, slots: int) -> None:
        """Moves the rows of the next slots of the former table; the last leave it to be freed."""
        former = self._former
        if former is None:
            return
        some = former[self._moved : self._moved + slots]
        rows = some[some != _EMPTY] - 1
        _place(self._slots, rows, self.hashes(self._high[rows], self._low[rows]))
        self._moved += slots
        if self._moved >= len(former):
            self._former = None


def _place(slots: RowArray, rows: RowArray, hashes: UInt64Array) -> None:
    mask = len(slots) - 1
    slot = (hashes & np.uint64(mask)).astype(np.int64)
    held = rows + np.int32(1)
    while len(held):
        free = slots[slot] == _EMPTY
        # Where several rows want one free slot, the last write stays; the others see
        # that the slot is not theirs and go on to the next.
        slots[slot[free]] = held[free]
        lost = slots[slot] != held
        held, slot = held[lost], (slot[lost] + 1) & mask
