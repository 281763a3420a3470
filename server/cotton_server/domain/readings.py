"""The table of readings that every shape of a batch is decoded to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from cotton.inspection.v1 import readings_pb2

from cotton_server.domain.fields import TEXT_FIELD_NAMES, VALUE_FIELDS
from cotton_server.domain.identifiers import BaleKey, UInt64Array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

ORIGINAL: Final = int(readings_pb2.READING_KIND_ORIGINAL)
REVIEW: Final = int(readings_pb2.READING_KIND_REVIEW)
SUPERVISORY: Final = int(readings_pb2.READING_KIND_SUPERVISORY)
CORRECTION: Final = int(readings_pb2.READING_KIND_CORRECTION)
RETESTS: Final = (REVIEW, SUPERVISORY)

RAW_ABSENT: Final = int(np.iinfo(np.int32).min)
"""What stands in a received value column where the bale has no value: no measure can be it."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A text a bale: `dictionary[index[row]]`; "" stands for absent."""

    dictionary: tuple[str, ...]
    index: Int32Array

    def at(self, row: int) -> str:
        """The text of one row."""
        return self.dictionary[int(self.index[row])]

    def spelled_out(self) -> list[str]:
        """The text of every row."""
        return [self.dictionary[place] for place in self.index.tolist()]


@dataclass(frozen=True, slots=True)
class Kinds:
    """What the readings of a table are, where not all are plain originals.

    All of one length: `kind` (int32, numbers of the enum ReadingKind as received, 0 is read as
    ORIGINAL), and the amendment of each: `supersedes` (uint64, 0 for none), `reason` (int32,
    numbers of AmendmentReason, 0 for none), `note` and `decided_by`.
    """

    kind: Int32Array
    supersedes: UInt64Array
    reason: Int32Array
    note: Texts
    decided_by: Texts

    def same_as(self, other: Kinds | None) -> bool:
        """Whether both say the same of every reading."""
        return (
            other is not None
            and np.array_equal(self.kind, other.kind)
            and np.array_equal(self.supersedes, other.supersedes)
            and np.array_equal(self.reason, other.reason)
            and self.note.spelled_out() == other.note.spelled_out()
            and self.decided_by.spelled_out() == other.decided_by.spelled_out()
        )


def plain_kinds(count: int) -> Kinds:
    """Kinds of as many plain originals."""
    none = Texts(("",), np.zeros(count, np.int32))
    return Kinds(
        np.full(count, ORIGINAL, np.int32),
        np.zeros(count, np.uint64),
        np.zeros(count, np.int32),
        none,
        none,
    )


@dataclass(frozen=True, slots=True)
class ReadingTable:
    """Readings as received, a row a bale.

    Columns, all of one length: `high` and `low` (uint64, the bale key), `values` (int32 per
    value field, RAW_ABSENT where absent; a field that no bale has is left out), `texts` (by
    text field), `inspected_at_s` (int64, 0 unknown). `malformed` gives, for the rows whose
    bale identifier has not its form, what was received; their key is (0, 0). `kinds` is None
    when all are plain originals, as nearly always. Most tables have all values in one array as
    well: `matrix` (int32, a row for each of VALUE_FIELDS in order, RAW_ABSENT where one is left
    out), of which `values` are views, so that they cost a few calls and not a few for each field.
    """

    high: UInt64Array
    low: UInt64Array
    malformed: Mapping[int, str]
    values: Mapping[str, Int32Array]
    texts: Mapping[str, Texts]
    inspected_at_s: Int64Array
    kinds: Kinds | None = None
    matrix: Int32Array | None = None

    def __len__(self) -> int:
        """Bales in the table."""
        return len(self.high)

    def bale_as_received(self, row: int) -> str:
        """The bale of one row as it was named, whether in form or not."""
        if row in self.malformed:
            return self.malformed[row]
        return str(BaleKey(int(self.high[row]), int(self.low[row])))

    def same_content(self, other: ReadingTable) -> bool:
        """Whether both hold the same readings in the same order, in whatever shape sent."""
        if len(self) != len(other):
            return False
        plain = (
            np.array_equal(self.high, other.high)
            and np.array_equal(self.low, other.low)
            and self.malformed == other.malformed
            and np.array_equal(self.inspected_at_s, other.inspected_at_s)
            and (other.kinds is None if self.kinds is None else self.kinds.same_as(other.kinds))
        )
        return (
            plain
            and all(
                np.array_equal(column_of(self, field.name), column_of(other, field.name))
                for field in VALUE_FIELDS
            )
            and all(
                self.texts[name].spelled_out() == other.texts[name].spelled_out()
                for name in TEXT_FIELD_NAMES
            )
        )


