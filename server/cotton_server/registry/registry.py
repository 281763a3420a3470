"""The registry: everything that is derived from the ledger, at one revision."""

from __future__ import annotations

import threading
from array import array
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from cotton_server.domain.identifiers import USDA_CROP_YEARS, USDA_HIGH, crop_year_of_lot
from cotton_server.domain.readings import ORIGINAL, ReadingTable
from cotton_server.registry.accounts import AccountBook
from cotton_server.registry.bales import COLD_BYTES, BaleColumns, BaleStore
from cotton_server.registry.changes import ChangeLog
from cotton_server.registry.columns import NumberColumn
from cotton_server.registry.conflicts import ConflictBook, ConflictEntry
from cotton_server.registry.courses import (
    NO_ROW,
    BaleState,
    Cause,
    CourseBook,
    CourseEvent,
    after,
)
from cotton_server.registry.kept import (
    BaleEvent,
    KeptReadings,
    Rows,
    resolved,
    runs_of,
    stored_values,
)
from cotton_server.registry.lifecycle import ChangeKind, LotChange, LotState, Moment
from cotton_server.registry.lots import LotBook, LotEntry, Objections
from cotton_server.registry.producers import ProducerBook
from cotton_server.registry.received import ReceivedTimes
from cotton_server.registry.records import Version
from cotton_server.registry.references import ReferenceBook
from cotton_server.registry.rows_ahead import KnownRow, RowsAhead
from cotton_server.registry.settlement_runs import RunBook
from cotton_server.registry.texts import TextBook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cotton.inspection.v1 import common_pb2, lots_pb2

    from cotton_server.domain.readings import Int32Array
    from cotton_server.registry.runs import Toggles

_T = TypeVar("_T")

_FROM_THE_START = 0


