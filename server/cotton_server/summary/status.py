"""The status of a lot at a revision: its state, its steps, its deadlines and its age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from cotton.inspection.v1 import lots_pb2, summary_pb2

from cotton_server.registry.lifecycle import LotState
from cotton_server.summary.dates import china_day, day_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cotton_server.registry.lifecycle import Moment
    from cotton_server.registry.lots import LotEntry
    from cotton_server.registry.records import Version, Versions
    from cotton_server.registry.registry import Registry
    from cotton_server.registry.runs import RunArray

_T = TypeVar("_T")

_SECOND_US = 1_000_000
_TESTED = frozenset({LotState.TESTED, LotState.FINAL, LotState.REVISED})


class Deadlines(NamedTuple):
    """Calendar days after the day on which a certificate or an objection was received.

    The last day is included (`[deadlines]` of the rule set).
    """

    objection_days: int
    decision_days: int


class AsOf(NamedTuple):
    """A revision, and the instant that ages and deadlines are told at, in seconds since 1970."""

    revision: int
    instant_s: int


@dataclass(frozen=True, slots=True)
class LotPast:
    """What of a lot at a revision has to be copied while the registry stands still.

    `bales` are in force, `bales_withdrawn` were withdrawn one by one. `last_read` is the position
    of the last reading that came into its figures, 0 without one; `changed` the last position
    that touched it.
    """

    entry: LotEntry
    revision: int
    bales: int
    bales_withdrawn: int
    open_conflicts: int
    last_read: int
    changed: int
    objections: tuple[Versions[lots_pb2.LotObjection], ...]


def lot_past(registry: Registry, entry: LotEntry, revision: int, *, bales: int) -> LotPast:
    """Copies what changes in place; takes the registry's lock, and reads rows without it.

    `bales` are those in force at the revision. Raises what reading rows on disk raises.
    """
    with registry.lock:
        last = entry.course.read_last
        is_known = last is None or last.position <= revision
        runs = np.array(() if is_known else entry.runs, np.int32).reshape(-1, 2)
        withdrawn = entry.course.withdrawn_bales_at(revision)
        open_conflicts = registry.conflicts.open_in_lot(entry.number, revision)
        changed = _changed(entry, revision)
        objections = tuple(entry.objections.values())
    known = last.position if last is not None and is_known else 0
    last_read = known or _last_read(registry, runs, revision)
    return LotPast(
        entry=entry,
        revision=revision,
        bales=bales,
        bales_withdrawn=withdrawn,
        open_conflicts=open_conflicts,
        last_read=last_read,
        changed=max(changed, last_read),
        objections=objections,
    )


def lot_status(
    past: LotPast, as_of: AsOf, deadlines: Deadlines, received_at_us: Callable[[int], int]
) -> summary_pb2.LotStatus:
    """The status of a lot that was there at the revision.

    Versions and steps are only ever added to, so they are read without the lock;
    `received_at_us` gives when the entry at a position was received.
    """
    entry, revision, course = past.entry, past.revision, past.entry.course
    step = course.step_at(revision)
    if step is None:
        raise AssertionError("a lot of which nothing had arrived has no status")
    _, standing = step
    registration = entry.registrations.at(revision)
    final = _by(course.final, revision)
    revisions = [moment for moment in course.revisions if moment.position <= revision]
    last_read = course.read_last
    status = summary_pb2.LotStatus(
        lot_no=entry.lot_no,
        season=entry.season,
        state=standing.state,  # type: ignore[arg-type]  # the numbers of that enum
        holds=standing.holds,  # type: ignore[arg-type]  # the numbers of that enum
        declared_bales=0 if registration is None else registration.record.declared_bales,
        bales=past.bales,
        bales_withdrawn=past.bales_withdrawn,
        open_conflicts=past.open_conflicts,
        registered_at_us=_received(entry.registrations.first_at(revision)),
        first_read_at_us=_at_us(_by(course.read_first, revision)),
        weighed_at_us=_received(entry.weights.first_at(revision)),
        tested_at_us=_at_us(_tested(entry, revision)),
        final_at_us=_at_us(final),
        final_revision=0 if final is None else final.position,
        revised_at_us=revisions[-1].received_at_us if revisions else 0,
        revised_revision=revisions[-1].position if revisions else 0,
        gate_in_at_s=0 if registration is None else registration.record.gate_in_at_s,
        as_of_s=as_of.instant_s,
        changed_revision=past.changed,
        registration_revision=0 if registration is None else registration.position,
        weight_revision=_position(entry.weights.at(revision)),
    )
    if past.last_read:
        known = last_read is not None and last_read.position == past.last_read
        status.last_read_at_us = (
            last_read.received_at_us
            if known and last_read is not None
            else received_at_us(past.last_read)
        )
    if (closure := entry.closures.at(revision)) is not None:
        status.closure.CopyFrom(closure.record)
    withdrawal = entry.withdrawals.at(revision)
    if withdrawal is not None and withdrawal.record is not None:
        status.withdrawn_at_us = withdrawal.received_at_us
        status.withdrawal.CopyFrom(withdrawal.record)
    _set_certificates(status, entry, revision)
    if status.gate_in_at_s:
        status.age_s = (status.certified_at_s or status.as_of_s) - status.gate_in_at_s
    _set_objections(status, past, deadlines)
    return status


def certificate_numbers(entry: LotEntry, revision: int) -> tuple[str, str]:
    """The numbers of the quality and the weight certificate at a revision; "" without."""
    quality = entry.quality_certificates.at(revision)
    weight = entry.weight_certificates.at(revision)
    registration, weighing = entry.registrations.at(revision), entry.weights.at(revision)
    quality_no = weight_no = ""
    if quality is not None:
        quality_no = quality.record.quality_certificate_no
    elif registration is not None:
        quality_no = registration.record.quality_certificate_no
    if weight is not None:
        weight_no = weight.record.weight_certificate_no
    elif weighing is not None:
        weight_no = weighing.record.weight_certificate_no
    return quality_no, weight_no


def _set_certificates(status: summary_pb2.LotStatus, entry: LotEntry, revision: int) -> None:
    """The numbers of both certificates, whichever records brought them, and their dates."""
    quality = entry.quality_certificates.at(revision)
    weight = entry.weight_certificates.at(revision)
    quality_no, weight_no = certificate_numbers(entry, revision)
    if quality is not None:
        status.certified_at_s = quality.record.issued_at_s or quality.received_at_us // _SECOND_US
    elif quality_no:
        status.certified_at_s = _first_with(quality_no, entry, revision) // _SECOND_US
    if quality_no or weight_no:
        issued = quality or weight
        status.certificates.CopyFrom(
            lots_pb2.LotCertificates(
                lot_no=entry.lot_no,
                quality_certificate_no=quality_no,
                weight_certificate_no=weight_no,
                issued_at_s=0 if issued is None else issued.record.issued_at_s,
            )
        )


def _first_with(quality_no: str, entry: LotEntry, revision: int) -> int:
    """When the number in the registration in force came: later versions may have kept it."""
    came = 0
    for version in entry.registrations.all:
        if version.position > revision:
            break
        if version.record.quality_certificate_no != quality_no:
            came = 0
        elif not came:
            came = version.received_at_us
    return came


def _set_objections(status: summary_pb2.LotStatus, past: LotPast, deadlines: Deadlines) -> None:
    last_day = None
    if status.certified_at_s:
        last_day = china_day(status.certified_at_s) + deadlines.objection_days
        status.objection_until = day_text(last_day)
    today = china_day(status.as_of_s)
    for versions in past.objections:
        version = versions.at(past.revision)
        if version is None:
            continue
        objection = version.record
        raised = china_day(objection.raised_at_s)
        decide_until = raised + deadlines.decision_days
        decided = china_day(objection.decided_at_s) if objection.decision else today
        status.objections.add(
            objection=objection,
            decision_until=day_text(decide_until),
            late=last_day is not None and raised > last_day,
            overdue=decided > decide_until,
        )


def _tested(entry: LotEntry, revision: int) -> Moment | None:
    """When the laboratory's closure first agreed with what is stored."""
    for moment, standing in entry.course.steps:
        if moment.position > revision:
            return None
        if standing.state in _TESTED:
            return moment
    return None


