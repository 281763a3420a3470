"""The bale store: one row per reading that was kept, in columns, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from cotton_server.domain.fields import ABSENT, VALUE_FIELDS
from cotton_server.domain.identifiers import USDA_HIGH
from cotton_server.registry.index import BaleIndex
from cotton_server.registry.reserve import populate
from cotton_server.registry.runs import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.registry.runs import RunArray

ReferenceArray = npt.NDArray[np.int32]

READY_ROWS: Final = 1 << 18
"""Rows whose memory is kept ready: 20 MiB, a fifth of a second of the fastest bulk."""


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


class BaleStore:
    """A row for every reading that was kept: of new bales, and corrections, re-tests, conflicts.

    Columns of full capacity; memory is taken only as rows fill them.

    Rows below `count` never change, so readers need no lock: a snapshot is a count.
    """

    def __init__(self, capacity: int) -> None:
        """Reserves address space for `capacity` readings (np.zeros maps pages on first write)."""
        self.capacity = capacity
        self.count = 0
        self.high: UInt64Array = np.zeros(capacity, np.uint64)
        self.low: UInt64Array = np.zeros(capacity, np.uint64)
        self.values: dict[str, npt.NDArray[np.signedinteger]] = {
            field.name: np.zeros(capacity, field.dtype) for field in VALUE_FIELDS
        }
        self.references: dict[str, ReferenceArray] = {
            "lot": np.zeros(capacity, np.int32),
            "standard": np.zeros(capacity, np.int32),
            "laboratory": np.zeros(capacity, np.int32),
            "instrument": np.zeros(capacity, np.int32),
        }
        self.position = np.zeros(capacity, np.uint32)
        self.batch_row = np.zeros(capacity, np.uint16)
        self.kind = np.zeros(capacity, np.uint8)
        # Marks the rows, of those in the index, whose bale has a course.
        self.has_course = np.zeros(capacity, np.bool_)
        self.inspected_at_s = np.zeros(capacity, np.uint32)
        self.index = BaleIndex(self.high, self.low)
        self._ready = 0

    def append(self, bales: BaleColumns) -> None:
        """Stores readings below the others."""
        start, stop = self.count, self.count + len(bales.high)
        if stop > self.capacity:
            raise AssertionError("more bales than capacity: intake must refuse them before")
        self.high[start:stop] = bales.high
        self.low[start:stop] = bales.low
        for name, column in self.values.items():
            column[start:stop] = bales.values.get(name, ABSENT)
        for name, numbers in self.references.items():
            numbers[start:stop] = bales.references[name]
        self.position[start:stop] = bales.position
        self.batch_row[start:stop] = bales.batch_row
        self.inspected_at_s[start:stop] = bales.inspected_at_s
        self.kind[start:stop] = bales.kind
        if bales.is_first.all():
            self.index.add(np.arange(start, stop, dtype=np.int32), bales.hashes)
        else:
            rows = start + np.flatnonzero(bales.is_first)
            self.index.add(rows.astype(np.int32), bales.hashes[bales.is_first])
        self.count = stop

    def reserve(self) -> None:
        """Has memory ready for the next bales, and a table for the index to grow into.

        One thread calls it, beside the one that appends: contents are not touched.
        """
        wanted = min(self.count + READY_ROWS, self.capacity)
        if wanted - self._ready > READY_ROWS // 2 or wanted == self.capacity > self._ready:
            start = max(self._ready, self.count)
            for column in self._columns():
                populate(column[start:wanted])
            self._ready = wanted
        self.index.reserve()

    def _columns(self) -> list[npt.NDArray[Any]]:
        plain = (self.high, self.low, self.position, self.batch_row, self.kind)
        others = (self.inspected_at_s, self.has_course)
        return [*plain, *others, *self.values.values(), *self.references.values()]

    def count_at(self, revision: int, count: int) -> int:
        """Readings among the first `count` that were stored at `revision` or before."""
        # Of the column's own type: any other would have the whole column converted.
        wanted = self.position.dtype.type(revision)
        return int(np.searchsorted(self.position[:count], wanted, side="right"))

    def frame(self, runs: RunArray, values: Iterable[str] | None = None) -> pl.DataFrame:
        """The bales of row ranges [start, stop), in order.

        Columns: row Int32, lot, standard, laboratory, instrument Int32, the value fields
        (Int8, Int16; null where absent), inspected_at_s UInt32, is_usda Boolean. Only the value
        fields `values` where they are given.
        """
        wanted = list(self.values if values is None else values)
        rows = rows_of(runs)
        one_run = len(runs) > 0 and bool((runs[1:, 0] == runs[:-1, 1]).all())
        where = slice(int(runs[0, 0]), int(runs[-1, 1])) if one_run else rows
        columns: dict[str, npt.NDArray[np.generic]] = {"row": rows}
        columns |= {name: column[where] for name, column in self.references.items()}
        columns |= {name: self.values[name][where] for name in wanted}
        columns["inspected_at_s"] = self.inspected_at_s[where]
        columns["is_usda"] = self.high[where] >= np.uint64(USDA_HIGH)
        return pl.DataFrame(columns).with_columns(
            pl.when(pl.col(name) != ABSENT).then(pl.col(name)).alias(name) for name in wanted
        )
