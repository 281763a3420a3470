"""The conflicts as of a revision: selected page by page, told in full, counted by laboratory."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np
from cotton.inspection.v1 import amendments_pb2

from cotton_server.domain.identifiers import crop_year_of_lot
from cotton_server.domain.readings import CORRECTION, ReadingTable
from cotton_server.intake.amend import Contents
from cotton_server.intake.outcomes import difference
from cotton_server.registry.conflicts import ConflictState
from cotton_server.registry.courses import BaleState, Cause, state_after
from cotton_server.registry.index import NOT_FOUND
from cotton_server.trace.readings import key_of_row, readings_of
from cotton_server.trace.recorded import Detail, recorded
from cotton_server.trace.revisions import answered_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from cotton.inspection.v1 import readings_pb2

    from cotton_server.domain.identifiers import BaleKey
    from cotton_server.ledger import Ledger
    from cotton_server.registry.conflicts import ConflictBook, ConflictEntry, Place
    from cotton_server.registry.lots import LotEntry
    from cotton_server.registry.registry import Registry
    from cotton_server.trace.recorded import Recorded

PAGE_MAX: Final = 500
"""Conflicts in one page: a message of some 300 KB."""

LOOKED_AT_MAX: Final = 20_000
"""Conflicts looked at for one page, so that a listing which finds little takes turns too."""

_EVERY_STATE: Final = frozenset(ConflictState)

_NO_TABLE: Final = ReadingTable(
    high=np.zeros(0, np.uint64),
    low=np.zeros(0, np.uint64),
    malformed={},
    values={},
    texts={},
    inspected_at_s=np.zeros(0, np.int64),
)
"""Of conflicts both readings are stored, and none is to be looked up in a table."""


@dataclass(frozen=True, slots=True)
class ConflictFilter:
    """Which conflicts are wanted; what is empty or None passes all.

    `lot_nos` (11 digits) are of either side, `laboratories` of the differing reading. Only those
    that began after the place `after` pass, and at most `limit`, 0 for all.
    """

    states: Collection[ConflictState] = ()
    lot_nos: Collection[str] = ()
    laboratories: Collection[str] = ()
    bale: BaleKey | None = None
    after: Place = (0, 0)
    limit: int = 0


class ConflictListing:
    """The conflicts that pass a filter at one revision, in order of arrival, page by page.

    The registry's lock is held only while it begins. What happens later does not change its
    answers: conflicts are only added, and what is noted of one carries a later position.
    """

    def __init__(
        self, registry: Registry, ledger: Ledger, wanted: ConflictFilter, requested: int
    ) -> None:
        """Begins at a revision, 0 for the latest; ServiceError for one that is not there yet."""
        self._registry = registry
        self._ledger = ledger
        self._states = frozenset(wanted.states) or _EVERY_STATE
        self._left = wanted.limit or None
        with registry.lock:
            self.revision = answered_at(requested, registry.revision)
            self._lots = _lot_numbers(registry, wanted.lot_nos) if wanted.lot_nos else None
            self._laboratories = (
                _laboratory_numbers(registry, wanted.laboratories) if wanted.laboratories else None
            )
            self._between, known = _all(registry.conflicts)
        if wanted.bale is not None:
            self._between, known = _of_bale(registry, wanted.bale)
        self._next = _begun(self._between, known, wanted.after)
        self._stop = _begun(self._between, known, _last_place(self.revision))
        self._contents = Contents(_NO_TABLE, registry)

    @property
    def done(self) -> bool:
        """Whether there are no further pages."""
        return self._next >= self._stop or self._left == 0

    def page(self) -> list[amendments_pb2.Conflict]:
        """The next conflicts, at most PAGE_MAX; possibly none, though it is not done."""
        first = self._next
        looked_at = self._between(first, min(first + LOOKED_AT_MAX, self._stop))
        most = PAGE_MAX if self._left is None else min(PAGE_MAX, self._left)
        found: list[ConflictEntry] = []
        for entry in looked_at:
            if len(found) == most:
                break
            self._next += 1
            if self._passes(entry):
                found.append(entry)
        if self._left is not None:
            self._left -= len(found)
        return self._told(found)

    def _passes(self, entry: ConflictEntry) -> bool:
        return (
            entry.state_at(self.revision) in self._states
            and (self._laboratories is None or entry.laboratory in self._laboratories)
            and (
                self._lots is None
                or entry.lot in self._lots
                or self._lot_of(entry.row) in self._lots
            )
        )

    def _told(self, entries: Sequence[ConflictEntry]) -> list[amendments_pb2.Conflict]:
        states = [self._state(entry) for entry in entries]
        # Three readings each: the differing one, the one it differed from, what is in force now.
        rows = [
            row
            for entry, state in zip(entries, states, strict=True)
            for row in (entry.row, entry.stored_row, state.in_force)
        ]
        corrections = {
            row: self._place_of(row) for row in rows if self._registry.bales.kind[row] == CORRECTION
        }
        wanted = {entry.place: Detail.NONE for entry in entries}
        wanted |= {_resolved(entry): Detail.AMENDMENT for entry in self._decided(entries)}
        wanted |= dict.fromkeys(corrections.values(), Detail.AMENDMENT)
        told = recorded(self._ledger, wanted)
        readings = readings_of(
            self._registry,
            rows,
            {
                row: amendment
                for row, place in corrections.items()
                if (amendment := told[place].amendment) is not None
            },
        )
        decisions = {entry.place: told[_resolved(entry)] for entry in self._decided(entries)}
        answers = [
            self._message(entry, told[entry.place], decisions.get(entry.place), received, stored)
            for entry, received, stored in zip(entries, readings[::3], readings[1::3], strict=True)
        ]
        for answer, state, in_force in zip(answers, states, readings[2::3], strict=True):
            if not state.withdrawn:
                answer.in_force_reading.CopyFrom(in_force)
                answer.in_force_revision = state.since
        return answers

    def _state(self, entry: ConflictEntry) -> BaleState:
        """Where the bale of a conflict stands at the revision."""
        events = self._registry.course_now(entry.key_row)
        return state_after(event for event in events if event.position <= self.revision)

    def _message(
        self,
        entry: ConflictEntry,
        told: Recorded,
        decision: Recorded | None,
        received: readings_pb2.Reading,
        stored: readings_pb2.Reading,
    ) -> amendments_pb2.Conflict:
        field, now, was = difference(self._contents, entry.outcome, entry.row, entry.stored_row)
        book = self._registry.lots
        lots = book.looked_at(self._lot_of(entry.row)), book.looked_at(entry.lot)
        return amendments_pb2.Conflict(
            conflict_id=entry.id,
            state=cast(
                "amendments_pb2.ConflictState.ValueType", int(entry.state_at(self.revision))
            ),
            bale=str(key_of_row(self._registry, entry.row)),
            outcome=cast("readings_pb2.Outcome.ValueType", entry.outcome),
            field=field,
            received=now,
            stored=was,
            received_reading=received,
            stored_reading=stored,
            stored_revision=entry.stored_revision,
            received_at_us=told.received_at_us,
            producer_id=told.producer,
            two_seasons=_are_of_two_seasons(*lots),
            two_warehouses=_are_at_two_warehouses(*lots, self.revision),
            arrivals=bisect_right(entry.arrivals, self.revision),
            resolved_revision=0 if decision is None else entry.resolved_position,
            resolution=None if decision is None else decision.amendment,
        )

    def _decided(self, entries: Iterable[ConflictEntry]) -> Iterable[ConflictEntry]:
        return (
            entry for entry in entries if entry.state_at(self.revision) is not ConflictState.OPEN
        )

    def _lot_of(self, row: int) -> int:
        return int(self._registry.bales.references["lot"][row])

    def _place_of(self, row: int) -> Place:
        bales = self._registry.bales
        return int(bales.position[row]), int(bales.batch_row[row])


def count_conflicts(
    registry: Registry, requested: int
) -> tuple[int, list[amendments_pb2.ConflictCount]]:
    """Conflicts at a revision, 0 for the latest, by laboratory of the differing reading.

    With the revision counted at; sorted by laboratory. Raises ServiceError for a revision that
    is not there yet. One pass in memory; nothing is read of the ledger.
    """
    with registry.lock:
        revision = answered_at(requested, registry.revision)
        between, known = _all(registry.conflicts)
    stop = _begun(between, known, _last_place(revision))
    counts: Counter[tuple[int, ConflictState]] = Counter()
    for first in range(0, stop, LOOKED_AT_MAX):
        counts.update(
            (entry.laboratory, entry.state_at(revision))
            for entry in between(first, min(first + LOOKED_AT_MAX, stop))
        )
    names = registry.texts["laboratory"]
    laboratories = sorted({number for number, _ in counts}, key=lambda number: names[number])
    return revision, [
        amendments_pb2.ConflictCount(
            laboratory=names[number],
            open=counts[number, ConflictState.OPEN],
            kept=counts[number, ConflictState.KEPT],
            accepted=counts[number, ConflictState.ACCEPTED],
        )
        for number in laboratories
    ]


def _all(book: ConflictBook) -> tuple[Callable[[int, int], Sequence[ConflictEntry]], int]:
    """How to get at all conflicts by number, and how many there are."""
    return book.between, len(book)


def _of_bale(
    registry: Registry, key: BaleKey
) -> tuple[Callable[[int, int], Sequence[ConflictEntry]], int]:
    """How to get at the conflicts of one bale by number, and how many there are.

    Takes the lock; raises what reading rows on disk raises.
    """
    index = registry.bales.index
    high, low = np.asarray([key.high], np.uint64), np.asarray([key.low], np.uint64)
    key_row = int(index.find(high, low, index.hashes(high, low))[0])
    course = () if key_row == NOT_FOUND else registry.course_now(key_row)
    found = [
        registry.conflicts.at(each.conflict) for each in course if each.cause is Cause.CONFLICT
    ]
    entries = [entry for entry in found if entry is not None]
    return lambda first, stop: entries[first:stop], len(entries)


def _begun(between: Callable[[int, int], Sequence[ConflictEntry]], known: int, place: Place) -> int:
    """How many of the conflicts known began at a place or before: they are sorted by place."""
    return bisect_right(
        range(known), place, key=lambda number: between(number, number + 1)[0].place
    )


def _last_place(revision: int) -> Place:
    """A place behind every place of a revision."""
    return revision + 1, -1


def _resolved(entry: ConflictEntry) -> Place:
    return entry.resolved_position, entry.resolved_row


def _lot_numbers(registry: Registry, lot_nos: Iterable[str]) -> frozenset[int]:
    found = (registry.lots.number_of(each, crop_year_of_lot(each)) for each in lot_nos)
    return frozenset(number for number in found if number is not None)


def _laboratory_numbers(registry: Registry, names: Iterable[str]) -> frozenset[int]:
    found = (registry.texts["laboratory"].number_of(name) for name in names)
    return frozenset(number for number in found if number is not None)


def _are_of_two_seasons(one: LotEntry, other: LotEntry) -> bool:
    # Imported bales may be without a lot; what holds those has no season of its own.
    return bool(one.lot_no and other.lot_no) and one.season != other.season


def _are_at_two_warehouses(one: LotEntry, other: LotEntry, revision: int) -> bool:
    registered = one.registrations.at(revision), other.registrations.at(revision)
    warehouses = {"" if version is None else version.record.warehouse for version in registered}
    return len(warehouses) > 1 and "" not in warehouses
