"""One outcome per bale: a group of batches against everything stored, and against itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from cotton.inspection.v1 import readings_pb2

from cotton_server.domain.fields import ABSENT, VALUE_FIELD_NAMES, VALUE_FIELDS
from cotton_server.domain.identifiers import USDA_HIGH, crop_year_of_lot, is_lot_no
from cotton_server.domain.readings import ORIGINAL, RAW_ABSENT, Int32Array, ReadingTable
from cotton_server.intake.amend import (
    CREATED,
    DIFFERENT_LABORATORY,
    DIFFERENT_LOT,
    DIFFERENT_STANDARD,
    EXISTS,
    REJECTED,
    Amendments,
    Contents,
    Verdict,
)
from cotton_server.registry.courses import NO_ROW, Cause
from cotton_server.registry.index import NOT_FOUND
from cotton_server.registry.kept import KeptReadings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.intake.check import Checked
    from cotton_server.intake.rules import RuleSet
    from cotton_server.registry.index import RowArray
    from cotton_server.registry.kept import BaleEvent
    from cotton_server.registry.registry import Registry

FIRST_CONFLICT: Final = int(readings_pb2.OUTCOME_EXISTS_WITH_DIFFERENT_LOT_NO)
"""The lowest outcome of a conflict; only REJECTED is not lower and none."""

_NO_LOT: Final = -1
_UNKNOWN: Final = -2

_COMPARED: Final = (*VALUE_FIELD_NAMES, "lot", "standard", "laboratory")
"""Columns of the store that say whether a repeat is identical."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the rows of a table are recorded: ledger position (uint32), place in the batch."""

    position: npt.NDArray[np.uint32]
    batch_row: npt.NDArray[np.uint16]


