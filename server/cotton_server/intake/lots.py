"""One outcome per record of a lot: checked, compared with what is in force, kept or not."""

from __future__ import annotations

from collections import Counter
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from cotton.inspection.v1 import common_pb2, lots_pb2

from cotton_server.domain.identifiers import (
    crop_year_of_lot,
    gin_of_lot,
    is_lot_no,
    line_of_lot,
)
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.check import WARNINGS_LISTED_MAX
from cotton_server.intake.decode import TEXT_CHARACTERS_MAX
from cotton_server.intake.lot_faults import (
    AmendableRecord,
    Fault,
    LotRecord,
    Warned,
    amended_fault,
    certificate_faults,
    closure_faults,
    lot_faults,
    lot_warnings,
    objection_faults,
    spelled_value,
    unit_faults,
    weight_faults,
    weight_warnings,
)
from cotton_server.intake.versions import COUNTED_IN, CREATED, TAKEN, Met, compared, repeated
from cotton_server.registry.lots import LotEntry
from cotton_server.registry.records import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cotton_server.intake.rules import RuleSet
    from cotton_server.registry.records import Versions
    from cotton_server.registry.registry import Registry

RecordT = TypeVar(
    "RecordT",
    lots_pb2.Lot,
    lots_pb2.LotWeight,
    lots_pb2.LotClosure,
    lots_pb2.LotCertificates,
    lots_pb2.UnitLot,
)
_AnyT = TypeVar("_AnyT", bound=AmendableRecord)


OBJECTIONS_MAX: Final = 100
"""Objections held to one lot."""


@dataclass(frozen=True, slots=True)
class LotsDecision:
    """The answer to a request, and the records that come into force, in order.

    Of certificates a record has only the numbers that come into force: sent again beside a new
    one, a number that is stored stays as it was, with its day of issue and its revision.
    """

    outcome: lots_pb2.LotsOutcome
    accepted: list[LotRecord]


_CERTIFICATE_NUMBERS: Final = ("quality_certificate_no", "weight_certificate_no")
_SEVEREST_FIRST: Final = (
    lots_pb2.LOT_OUTCOME_REJECTED,
    lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
    lots_pb2.LOT_OUTCOME_CORRECTED,
    lots_pb2.LOT_OUTCOME_CREATED,
    lots_pb2.LOT_OUTCOME_SUPERSEDED,
    lots_pb2.LOT_OUTCOME_EXISTS,
)


def decide_lots(
    lots: Iterable[lots_pb2.Lot], registry: Registry, rules: RuleSet, position: int
) -> LotsDecision:
    """Decides registrations in order."""
    return _decide(
        map(_completed, lots),
        registry,
        position,
        lambda lot: lot_faults(lot, rules),
        lambda lot: list(lot_warnings(lot, rules)),
        lambda entry, _lot: {"": entry.registrations},
    )


def decide_weights(
    weights: Iterable[lots_pb2.LotWeight], registry: Registry, rules: RuleSet, position: int
) -> LotsDecision:
    """Decides weight records in order; a lot need not be registered to be weighed."""
    return _decide(
        weights,
        registry,
        position,
        lambda weight: weight_faults(weight, rules),
        lambda weight: list(weight_warnings(weight, rules)),
        lambda entry, _weight: {"": entry.weights},
    )


def decide_closures(
    closures: Iterable[lots_pb2.LotClosure], registry: Registry, rules: RuleSet, position: int
) -> LotsDecision:
    """Decides closures in order; whether their counts agree is the lot's state, not theirs."""
    return _decide(
        closures,
        registry,
        position,
        lambda closure: closure_faults(closure, rules),
        lambda _closure: (),
        lambda entry, _closure: {"": entry.closures},
    )


def decide_certificates(
    certificates: Iterable[lots_pb2.LotCertificates],
    registry: Registry,
    rules: RuleSet,
    position: int,
) -> LotsDecision:
    """Decides certificates in order; those of quality and of weight each by themselves."""
    return _decide(
        certificates,
        registry,
        position,
        lambda record: certificate_faults(record, rules),
        lambda _record: (),
        _certificate_chains,
    )


def _certificate_chains(
    entry: LotEntry, record: lots_pb2.LotCertificates
) -> Mapping[str, Versions[lots_pb2.LotCertificates]]:
    chains = {}
    if record.quality_certificate_no:
        chains["quality_certificate_no"] = entry.quality_certificates
    if record.weight_certificate_no:
        chains["weight_certificate_no"] = entry.weight_certificates
    return chains


def decide_unit_lots(
    units: Iterable[lots_pb2.UnitLot], registry: Registry, _rules: RuleSet, position: int
) -> LotsDecision:
    """Decides in order which units lots are of; that of a lot not registered waits until it is."""
    return _decide(
        units,
        registry,
        position,
        unit_faults,
        lambda _unit: (),
        lambda entry, _unit: {"": entry.units},
    )


