"""The duplicate index: which stored row holds a bale key. Exact, vectorised, in memory."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import numpy.typing as npt

from cotton_server.registry.block_reading import NotInMemoryError
from cotton_server.registry.key_table import (
    AT_ONCE,
    NOT_FOUND,
    KeyHashing,
    KeyTable,
    RowArray,
)
from cotton_server.registry.region import populate
from cotton_server.registry.spans import joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.registry.spans import Span

__all__ = ["NOT_FOUND", "BaleIndex", "RowArray"]

SLOTS_FIRST: Final = 1 << 20
"""Slots of a new table: 5 MiB, so that a small ledger never waits for it to grow."""

MOVED_MIN: Final = 1 << 13
"""Rows that are moved with each addition while a table follows another."""

_MOVED_PER_ROW: Final = 4
"""The new table is full after as many additions as the former has rows: moving four for each
leaves the former behind when a quarter of that time is over."""

_FULL: Final = 11 / 16
"""Part of the slots above which a table is followed by a larger one. Measured with up to 26 million
rows: a lookup of a new key takes 16 ns in a nearly empty table, 28 at 0.4 and 45 at 0.66."""

_ROOM: Final = 1.5
_ROOM_LOADED: Final = 1.25
"""How many more keys a new table takes: one that follows another, which has to have moved long
before; and one that all is loaded into at a start."""

_SHORTLY_BEFORE: Final = 24
"""A part of the slots: with as few left to the next table, it is made ready."""


class StoredKeys(Protocol):
    """The keys of rows, where an index finds them."""

    def keys_at(self, rows: RowArray) -> tuple[UInt64Array, UInt64Array]:
        """High and low of rows; raises NotInMemoryError where one is not there any more."""

    def keys_between(
        self, start: int, stop: int
    ) -> tuple[UInt64Array, UInt64Array, npt.NDArray[np.bool_]]:
        """High and low of rows [start, stop), and which of them are in the index."""


class ColdKeys(Protocol):
    """Keys of rows that are not in memory."""

    def find(self, high: UInt64Array, low: UInt64Array, hashes: UInt64Array) -> RowArray:
        """The row of each key, NOT_FOUND where there is none."""

    def __len__(self) -> int:
        """How many keys there are."""


class BaleIndex:
    """A hash table over the keys of the rows in memory, and beside it those on disk.

    A key that has the hash of another is told apart by the key itself, read where it is stored. At
    most eleven sixteenths of the slots are taken, 7 to 15 bytes a bale. Lookups and insertions
    work on whole arrays.

    A table that is full is followed by one of twice the size, and its rows move a few at a time,
    in their order, with every addition: no group waits for the whole. Until they all have,
    lookups that find nothing in the new table go on in the former one.

    One thread adds, one removes, any looks.
    """

    def __init__(
        self,
        stored: StoredKeys,
        cold: ColdKeys,
        hashing: KeyHashing,
        *,
        slots_first: int = SLOTS_FIRST,
    ) -> None:
        """Takes what gives the keys of rows, the keys on disk, and the hashes that those go by.

        `slots_first` is the size that the table starts with.
        """
        self._stored, self._cold, self._hashing = stored, cold, hashing
        self._slots_first = slots_first
        self._table = KeyTable(slots_first)
        self._former: KeyTable | None = None
        self._next: KeyTable | None = None
        self._moved = 0
        self._to_move = 0
        self._count = 0
        self._stop = 0
        # Rows that never come into a table again.
        self._gone: list[Span] = []
        self._changing = threading.Lock()

    def __len__(self) -> int:
        """Keys in the index, in memory and on disk."""
        return self._count + len(self._cold)

    @property
    def size_bytes(self) -> int:
        """Memory of the table, without the keys."""
        former = self._former
        return self._table.size_bytes + (0 if former is None else former.size_bytes)

    def hashes(self, high: UInt64Array, low: UInt64Array) -> UInt64Array:
        """64-bit hashes of keys, others at every start; equal keys have equal hashes."""
        return self._hashing(high, low)

    def find(self, high: UInt64Array, low: UInt64Array, hashes: UInt64Array) -> RowArray:
        """Stored row of each key, NOT_FOUND where there is none.

        Raises what reading from disk raises.
        """
        found = self._find_in_memory(high, low, hashes)
        # What leaves memory is on disk before: looked for in this order it is in one of the two.
        if len(self._cold):
            missing = np.flatnonzero(found == NOT_FOUND)
            if len(missing):
                found[missing] = self._cold.find(high[missing], low[missing], hashes[missing])
        return found

    def add(self, rows: RowArray, hashes: UInt64Array) -> None:
        """Enters rows, above all others, whose keys are new and differ from each other."""
        if len(rows) == 0:
            return
        with self._changing:
            if self._table.taken + len(rows) > self._table.slots * _FULL:
                self._follow(self._slots_for(self._count + len(rows)))
            self._table.place(rows, hashes)
            self._count += len(rows)
            self._stop = max(self._stop, int(rows[-1]) + 1)
            if self._former is not None:
                self._move(max(_MOVED_PER_ROW * len(rows), MOVED_MIN))

    def load(
        self, first: int, high: UInt64Array, low: UInt64Array, is_first: npt.NDArray[np.bool_]
    ) -> None:
        """Adds those of many rows, the `first` and those after it, that are the first of a key."""
        for start in range(0, len(high), AT_ONCE):
            here = slice(start, start + AT_ONCE)
            places = start + np.flatnonzero(is_first[here])
            rows = (places + first).astype(np.int32)
            self.add(rows, self.hashes(high[places], low[places]))

    def expect(self, keys: int) -> None:
        """Makes room for as many keys as are to be added now, and some more."""
        with self._changing:
            if self._table.taken + keys > self._table.slots * _FULL:
                slots = int((self._count + keys) * _ROOM_LOADED / _FULL)
                self._follow(max(slots, self._table.slots * 3 // 2))
                self._move(self._stop)

    def skip(self, start: int, stop: int) -> None:
        """Rows [start, stop) never come into memory."""
        with self._changing:
            self._gone = joined([*self._gone, (start, stop)])

    def remove(self, start: int, stop: int) -> None:
        """Removes the keys of rows [start, stop), which are still stored."""
        # From here on no row of these is moved, so what is removed below stays away.
        self.skip(start, stop)
        for first in range(start, stop, AT_ONCE):
            with self._paced():
                rows, hashes = self._entered(first, min(first + AT_ONCE, stop))
                self._table.remove(rows, hashes)
                if self._former is not None:
                    self._former.remove(rows, hashes)
                self._count -= len(rows)
        with self._changing:
            if self._former is None and 2 * self._count < self._table.taken:
                self._follow(self._slots_for(self._count))
        while self._former is not None:
            with self._paced():
                self._move(AT_ONCE)

    def reserve(self) -> None:
        """Has the memory of the next table ready shortly before it is needed.

        One thread calls it, beside the one that adds.
        """
        table, ready = self._table, self._next
        if ready is not None and ready.slots <= table.slots:
            # It was made while the table that it was to follow was followed by another.
            self._next = ready = None
        left = int(table.slots * _FULL) - table.taken
        if ready is None and left < table.slots // _SHORTLY_BEFORE:
            following = KeyTable(self._slots_for(self._count + left + 1))
            for array in following.memory:
                populate(array)
            self._next = following

    @contextmanager
    def _paced(self) -> Iterator[None]:
        """Changes the tables, then leaves as much time to who adds as that took.

        A lock that is taken again at once is not given to those who wait for it.
        """
        with self._changing:
            begun = time.perf_counter()
            yield
            took_s = time.perf_counter() - begun
        time.sleep(took_s)

    def _find_in_memory(self, high: UInt64Array, low: UInt64Array, hashes: UInt64Array) -> RowArray:
        while True:
            # Both are taken before either is looked at, the new one first: whatever is moved
            # meanwhile beside a reader is in one of them.
            table, former = self._table, self._former
            try:
                found = self._find_in(table, high, low, hashes)
                if former is not None:
                    missing = np.flatnonzero(found == NOT_FOUND)
                    found[missing] = self._find_in(
                        former, high[missing], low[missing], hashes[missing]
                    )
            except NotInMemoryError:
                # A row left memory meanwhile; before it did it was taken out of the table.
                continue
            return found

    def _find_in(
        self, table: KeyTable, high: UInt64Array, low: UInt64Array, hashes: UInt64Array
    ) -> RowArray:
        def is_key(places: npt.NDArray[np.int64], rows: RowArray) -> npt.NDArray[np.bool_]:
            stored_high, stored_low = self._stored.keys_at(rows)
            same: npt.NDArray[np.bool_] = stored_high == high[places]
            same &= stored_low == low[places]
            return same

        return table.find(hashes, is_key)

    def _slots_for(self, keys: int) -> int:
        """Slots of a table for this many keys and half as many more."""
        slots = self._table.slots
        while keys * _ROOM > slots * _FULL:
            slots *= 2
        while slots // 2 >= self._slots_first and keys * _ROOM <= slots // 2 * _FULL:
            slots //= 2
        return slots

    def _follow(self, slots: int) -> None:
        """A new table takes over; the rows of the one before are still to move."""
        if self._former is not None:  # more was added at once than a table holds
            self._move(self._to_move)
        ready, self._next = self._next, None
        fits = ready is not None and ready.slots == slots
        following = ready if ready is not None and fits else KeyTable(slots)
        self._moved, self._to_move = 0, self._stop
        self._former = self._table
        self._table = following

    def _move(self, rows: int) -> None:
        """Moves the keys of the next rows to the new table; the last leave the former behind."""
        while self._former is not None and rows > 0:
            start, stop = self._next_staying()
            stop = min(stop, start + min(rows, AT_ONCE))
            if start < stop:
                self._table.place(*self._entered(start, stop))
                rows -= stop - start
            self._moved = stop
            if stop == self._to_move:
                self._former = None

    def _next_staying(self) -> Span:
        """The next rows to move, up to some that are gone or the last to move."""
        at = self._moved
        for start, stop in self._gone:
            if at < start:
                return at, min(start, self._to_move)
            at = max(at, stop)
        return min(at, self._to_move), self._to_move

    def _entered(self, start: int, stop: int) -> tuple[RowArray, UInt64Array]:
        """Those of rows [start, stop) that are in the index, and the hashes of their keys."""
        high, low, is_first = self._stored.keys_between(start, stop)
        places = np.flatnonzero(is_first)
        return (places + start).astype(np.int32), self.hashes(high[places], low[places])