def _last_read(registry: Registry, runs: RunArray, revision: int) -> int:
    """The position of the last reading up to a revision, of those in row ranges of a lot."""
    bales = registry.bales
    for row in _rows_backward(runs, registry.rows_at(revision)):
        position, place = int(bales.position[row]), int(bales.batch_row[row])
        # The reading of a conflict came into force when it was accepted: it was not read then.
        if registry.conflicts.at((position, place)) is None:
            return position
    return 0


def _rows_backward(runs: RunArray, count: int) -> Iterator[int]:
    """Rows of the ranges that are below `count`, the youngest first."""
    runs = runs[runs[:, 0] < count]
    for start, stop in runs[np.argsort(runs[:, 0])[::-1]].tolist():
        yield from range(min(stop, count) - 1, start - 1, -1)


def _changed(entry: LotEntry, revision: int) -> int:
    """The last position that touched the lot otherwise than by a reading that counts since.

    Every touch left a record, a row or a toggle.
    """
    if entry.changed_at <= revision:
        return entry.changed_at
    chains: tuple[Versions[Any], ...] = (
        entry.registrations,
        entry.weights,
        entry.closures,
        entry.quality_certificates,
        entry.weight_certificates,
        entry.units,
        entry.withdrawals,
        *entry.objections.values(),
    )
    toggled = (
        position
        for toggles in (entry.out_of_force, entry.out_of_first)
        for positions in toggles.values()
        for position in positions
        if position <= revision
    )
    return max(0, *(_position(chain.at(revision)) for chain in chains), *toggled)


def _by(moment: Moment | None, revision: int) -> Moment | None:
    return moment if moment is not None and moment.position <= revision else None


def _at_us(moment: Moment | None) -> int:
    return 0 if moment is None else moment.received_at_us


def _received(version: Version[_T] | None) -> int:
    return 0 if version is None else version.received_at_us


def _position(version: Version[_T] | None) -> int:
    return 0 if version is None else version.position