def decide_objections(
    objections: Iterable[lots_pb2.LotObjection],
    registry: Registry,
    rules: RuleSet,
    position: int,
) -> LotsDecision:
    """Decides objections in order: each is raised once and decided once."""
    outcome = lots_pb2.LotsOutcome()
    accepted: list[LotRecord] = []
    overlay: dict[tuple[str, str], list[Version[lots_pb2.LotObjection]]] = {}
    new_of_lot: Counter[str] = Counter()
    for row, objection in enumerate(objections):
        outcome.received += 1
        fault = next(objection_faults(objection, rules), None)
        if fault is not None:
            _reject(outcome, row, objection.lot_no, fault)
            continue
        entry = _entry(registry, objection.lot_no)
        stored = None if entry is None else entry.objections.get(objection.objection_no)
        key = (objection.lot_no, objection.objection_no)
        is_new = stored is None and key not in overlay
        known = new_of_lot[objection.lot_no] + (0 if entry is None else len(entry.objections))
        if is_new and known >= OBJECTIONS_MAX:
            _reject(outcome, row, objection.lot_no, _too_many_objections(objection))
            continue
        versions = [*(stored.all if stored else ()), *overlay.get(key, ())]
        met = _objection_met(objection, versions)
        if met.outcome == lots_pb2.LOT_OUTCOME_CREATED:
            accepted.append(objection)
            overlay.setdefault(key, []).append(Version(position, 0, objection))
            new_of_lot[objection.lot_no] += is_new
        _tell(outcome, row, objection, met)
    return LotsDecision(outcome, accepted)


def refuse_bad_request(count: int, limit: int, what: str) -> None:
    """Raises ServiceError when a request holds no record or too many."""
    if count == 0:
        raise ServiceError(
            Reason.MISSING_FIELD, f"The request holds no {what}.", {what: "none given"}
        )
    if count > limit:
        raise ServiceError(
            Reason.BATCH_TOO_LARGE,
            f"The request holds {count} {what}; at most {limit} are taken in one.",
            {what: f"{count}, limit {limit}"},
        )


def _decide(
    records: Iterable[RecordT],
    registry: Registry,
    position: int,
    faults_of: Callable[[RecordT], Iterator[Fault]],
    warnings_of: Callable[[RecordT], Sequence[Warned]],
    chains_of: Callable[[LotEntry, RecordT], Mapping[str, Versions[RecordT]]],
) -> LotsDecision:
    """Decides records in order; `position` is where the request will be stored.

    `chains_of` gives what a record of a lot is compared with, by the one field that differs
    between chains, "" where there is only one.
    """
    outcome = lots_pb2.LotsOutcome()
    accepted: list[LotRecord] = []
    overlay: dict[tuple[str, str], list[Version[RecordT]]] = {}
    nothing = LotEntry(-1, "", 0)
    for row, record in enumerate(records):
        outcome.received += 1
        fault = next(faults_of(record), None) or amended_fault(record)
        if fault is not None:
            _reject(outcome, row, record.lot_no, fault)
            continue
        chains = chains_of(_entry(registry, record.lot_no) or nothing, record)
        found = _found(record, chains, overlay)
        met = _severest(record, found)
        if met.outcome in TAKEN:
            taken = [only for only, each in found.items() if each.outcome in TAKEN]
            kept = _without(record, found.keys() - taken) if len(taken) < len(found) else record
            accepted.append(kept)
            for only in taken:
                overlay.setdefault((record.lot_no, only), []).append(Version(position, 0, kept))
            _add_warnings(outcome, row, record.lot_no, warnings_of(record))
        _tell(outcome, row, record, met)
    return LotsDecision(outcome, accepted)


def _found(
    record: AmendableRecord,
    chains: Mapping[str, Versions[Any]],
    overlay: Mapping[tuple[str, str], Sequence[Version[Any]]],
) -> dict[str, Met]:
    """What a record met in each chain that it would be part of."""
    return {
        only: _met(record, [*chain.all, *overlay.get((record.lot_no, only), ())], only)
        for only, chain in chains.items()
    }


def _severest(record: AmendableRecord, found: Mapping[str, Met]) -> Met:
    """What becomes of a record, from what it met in each chain: the severest."""
    outcomes = {each.outcome for each in found.values()}
    if outcomes == {lots_pb2.LOT_OUTCOME_CREATED, lots_pb2.LOT_OUTCOME_SUPERSEDED}:
        # Taken for the number that is new, it would put the one that was replaced back into force.
        return next(
            _differs(record, each.stored, only)
            for only, each in found.items()
            if each.stored is not None
        )
    return min(found.values(), key=lambda each: _SEVEREST_FIRST.index(each.outcome))


def _entry(registry: Registry, lot_no: str) -> LotEntry | None:
    number = registry.lots.number_of(lot_no, crop_year_of_lot(lot_no))
    return None if number is None else registry.lots[number]


