"""Readings in columns, in blocks: wide while they fill, packed when they are full."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cotton_server.registry import bale_keys, block_reading, places
from cotton_server.registry.bale_columns import COLUMNS, KEY_NUMBERS, KEY_PARTS
from cotton_server.registry.block_table import NOWHERE, BlockTable
from cotton_server.registry.packing import Packed, Views, pack
from cotton_server.registry.region import Region
from cotton_server.registry.wide import WideBlocks, wide_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.registry.block_reading import Found
    from cotton_server.registry.places import Places

Column = npt.NDArray[Any]

BLOCK_BITS: Final = 16
"""A block has 65 536 rows: 5 MiB wide, and a twentieth of a second of the fastest bulk."""

_LARGE_PAGE: Final = 2 << 20


class Blocks:
    """Rows of all columns, in order; where they begin is anywhere.

    One thread appends, one at a time packs or releases, and any reads rows below `count`.
    """

    def __init__(self, capacity: int, *, block_bits: int = BLOCK_BITS) -> None:
        """Takes address space for `capacity` rows; raises MemoryError.

        A block has 2**block_bits rows, at least 64.
        """
        self.count = 0
        self.rows_of_block = 1 << block_bits
        blocks = -(-capacity // self.rows_of_block)
        # First a place for every block while it is wide, then the packed ones as they come; none
        # is longer than when it was wide.
        self._end = blocks * wide_bytes(self.rows_of_block, COLUMNS)
        self._region = Region(2 * self._end)
        self._region.use_large_pages(-(-self._end // _LARGE_PAGE) * _LARGE_PAGE, 2 * self._end)
        self._wide = WideBlocks(self._region, blocks, self.rows_of_block, COLUMNS)
        views = Views(self._region.array(np.uint8, 2 * self._end))
        self._table = BlockTable(blocks, block_bits, views)
        self._blocks = blocks
        self._tail: tuple[int, list[Column]] | None = None
        self._to_pack = 0
        self._packed_bytes = 0
        self._changing = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """Memory of the rows that are here, and of what is ready for those that come."""
        return self._packed_bytes + self._wide.size_bytes

    def append(self, columns: Sequence[Column | int]) -> None:
        """Adds rows, given as COLUMNS in their types; a number stands for a column of it."""
        start = self.count
        stop = start + next(len(each) for each in columns if isinstance(each, np.ndarray))
        for block in range(start // self.rows_of_block, -(-stop // self.rows_of_block)):
            at = block * self.rows_of_block
            here = slice(max(start - at, 0), min(stop - at, self.rows_of_block))
            given = slice(at + here.start - start, at + here.stop - start)
            is_new = self._tail is None or self._tail[0] != block
            for target, source in zip(self._wide_columns(block), columns, strict=True):
                target[here] = source if isinstance(source, int) else source[given]
                if is_new:
                    # What is before is not here: as the first row is, it takes no room.
                    target[: here.start] = target[here.start]
        self.count = stop

    def load(self, columns: Sequence[Column]) -> None:
        """Adds rows as `append` does; blocks that they fill alone are packed at once."""
        start, stop = self.count, self.count + len(columns[0])
        for block in range(start // self.rows_of_block, -(-stop // self.rows_of_block)):
            at = block * self.rows_of_block
            given = slice(max(at - start, 0), min(at + self.rows_of_block, stop) - start)
            piece = [column[given] for column in columns]
            if given.stop - given.start == self.rows_of_block:
                with self._changing:
                    self._pack(block, piece)
                self.count += self.rows_of_block
            else:
                self.append(piece)

    def skip_to(self, row: int) -> None:
        """The next row to come is this one; what is before it and not here never comes."""
        if self._tail is not None:
            block, wide = self._tail
            first = self.count - block * self.rows_of_block
            if row > self.count and first < self.rows_of_block:
                for column in wide:
                    column[first:] = column[first - 1]
        self.count = row

    def finish(self) -> None:
        """Packs all rows; none come any more."""
        self.skip_to(self._blocks * self.rows_of_block)
        self.pack()
        self._wide.give_back()

    def reserve(self) -> None:
        """Has memory ready for the next blocks; one thread calls it, beside the others."""
        self._wide.reserve(self._blocks - self.count // self.rows_of_block)

    def pack(self) -> None:
        """Packs every block that is full."""
        while self._to_pack < self.count // self.rows_of_block:
            with self._changing:
                block = self._to_pack
                if self._table.is_wide(block):
                    place = int(self._table.starts[2 * block])
                    self._pack(block, self._wide.columns(place))
                    self._wide.give(place)
                self._to_pack = block + 1

    def release(self, start: int, stop: int) -> None:
        """Gives back the memory of the whole blocks in rows [start, stop)."""
        with self._changing:
            first = -(-start // self.rows_of_block)
            for block in range(first, stop // self.rows_of_block):
                entry = int(self._table.entry_of[block])
                self._table.entry_of[block] = NOWHERE
                if entry == 2 * block:
                    self._wide.give(int(self._table.starts[entry]))
                elif entry != NOWHERE:
                    begin, end = int(self._table.starts[entry]), int(self._table.stops[entry])
                    self._region.give_back(begin, end)
                    self._packed_bytes -= end - begin

    def read(self, names: Sequence[str], where: Places) -> Found:
        """Columns by name at places; raises NotInMemoryError."""
        return block_reading.read(self._table, names, where)

    def keys_at(self, rows: npt.NDArray[np.int32]) -> tuple[UInt64Array, UInt64Array]:
        """High and low of rows, at least one; raises NotInMemoryError."""
        found = self.read(("high", "low"), places.at(rows)).columns
        return found["high"], found["low"]

    def keys_between(
        self, start: int, stop: int
    ) -> tuple[UInt64Array, UInt64Array, npt.NDArray[np.bool_]]:
        """High, low and is_first of rows [start, stop), at least one; raises NotInMemoryError."""
        found = self.read(("high", "low", "is_first"), places.between(start, stop)).columns
        return found["high"], found["low"], found["is_first"]

    def _wide_columns(self, block: int) -> list[Column]:
        """The columns of the block that fills, from now on this one."""
        if self._tail is not None and self._tail[0] == block:
            return self._tail[1]
        place = self._wide.take()
        columns = self._wide.columns(place)
        self._table.set_wide(block, place, self._wide.starts)
        self._tail = (block, columns)
        return columns

    def _pack(self, block: int, columns: Sequence[Column]) -> None:
        """Packs a block of these columns; keys are split where they are shorter so."""
        keys = _packed_keys(columns[0], columns[1])
        others = range(2, len(COLUMNS))
        packed = [*keys, *((number, pack(columns[number], COLUMNS[number])) for number in others)]
        is_split = len(keys) == len(KEY_PARTS)
        end = self._table.set_packed(block, self._end, packed, split=is_split)
        self._packed_bytes += end - self._end
        self._end = end


def _packed_keys(high: Column, low: Column) -> list[tuple[int, Packed]]:
    whole = [(number, pack(column, COLUMNS[number])) for number, column in enumerate((high, low))]
    parts = bale_keys.split(high, low)
    if parts is None:
        return whole
    split = [
        (number, pack(part, of))
        for number, part, of in zip(KEY_NUMBERS, parts, KEY_PARTS, strict=True)
    ]
    return min(split, whole, key=lambda each: sum(packed.size_bytes for _, packed in each))