def places(first_position: int, sizes: Sequence[int]) -> Placed:
    """The places of the rows of batches of these sizes, stored one after the other."""
    positions = np.arange(first_position, first_position + len(sizes), dtype=np.uint32)
    starts = np.cumsum([0, *sizes[:-1]])
    rows = np.arange(sum(sizes)) - np.repeat(starts, sizes)
    return Placed(np.repeat(positions, sizes), rows.astype(np.uint16))


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of every row of a table.

    `outcome` (uint8, numbers of the enum Outcome); `stored` (int32): the row that the index gives
    for the bale, or NOT_FOUND; `lot_registered` (bool): whether the row's lot is registered now;
    `hashes` (uint64) of the keys, of the registry's index. Rows of bales to which more happens
    than one reading have a verdict; `events` is what happens to those bales, in order of rows.
    """

    table: ReadingTable
    placed: Placed
    outcome: npt.NDArray[np.uint8]
    stored: RowArray
    lot_registered: npt.NDArray[np.bool_]
    hashes: UInt64Array
    contents: Contents
    verdicts: dict[int, Verdict]
    events: Sequence[BaleEvent]

    def kept(self) -> KeptReadings:
        """The readings to store."""
        plain = self.outcome == CREATED
        is_first = plain.copy()
        brought = sorted(-2 - each.event.row for each in self.events if each.event.row < NO_ROW)
        if brought:
            keys = {-2 - each.key_row for each in self.events if each.key_row < NO_ROW}
            plain[brought] = False
            is_first[brought] = [row in keys for row in brought]
        rows = np.flatnonzero(plain)
        if brought:
            rows = np.union1d(rows, np.asarray(brought))
        elif len(rows) == len(plain):
            # Nearly always all of them, of which nothing has to be picked.
            return KeptReadings(
                self.table,
                rows,
                self.hashes,
                self.placed.position,
                self.placed.batch_row,
                is_first,
                plain,
                self.events,
            )
        return KeptReadings(
            table=self.table,
            rows=rows,
            hashes=self.hashes[rows],
            position=self.placed.position[rows],
            batch_row=self.placed.batch_row[rows],
            is_first=is_first[rows],
            is_plain=plain[rows],
            events=self.events,
        )


def decide(
    table: ReadingTable, checked: Checked, registry: Registry, rules: RuleSet, placed: Placed
) -> Decision:
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
    decision = Decision(
        table, placed, outcome, stored, registered, hashes, Contents(table, registry), {}, ()
    )
    more = _more_than_one_reading(decision, accepted, registry)
    return _with_courses(decision, more, registry, rules) if len(more) else decision


def _more_than_one_reading(
    decision: Decision, accepted: npt.NDArray[np.bool_], registry: Registry
) -> npt.NDArray[np.intp]:
    """Rows of bales with a course, or that begin one here: no column can decide them."""
    outcome, stored = decision.outcome, decision.stored
    marked = (outcome >= FIRST_CONFLICT) & (outcome != REJECTED)
    met = stored != NOT_FOUND
    if len(registry.courses) and met.any():
        marked |= accepted & met & registry.bales.has_course[np.where(met, stored, 0)]
    kinds = decision.table.kinds
    if kinds is not None:
        marked |= accepted & (kinds.kind != ORIGINAL)
    if not marked.any():
        return np.flatnonzero(marked)
    # All rows of these bales; another bale of the same hash is decided alike either way.
    return np.flatnonzero(accepted & np.isin(decision.hashes, decision.hashes[marked]))


def _with_courses(
    decision: Decision, rows: npt.NDArray[np.intp], registry: Registry, rules: RuleSet
) -> Decision:
    table, outcome = decision.table, decision.outcome
    bales: dict[tuple[int, int], list[int]] = {}
    for row in rows.tolist():
        bales.setdefault((int(table.high[row]), int(table.low[row])), []).append(row)
    amendments = Amendments(
        table, registry, rules, decision.placed.position, decision.placed.batch_row
    )
    stored_rows = decision.stored[rows]
    amendments.read(set(stored_rows[stored_rows != NOT_FOUND].tolist()))
    verdicts: dict[int, Verdict] = {}
    events: list[BaleEvent] = []
    for of_bale in bales.values():
        stored = int(decision.stored[of_bale[0]])
        amended = amendments.decide(of_bale, stored)
        for row, verdict in amended.verdicts.items():
            outcome[row] = verdict.outcome
        verdicts |= amended.verdicts
        # A new bale that was read once has no course, whatever else came of it and was not kept.
        causes = [each.event.cause for each in amended.events]
        if stored != NOT_FOUND or causes != [Cause.READ]:
            events += amended.events
    events.sort(key=lambda each: (each.event.position, each.event.batch_row))
    return Decision(
        table,
        decision.placed,
        outcome,
        decision.stored,
        decision.lot_registered,
        decision.hashes,
        amendments.contents,
        verdicts,
        events,
    )


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
            registered[place] = registry.lots.is_registered(number)
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
    kept = registry.bales.read(_COMPARED, stored)
    outcome = np.full(len(rows), EXISTS, np.uint8)
    _mark(outcome, kept["lot"] != lots, DIFFERENT_LOT)
    for field in VALUE_FIELDS:
        was = kept[field.name]
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
    differs = kept["standard"] != numbers[standards.index[rows]]
    _mark(outcome, differs, DIFFERENT_STANDARD)
    sites = table.texts["laboratory"]
    if any(sites.dictionary):
        book = registry.texts["laboratory"]
        numbers = np.asarray(
            [_UNKNOWN if (n := book.number_of(text)) is None else n for text in sites.dictionary],
            np.int32,
        )
        was, now = kept["laboratory"], numbers[sites.index[rows]]
        _mark(outcome, (was != now) & (was != 0) & (now != 0), DIFFERENT_LABORATORY)
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
    sites = table.texts["laboratory"]
    named = np.asarray([bool(text) for text in sites.dictionary])[sites.index]
    differs = sites.index[rows] != sites.index[twins]
    _mark(outcome, differs & named[rows] & named[twins], DIFFERENT_LABORATORY)
    return outcome


def _mark(outcome: npt.NDArray[np.uint8], differs: npt.NDArray[np.bool_], code: int) -> None:
    """Sets the code where a difference was found first."""
    outcome[differs & (outcome == EXISTS)] = code