def column_of(table: ReadingTable, name: str) -> Int32Array:
    """One value column, filled with RAW_ABSENT where the table leaves it out."""
    column = table.values.get(name)
    return np.full(len(table), RAW_ABSENT, np.int32) if column is None else column


def values_of(matrix: Int32Array) -> dict[str, Int32Array]:
    """The value columns of a matrix; those that no bale has are left out."""
    highest = matrix.max(axis=1).tolist()
    return {
        field.name: matrix[place]
        for place, field in enumerate(VALUE_FIELDS)
        if highest[place] != RAW_ABSENT
    }


def concatenated(tables: Sequence[ReadingTable]) -> ReadingTable:
    """The tables one below the other."""
    if len(tables) == 1:
        return tables[0]
    matrix, values = _concatenated_values(tables)
    starts = np.cumsum([0, *(len(table) for table in tables)]).tolist()
    return ReadingTable(
        high=np.concatenate([table.high for table in tables]),
        low=np.concatenate([table.low for table in tables]),
        malformed={
            start + row: text
            for start, table in zip(starts, tables, strict=False)
            for row, text in table.malformed.items()
        },
        values=values,
        texts={
            name: _concatenated_texts([table.texts[name] for table in tables])
            for name in TEXT_FIELD_NAMES
        },
        inspected_at_s=np.concatenate([table.inspected_at_s for table in tables]),
        kinds=_concatenated_kinds(tables),
        matrix=matrix,
    )


def _concatenated_values(
    tables: Sequence[ReadingTable],
) -> tuple[Int32Array | None, dict[str, Int32Array]]:
    matrices = [table.matrix for table in tables if table.matrix is not None]
    present = {name for table in tables for name in table.values}
    if len(matrices) == len(tables):
        matrix = np.concatenate(matrices, axis=1)
        rows = zip(VALUE_FIELDS, matrix, strict=True)
        return matrix, {field.name: row for field, row in rows if field.name in present}
    return None, {
        field.name: np.concatenate([column_of(table, field.name) for table in tables])
        for field in VALUE_FIELDS
        if field.name in present
    }


def _concatenated_kinds(tables: Sequence[ReadingTable]) -> Kinds | None:
    if all(table.kinds is None for table in tables):
        return None
    parts = [table.kinds or plain_kinds(len(table)) for table in tables]
    return Kinds(
        kind=np.concatenate([part.kind for part in parts]),
        supersedes=np.concatenate([part.supersedes for part in parts]),
        reason=np.concatenate([part.reason for part in parts]),
        note=_concatenated_texts([part.note for part in parts]),
        decided_by=_concatenated_texts([part.decided_by for part in parts]),
    )


def _concatenated_texts(columns: Sequence[Texts]) -> Texts:
    places: dict[str, int] = {}
    parts = []
    for column in columns:
        mapped = [places.setdefault(text, len(places)) for text in column.dictionary]
        parts.append(
            np.full(len(column.index), mapped[0], np.int32)
            if len(mapped) == 1
            else np.asarray(mapped, np.int32)[column.index]
        )
    return Texts(tuple(places), np.concatenate(parts))
