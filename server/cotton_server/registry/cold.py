"""Rows that are on disk alone: read when somebody asks for them, and kept for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from cotton_server.registry.bale_columns import NAMES
from cotton_server.registry.blocks import BLOCK_BITS, Blocks
from cotton_server.registry.key_filter import AskedKeys, KeyFilter, key_hashes
from cotton_server.registry.key_table import NOT_FOUND, KeyTable
from cotton_server.registry.key_zones import KeyZones, key_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.registry.key_table import RowArray
    from cotton_server.registry.sealed import SealedPart

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

    What takes no memory stays, and so does the last that was made.
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
                self._let_go(spared=key)
        finally:
            with self._lock:
                del self._made[key]
            mine.set()
        return made

    def _let_go(self, *, spared: tuple[type, int]) -> None:
        for key, each in [*self._kept.items()]:
            if self.size_bytes <= self._bytes_max:
                return
            if each.size_bytes and key != spared:
                del self._kept[key]
                self.size_bytes -= each.size_bytes


@dataclass(frozen=True, slots=True)
class _Parts:
    """Parts in order of rows, and where the keys lie of each and of all."""

    parts: tuple[SealedPart, ...] = ()
    zones: tuple[KeyZones, ...] = ()
    of_all: KeyZones = field(default_factory=lambda: KeyZones.merged(()))
    bales: int = 0

    def and_also(self, parts: Iterable[SealedPart]) -> _Parts:
        """With more parts; raises what reading their zones raises."""
        added = [(part, part.zones()) for part in parts]
        pairs = [*zip(self.parts, self.zones, strict=True), *added]
        pairs.sort(key=lambda pair: pair[0].first_row)
        return _Parts(
            tuple(part for part, _ in pairs),
            tuple(zones for _, zones in pairs),
            KeyZones.merged([self.of_all, *(zones for _, zones in added)]),
            self.bales + sum(part.bales for part, _ in added),
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
        """Takes how much memory is kept, and what gives the hashes of keys.

        Half of it is for keys, and half for rows, so that who reads many rows drives no keys out.
        """
        self._hashes, self._block_bits = hashes, block_bits
        self._kept_keys, self._kept_rows = _Kept(bytes_max // 2), _Kept(bytes_max // 2)
        self._parts = _Parts()

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
        return self._kept_keys.size_bytes + self._kept_rows.size_bytes

    def add(self, *parts: SealedPart) -> None:
        """Adds parts that have rows, many at once faster; raises what reading their zones raises.

        None is added then.
        """
        self._parts = self._parts.and_also(parts)

    def blocks(self, part: SealedPart) -> Blocks:
        """The rows of a part, numbered from 0; raises what reading it raises."""

        def make() -> Blocks:
            columns = part.read()
            blocks = Blocks(part.stop_row - part.first_row, block_bits=self._block_bits)
            blocks.load([columns[name] for name in NAMES])
            blocks.finish()
            return blocks

        found: Blocks = self._kept_rows.get((Blocks, part.first_row), make)
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
        if len(open_) == 0:
            return found
        open_, numbers, asked = _ascending(open_, numbers, high, low)
        for part, zones in zip(held.parts, held.zones, strict=True):
            here = zones.places_in(numbers)
            if len(here):
                here = here[self._filter(part).places_of(asked.at(here))]
            if len(here):
                at = open_[here]
                found[at] = self._keys(part).find(high[at], low[at], hashes[at])
                # Where another part has a key with the same hash, what was found is not lost.
                left = np.flatnonzero(found[open_] == NOT_FOUND)
                if len(left) == 0:
                    break
                open_, numbers, asked = open_[left], numbers[left], asked.at(left)
        return found

    def _filter(self, part: SealedPart) -> KeyFilter:
        found: KeyFilter = self._kept_keys.get((KeyFilter, part.first_row), part.filter)
        return found

    def _keys(self, part: SealedPart) -> _PartKeys:
        found: _PartKeys = self._kept_keys.get(
            (_PartKeys, part.first_row), lambda: _PartKeys(part, self._hashes)
        )
        return found


def _ascending(
    places: npt.NDArray[np.int64], numbers: UInt64Array, high: UInt64Array, low: UInt64Array
) -> tuple[npt.NDArray[np.int64], UInt64Array, AskedKeys]:
    """These places of keys in order of their hashes, with their numbers and what is asked."""
    hashes = key_hashes(high[places], low[places])
    order = np.argsort(hashes)
    places = places[order]
    return places, numbers[places], AskedKeys.of(hashes[order])
