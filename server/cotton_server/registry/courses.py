"""The course of a bale: what happened to it beyond its first reading, as events that never change.

Most bales have none of this: one original reading, stored in one row. What happened to the
others is a list of events; where the bale stands at a revision follows from those up to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from cotton.inspection.v1 import trace_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NO_ROW: Final = -1

EVENTS_MAX: Final = 256
"""Events held of one bale: far more than ever happen, and an end for a sender that runs wild."""

READINGS_UNTIL: Final = 96
"""Events up to which a further reading that differs, or a further re-test, is held."""

CORRECTIONS_UNTIL: Final = 128
"""Events up to which a correction is held. Of what is left, every conflict can be decided, and the
bale withdrawn: no sender puts a bale out of reach of those who decide."""


class Cause(IntEnum):
    """What happened; the numbers of the enum BaleEventKind."""

    READ = trace_pb2.BALE_EVENT_KIND_READ
    CORRECTED = trace_pb2.BALE_EVENT_KIND_CORRECTED
    RETESTED = trace_pb2.BALE_EVENT_KIND_RETESTED
    CONFLICT = trace_pb2.BALE_EVENT_KIND_CONFLICT
    KEPT = trace_pb2.BALE_EVENT_KIND_CONFLICT_KEPT
    ACCEPTED = trace_pb2.BALE_EVENT_KIND_CONFLICT_ACCEPTED
    WITHDRAWN = trace_pb2.BALE_EVENT_KIND_WITHDRAWN
    REINSTATED = trace_pb2.BALE_EVENT_KIND_REINSTATED


@dataclass(frozen=True, slots=True)
class CourseEvent:
    """One event of a bale.

    `position` and `batch_row` say where it is recorded. `row` is the row of the store that holds
    the reading it brings, NO_ROW where it brings none. `comes_into_force`: whether that reading is
    in force from here on; `supersedes` is then the row that it takes the place of, NO_ROW for
    none, and `superseded_revision` the revision that brought that one into force. `conflict` is
    the place of the conflict that it begins or resolves: its position and row in the batch.
    """

    cause: Cause
    position: int
    batch_row: int
    row: int = NO_ROW
    comes_into_force: bool = False
    supersedes: int = NO_ROW
    superseded_revision: int = 0
    conflict: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class BaleState:
    """Where a bale stands after some events.

    `in_force` is the row of the reading in force and `since` the revision that brought it into
    force: what a correction has to name. `first` is the row of the first inspection as corrected.
    Both also while the bale is withdrawn, when neither counts. `original` is the row that an
    original reading brought, `retests` those of all re-tests in order of arrival. `left` gives
    for every row that was in force and is no longer, and for an original that never was because a
    re-test stands, what took its place; `conflicts` the row and the place of every reading that
    differed.
    """

    in_force: int = NO_ROW
    since: int = 0
    first: int = NO_ROW
    original: int = NO_ROW
    withdrawn: bool = False
    retests: tuple[int, ...] = ()
    left: tuple[tuple[int, Cause], ...] = ()
    conflicts: tuple[tuple[int, tuple[int, int]], ...] = ()

    @property
    def counted(self) -> int:
        """The row that counts in figures in force, NO_ROW while withdrawn."""
        return NO_ROW if self.withdrawn else self.in_force

    @property
    def counted_first(self) -> int:
        """The row that counts in the statistics of first inspections."""
        return NO_ROW if self.withdrawn else self.first


def after(state: BaleState, event: CourseEvent) -> BaleState:
    """The state after one more event."""
    match event.cause:
        case Cause.WITHDRAWN | Cause.REINSTATED:
            return replace(state, withdrawn=event.cause is Cause.WITHDRAWN)
        case Cause.CONFLICT if event.row != NO_ROW:  # else the same differing reading once more
            state = replace(state, conflicts=(*state.conflicts, (event.row, event.conflict)))
        case Cause.RETESTED:
            state = replace(state, retests=(*state.retests, event.row))
        case Cause.READ:
            state = replace(state, original=event.row, first=event.row)
            if not event.comes_into_force:  # a re-test that came before it stands in its place
                state = replace(state, left=(*state.left, (event.row, Cause.RETESTED)))
        case Cause.CORRECTED | Cause.ACCEPTED if state.first == event.supersedes:
            # A re-test in force may be corrected too: the first inspection is not touched then.
            state = replace(state, first=event.row)
    if not event.comes_into_force:
        return state
    left = state.left
    if state.in_force != NO_ROW:
        left = (*left, (state.in_force, event.cause))
    return replace(state, in_force=event.row, since=event.position, left=left)


def state_after(events: Iterable[CourseEvent]) -> BaleState:
    """Where a bale stands after its events."""
    state = BaleState()
    for event in events:
        state = after(state, event)
    return state


EVENT_COLUMNS: Final[Mapping[str, npt.DTypeLike]] = {
    "key_row": np.int32,
    "cause": np.uint8,
    "position": np.uint32,
    "batch_row": np.uint32,
    "row": np.int32,
    "comes_into_force": np.bool_,
    "supersedes": np.int32,
    "superseded_revision": np.uint32,
    "conflict_position": np.uint32,
    "conflict_row": np.uint32,
}
"""Columns of events with their dtypes: 32 bytes an event, in place of some 400."""

EventColumns: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""Events in columns, those of one bale one after the other, bales sorted by `key_row`."""


