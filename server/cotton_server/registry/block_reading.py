"""Columns read out of blocks, at rows in order or at any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from cotton_server.domain.fields import ABSENT, VALUE_FIELD_NAMES
from cotton_server.domain.identifiers import USDA_HIGH
from cotton_server.registry import bale_keys
from cotton_server.registry.bale_columns import KEY_NUMBERS, KINDS, NUMBERS
from cotton_server.registry.block_table import NOWHERE
from cotton_server.registry.packing import CONSTANT, read_at, read_one, read_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.registry.block_table import BlockTable
    from cotton_server.registry.places import Places, Rows

Column = npt.NDArray[Any]

IS_USDA: Final = "is_usda"
"""A column that can be read beside those that are stored: whether each is a USDA bale."""

_VALUES: Final = frozenset(VALUE_FIELD_NAMES)
_USDA_HIGH: Final = np.uint64(USDA_HIGH)
_USDA_PREFIX: Final = np.uint64(USDA_HIGH // 10**9)
"""What the first part of the split key of a USDA bale is, and of no 32-digit code."""


class NotInMemoryError(Exception):
    """Rows were asked for that are not here, or not here any more."""


@dataclass(frozen=True, slots=True)
class Found:
    """Columns that were read, by name.

    Of the value fields those of `present` are known to have a value in every row, those of `absent`
    in none.
    """

    columns: dict[str, Column]
    present: frozenset[str]
    absent: frozenset[str]


def read(table: BlockTable, names: Sequence[str], places: Places) -> Found:
    """Columns by name at places; raises NotInMemoryError."""
    while True:
        reader, taken = _reader(table, places)
        try:
            found = _found(reader, names, taken)
        except (ValueError, IndexError):
            # A block that is released while it is read holds anything: read again.
            if reader.holds():
                raise
            continue
        if reader.holds():
            return found


def _reader(table: BlockTable, places: Places) -> tuple[_Reader, Rows | None]:
    """Who reads these places, and which of what is read are asked for, None for all of it."""
    if places.count == 1:
        return _One(table, places.first), None
    if places.rows is None:
        return _InOrder(table, places.pieces, places.count), None
    if places.dense and _is_whole(table, places):
        everything = ((places.first, places.last + 1),)
        return _InOrder(table, everything, places.span), places.rows - places.first
    return _Spread(table, places.rows), None


def _is_whole(table: BlockTable, places: Places) -> bool:
    """Whether everything from the first place to the last is here."""
    blocks = table.entry_of[places.first >> table.bits : (places.last >> table.bits) + 1]
    return bool((blocks != NOWHERE).all())


class _Reader(Protocol):
    """Reads columns at places, if the blocks are there."""

    def holds(self) -> bool:
        """Whether what was read was there until now."""

    def column(self, number: int) -> Column:
        """A column of KINDS."""

    def keys(self) -> tuple[UInt64Array, UInt64Array]:
        """High and low."""

    def is_usda(self) -> npt.NDArray[np.bool_]:
        """Whether each bale is a USDA bale."""

    def is_present(self, number: int) -> bool:
        """Whether a value column is known to have a value in every row."""

    def is_absent(self, number: int) -> bool:
        """Whether a value column is known to have a value in no row."""


class _One:
    """Reads one row."""

    def __init__(self, table: BlockTable, row: int) -> None:
        """Raises NotInMemoryError."""
        self._table = table
        self._block, self._place = row >> table.bits, row & (table.rows - 1)
        self._entry = int(table.entry_of[self._block])
        if self._entry == NOWHERE:
            raise NotInMemoryError
        self._codes = table.codes[self._entry].tolist()
        self._offsets = table.offsets[self._entry].tolist()
        self._bases = table.bases[self._entry].tolist()

    def holds(self) -> bool:
        return int(self._table.entry_of[self._block]) == self._entry

    def column(self, number: int) -> Column:
        value = read_one(
            self._table.views,
            self._codes[number],
            self._offsets[number],
            self._bases[number],
            self._table.rows,
            self._place,
        )
        return np.asarray([value], np.uint64).astype(KINDS[number].dtype)

    def keys(self) -> tuple[UInt64Array, UInt64Array]:
        high, low = self.column(KEY_NUMBERS[0]), self.column(KEY_NUMBERS[1])
        if self._table.is_split[self._entry]:
            opaque, number = self.column(KEY_NUMBERS[2]), self.column(KEY_NUMBERS[3])
            return bale_keys.join(high, low, opaque, number)
        return high, low

    def is_usda(self) -> npt.NDArray[np.bool_]:
        return self.keys()[0] >= _USDA_HIGH

    def is_present(self, number: int) -> bool:
        return int(self._table.lowest[self._entry, number]) > ABSENT

    def is_absent(self, number: int) -> bool:
        lowest = int(self._table.lowest[self._entry, number])
        return self._codes[number] == CONSTANT and lowest == ABSENT


class _InOrder:
    """Reads ranges of rows, one after the other."""

    def __init__(self, table: BlockTable, pieces: Sequence[tuple[int, int]], count: int) -> None:
        """Raises NotInMemoryError."""
        self._table, self._count = table, count
        bits, rows = table.bits, table.rows
        # Of what is read of one block: its first row there, and where it comes to.
        self._pieces: list[tuple[int, int, int]] = []
        blocks, at = [], 0
        for start, stop in pieces:
            for block in range(start >> bits, ((stop - 1) >> bits) + 1):
                first = max(start - block * rows, 0)
                size = min(stop - block * rows, rows) - first
                blocks.append(block)
                self._pieces.append((first, at, at + size))
                at += size
        self._blocks = np.asarray(blocks, np.int64)
        self._entries = table.entry_of.take(self._blocks)
        if int(self._entries.min()) == NOWHERE:
            raise NotInMemoryError
        # The columns of each block beside each other, so that one look gives all of them.
        self._codes = table.codes.take(self._entries, axis=0)
        self._offsets = table.offsets.take(self._entries, axis=0)
        self._bases = table.bases.take(self._entries, axis=0)
        self._lowest = table.lowest.take(self._entries, axis=0)

    def holds(self) -> bool:
        return bool((self._table.entry_of.take(self._blocks) == self._entries).all())

    def column(self, number: int) -> Column:
        out = np.empty(self._count, KINDS[number].dtype)
        views, rows = self._table.views, self._table.rows
        codes, offsets = self._codes[:, number].tolist(), self._offsets[:, number].tolist()
        for (first, at, end), code, offset, base in zip(
            self._pieces, codes, offsets, self._bases[:, number], strict=True
        ):
            read_rows(views, code, offset, base, rows, first, out[at:end])
        return out

    def keys(self) -> tuple[UInt64Array, UInt64Array]:
        high, low = self.column(KEY_NUMBERS[0]), self.column(KEY_NUMBERS[1])
        split = self._table.is_split.take(self._entries)
        if split.any():
            opaque, number = self.column(KEY_NUMBERS[2]), self.column(KEY_NUMBERS[3])
            for (_, at, end), is_split in zip(self._pieces, split.tolist(), strict=True):
                if is_split:
                    here = slice(at, end)
                    high[here], low[here] = bale_keys.join(
                        high[here], low[here], opaque[here], number[here]
                    )
        return high, low

    def is_usda(self) -> npt.NDArray[np.bool_]:
        least = np.where(self._table.is_split.take(self._entries), _USDA_PREFIX, _USDA_HIGH)
        found = np.empty(self._count, np.bool_)
        high = self.column(KEY_NUMBERS[0])
        for (_, at, end), lowest in zip(self._pieces, least, strict=True):
            np.greater_equal(high[at:end], lowest, out=found[at:end])
        return found

    def is_present(self, number: int) -> bool:
        return int(self._lowest[:, number].min()) > ABSENT

    def is_absent(self, number: int) -> bool:
        is_constant = not self._codes[:, number].any()
        return is_constant and bool((self._lowest[:, number] == ABSENT).all())


class _Spread:
    """Reads rows in any order."""

    def __init__(self, table: BlockTable, rows: Rows) -> None:
        """Raises NotInMemoryError."""
        self._table = table
        self._blocks = rows >> table.bits
        self._entries = table.entry_of.take(self._blocks)
        if int(self._entries.min()) == NOWHERE:
            raise NotInMemoryError
        self._places = rows & (table.rows - 1)
        self._row_of_table = self._entries * len(KINDS)

    def holds(self) -> bool:
        return bool((self._table.entry_of.take(self._blocks) == self._entries).all())

    def column(self, number: int) -> Column:
        table, cells = self._table, self._row_of_table + number
        codes = table.codes.take(cells)
        offsets, bases = table.offsets.take(cells), table.bases.take(cells)
        dtype, code = KINDS[number].dtype, int(codes[0])
        if (codes == code).all():
            return read_at(table.views, code, offsets, bases, table.rows, self._places, dtype)
        out = np.empty(len(cells), dtype)
        for each in np.unique(codes).tolist():
            here = np.flatnonzero(codes == each)
            out[here] = read_at(
                table.views,
                each,
                offsets[here],
                bases[here],
                table.rows,
                self._places[here],
                dtype,
            )
        return out

    def keys(self) -> tuple[UInt64Array, UInt64Array]:
        high, low, opaque, number = map(self.column, KEY_NUMBERS)
        split = self._table.is_split.take(self._entries)
        if split.all():
            return bale_keys.join(high, low, opaque, number)
        joined = bale_keys.join(high, low, opaque, number)
        return np.where(split, joined[0], high), np.where(split, joined[1], low)

    def is_usda(self) -> npt.NDArray[np.bool_]:
        split = self._table.is_split.take(self._entries)
        found: npt.NDArray[np.bool_] = self.column(KEY_NUMBERS[0]) >= np.where(
            split, _USDA_PREFIX, _USDA_HIGH
        )
        return found

    def is_present(self, number: int) -> bool:
        return int(self._table.lowest.take(self._row_of_table + number).min()) > ABSENT

    def is_absent(self, number: int) -> bool:
        cells = self._row_of_table + number
        is_constant = not self._table.codes.take(cells).any()
        return is_constant and bool((self._table.lowest.take(cells) == ABSENT).all())


def _found(reader: _Reader, names: Sequence[str], taken: Rows | None) -> Found:
    def of_taken(column: Column) -> Column:
        return column if taken is None else column.take(taken)

    columns: dict[str, Column] = {}
    present, absent = [], []
    for name in names:
        if name in ("high", "low"):
            if name not in columns:
                high, low = reader.keys()
                columns["high"], columns["low"] = of_taken(high), of_taken(low)
        elif name == IS_USDA:
            columns[name] = of_taken(reader.is_usda())
        else:
            number = NUMBERS[name]
            columns[name] = of_taken(reader.column(number))
            if name in _VALUES:
                if reader.is_present(number):
                    present.append(name)
                elif reader.is_absent(number):
                    absent.append(name)
    return Found({name: columns[name] for name in names}, frozenset(present), frozenset(absent))
