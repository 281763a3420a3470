"""Rows that are on disk alone: read when somebody asks for them, and kept for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from cotton_server.registry.bale_columns import NAMES
from cotton_server.registry.blocks import BLOCK_BITS, Blocks
from cotton_server.registry.key_table import NOT_FOUND, KeyTable
from cotton_server.registry.sealed import key_numbers
from cotton_server.registry.spans import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.registry.key_table import RowArray
    from cotton_server.registry.sealed import KeyRange, SealedPart

_LOAD: Final = 11 / 16
"""Part of the slots of a table that is never added to."""


class _Sized(Protocol):
    @property
    def size_bytes(self) -> int:
        """Memory that it takes."""


class _PartKeys:
    """The keys of a part that the duplicate index has."""

    def __init__(
        self,
        part: SealedPart,
        hashes: Callable[[UInt64Array, UInt64Array], UInt64Array],
    ) -> None:
        """Reads them."""
        columns = part.read_keys()
        places = np.flatnonzero(columns["is_first"])
        self._high, self._low = columns["high"][places], columns["low"][places]
        self._rows = (places + part.first_row).astype(np.int32)
        self._table = KeyTable(int(len(places) / _LOAD) + 1)
        entries = np.arange(len(places), dtype=np.int32)
        self._table.place(entries, hashes(self._high, self._low))

    @property
    def size_bytes(self) -> int:
        """Memory of the keys, their rows and the table."""
        keys = self._high.nbytes + self._low.nbytes
        return keys + self._rows.nbytes + self._table.size_bytes

    def find(self, high: UInt64Array, low: UInt64Array, hashes: UInt64Array) -> RowArray:
        """The row of each key, NOT_FOUND where there is none."""

        def is_key(places: npt.NDArray[np.int64], entries: RowArray) -> npt.NDArray[np.bool_]:
            same: npt.NDArray[np.bool_] = self._high[entries] == high[places]
            same &= self._low[entries] == low[places]
            return same

        found = self._table.find(hashes, is_key)
        there = np.flatnonzero(found != NOT_FOUND)
        found[there] = self._rows[found[there]]
        return found


class _Kept:
    """What was made of parts, up to a number of bytes: what was not asked for longest goes first.

    The last that was made stays in any case.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.size_bytes = 0
        self._kept: OrderedDict[tuple[type, int], _Sized] = OrderedDict()
        self._made: dict[tuple[type, int], threading.Event] = {}
        self._lock = threading.Lock()

    def get(self, key: tuple[type, int], make: Callable[[], Any]) -> Any:
        """What is kept under a key, made if it is not; two who ask at once make it once.

        Raises what `make` raises, to the one for whom it was called.
        """
        while True:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key]
                other = self._made.get(key)
                if other is None:
                    mine = self._made[key] = threading.Event()
                    break
            other.wait()
        try:
            made = make()
            with self._lock:
                self._kept[key] = made
                self.size_bytes += made.size_bytes
                while self.size_bytes > self._bytes_max and len(self._kept) > 1:
                    self.size_bytes -= self._kept.popitem(last=False)[1].size_bytes
        finally:
            with self._lock:
                del self._made[key]
            mine.set()
        return made


class _Zones:
    """Ranges of key numbers, ascending and apart."""

    def __init__(self, ranges: Iterable[KeyRange]) -> None:
        spans = joined((each.first, each.last + 1) for each in ranges)
        self._firsts = np.asarray([first for first, _ in spans], np.uint64)
        self._lasts = np.asarray([stop - 1 for _, stop in spans], np.uint64)

    def places_in(self, numbers: UInt64Array) -> npt.NDArray[np.int64]:
        """Places of the numbers, of which there is at least one, that are in a range."""
        # Mostly all numbers are between two ranges: a new season is in none of an old one.
        start = int(np.searchsorted(self._lasts, numbers.min()))
        stop = int(np.searchsorted(self._firsts, numbers.max(), side="right"))
        if start >= stop:
            return np.zeros(0, np.int64)
        firsts, lasts = self._firsts[start:stop], self._lasts[start:stop]
        last_begun = np.searchsorted(firsts, numbers, side="right") - 1
        return np.flatnonzero((last_begun >= 0) & (numbers <= lasts[last_begun]))


@dataclass(frozen=True, slots=True)
class _Parts:
    """Parts in order of rows, and where the keys lie of each and of all."""

    parts: tuple[SealedPart, ...]
    zones: tuple[_Zones, ...]
    of_all: _Zones
    bales: int

    @staticmethod
    def of(parts: Iterable[SealedPart]) -> _Parts:
        in_order = tuple(sorted(parts, key=lambda part: part.first_row))
        return _Parts(
            in_order,
            tuple(_Zones(part.key_ranges) for part in in_order),
            _Zones(each for part in in_order for each in part.key_ranges),
            sum(part.bales for part in in_order),
        )


class ColdStore:
    """The parts of a store that are on disk alone, and what was read of them lately.

    One thread adds parts, any reads.
    """

    def __init__(
        self,
        bytes_max: int,
        hashes: Callable[[UInt64Array, UInt64Array], UInt64Array],
        *,
        block_bits: int = BLOCK_BITS,
    ) -> None:
        """Takes how much memory is kept, and what gives the hashes of keys."""
        self._hashes, self._block_bits = hashes, block_bits
        self._kept = _Kept(bytes_max)
        self._parts = _Parts.of(())

    def __len__(self) -> int:
        """Bales of the parts."""
        return self._parts.bales

    @property
    def parts(self) -> tuple[SealedPart, ...]:
        """The parts in order of rows; whoever holds them is not told of later ones."""
        return self._parts.parts

    @property
    def size_bytes(self) -> int:
        """Memory of what was read."""
        return self._kept.size_bytes

    def add(self, part: SealedPart) -> None:
        """Adds a part that has rows."""
        self._parts = _Parts.of((*self._parts.parts, part))

    def blocks(self, part: SealedPart) -> Blocks:
        """The rows of a part, numbered from 0; raises what reading it raises."""

        def make() -> Blocks:
            columns = part.read()
            blocks = Blocks(part.stop_row - part.first_row, block_bits=self._block_bits)
            blocks.load([columns[name] for name in NAMES])
            blocks.finish()
            return blocks

        found: Blocks = self._kept.get((Blocks, part.first_row), make)
        return found

    def may_have(self, high: UInt64Array, low: UInt64Array) -> bool:
        """Whether one of these keys may be here; nothing is read for it."""
        held = self._parts
        if not held.parts or len(high) == 0:
            return False
        return len(held.of_all.places_in(key_numbers(high, low))) > 0

    def find(self, high: UInt64Array, low: UInt64Array, hashes: UInt64Array) -> RowArray:
        """The row of each key, of which there is at least one; NOT_FOUND where there is none.

        Raises what reading a part raises.
        """
        held = self._parts
        found: RowArray = np.full(len(high), NOT_FOUND, np.int32)
        numbers = key_numbers(high, low)
        open_ = held.of_all.places_in(numbers)
        for part, zones in zip(held.parts, held.zones, strict=True):
            if len(open_) == 0:
                break
            here = open_[zones.places_in(numbers[open_])]
            if len(here):
                keys = self._keys(part)
                found[here] = keys.find(high[here], low[here], hashes[here])
                open_ = open_[found[open_] == NOT_FOUND]
        return found

    def _keys(self, part: SealedPart) -> _PartKeys:
        found: _PartKeys = self._kept.get(
            (_PartKeys, part.first_row), lambda: _PartKeys(part, self._hashes)
        )
        return found
