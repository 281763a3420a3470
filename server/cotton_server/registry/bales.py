"""The bale store: one row per reading that was kept, in columns, never changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt
import polars as pl

from cotton_server.domain.fields import ABSENT, VALUE_FIELD_NAMES
from cotton_server.registry import places
from cotton_server.registry.bale_columns import NAMES, REFERENCES, TYPES
from cotton_server.registry.block_reading import IS_USDA, Found, NotInMemoryError
from cotton_server.registry.blocks import BLOCK_BITS, Blocks
from cotton_server.registry.cold import ColdStore
from cotton_server.registry.index import NOT_FOUND, SLOTS_FIRST, BaleIndex
from cotton_server.registry.key_table import KeyHashing
from cotton_server.registry.region import Region
from cotton_server.registry.runs import rows_of
from cotton_server.registry.spans import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.registry.places import Places
    from cotton_server.registry.runs import RunArray
    from cotton_server.registry.sealed import SealedPart

ReferenceArray = npt.NDArray[np.int32]

COLD_BYTES: Final = 1 << 30
"""Memory for readings that were read back from disk, where it is not said."""

Rows = npt.NDArray[np.integer]

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class BaleColumns:
    """Readings to be kept, a row each, in stored form.

    `values` by value field in the field's stored type with ABSENT where absent (a field left
    out is absent for all), `references` by text field as dictionary numbers (int32),
    `kind` (uint8) what each reading is, `hashes` of the keys, `position` the ledger position
    (uint32) and `batch_row` (uint16) the place in the batch of each, `inspected_at_s` uint32 with
    0 where unknown. `is_first` marks the rows whose bale the store does not have.
    """

    high: UInt64Array
    low: UInt64Array
    hashes: UInt64Array
    values: Mapping[str, npt.NDArray[np.signedinteger]]
    references: Mapping[str, ReferenceArray]
    kind: npt.NDArray[np.uint8]
    position: npt.NDArray[np.uint32]
    batch_row: npt.NDArray[np.uint16]
    inspected_at_s: npt.NDArray[np.uint32]
    is_first: npt.NDArray[np.bool_]


class Column(Generic[_Scalar]):
    """A column of the store, read as an array is: by a row, a slice or an array of rows.

    What is read is a copy. Reading rows that lie on disk raises what reading them there raises.
    """

    def __init__(self, store: BaleStore, name: str) -> None:
        """Takes the store, and the name of the column in it."""
        self._store, self._name = store, name
        self.dtype: np.dtype[_Scalar] = TYPES[name]

    def __len__(self) -> int:
        """Rows of the store."""
        return self._store.count

    @overload
    def __getitem__(self, where: int | np.integer) -> _Scalar: ...
    @overload
    def __getitem__(
        self, where: slice | npt.NDArray[np.integer] | Sequence[int]
    ) -> npt.NDArray[_Scalar]: ...
    def __getitem__(
        self, where: int | np.integer | slice | npt.NDArray[np.integer] | Sequence[int]
    ) -> _Scalar | npt.NDArray[_Scalar]:
        """The value of a row, or the values of rows.

        A slice ends at the last row at the latest; raises IndexError for any other row that is
        not there.
        """
        if isinstance(where, slice):
            start, stop, step = where.indices(self._store.count)
            found = self._store.read((self._name,), slice(start, stop))[self._name]
            return found if step == 1 else found[::step]
        if isinstance(where, int | np.integer):
            row = int(where)
            value: _Scalar = self._store.read((self._name,), slice(row, row + 1))[self._name][0]
            return value
        return self._store.read((self._name,), np.asarray(where, np.int64))[self._name]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """All values."""
        del copy  # it always is one
        values = self[:]
        return values if dtype is None else values.astype(dtype)


class BaleStore:
    """A row for every reading that was kept: of new bales, and corrections, re-tests, conflicts.

    Rows lie in memory in blocks, those of sealed parts perhaps on disk alone, from where they are
    read when somebody asks for them. Either way the columns are read alike.

    Rows below `count` never change, so readers need no lock: a snapshot is a count.
    """

    def __init__(
        self,
        capacity: int,
        *,
        cold_bytes_max: int = COLD_BYTES,
        block_bits: int = BLOCK_BITS,
        slots_first: int = SLOTS_FIRST,
    ) -> None:
        """Takes address space for `capacity` readings; raises MemoryError.

        `cold_bytes_max` bounds the memory of what was read back from disk.
        """
        self.capacity = capacity
        self.count = 0
        self.high: Column[np.uint64] = Column(self, "high")
        self.low: Column[np.uint64] = Column(self, "low")
        self.values: dict[str, Column[np.signedinteger]] = {
            name: Column(self, name) for name in VALUE_FIELD_NAMES
        }
        self.references: dict[str, Column[np.int32]] = {
            name: Column(self, name) for name in REFERENCES
        }
        self.position: Column[np.uint32] = Column(self, "position")
        self.batch_row: Column[np.uint16] = Column(self, "batch_row")
        self.kind: Column[np.uint8] = Column(self, "kind")
        self.inspected_at_s: Column[np.uint32] = Column(self, "inspected_at_s")
        self.is_first: Column[np.bool_] = Column(self, "is_first")
        # Marks the rows, of those in the index, whose bale has a course. Only those are written,
        # so that the others take no memory.
        self.has_course: npt.NDArray[np.bool_] = Region(capacity).array(np.bool_, capacity)
        self._blocks = Blocks(capacity, block_bits=block_bits)
        hashing = KeyHashing()
        self._cold = ColdStore(cold_bytes_max, hashing, block_bits=block_bits)
        self.index = BaleIndex(self._blocks, self._cold, hashing, slots_first=slots_first)
        self._sealed: dict[int, SealedPart] = {}

    @property
    def cold_bytes(self) -> int:
        """Memory of what was read back from disk."""
        return self._cold.size_bytes

    @property
    def resident_bytes(self) -> int:
        """Memory of the rows: of those that stay, what is ready for more, what was read back."""
        return self._blocks.size_bytes + self._cold.size_bytes

    def append(self, bales: BaleColumns) -> None:
        """Stores readings below the others."""
        start, stop = self.count, self.count + len(bales.high)
        if stop > self.capacity:
            raise AssertionError("more bales than capacity: intake must refuse them before")
        self._blocks.append(
            [
                bales.high,
                bales.low,
                *(bales.values.get(name, ABSENT) for name in VALUE_FIELD_NAMES),
                *(bales.references[name] for name in REFERENCES),
                bales.position,
                bales.batch_row,
                bales.kind,
                bales.inspected_at_s,
                bales.is_first,
            ]
        )
        if bales.is_first.all():
            self.index.add(np.arange(start, stop, dtype=np.int32), bales.hashes)
        else:
            rows = start + np.flatnonzero(bales.is_first)
            self.index.add(rows.astype(np.int32), bales.hashes[bales.is_first])
        self.count = stop

    def expect(self, bales: int) -> None:
        """Makes room in the index for as many bales as sealed parts are to bring into memory."""
        self.index.expect(bales)

    def add_sealed(self, *parts: SealedPart, resident: bool) -> None:
        """Adds the rows of the next parts, at a start, before any is appended.

        Those of `resident` parts are read now and stay in memory until they are released. Raises
        ValueError for rows that are not the next, or for which there is no room; and what reading
        a part raises, after which the store is of no use.
        """
        on_disk: list[SealedPart] = []
        for part in parts:
            start, stop = part.first_row, part.stop_row
            self._require_next(start, stop)
            if start == stop:
                continue
            self._sealed[start] = part
            if resident:
                self._load(part)
            else:
                self._blocks.skip_to(stop)
                self.index.skip(start, stop)
                on_disk.append(part)
            self.count = stop
        self._cold.add(*on_disk)

    def note_sealed(self, part: SealedPart) -> None:
        """Takes note that rows which are here already lie on disk too.

        Raises ValueError for rows that are not here.
        """
        if part.stop_row > self.count:
            raise ValueError(f"sealed rows up to {part.stop_row} of a store of {self.count}")
        self._sealed[part.first_row] = part

    def release(self, part: SealedPart) -> None:
        """Lets rows go that lie on disk: from now on they are read there.

        One thread calls it, beside the one that appends. Raises ValueError for a part that was
        neither added nor noted.
        """
        start, stop = part.first_row, part.stop_row
        if start == stop or any(each is part for each in self._cold.parts):
            return
        if self._sealed.get(start) is not part:
            raise ValueError(f"rows {start} to {stop} are released and were not noted as sealed")
        # In this order each row and each key is in memory, on disk or both at any moment.
        self._cold.add(part)
        self.index.remove(start, stop)
        self._blocks.release(*self._gone_around(part))

    def reserve(self) -> None:
        """Has memory ready for the next bales, packs blocks that are full, prepares the index.

        One thread calls it, beside the one that appends: contents are not touched.
        """
        self._blocks.reserve()
        self._blocks.pack()
        self.index.reserve()

    def read(self, names: Sequence[str], where: slice | Rows) -> dict[str, npt.NDArray[Any]]:
        """Columns by name: of the rows of a slice with bounds, or of an array of rows in any order.

        Cheaper than one after the other. Raises IndexError for rows that are not there, and what
        reading rows on disk raises.
        """
        return self._found(names, where).columns

    def may_be_on_disk(self, high: UInt64Array, low: UInt64Array) -> bool:
        """Whether a bale with one of these keys may be on disk alone; nothing is read for it."""
        return self._cold.may_have(high, low)

    def bring(self, high: UInt64Array, low: UInt64Array) -> None:
        """Reads back what is on disk of the bales with these keys, to be kept for a while.

        Any thread may. Raises what reading rows on disk raises.
        """
        rows = self.index.find(high, low, self.index.hashes(high, low))
        self.read(("lot",), rows[rows != NOT_FOUND])

    def frame(self, runs: RunArray, values: Iterable[str] | None = None) -> pl.DataFrame:
        """The bales of row ranges [start, stop), in order.

        Columns: row Int32, lot, standard, laboratory, instrument Int32, the value fields
        (Int8, Int16; null where absent), inspected_at_s UInt32, is_usda Boolean. Only the value
        fields `values` where they are given.
        """
        wanted = list(VALUE_FIELD_NAMES if values is None else values)
        rows = rows_of(runs)
        one_run = len(runs) > 0 and bool((runs[1:, 0] == runs[:-1, 1]).all())
        where = slice(int(runs[0, 0]), int(runs[-1, 1])) if one_run else rows
        found = self._found((*REFERENCES, *wanted, "inspected_at_s", IS_USDA), where)
        perhaps = [name for name in wanted if name not in found.present | found.absent]
        return pl.DataFrame({"row": rows, **found.columns}).with_columns(
            *(pl.when(pl.col(name) != ABSENT).then(pl.col(name)).alias(name) for name in perhaps),
            *(pl.lit(None, _POLARS[TYPES[name]]).alias(name) for name in found.absent),
        )

    def _require_next(self, start: int, stop: int) -> None:
        if start != self.count:
            raise ValueError(f"sealed rows from {start} on are added to a store of {self.count}")
        if stop > self.capacity:
            raise ValueError(f"sealed rows up to {stop} are more than the {self.capacity} at most")

    def _load(self, part: SealedPart) -> None:
        columns = part.read()
        # So that no key is moved meanwhile, of rows that are perhaps not yet packed.
        self.index.expect(int(np.count_nonzero(columns["is_first"])))
        # The two take about as long, and leave the interpreter to each other while they compute.
        with ThreadPoolExecutor(1) as pool:
            packed = pool.submit(self._blocks.load, [columns[name] for name in NAMES])
            self.index.load(part.first_row, columns["high"], columns["low"], columns["is_first"])
            packed.result()

    def _gone_around(self, part: SealedPart) -> tuple[int, int]:
        """Rows around those of a part that are on disk alone, in the blocks where it has rows."""
        rows = self._blocks.rows_of_block
        start, stop = next(
            span
            for span in joined((each.first_row, each.stop_row) for each in self._cold.parts)
            if span[0] <= part.first_row < span[1]
        )
        first, last = part.first_row // rows, (part.stop_row - 1) // rows
        return max(start, first * rows), min(stop, (last + 1) * rows)

    def _found(self, names: Sequence[str], where: slice | Rows) -> Found:
        if isinstance(where, slice):
            if where.start >= where.stop:
                return _nothing(names)
            wanted = places.between(where.start, where.stop)
        else:
            if len(where) == 0:
                return _nothing(names)
            wanted = places.at(where)
        if wanted.first < 0 or wanted.last >= self._blocks.count:
            raise IndexError(
                f"rows {wanted.first} to {wanted.last} of a store of {self._blocks.count}"
            )
        while True:
            parts = self._cold.parts
            try:
                if not parts or wanted.first >= parts[-1].stop_row:
                    return self._blocks.read(names, wanted)
                return self._joined(names, where, parts)
            except NotInMemoryError:
                # Rows that leave memory are those of a part that has come to be on disk alone.
                if self._cold.parts is parts:
                    raise

    def _joined(
        self, names: Sequence[str], where: slice | Rows, parts: Sequence[SealedPart]
    ) -> Found:
        """What is read of rows that are in memory and on disk."""
        pieces = _by_part(where, parts)
        if len(pieces) == 1:
            return self._of_part(names, *pieces[0][:2])
        total = where.stop - where.start if isinstance(where, slice) else len(where)
        columns = {name: np.empty(total, TYPES.get(name, np.bool_)) for name in names}
        present, absent = set(names), set(names)
        for part, wanted, target in pieces:
            found = self._of_part(names, part, wanted)
            for name, column in found.columns.items():
                columns[name][target] = column
            present &= found.present
            absent &= found.absent
        return Found(columns, frozenset(present), frozenset(absent))

    def _of_part(self, names: Sequence[str], part: SealedPart | None, wanted: Places) -> Found:
        blocks = self._blocks if part is None else self._cold.blocks(part)
        return blocks.read(names, wanted)


def _by_part(
    where: slice | Rows, parts: Sequence[SealedPart]
) -> list[tuple[SealedPart | None, Places, slice | Rows]]:
    """For each part with wanted rows, and for memory (None): its places there, and in the result.

    Places of a part are from its first row on.
    """
    found: list[tuple[SealedPart | None, Places, slice | Rows]] = []
    if isinstance(where, slice):
        at = where.start
        while at < where.stop:
            part = next((part for part in parts if part.stop_row > at), None)
            if part is None or at < part.first_row:
                stop = where.stop if part is None else min(where.stop, part.first_row)
                wanted = places.between(at, stop)
                part = None
            else:
                stop = min(where.stop, part.stop_row)
                wanted = places.between(at - part.first_row, stop - part.first_row)
            found.append((part, wanted, slice(at - where.start, stop - where.start)))
            at = stop
        return found
    firsts = np.asarray([part.first_row for part in parts])
    stops = np.asarray([part.stop_row for part in parts])
    number = np.searchsorted(stops, where, side="right")
    number[(number < len(parts)) & (where < firsts.take(number, mode="clip"))] = len(parts)
    for each in np.unique(number).tolist():
        target = np.flatnonzero(number == each)
        part = parts[each] if each < len(parts) else None
        rows = where[target] - (0 if part is None else part.first_row)
        found.append((part, places.at(rows), target))
    return found


def _nothing(names: Sequence[str]) -> Found:
    columns = {name: np.zeros(0, TYPES.get(name, np.bool_)) for name in names}
    return Found(columns, frozenset(names), frozenset())


_POLARS: Final = {np.dtype(np.int8): pl.Int8, np.dtype(np.int16): pl.Int16}