class CourseBook:
    """The courses of the bales that have one, by the row that the duplicate index gives.

    Courses that the book began with stay in columns until another event is added to them.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self._events: dict[int, list[CourseEvent]] = {}
        self._states: dict[int, BaleState] = {}
        self._kept: EventColumns = {
            name: np.zeros(0, dtype) for name, dtype in EVENT_COLUMNS.items()
        }
        self._bales = 0

    def __len__(self) -> int:
        """Bales with a course."""
        return self._bales

    def events(self, key_row: int) -> Sequence[CourseEvent]:
        """The events of a bale, none for one that was read once and no more."""
        events = self._events.get(key_row)
        return self._kept_events(key_row) if events is None else events

    def state(self, key_row: int) -> BaleState:
        """Where a bale with a course stands."""
        state = self._states.get(key_row)
        return state_after(self._begun(key_row)) if state is None else state

    def begin(self, key_row: int, first: CourseEvent | None) -> None:
        """Makes sure that a bale has a course, which begins with its first event."""
        if key_row in self._events or self._kept_events(key_row):
            return
        self._states[key_row] = BaleState()
        self._events[key_row] = []
        self._bales += 1
        if first is not None:
            self.add(key_row, first)

    def add(self, key_row: int, event: CourseEvent) -> None:
        """Adds an event to a course that was begun."""
        if key_row not in self._events:
            events = self._begun(key_row)
            self._states[key_row] = state_after(events)
            self._events[key_row] = events
        self._events[key_row].append(event)
        self._states[key_row] = after(self._states[key_row], event)

    def key_rows(self) -> npt.NDArray[np.int32]:
        """The rows that the duplicate index gives for the bales with a course, ascending."""
        added = np.fromiter(self._events, np.int32, len(self._events))
        return np.union1d(self._kept["key_row"], added)

    def columns(self) -> EventColumns:
        """All events, as `begin_with` takes them."""
        kept, added = self._kept, sorted(self._events)
        left = ~np.isin(kept["key_row"], added)
        rows = [(key_row, *_flat(event)) for key_row in added for event in self._events[key_row]]
        new = zip(*rows, strict=True) if rows else [()] * len(EVENT_COLUMNS)
        found = {
            name: np.concatenate([kept[name][left], np.array(values, dtype)])
            for (name, dtype), values in zip(EVENT_COLUMNS.items(), new, strict=True)
        }
        order = np.argsort(found["key_row"], kind="stable")
        return {name: column[order] for name, column in found.items()}

    def begin_with(self, columns: EventColumns) -> None:
        """Takes the courses of another book into an empty one."""
        if self._bales:
            raise AssertionError("courses that were there come before all others")
        self._kept = {name: columns[name].astype(dtype) for name, dtype in EVENT_COLUMNS.items()}
        self._bales = len(np.unique(self._kept["key_row"]))

    def _begun(self, key_row: int) -> list[CourseEvent]:
        events = self._kept_events(key_row)
        if not events:
            raise AssertionError("a course is begun before anything is added to it")
        return events

    def _kept_events(self, key_row: int) -> list[CourseEvent]:
        rows = self._kept["key_row"]
        start = int(rows.searchsorted(rows.dtype.type(key_row)))
        stop = start
        while stop < len(rows) and rows[stop] == key_row:
            stop += 1
        if start == stop:
            return []
        columns = (self._kept[name][start:stop].tolist() for name in EVENT_COLUMNS)
        return [
            CourseEvent(Cause(cause), at, place, row, comes, over, since, (conflict, conflict_row))
            for _, cause, at, place, row, comes, over, since, conflict, conflict_row in zip(
                *columns, strict=True
            )
        ]


def _flat(event: CourseEvent) -> tuple[int, ...]:
    """An event as the columns have it, but for the row of its bale."""
    return (
        event.cause,
        event.position,
        event.batch_row,
        event.row,
        event.comes_into_force,
        event.supersedes,
        event.superseded_revision,
        *event.conflict,
    )
