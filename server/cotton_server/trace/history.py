"""The history of a bale: what stood of it at a revision, and every event until then."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np
from cotton.inspection.v1 import trace_pb2

from cotton_server.errors import Reason, ServiceError
from cotton_server.registry.conflicts import conflict_id
from cotton_server.registry.courses import NO_ROW, BaleState, Cause, state_after
from cotton_server.registry.index import NOT_FOUND
from cotton_server.trace.readings import readings_of
from cotton_server.trace.recorded import Detail, recorded
from cotton_server.trace.revisions import answered_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton.inspection.v1 import readings_pb2

    from cotton_server.domain.identifiers import BaleKey
    from cotton_server.ledger import Ledger
    from cotton_server.registry.conflicts import Place
    from cotton_server.registry.courses import CourseEvent
    from cotton_server.registry.lots import LotAt
    from cotton_server.registry.registry import Registry
    from cotton_server.trace.recorded import Recorded

_DETAIL: Final = {
    Cause.READ: Detail.COMPARISON,
    Cause.CORRECTED: Detail.AMENDMENT,
    Cause.RETESTED: Detail.COMPARISON,
    Cause.CONFLICT: Detail.NONE,
    Cause.KEPT: Detail.AMENDMENT,
    Cause.ACCEPTED: Detail.AMENDMENT,
    Cause.WITHDRAWN: Detail.AMENDMENT,
    Cause.REINSTATED: Detail.AMENDMENT,
}


@dataclass(frozen=True, slots=True)
class BaleAt:
    """A bale at a revision.

    `row` of the store holds its reading: the one in force; while the bale is withdrawn the one
    that was; the first re-test where only re-tests have come and none is in force
    (`awaiting_original`). `brought` is the event that made it so: for a reading that was
    accepted out of a conflict the acceptance, whose revision is what a correction has to name.
    `lot` is the lot of that reading. `history` are all events until then in order of revision
    and row: not more than `courses.EVENTS_MAX`.
    """

    revision: int
    key: BaleKey
    row: int
    reading: readings_pb2.Reading
    brought: trace_pb2.BaleEvent
    lot: LotAt
    withdrawn: bool
    awaiting_original: bool
    history: Sequence[trace_pb2.BaleEvent]


def bale_at(key: BaleKey, requested: int, registry: Registry, ledger: Ledger) -> BaleAt:
    """A bale at a revision, 0 for the latest.

    Raises ServiceError for a revision that is not there yet, and when nothing of the bale had
    arrived.
    """
    bales = registry.bales
    high, low = np.asarray([key.high], np.uint64), np.asarray([key.low], np.uint64)
    # The revision first: all that belongs to it is there, and what comes later is left out.
    revision = answered_at(requested, registry.revision)
    key_row = int(bales.index.find(high, low, bales.index.hashes(high, low))[0])
    events = () if key_row == NOT_FOUND else registry.course_now(key_row)
    events = events[: bisect_right(events, revision, key=lambda event: event.position)]
    if not events:
        raise ServiceError(
            Reason.NOT_FOUND, f"No reading of bale {key} was stored at revision {revision}."
        )
    state = state_after(events)
    brought = _brought(events, state)
    entry = registry.lots.looked_at(int(bales.references["lot"][brought.row]))
    with registry.lock:
        lot = entry.at(revision, registry.rows_at(revision))
    told = recorded(ledger, {_place(each): _DETAIL[each.cause] for each in events})
    history = _messages(events, state, told, registry)
    shown = history[events.index(brought)]
    return BaleAt(
        revision=revision,
        key=key,
        row=brought.row,
        reading=shown.reading,
        brought=shown,
        lot=lot,
        withdrawn=state.withdrawn,
        awaiting_original=state.in_force == NO_ROW,
        history=history,
    )


def _brought(events: Sequence[CourseEvent], state: BaleState) -> CourseEvent:
    """The event that brought the reading to show."""
    row = state.retests[0] if state.in_force == NO_ROW else state.in_force
    return next(event for event in events if event.row == row and event.cause is not Cause.CONFLICT)


def _place(event: CourseEvent) -> Place:
    return event.position, event.batch_row


def _messages(
    events: Sequence[CourseEvent],
    state: BaleState,
    told: Mapping[Place, Recorded],
    registry: Registry,
) -> list[trace_pb2.BaleEvent]:
    rows = [event.row for event in events if event.row != NO_ROW]
    amendments = {
        event.row: amendment
        for event in events
        if event.cause is Cause.CORRECTED
        and (amendment := told[_place(event)].amendment) is not None
    }
    readings = iter(readings_of(registry, rows, amendments))
    return [
        _message(event, state, told[_place(event)], None if event.row == NO_ROW else next(readings))
        for event in events
    ]


def _message(
    event: CourseEvent,
    state: BaleState,
    told: Recorded,
    reading: readings_pb2.Reading | None,
) -> trace_pb2.BaleEvent:
    # A reading that was accepted belongs to two events. The acceptance answers for it, so that
    # one event at most is in force, and one at most counts as first inspection.
    answers_for_it = event.row != NO_ROW and event.cause is not Cause.CONFLICT
    return trace_pb2.BaleEvent(
        revision=event.position,
        row=event.batch_row,
        kind=cast("trace_pb2.BaleEventKind.ValueType", int(event.cause)),
        received_at_us=told.received_at_us,
        producer_id=told.producer,
        principal=told.principal,
        reading=reading,
        amendment=told.amendment,
        conflict_id="" if event.conflict == (0, 0) else conflict_id(event.conflict),
        comparison=told.comparison,
        in_force=answers_for_it and event.row == state.counted,
        first_inspection=answers_for_it and event.row == state.counted_first,
        superseded_revision=event.superseded_revision,
    )