def _met(record: AmendableRecord, versions: Sequence[Version[Any]], only: str) -> Met:
    """What becomes of a record beside the versions of what it is a record of."""
    if not versions and not record.HasField("amendment"):
        return CREATED
    bare = _bare(record, only)
    return compared(
        record.amendment if record.HasField("amendment") else None,
        versions,
        repeats=lambda stored: bool(stored == record),
        says_the_same=lambda stored: bool(_bare(stored, only) == bare),
        differs=lambda last: _differs(record, last, only),
    )


def _differs(record: AmendableRecord, last: Version[Any], only: str) -> Met:
    return Met(
        lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
        last,
        _first_difference(_bare(last.record, only), _bare(record, only)) or "",
        "The lot is stored with another value; nothing was changed. If this one is right, send it"
        " with an amendment that names the stored revision.",
    )


def _bare(record: AmendableRecord, only: str) -> AmendableRecord:
    """A record without its amendment, and without the certificate that is not compared."""
    others = () if not only else (name for name in _CERTIFICATE_NUMBERS if name != only)
    return _without(record, ("amendment", *others))


def _without(record: _AnyT, names: Iterable[str]) -> _AnyT:
    """A copy of a record without these fields."""
    rest = copy(record)
    for name in names:
        rest.ClearField(cast("Any", name))
    return rest


def _too_many_objections(objection: lots_pb2.LotObjection) -> Fault:
    return Fault(
        "objection_no",
        objection.objection_no,
        f"{OBJECTIONS_MAX} objections to the lot are stored, as many as are held.",
    )


def _objection_met(
    objection: lots_pb2.LotObjection, versions: Sequence[Version[lots_pb2.LotObjection]]
) -> Met:
    if not versions:
        return CREATED
    for version in versions:
        if version.record == objection:
            return repeated(version, versions)
    last = versions[-1]
    if not last.record.decision and objection.decision:
        raised = lots_pb2.LotObjection()
        raised.CopyFrom(last.record)
        for name in ("decision", "decided_by", "decided_at_s", "note"):
            setattr(raised, name, getattr(objection, name))
        if raised == objection:
            return CREATED
    return Met(
        lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
        last,
        _first_difference(last.record, objection) or "",
        "The objection is stored with another value; nothing was changed. Record another one"
        " under a number of its own.",
    )


def _reject(outcome: lots_pb2.LotsOutcome, row: int, lot_no: str, fault: Fault) -> None:
    outcome.rejected += 1
    outcome.results.add(
        row=row,
        lot_no=lot_no[:TEXT_CHARACTERS_MAX],
        outcome=lots_pb2.LOT_OUTCOME_REJECTED,
        field=_field(fault.field),
        received=fault.received[:TEXT_CHARACTERS_MAX],
        message=fault.message,
    )


def _tell(outcome: lots_pb2.LotsOutcome, row: int, record: LotRecord, met: Met) -> None:
    """Counts what became of a record, and lists it unless it is plainly created."""
    count = COUNTED_IN[met.outcome]
    setattr(outcome, count, getattr(outcome, count) + 1)
    if met.outcome == lots_pb2.LOT_OUTCOME_CREATED:
        return
    result = outcome.results.add(
        row=row, lot_no=record.lot_no, outcome=met.outcome, message=met.message
    )
    if met.stored is not None:
        result.stored_revision = met.stored.position
    if met.field == "supersedes_revision":
        result.field = common_pb2.FIELD_SUPERSEDES_REVISION
        result.received = str(cast("Any", record).amendment.supersedes_revision)
        result.stored = str(result.stored_revision)
    elif met.field and met.stored is not None:
        result.field = _field(met.field)
        result.received = spelled_value(record, met.field)
        result.stored = spelled_value(met.stored.record, met.field)


def _add_warnings(
    outcome: lots_pb2.LotsOutcome, row: int, lot_no: str, warnings: Sequence[Warned]
) -> None:
    """Counts a created record that has warnings, and lists them while there is room."""
    outcome.warned += bool(warnings)
    for warning in warnings[: WARNINGS_LISTED_MAX - len(outcome.warnings)]:
        outcome.warnings.add(
            row=row,
            lot_no=lot_no,
            field=_field(warning.field),
            rule=warning.rule,
            received=warning.received,
            limit=warning.limit,
        )


def _completed(lot: lots_pb2.Lot) -> lots_pb2.Lot:
    """The lot with gin and line filled in from the lot number where they were left out."""
    completed = lots_pb2.Lot()
    completed.CopyFrom(lot)
    if is_lot_no(completed.lot_no):
        completed.gin_code = completed.gin_code or gin_of_lot(completed.lot_no)
        completed.production_line = completed.production_line or line_of_lot(completed.lot_no)
    return completed


def _field(name: str) -> common_pb2.Field.ValueType:
    return common_pb2.Field.Value(f"FIELD_{name.removesuffix('_s').upper()}")


def _first_difference(stored: LotRecord, received: LotRecord) -> str | None:
    for descriptor in stored.DESCRIPTOR.fields:
        name = descriptor.name
        if getattr(stored, name) != getattr(received, name):
            return name
        presence = descriptor.has_presence
        if presence and stored.HasField(cast("Any", name)) != received.HasField(cast("Any", name)):
            return name
    return None
