"""Decisions about what is stored: withdrawals of bales and lots, resolutions of conflicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from cotton.inspection.v1 import amendments_pb2, common_pb2

from cotton_server.domain.identifiers import (
    bale_key,
    crop_year_of_lot,
    is_lot_no,
    usda_bale_key,
)
from cotton_server.intake.decode import TEXT_CHARACTERS_MAX
from cotton_server.intake.lot_faults import amendment_fault
from cotton_server.intake.versions import VERSIONS_MAX
from cotton_server.registry.conflicts import ConflictState, place_of
from cotton_server.registry.courses import (
    EVENTS_MAX,
    NO_ROW,
    BaleState,
    Cause,
    CourseEvent,
    after,
)
from cotton_server.registry.index import NOT_FOUND
from cotton_server.registry.kept import BaleEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton_server.registry.conflicts import ConflictEntry, Place
    from cotton_server.registry.registry import Registry

_DECISIONS: Final = {
    amendments_pb2.CONFLICT_DECISION_KEEP: ConflictState.KEPT,
    amendments_pb2.CONFLICT_DECISION_ACCEPT: ConflictState.ACCEPTED,
}


@dataclass(frozen=True, slots=True)
class LotWithdrawal:
    """A lot, by number, that is withdrawn; without amendment that is taken back."""

    number: int
    amendment: common_pb2.Amendment | None


@dataclass(frozen=True, slots=True)
class AmendmentsDecision:
    """The answer to a request, and what it changes, in order."""

    outcome: amendments_pb2.AmendmentsOutcome
    changes: list[BaleEvent | LotWithdrawal]


class _RefusedError(Exception):
    """A decision that cannot be carried out: field and what to do, and the revision in force."""

    def __init__(self, field: common_pb2.Field.ValueType, message: str, revision: int = 0) -> None:
        super().__init__(message)
        self.field, self.revision = field, revision


@dataclass(slots=True)
class _Overlay:
    """What earlier decisions of the same request have changed already."""

    registry: Registry
    bales: dict[int, list[CourseEvent]] = field(default_factory=dict)
    lots: dict[int, list[LotWithdrawal]] = field(default_factory=dict)
    conflicts: dict[Place, ConflictState] = field(default_factory=dict)

    def state(self, key_row: int) -> BaleState:
        state = self.registry.state(key_row)
        for event in self.bales.get(key_row, ()):
            state = after(state, event)
        return state

    def add(self, bale: BaleEvent) -> None:
        events = self.bales.setdefault(bale.key_row, [])
        if len(self.registry.course(bale.key_row)) + len(events) >= EVENTS_MAX:
            raise _RefusedError(
                common_pb2.FIELD_BALE_CODE,
                f"{EVENTS_MAX} events are recorded of the bale, as many as are held.",
            )
        events.append(bale.event)

    def is_lot_withdrawn(self, number: int) -> bool:
        changes = self.lots.get(number)
        if changes:
            return changes[-1].amendment is not None
        return self.registry.lots[number].withdrawn

    def add_lot(self, change: LotWithdrawal) -> None:
        changes = self.lots.setdefault(change.number, [])
        if len(self.registry.lots[change.number].withdrawals.all) + len(changes) >= VERSIONS_MAX:
            raise _RefusedError(
                common_pb2.FIELD_LOT_NO,
                f"{VERSIONS_MAX} withdrawals and reinstatements of the lot are stored, as many as"
                " are held.",
                self.registry.lots[change.number].changed_at,
            )
        changes.append(change)


def decide_withdrawals(
    withdrawals: Iterable[amendments_pb2.Withdrawal], registry: Registry, position: int
) -> AmendmentsDecision:
    """Decides withdrawals and reinstatements in order; `position` is where they will be stored."""
    decision = AmendmentsDecision(amendments_pb2.AmendmentsOutcome(), [])
    overlay = _Overlay(registry)
    for row, withdrawal in enumerate(withdrawals):
        try:
            _require_amendment(withdrawal.amendment)
            change, revision = (
                _withdraw_lot(withdrawal, overlay)
                if withdrawal.WhichOneof("subject") == "lot_no"
                else _withdraw_bale(withdrawal, overlay, position, row)
            )
        except _RefusedError as refused:
            _refuse(decision.outcome, row, _subject(withdrawal), refused)
        else:
            _tell(decision, row, _subject(withdrawal), change, revision)
    return decision


def decide_resolutions(
    resolutions: Iterable[amendments_pb2.ConflictResolution], registry: Registry, position: int
) -> AmendmentsDecision:
    """Decides what is to become of conflicts, in order."""
    decision = AmendmentsDecision(amendments_pb2.AmendmentsOutcome(), [])
    overlay = _Overlay(registry)
    for row, resolution in enumerate(resolutions):
        try:
            _require_amendment(resolution.amendment)
            change, revision = _resolve(resolution, overlay, position, row)
        except _RefusedError as refused:
            _refuse(decision.outcome, row, resolution.conflict_id, refused)
        else:
            _tell(decision, row, resolution.conflict_id, change, revision)
    return decision


def _require_amendment(amendment: common_pb2.Amendment) -> None:
    fault = amendment_fault(amendment)
    if fault is not None:
        name, message = fault
        raise _RefusedError(common_pb2.Field.Value(f"FIELD_{name.upper()}"), message)


def _withdraw_lot(
    withdrawal: amendments_pb2.Withdrawal, overlay: _Overlay
) -> tuple[LotWithdrawal | None, int]:
    registry, lot_no = overlay.registry, withdrawal.lot_no
    number = (
        registry.lots.number_of(lot_no, crop_year_of_lot(lot_no)) if is_lot_no(lot_no) else None
    )
    # A lot that only the other side of a conflict names has a number, and nothing else.
    if number is None or registry.lots[number].course.first is None:
        raise _RefusedError(common_pb2.FIELD_LOT_NO, "Nothing is stored of a lot of this number.")
    lot = registry.lots[number]
    named = withdrawal.amendment.supersedes_revision
    if named not in (0, lot.changed_at):
        raise _not_in_force(lot.changed_at)
    if overlay.is_lot_withdrawn(number) != withdrawal.reinstate:
        return None, lot.changed_at
    change = LotWithdrawal(number, None if withdrawal.reinstate else withdrawal.amendment)
    overlay.add_lot(change)
    return change, lot.changed_at


def _withdraw_bale(
    withdrawal: amendments_pb2.Withdrawal, overlay: _Overlay, position: int, row: int
) -> tuple[BaleEvent | None, int]:
    key_row = _key_row(withdrawal, overlay.registry)
    state = overlay.state(key_row)
    if state.in_force == NO_ROW:
        raise _RefusedError(
            common_pb2.FIELD_BALE_CODE, "No reading of the bale is in force; nothing counts of it."
        )
    if withdrawal.amendment.supersedes_revision not in (0, state.since):
        raise _not_in_force(state.since)
    if state.withdrawn != withdrawal.reinstate:
        return None, state.since
    cause = Cause.REINSTATED if withdrawal.reinstate else Cause.WITHDRAWN
    event = BaleEvent(key_row, CourseEvent(cause, position, row))
    overlay.add(event)
    return event, state.since


def _key_row(withdrawal: amendments_pb2.Withdrawal, registry: Registry) -> int:
    usda = withdrawal.usda_bale
    key = (
        usda_bale_key(usda.crop_year, usda.bale_id)
        if withdrawal.HasField("usda_bale")
        else bale_key(withdrawal.bale_code)
    )
    if key is None:
        raise _RefusedError(
            common_pb2.FIELD_BALE_CODE,
            "Name a lot by 11 digits, or a bale by 32 digits or by crop year and 12 digits.",
        )
    high, low = np.asarray([key.high], np.uint64), np.asarray([key.low], np.uint64)
    index = registry.bales.index
    row = int(index.find(high, low, index.hashes(high, low))[0])
    if row == NOT_FOUND:
        raise _RefusedError(common_pb2.FIELD_BALE_CODE, "No reading of the bale is stored.")
    return row


def _resolve(
    resolution: amendments_pb2.ConflictResolution, overlay: _Overlay, position: int, row: int
) -> tuple[BaleEvent | None, int]:
    entry = _conflict(resolution, overlay.registry)
    wanted = _DECISIONS.get(resolution.decision)
    if wanted is None:
        raise _RefusedError(common_pb2.FIELD_DECISION, "Decide to keep or to accept.")
    current = overlay.conflicts.get(entry.place, entry.state_at(position))
    state = overlay.state(entry.key_row)
    if current is wanted:
        return None, state.since
    if current is not ConflictState.OPEN:
        raise _RefusedError(
            common_pb2.FIELD_DECISION,
            "The conflict was decided otherwise at revision"
            f" {entry.resolved_position or position}. Correct"
            " the bale if that was wrong.",
            state.since,
        )
    named = resolution.amendment.supersedes_revision
    # Whoever accepts has seen the reading that it differed from; if another is in force since,
    # that one has to be named.
    changed = wanted is ConflictState.ACCEPTED and state.since != entry.stored_revision
    if named != state.since and (named or changed):
        raise _not_in_force(state.since)
    if wanted is ConflictState.KEPT:
        event = CourseEvent(Cause.KEPT, position, row, conflict=entry.place)
    elif state.withdrawn:
        raise _RefusedError(
            common_pb2.FIELD_DECISION,
            "The bale is withdrawn. Reinstate it first, or keep the reading.",
            state.since,
        )
    else:
        event = CourseEvent(
            Cause.ACCEPTED,
            position,
            row,
            row=entry.row,
            comes_into_force=True,
            supersedes=state.in_force,
            superseded_revision=state.since,
            conflict=entry.place,
        )
    bale = BaleEvent(entry.key_row, event)
    overlay.add(bale)
    overlay.conflicts[entry.place] = wanted
    return bale, state.since


def _conflict(resolution: amendments_pb2.ConflictResolution, registry: Registry) -> ConflictEntry:
    place = place_of(resolution.conflict_id)
    entry = None if place is None else registry.conflicts.at(place)
    if entry is None:
        raise _RefusedError(
            common_pb2.FIELD_CONFLICT_ID,
            "No conflict has this id. Ids are the revision and row at which it began: 1234/17.",
        )
    return entry


def _not_in_force(revision: int) -> _RefusedError:
    return _RefusedError(
        common_pb2.FIELD_SUPERSEDES_REVISION,
        f"What is in force is of revision {revision}. Look at it, and decide again.",
        revision,
    )


def _subject(withdrawal: amendments_pb2.Withdrawal) -> str:
    usda = withdrawal.usda_bale
    texts = {
        "lot_no": withdrawal.lot_no,
        "bale_code": withdrawal.bale_code,
        "usda_bale": f"{usda.crop_year}/{usda.bale_id}",
    }
    return texts.get(withdrawal.WhichOneof("subject") or "", "")


def _refuse(
    outcome: amendments_pb2.AmendmentsOutcome, row: int, subject: str, refused: _RefusedError
) -> None:
    outcome.received += 1
    outcome.rejected += 1
    outcome.results.add(
        row=row,
        subject=subject[:TEXT_CHARACTERS_MAX],
        outcome=amendments_pb2.AMENDMENT_OUTCOME_REJECTED,
        field=refused.field,
        message=str(refused),
        stored_revision=refused.revision,
    )


def _tell(
    decision: AmendmentsDecision,
    row: int,
    subject: str,
    change: BaleEvent | LotWithdrawal | None,
    revision: int,
) -> None:
    decision.outcome.received += 1
    if change is not None:
        decision.outcome.applied += 1
        decision.changes.append(change)
        return
    decision.outcome.existing += 1
    decision.outcome.results.add(
        row=row,
        subject=subject,
        outcome=amendments_pb2.AMENDMENT_OUTCOME_EXISTS,
        stored_revision=revision,
    )