class Registry:
    """Bales, lots, conflicts and producers as of `revision`, the last ledger position applied.

    One thread changes it, holding `lock`; readers take `lock` only to copy the few numbers
    that make a snapshot. Nobody reads from disk while holding it: what is stored never changes, so
    it is found and read before or after.
    """

    def __init__(self, *, bales_max: int, cold_bytes_max: int = COLD_BYTES) -> None:
        """Starts empty, at revision 0.

        `cold_bytes_max` bounds the memory of readings that were read back from disk. Raises
        MemoryError where there is no address space for `bales_max` readings.
        """
        self.lock = threading.Lock()
        self.revision = 0
        self.bales = BaleStore(bales_max, cold_bytes_max=cold_bytes_max)
        self.lots = LotBook()
        self.texts = {name: TextBook() for name in ("standard", "laboratory", "instrument")}
        self.courses = CourseBook()
        self.conflicts = ConflictBook()
        self.producers = ProducerBook()
        self.references = ReferenceBook()
        self.runs = RunBook()
        self.accounts = AccountBook()
        self.received = ReceivedTimes()
        self.row_counts = NumberColumn(np.uint32)
        """How many rows the store has with each position; 4 bytes a position."""
        self.changes = ChangeLog()
        self.lots_registered = 0
        self._touched: dict[int, bool] = {}
        self._ahead = RowsAhead(self.bales)

    @property
    def is_settled(self) -> bool:
        """Whether every position that was begun has ended."""
        return not self._touched

    def course(self, key_row: int) -> Sequence[CourseEvent]:
        """The events of the bale that the index gives this row for, its first reading included.

        For the thread that changes the registry; others take a copy, `course_now`. Raises what
        reading a row on disk raises.
        """
        if self.bales.has_course[key_row]:
            return self.courses.events(key_row)
        return (self._first_event(key_row),)

    def course_now(self, key_row: int) -> Sequence[CourseEvent]:
        """A copy of what `course` gives, for any thread; takes the lock."""
        with self.lock:
            if self.bales.has_course[key_row]:
                return tuple(self.courses.events(key_row))
        # So far nothing else had happened to the bale, and its first reading never changes.
        return (self._first_event(key_row),)

    def rows_at(self, revision: int) -> int:
        """How many rows were stored at a revision or before; of one to come, those until now.

        For any thread, without the lock; no row is read for it.
        """
        position = min(revision, self.revision)
        return self.row_counts[position - 1] if position else 0

    def read_courses(self, key_rows: Iterable[int]) -> set[int]:
        """The rows of all that happened to the bales that the index gives these rows for.

        Where they lie is read for all of them together, and in memory then. For the thread that
        changes the registry; raises what reading from disk raises.
        """
        rows: set[int] = set()
        for key_row in key_rows:
            rows.add(key_row)
            if self.bales.has_course[key_row]:
                rows.update(each.row for each in self.courses.events(key_row))
        rows.discard(NO_ROW)
        self._ahead.read(rows)
        return rows

    def read_ahead(self, events: Iterable[BaleEvent], lots: Iterable[int] = ()) -> None:
        """Has in memory what applying these events, and readings of lots by number, asks for.

        For the thread that changes the registry, before it takes the lock, so that nothing is read
        from disk after it did. Raises what reading from disk raises.
        """
        self.read_courses({each.key_row for each in events if each.key_row > NO_ROW})
        for number in self._ahead.lots().union(lots):
            # Made by asking for it, and then in memory.
            self.lots[number]

    def state(self, key_row: int) -> BaleState:
        """Where the bale stands that the index gives this row for."""
        if self.bales.has_course[key_row]:
            return self.courses.state(key_row)
        return after(BaleState(), self._first_event(key_row))

    def keep(self, kept: KeptReadings, moments: Sequence[Moment]) -> None:
        """Stores readings and applies the events of their bales.

        `moments` are the positions from the first of the table's batches to the last, in order.
        """
        start = self.bales.count
        lots = self._store(kept) if len(kept.rows) else np.zeros(0, np.int32)
        happening = list(resolved(kept, start))
        self._note_stored(happening, kept, start, lots)
        events = iter(happening)
        waiting = next(events, None)
        runs = runs_of(kept, lots)
        run = next(runs, None)
        for moment in moments:
            while run is not None and run.position == moment.position:
                lot = self.lots[run.lot]
                lot.add_run(start + run.first, start + run.stop)
                lot.bales += run.stop - run.first
                lot.course.note_read(moment)
                self._touch(run.lot)
                run = next(runs, None)
            while waiting is not None and waiting.event.position == moment.position:
                self.happened(waiting, moment)
                waiting = next(events, None)
            self.settle(moment)
        if run is not None or waiting is not None:
            raise AssertionError("a reading was kept under a position that is not of its group")

    def register(self, lot: lots_pb2.Lot, moment: Moment) -> None:
        """Stores the registration of a lot."""
        entry = self._lot(lot.lot_no)
        is_new = not entry.registrations
        if is_new:
            self.lots_registered += 1
            self.lots.note_registered(entry.number)
        entry.registrations = entry.registrations.plus(_version(lot, moment))
        self._touch(entry.number)
        if is_new:
            before = entry.course.standing.state
            self.changes.append(
                LotChange(moment, entry.number, ChangeKind.NEW, before, entry.standing().state)
            )

    def weigh(self, weight: lots_pb2.LotWeight, moment: Moment) -> None:
        """Stores the weight of a lot."""
        entry = self._lot(weight.lot_no)
        entry.weights = entry.weights.plus(_version(weight, moment))
        self._touch(entry.number)

    def close(self, closure: lots_pb2.LotClosure, moment: Moment) -> None:
        """Stores what the laboratory counted of a lot."""
        entry = self._lot(closure.lot_no)
        entry.closures = entry.closures.plus(_version(closure, moment))
        self._touch(entry.number)

    def certify(self, certificates: lots_pb2.LotCertificates, moment: Moment) -> None:
        """Stores the numbers of a lot's certificates."""
        entry, version = self._lot(certificates.lot_no), _version(certificates, moment)
        if certificates.quality_certificate_no:
            entry.quality_certificates = entry.quality_certificates.plus(version)
            self._touch(entry.number, revises=False)
        if certificates.weight_certificate_no:
            entry.weight_certificates = entry.weight_certificates.plus(version)
            self._touch(entry.number, revises=False)

    def object_to(self, objection: lots_pb2.LotObjection, moment: Moment) -> None:
        """Stores an objection to a lot's result, or its decision."""
        entry = self._lot(objection.lot_no)
        versions = entry.objections.get(objection.objection_no, Objections())
        versions = versions.plus(_version(objection, moment))
        entry.objections = {**entry.objections, objection.objection_no: versions}
        self._touch(entry.number, revises=False)

    def assign_unit(self, unit: lots_pb2.UnitLot, moment: Moment) -> None:
        """Stores which traceability unit a lot is of."""
        entry = self._lot(unit.lot_no)
        entry.units = entry.units.plus(_version(unit, moment))
        self._touch(entry.number)

    def withdraw_lot(
        self, number: int, amendment: common_pb2.Amendment | None, moment: Moment
    ) -> None:
        """Withdraws a lot; without amendment the withdrawal is taken back."""
        entry = self.lots[number]
        entry.withdrawals = entry.withdrawals.plus(_version(amendment, moment))
        self._touch(entry.number)

    def advance(self, moments: Sequence[Moment]) -> None:
        """Ends a group that was applied: its positions are there, the last is the revision."""
        if moments[0].position != len(self.received) + 1:
            raise AssertionError("positions follow one another without a gap")
        self.row_counts.extend(self._counts_after(moments))
        self.received.extend(moment.received_at_us for moment in moments)
        # Only now: whoever sees a revision finds its rows, and when it had been received.
        self.revision = moments[-1].position

    def revision_at_instant(self, at_us: int) -> int:
        """The last revision that had been received by an instant, 0 when nothing had.

        It is the largest p such that every entry 1 to p was received at or before the instant,
        in microseconds since 1970 UTC. A later instant never gives an earlier revision, whatever
        the clock did. What was received by then and is applied only afterwards comes in later,
        as does what a clock that was set back has stamped: a revision is fixed, an instant is
        only a way to find one.
        """
        return self.received.position_at(at_us, self.revision)

    def received_by_us(self, revision: int) -> int:
        """The first instant that `revision_at_instant` answers with this revision or a later one.

        The latest of the times at which entries 1 to `revision` were received; 0 for revision 0.
        Raises IndexError for a revision that is not there.
        """
        return self.received.received_by_us(revision)

    def _counts_after(self, moments: Sequence[Moment]) -> Sequence[int]:
        """How many rows there are with each of the positions that were applied now."""
        start, stop = self.rows_at(self.revision), self.bales.count
        if len(moments) == 1:
            return (stop,)
        positions = self.bales.position[start:stop]
        ends = np.asarray([moment.position for moment in moments], positions.dtype)
        counts: list[int] = (start + positions.searchsorted(ends, side="right")).tolist()
        return counts

    def _note_stored(
        self, events: Iterable[BaleEvent], kept: KeptReadings, start: int, lots: Int32Array
    ) -> None:
        """Notes where the rows of events lie that are stored now, `start` and those after it."""
        for row in {row for each in events for row in (each.key_row, each.event.row)}:
            if (place := row - start) >= 0:
                known = (lots[place], kept.position[place], kept.batch_row[place])
                self._ahead.note(row, KnownRow(*map(int, known)))

    def _first_event(self, key_row: int) -> CourseEvent:
        first = self._ahead.at(key_row)
        return CourseEvent(
            Cause.READ, first.position, first.batch_row, row=key_row, comes_into_force=True
        )

    def _store(self, kept: KeptReadings) -> Int32Array:
        """Appends the rows; gives the lot number of each."""
        table, count = kept.table, len(kept.rows)
        rows: Rows = slice(None) if count == len(table) else kept.rows
        lots = self._lot_numbers(table, rows)
        references = {"lot": lots}
        for name, book in self.texts.items():
            column = table.texts[name]
            index = column.index[rows]
            numbers = np.zeros(len(column.dictionary), np.int32)
            for place in _in_order_of_use(index, len(numbers)):
                numbers[place] = book.enter(column.dictionary[place])
            references[name] = numbers[index]
        kind = (
            np.full(count, ORIGINAL, np.uint8)
            if table.kinds is None
            else table.kinds.kind[rows].astype(np.uint8)
        )
        self.bales.append(
            BaleColumns(
                high=table.high[rows],
                low=table.low[rows],
                hashes=kept.hashes,
                values=stored_values(table, rows),
                references=references,
                kind=kind,
                position=kept.position,
                batch_row=kept.batch_row,
                inspected_at_s=table.inspected_at_s[rows].astype(np.uint32),
                is_first=kept.is_first,
            )
        )
        return lots

    def happened(self, bale: BaleEvent, moment: Moment) -> None:
        """Applies one event of a bale: what counts of the bale, in which lot, and its conflict."""
        event, key_row = bale.event, bale.key_row
        if event.cause is Cause.CONFLICT and event.row == NO_ROW:
            self.conflicts.arrived_again(event.conflict, moment.position)
            return
        if not self.bales.has_course[key_row]:
            # The event that brought the row into the index is its first, if it is not this.
            self.courses.begin(
                key_row, None if event.row == key_row else self._first_event(key_row)
            )
            self.bales.has_course[key_row] = True
        before = self.courses.state(key_row)
        self.courses.add(key_row, event)
        now = self.courses.state(key_row)
        if event.cause is Cause.CONFLICT:
            self._begin_conflict(bale, before, moment)
        elif event.cause in (Cause.KEPT, Cause.ACCEPTED):
            accepted = event.cause is Cause.ACCEPTED
            self.conflicts.resolve(
                event.conflict, moment.position, event.batch_row, accepted=accepted
            )
        self._count(event, before, now, moment)

    def _begin_conflict(self, bale: BaleEvent, before: BaleState, moment: Moment) -> None:
        event, stored = bale.event, before.in_force
        self.conflicts.begin(
            ConflictEntry(
                place=event.conflict,
                key_row=bale.key_row,
                row=event.row,
                stored_row=stored,
                stored_revision=before.since,
                outcome=bale.differs,
                laboratory=int(self.bales.references["laboratory"][event.row]),
                lot=self._ahead.at(stored).lot,
                arrivals=array("Q", [moment.position]),
            )
        )

    def _count(self, event: CourseEvent, before: BaleState, now: BaleState, moment: Moment) -> None:
        """Brings what lots count of a bale from one state to the next."""
        brought = event.row
        is_new_row = brought != NO_ROW and event.cause is not Cause.CONFLICT
        if is_new_row and brought in (now.in_force, now.first):
            lot = self._lot_of_row(brought)
            lot.add_run(brought, brought + 1)
            if event.cause is not Cause.ACCEPTED:
                lot.course.note_read(moment)
            # From the start out of what it does not count in; what it counts in, it counts in
            # from here on, though the row of an accepted reading is older.
            late = (_FROM_THE_START, moment.position) if event.cause is Cause.ACCEPTED else ()
            for toggles, counted in (
                (lot.force_toggles, now.counted),
                (lot.first_toggles, now.counted_first),
            ):
                if counted != brought:
                    toggles()[brought] = (_FROM_THE_START,)
                elif late:
                    toggles()[brought] = late
            # While the bale is withdrawn the reading is there and counts in nothing.
            self._touch(lot.number, revises=brought in (now.counted, now.counted_first))
            lot.bales += now.counted == brought
        self._exchange(before.counted, now.counted, brought, moment, LotEntry.force_toggles)
        self._exchange(
            before.counted_first, now.counted_first, brought, moment, LotEntry.first_toggles
        )
        if before.withdrawn != now.withdrawn and before.in_force != NO_ROW:
            lot = self._lot_of_row(before.in_force)
            lot.course.note_withdrawn(moment.position, 1 if now.withdrawn else -1)

    def _exchange(
        self,
        before: int,
        now: int,
        brought: int,
        moment: Moment,
        toggles_of: Callable[[LotEntry], Toggles],
    ) -> None:
        """Takes a row out of what its lot counts, and puts another, older one, in."""
        if before == now:
            return
        for row, change in ((before, -1), (now, 1)):
            if row in (NO_ROW, brought):
                continue
            lot = self._lot_of_row(row)
            toggles = toggles_of(lot)
            toggles[row] = (*toggles.get(row, ()), moment.position)
            if toggles_of is LotEntry.force_toggles:
                lot.bales += change
            self._touch(lot.number)

    def _lot_of_row(self, row: int) -> LotEntry:
        return self.lots[self._ahead.at(row).lot]

    def _lot(self, lot_no: str) -> LotEntry:
        return self.lots[self.lots.enter(lot_no, crop_year_of_lot(lot_no))]

    def _touch(self, lot: int, *, revises: bool = True) -> None:
        self._touched[lot] = self._touched.get(lot, False) or revises

    def settle(self, moment: Moment) -> None:
        """Ends a position: every lot that it touched takes its new standing."""
        for number in sorted(self._touched):
            self._settle_lot(self.lots[number], moment, revises=self._touched[number])
        self._touched.clear()

    def _settle_lot(self, lot: LotEntry, moment: Moment, *, revises: bool) -> None:
        self.lots.touch(lot, moment.position)
        course = lot.course
        before = course.standing.state
        was_final = course.final is not None
        if revises and was_final:
            course.revisions = (*course.revisions, moment)
        standing = lot.standing()
        course.step(moment, standing)
        if standing.state is before and not (revises and was_final):
            return
        for kind in _changes(before, standing.state, was_final=was_final, revises=revises):
            self.changes.append(LotChange(moment, lot.number, kind, before, standing.state))

    def _lot_numbers(self, table: ReadingTable, rows: Rows) -> Int32Array:
        column = table.texts["lot_no"]
        named = len(column.dictionary)
        places = column.index[rows]
        if "" in column.dictionary:
            # Imported bales may come without a lot: they are kept together by crop year.
            crop_years = table.high[rows].astype(np.int64) - USDA_HIGH
            unnamed = places == column.dictionary.index("")
            places = np.where(unnamed, named + crop_years, places)
        numbers = np.zeros(named + USDA_CROP_YEARS[1] + 1, np.int32)
        for place in _in_order_of_use(places, len(numbers)):
            lot_no = column.dictionary[place] if place < named else ""
            season = crop_year_of_lot(lot_no) if lot_no else place - named
            numbers[place] = self.lots.enter(lot_no, season)
        lots: Int32Array = numbers[places]
        return lots


def _in_order_of_use(places: npt.NDArray[np.integer], size: int) -> list[int]:
    """The distinct places, all below `size`, in the order in which they come first.

    What is numbered in this order has the same numbers however entries are grouped.
    """
    unused = len(places)
    first = np.full(size, unused, np.intp)
    first[places[::-1]] = np.arange(unused - 1, -1, -1)
    order: list[int] = np.argsort(first, kind="stable").tolist()
    return order[: np.count_nonzero(first < unused)]


def _changes(
    before: LotState, now: LotState, *, was_final: bool, revises: bool
) -> Iterator[ChangeKind]:
    """What the feed tells of a touch, nothing of what does not concern a settlement."""
    if now is LotState.WITHDRAWN:
        if before is not now:
            yield ChangeKind.WITHDRAWN
        return
    if before is LotState.WITHDRAWN:
        yield ChangeKind.REINSTATED
    elif was_final and revises:
        yield ChangeKind.REVISED
    # Also of a lot that was completed while it was withdrawn: no later change would tell it.
    if now is LotState.FINAL and not was_final:
        yield ChangeKind.FINAL


def _version(record: _T, moment: Moment) -> Version[_T]:
    return Version(moment.position, moment.received_at_us, record)
