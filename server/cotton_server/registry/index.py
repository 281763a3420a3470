"""The duplicate index: which stored row holds a bale key. Exact, vectorised, in memory."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cotton_server.domain.identifiers import UInt64Array

RowArray = npt.NDArray[np.int32]

NOT_FOUND: Final = -1
SLOTS_FIRST: Final = 1 << 20
"""Slots of a new table: 4 MiB, so that a small ledger never waits for it to grow."""

_EMPTY: Final = -1
_BATCH: Final = 1 << 20


class BaleIndex:
    """An open-addressing hash table over the key columns of the bale store.

    A slot holds a row number; the key itself is compared in the columns, so two keys that
    share a hash are still told apart. At most half of the slots are taken: 8 to 16 bytes a
    bale. Lookups and insertions work on whole arrays: every probing round is a handful of
    numpy calls over the keys that are still undecided.
    """

    def __init__(
        self, high: UInt64Array, low: UInt64Array, *, slots_first: int = SLOTS_FIRST
    ) -> None:
        """Takes the key columns of the store, of full capacity; rows are added later.

        `slots_first`, a power of two, is the size that the table starts with.
        """
        self._high = high
        self._low = low
        self._slots: RowArray = np.full(slots_first, _EMPTY, np.int32)
        self._count = 0
        # Drawn at every start, so that nobody can prepare keys that collide.
        self._factors = [np.uint64(secrets.randbits(64) | 1) for _ in range(3)]

    def __len__(self) -> int:
        """Keys in the index."""
        return self._count

    @property
    def size_bytes(self) -> int:
        """Memory of the table, without the key columns."""
        return self._slots.nbytes

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
        found: RowArray = np.full(len(high), NOT_FOUND, np.int32)
        if self._count == 0:
            return found
        mask = np.uint64(len(self._slots) - 1)
        slot = (hashes & mask).astype(np.int64)
        rows = self._slots[slot]
        open_ = np.flatnonzero(rows != _EMPTY)
        slot, rows = slot[open_], rows[open_]
        while len(open_):
            same = (self._high[rows] == high[open_]) & (self._low[rows] == low[open_])
            found[open_[same]] = rows[same]
            go_on = ~same
            open_, slot = open_[go_on], (slot[go_on] + 1) & int(mask)
            rows = self._slots[slot]
            taken = rows != _EMPTY
            if not taken.all():
                open_, slot, rows = open_[taken], slot[taken], rows[taken]
        return found

    def add(self, rows: RowArray, hashes: UInt64Array) -> None:
        """Enters rows whose keys are new and differ from each other."""
        self._reserve(self._count + len(hashes))
        self._place(rows, hashes)
        self._count += len(hashes)

    def _place(self, rows: RowArray, hashes: UInt64Array) -> None:
        mask = len(self._slots) - 1
        slot = (hashes & np.uint64(mask)).astype(np.int64)
        while len(rows):
            free = self._slots[slot] == _EMPTY
            # Where several rows want one free slot, the last write stays; the others see
            # that the slot is not theirs and go on to the next.
            self._slots[slot[free]] = rows[free]
            lost = self._slots[slot] != rows
            rows, slot = rows[lost], (slot[lost] + 1) & mask

    def _reserve(self, count: int) -> None:
        size = len(self._slots)
        while count * 2 > size:
            size *= 2
        if size == len(self._slots):
            return
        entered = np.sort(self._slots[self._slots != _EMPTY])  # in order of the columns
        self._slots = np.full(size, _EMPTY, np.int32)
        for start in range(0, len(entered), _BATCH):
            rows = entered[start : start + _BATCH]
            self._place(rows, self.hashes(self._high[rows], self._low[rows]))
