"""One outcome per bale: a group of batches against everything stored, and against itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from cotton.inspection.v1 import readings_pb2

from cotton_server.domain.fields import ABSENT, VALUE_FIELDS
from cotton_server.domain.identifiers import USDA_HIGH, crop_year_of_lot, is_lot_no
from cotton_server.domain.readings import RAW_ABSENT, Int32Array, ReadingTable
from cotton_server.registry.index import NOT_FOUND
from cotton_server.registry.registry import CreatedBales

if TYPE_CHECKING:
    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.intake.check import Checked
    from cotton_server.registry.index import RowArray
    from cotton_server.registry.registry import Registry

CREATED: Final = int(readings_pb2.OUTCOME_CREATED)
EXISTS: Final = int(readings_pb2.OUTCOME_EXISTS)
REJECTED: Final = int(readings_pb2.OUTCOME_REJECTED)
DIFFERENT_LOT: Final = int(readings_pb2.OUTCOME_EXISTS_WITH_DIFFERENT_LOT_NO)
DIFFERENT_STANDARD: Final = int(readings_pb2.OUTCOME_EXISTS_WITH_DIFFERENT_STANDARD)

_NO_LOT: Final = -1
_UNKNOWN: Final = -2


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of every row of a table.

    `outcome` (uint8, numbers of the enum Outcome); `stored` (int32): the row of the bale store
    that a repeat was compared with, or NOT_FOUND; `twin` (int32): the earlier row of this
    table that it was compared with, or NOT_FOUND; `lot_registered` (bool): whether the row's
    lot is registered now; `hashes` (uint64) of the keys, of the registry's index.
    """

    table: ReadingTable
    outcome: npt.NDArray[np.uint8]
    stored: RowArray
    twin: RowArray
    lot_registered: npt.NDArray[np.bool_]
    hashes: UInt64Array

    def created(
        self, position: npt.NDArray[np.uint32], batch_row: npt.NDArray[np.uint16]
    ) -> CreatedBales:
        """The new bales, given ledger position and place in the batch of every row."""
        rows = np.flatnonzero(self.outcome == CREATED)
        return CreatedBales(self.table, rows, self.hashes[rows], position[rows], batch_row[rows])


def decide(table: ReadingTable, checked: Checked, registry: Registry) -> Decision:
    """Decides every row in order: what earlier rows create, later rows meet.

    Deciding several batches as one table gives each the outcomes that it would have alone
    after those before it.
    """
    hashes = registry.bales.index.hashes(table.high, table.low)
    accepted = ~checked.rejected
    stored = registry.bales.index.find(table.high, table.low, hashes)
    twin: RowArray = np.full(len(table), NOT_FOUND, np.int32)
    _pair_twins(table, hashes, np.flatnonzero(accepted & (stored == NOT_FOUND)), twin)
    outcome = np.where(accepted, np.uint8(CREATED), np.uint8(REJECTED))
    met = np.flatnonzero(accepted & (stored != NOT_FOUND))
    lots, registered = _lots(table, registry)
    if len(met):
        outcome[met] = _compared_with_store(table, met, stored[met], lots[met], registry)
    paired = np.flatnonzero(twin != NOT_FOUND)
    if len(paired):
        outcome[paired] = _compared_with_twin(table, paired, twin[paired])
    return Decision(table, outcome, stored, twin, registered, hashes)


def _pair_twins(
    table: ReadingTable, hashes: UInt64Array, new: npt.NDArray[np.intp], twin: RowArray
) -> None:
    """Points every row whose bale an earlier new row of the table has at that row."""
    of_new = hashes[new]
    in_order = np.sort(of_new)
    repeated = in_order[1:][in_order[1:] == in_order[:-1]]
    if len(repeated) == 0:
        return
    first: dict[tuple[int, int], int] = {}
    for row in new[np.isin(of_new, repeated)].tolist():
        earlier = first.setdefault((int(table.high[row]), int(table.low[row])), row)
        if earlier != row:
            twin[row] = earlier


def _lots(table: ReadingTable, registry: Registry) -> tuple[Int32Array, npt.NDArray[np.bool_]]:
    """Number of each row's lot in the registry (_UNKNOWN if it has none), and if registered."""
    column = table.texts["lot_no"]
    numbers = np.full(len(column.dictionary), _UNKNOWN, np.int32)
    registered = np.zeros(len(column.dictionary), np.bool_)
    for place, lot_no in enumerate(column.dictionary):
        if not lot_no:
            numbers[place] = _NO_LOT
            continue
        if not is_lot_no(lot_no):
            continue
        number = registry.lots.number_of(lot_no, crop_year_of_lot(lot_no))
        if number is not None:
            numbers[place] = number
            registered[place] = registry.lots[number].registration is not None
    lots = numbers[column.index]
    for row in np.flatnonzero(lots == _NO_LOT).tolist():
        number = registry.lots.number_of("", int(table.high[row]) - USDA_HIGH)
        lots[row] = _UNKNOWN if number is None else number
    return lots, registered[column.index]


def _compared_with_store(
    table: ReadingTable,
    rows: npt.NDArray[np.intp],
    stored: RowArray,
    lots: Int32Array,
    registry: Registry,
) -> npt.NDArray[np.uint8]:
    bales = registry.bales
    outcome = np.full(len(rows), EXISTS, np.uint8)
    _mark(outcome, bales.references["lot"][stored] != lots, DIFFERENT_LOT)
    for field in VALUE_FIELDS:
        was = bales.values[field.name][stored]
        column = table.values.get(field.name)
        if column is None:
            differs = was != ABSENT
        else:
            now = column[rows]
            differs = was != np.where(now == RAW_ABSENT, np.int32(ABSENT), now)
        _mark(outcome, differs, int(field.differs))
    standards = table.texts["standard"]
    book = registry.texts["standard"]
    numbers = np.asarray(
        [_UNKNOWN if (n := book.number_of(text)) is None else n for text in standards.dictionary],
        np.int32,
    )
    differs = bales.references["standard"][stored] != numbers[standards.index[rows]]
    _mark(outcome, differs, DIFFERENT_STANDARD)
    return outcome


def _compared_with_twin(
    table: ReadingTable, rows: npt.NDArray[np.intp], twins: RowArray
) -> npt.NDArray[np.uint8]:
    outcome = np.full(len(rows), EXISTS, np.uint8)
    lots = table.texts["lot_no"].index
    _mark(outcome, lots[rows] != lots[twins], DIFFERENT_LOT)
    for field in VALUE_FIELDS:
        column = table.values.get(field.name)
        if column is not None:
            _mark(outcome, column[rows] != column[twins], int(field.differs))
    standards = table.texts["standard"].index
    _mark(outcome, standards[rows] != standards[twins], DIFFERENT_STANDARD)
    return outcome


def _mark(outcome: npt.NDArray[np.uint8], differs: npt.NDArray[np.bool_], code: int) -> None:
    """Sets the code where a difference was found first."""
    outcome[differs & (outcome == EXISTS)] = code
