"""One outcome per record of a lot: checked, compared with what is in force, kept or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from cotton.inspection.v1 import common_pb2, lots_pb2, readings_pb2

from cotton_server.domain.fields import in_units
from cotton_server.domain.identifiers import (
    crop_year_of_lot,
    gin_of_lot,
    is_lot_no,
    is_plain_text,
    is_token,
    line_of_lot,
)
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.check import WARNINGS_LISTED_MAX
from cotton_server.intake.decode import NOTE_CHARACTERS_MAX, TEXT_CHARACTERS_MAX
from cotton_server.registry.lots import LotEntry
from cotton_server.registry.records import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cotton_server.intake.rules import RuleSet
    from cotton_server.registry.records import Versions
    from cotton_server.registry.registry import Registry

_HUNDREDTHS: Final = frozenset(
    {"gross", "tare", "regain", "trash", "resolution", "truck_gross", "truck_tare"}
)
"""Fields of a weight record in hundredths of a kilogram or of a percent."""

RecordT = TypeVar(
    "RecordT", lots_pb2.Lot, lots_pb2.LotWeight, lots_pb2.LotClosure, lots_pb2.LotCertificates
)
AnyRecord = (
    lots_pb2.Lot
    | lots_pb2.LotWeight
    | lots_pb2.LotClosure
    | lots_pb2.LotCertificates
    | lots_pb2.LotObjection
)


@dataclass(frozen=True, slots=True)
class LotsDecision:
    """The answer to a request, and the records that come into force, in order."""

    outcome: lots_pb2.LotsOutcome
    accepted: list[AnyRecord]


@dataclass(frozen=True, slots=True)
class _Fault:
    field: str
    received: str
    message: str


@dataclass(frozen=True, slots=True)
class _Warning:
    field: str
    rule: readings_pb2.Rule.ValueType
    received: str
    limit: str = ""


@dataclass(frozen=True, slots=True)
class _Met:
    """What becomes of a record that has no fault, and the stored one that it met."""

    outcome: lots_pb2.LotOutcome.ValueType
    stored: Version[Any] | None = None
    field: str = ""
    message: str = ""


_CREATED: Final = _Met(lots_pb2.LOT_OUTCOME_CREATED)
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
        lambda lot: _lot_fault(lot, rules),
        lambda lot: list(_lot_warnings(lot, rules)),
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
        lambda weight: _weight_fault(weight, rules),
        lambda weight: list(_weight_warnings(weight, rules)),
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
        lambda closure: _closure_fault(closure, rules),
        lambda _closure: (),
        lambda entry, _closure: {"": entry.closures},
    )


def decide_certificates(
    certificates: Iterable[lots_pb2.LotCertificates],
    registry: Registry,
    _rules: RuleSet,
    position: int,
) -> LotsDecision:
    """Decides certificates in order; those of quality and of weight each by themselves."""

    return _decide(
        certificates,
        registry,
        position,
        _certificates_fault,
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


def decide_objections(
    objections: Iterable[lots_pb2.LotObjection],
    registry: Registry,
    _rules: RuleSet,
    position: int,
) -> LotsDecision:
    """Decides objections in order: each is raised once and decided once."""
    outcome = lots_pb2.LotsOutcome()
    accepted: list[AnyRecord] = []
    overlay: dict[tuple[str, str], list[Version[lots_pb2.LotObjection]]] = {}
    for row, objection in enumerate(objections):
        outcome.received += 1
        fault = _objection_fault(objection)
        if fault is not None:
            _reject(outcome, row, objection.lot_no, fault)
            continue
        entry = _entry(registry, objection.lot_no)
        stored = None if entry is None else entry.objections.get(objection.objection_no)
        key = (objection.lot_no, objection.objection_no)
        versions = [*(stored.all if stored else ()), *overlay.get(key, ())]
        met = _objection_met(objection, versions)
        if met.outcome == lots_pb2.LOT_OUTCOME_CREATED:
            accepted.append(objection)
            overlay.setdefault(key, []).append(Version(position, 0, objection))
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


def amendment_fault(amendment: common_pb2.Amendment) -> tuple[str, str] | None:
    """What is wrong with an amendment's reason, note and decider: field and text; None if fine."""
    if amendment.reason not in common_pb2.AmendmentReason.values():
        return "reason", "AmendmentReason of the contract has no such value."
    if amendment.reason == common_pb2.AMENDMENT_REASON_UNSPECIFIED:
        return "reason", "A reason is required."
    if not amendment.decided_by:
        return "decided_by", "Say who decided: a person or an office."
    for name, limit in (("decided_by", TEXT_CHARACTERS_MAX), ("note", NOTE_CHARACTERS_MAX)):
        text = getattr(amendment, name)
        if len(text) > limit or not is_plain_text(text):
            return name, f"At most {limit} characters without control characters are taken."
    if amendment.reason == common_pb2.AMENDMENT_REASON_OTHER and not amendment.note:
        return "note", "Another reason than the listed ones has to be given in the note."
    return None


def _decide(
    records: Iterable[RecordT],
    registry: Registry,
    position: int,
    fault_of: Callable[[RecordT], _Fault | None],
    warnings_of: Callable[[RecordT], Sequence[_Warning]],
    chains_of: Callable[[LotEntry, RecordT], Mapping[str, Versions[RecordT]]],
) -> LotsDecision:
    """Decides records in order; `position` is where the request will be stored.

    `chains_of` gives what a record of a lot is compared with, by the one field that differs
    between chains, "" where there is only one.
    """
    outcome = lots_pb2.LotsOutcome()
    accepted: list[AnyRecord] = []
    overlay: dict[tuple[str, str], list[Version[RecordT]]] = {}
    nothing = LotEntry(-1, "", 0)
    for row, record in enumerate(records):
        outcome.received += 1
        fault = fault_of(record) or _amended_fault(record)
        if fault is not None:
            _reject(outcome, row, record.lot_no, fault)
            continue
        chains = chains_of(_entry(registry, record.lot_no) or nothing, record)
        met = _severest(record, chains, overlay)
        if met.outcome in (lots_pb2.LOT_OUTCOME_CREATED, lots_pb2.LOT_OUTCOME_CORRECTED):
            accepted.append(record)
            for name in chains:
                overlay.setdefault((record.lot_no, name), []).append(Version(position, 0, record))
            _add_warnings(outcome, row, record.lot_no, warnings_of(record))
        _tell(outcome, row, record, met)
    return LotsDecision(outcome, accepted)


def _severest(
    record: RecordT,
    chains: Mapping[str, Versions[RecordT]],
    overlay: Mapping[tuple[str, str], Sequence[Version[RecordT]]],
) -> _Met:
    """What becomes of a record beside every chain that it would be part of: the severest."""
    found = [
        _met(record, [*chain.all, *overlay.get((record.lot_no, name), ())], name)
        for name, chain in chains.items()
    ]
    return min(found, key=lambda each: _SEVEREST_FIRST.index(each.outcome))


def _entry(registry: Registry, lot_no: str) -> LotEntry | None:
    number = registry.lots.number_of(lot_no, crop_year_of_lot(lot_no))
    return None if number is None else registry.lots[number]


def _met(record: RecordT, versions: Sequence[Version[RecordT]], only: str) -> _Met:
    """What becomes of a record beside the versions of what it is a record of."""
    last = versions[-1] if versions else None
    if record.HasField("amendment"):
        for version in versions:
            if version.record == record:
                return _repeated(version, versions)
        in_force = 0 if last is None else last.position
        if record.amendment.supersedes_revision != in_force:
            return _Met(
                lots_pb2.LOT_OUTCOME_REJECTED,
                last,
                "supersedes_revision",
                f"The record in force is of revision {in_force}. Look at it, and decide again."
                if in_force
                else "Nothing is stored that could be superseded. Leave the amendment out.",
            )
        return _Met(lots_pb2.LOT_OUTCOME_CORRECTED, last)
    if last is None:
        return _CREATED
    differing = _first_difference(_bare(last.record, only), _bare(record, only))
    if differing is None:
        return _Met(lots_pb2.LOT_OUTCOME_EXISTS, last)
    for version in versions:
        if _bare(version.record, only) == _bare(record, only):
            return _Met(lots_pb2.LOT_OUTCOME_SUPERSEDED, last)
    return _Met(
        lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
        last,
        differing,
        "The lot is stored with another value; nothing was changed. If this one is right, send it"
        " with an amendment that names the stored revision.",
    )


def _repeated(version: Version[Any], versions: Sequence[Version[Any]]) -> _Met:
    if version is versions[-1]:
        return _Met(lots_pb2.LOT_OUTCOME_EXISTS, version)
    return _Met(lots_pb2.LOT_OUTCOME_SUPERSEDED, versions[-1])


def _bare(record: RecordT, only: str) -> RecordT:
    """A record without its amendment, and without the certificate that is not compared."""
    bare = type(record)()
    bare.CopyFrom(record)
    bare.ClearField("amendment")
    for name in ("quality_certificate_no", "weight_certificate_no"):
        if only and name != only:
            bare.ClearField(cast("Any", name))
    return bare


def _objection_met(
    objection: lots_pb2.LotObjection, versions: Sequence[Version[lots_pb2.LotObjection]]
) -> _Met:
    if not versions:
        return _CREATED
    for version in versions:
        if version.record == objection:
            return _repeated(version, versions)
    last = versions[-1]
    if not last.record.decision and objection.decision:
        raised = lots_pb2.LotObjection()
        raised.CopyFrom(last.record)
        for name in ("decision", "decided_by", "decided_at_s", "note"):
            setattr(raised, name, getattr(objection, name))
        if raised == objection:
            return _CREATED
    return _Met(
        lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
        last,
        _first_difference(last.record, objection) or "",
        "The objection is stored with another value; nothing was changed. Record another one"
        " under a number of its own.",
    )


def _reject(outcome: lots_pb2.LotsOutcome, row: int, lot_no: str, fault: _Fault) -> None:
    outcome.rejected += 1
    outcome.results.add(
        row=row,
        lot_no=lot_no[:TEXT_CHARACTERS_MAX],
        outcome=lots_pb2.LOT_OUTCOME_REJECTED,
        field=_field(fault.field),
        received=fault.received[:TEXT_CHARACTERS_MAX],
        message=fault.message,
    )


_COUNTED_IN: Final = {
    lots_pb2.LOT_OUTCOME_CREATED: "created",
    lots_pb2.LOT_OUTCOME_EXISTS: "existing",
    lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT: "conflicting",
    lots_pb2.LOT_OUTCOME_REJECTED: "rejected",
    lots_pb2.LOT_OUTCOME_CORRECTED: "corrected",
    lots_pb2.LOT_OUTCOME_SUPERSEDED: "superseded",
}


def _tell(outcome: lots_pb2.LotsOutcome, row: int, record: AnyRecord, met: _Met) -> None:
    """Counts what became of a record, and lists it unless it is plainly created."""
    count = _COUNTED_IN[met.outcome]
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
        result.received = _spelled(record, met.field)
        result.stored = _spelled(met.stored.record, met.field)


def _add_warnings(
    outcome: lots_pb2.LotsOutcome, row: int, lot_no: str, warnings: Sequence[_Warning]
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


def _first_difference(stored: AnyRecord, received: AnyRecord) -> str | None:
    for descriptor in stored.DESCRIPTOR.fields:
        name = descriptor.name
        if getattr(stored, name) != getattr(received, name):
            return name
        presence = descriptor.has_presence
        if presence and stored.HasField(cast("Any", name)) != received.HasField(cast("Any", name)):
            return name
    return None


def _spelled(record: AnyRecord, name: str) -> str:
    descriptor = record.DESCRIPTOR.fields_by_name[name]
    if descriptor.has_presence and not record.HasField(cast("Any", name)):
        return ""
    value = getattr(record, name)
    if name in _HUNDREDTHS:
        return in_units(value)
    enum = descriptor.enum_type
    return str(value) if enum is None else str(enum.values_by_number[value].name)


def _text_fault(record: AnyRecord) -> _Fault | None:
    for descriptor, value in record.ListFields():
        limit = NOTE_CHARACTERS_MAX if descriptor.name == "note" else TEXT_CHARACTERS_MAX
        if isinstance(value, str) and (len(value) > limit or not is_plain_text(value)):
            return _Fault(
                descriptor.name,
                value,
                f"At most {limit} characters without control characters are taken.",
            )
        enum = descriptor.enum_type
        if enum is not None and value not in enum.values_by_number:
            return _Fault(
                descriptor.name, str(value), f"{enum.name} of the contract has no such value."
            )
    return None


def _lot_no_fault(lot_no: str) -> _Fault | None:
    if is_lot_no(lot_no):
        return None
    return _Fault(
        "lot_no",
        lot_no,
        "A lot number has 11 digits: gin 5, crop year 2, production line 1, serial 3.",
    )


def _lot_fault(lot: lots_pb2.Lot, rules: RuleSet) -> _Fault | None:
    fault = _lot_no_fault(lot.lot_no) or _text_fault(lot)
    if fault is not None:
        return fault
    if lot.gin_code != gin_of_lot(lot.lot_no):
        return _Fault(
            "gin_code",
            lot.gin_code,
            f"The lot number says gin {gin_of_lot(lot.lot_no)}. Leave gin_code out or correct it.",
        )
    if lot.production_line != line_of_lot(lot.lot_no):
        return _Fault(
            "production_line",
            lot.production_line,
            f"The lot number says line {line_of_lot(lot.lot_no)}. Leave production_line out or"
            " correct it.",
        )
    if lot.cotton_type == common_pb2.COTTON_TYPE_UNSPECIFIED:
        return _Fault("cotton_type", "", "The cotton type decides the standard; name it.")
    if lot.declared_bales > rules.declared_bales_max:
        return _Fault(
            "declared_bales",
            str(lot.declared_bales),
            f"At most {rules.declared_bales_max} bales are taken for a lot.",
        )
    if lot.gate_in_at_s < 0:
        return _Fault("gate_in_at_s", str(lot.gate_in_at_s), "A time before 1970 is not taken.")
    return None


def _weight_fault(weight: lots_pb2.LotWeight, rules: RuleSet) -> _Fault | None:
    fault = _lot_no_fault(weight.lot_no) or _text_fault(weight)
    if fault is not None:
        return fault
    for name, value in _ranged(weight):
        limits = rules.lot_ranges[name]
        if not limits.reject_below <= value <= limits.reject_above:
            return _Fault(
                name,
                in_units(value),
                f"Between {in_units(limits.reject_below)} and {in_units(limits.reject_above)}"
                f" {'kg' if name == 'gross' else '%'} is taken.",
            )
    if not 0 <= weight.tare < weight.gross:
        return _Fault("tare", in_units(weight.tare), "The tare is at least 0 and below the gross.")
    if weight.resolution not in rules.resolutions:
        return _Fault(
            "resolution",
            in_units(weight.resolution),
            "The conditioned weight is stated to 0.1 kg (10 hundredths) or 1 kg (100).",
        )
    for name in ("truck_gross", "truck_tare", "weighed_at_s"):
        if getattr(weight, name) < 0:
            return _Fault(name, _spelled(weight, name), "A negative value is not taken.")
    return None


def _closure_fault(closure: lots_pb2.LotClosure, rules: RuleSet) -> _Fault | None:
    fault = _lot_no_fault(closure.lot_no) or _text_fault(closure)
    if fault is not None:
        return fault
    for name in ("bales_received", "bales_tested"):
        count = getattr(closure, name)
        if count > rules.declared_bales_max:
            return _Fault(
                name,
                str(count),
                f"At most {rules.declared_bales_max} bales are taken for a lot.",
            )
    if closure.bales_received == 0:
        return _Fault("bales_received", "0", "A lot of which nothing was received is not closed.")
    if closure.closed_at_s < 0:
        return _Fault("closed_at_s", str(closure.closed_at_s), "A time before 1970 is not taken.")
    return None


def _certificates_fault(certificates: lots_pb2.LotCertificates) -> _Fault | None:
    fault = _lot_no_fault(certificates.lot_no) or _text_fault(certificates)
    if fault is not None:
        return fault
    if not (certificates.quality_certificate_no or certificates.weight_certificate_no):
        return _Fault(
            "quality_certificate_no", "", "Give the number of one of the certificates, or both."
        )
    if certificates.issued_at_s < 0:
        issued = str(certificates.issued_at_s)
        return _Fault("issued_at_s", issued, "A time before 1970 is not taken.")
    return None


def _objection_fault(objection: lots_pb2.LotObjection) -> _Fault | None:
    fault = _lot_no_fault(objection.lot_no) or _text_fault(objection)
    if fault is not None:
        return fault
    if not is_token(objection.objection_no):
        return _Fault(
            "objection_no",
            objection.objection_no,
            "Give the office's reference: 1 to 64 printable ASCII characters without blanks.",
        )
    if not objection.raised_by:
        return _Fault("raised_by", "", "Say who objects.")
    if objection.raised_at_s <= 0:
        return _Fault("raised_at_s", str(objection.raised_at_s), "Say when: deadlines run from it.")
    decided = (objection.decided_by, objection.decided_at_s)
    if not objection.decision:
        if any(decided):
            return _Fault("decision", "", "A decision is needed beside who decided and when.")
        return None
    if not objection.decided_by:
        return _Fault("decided_by", "", "Say who decided: a person or an office.")
    if objection.decided_at_s < objection.raised_at_s:
        return _Fault(
            "decided_at_s",
            str(objection.decided_at_s),
            "An objection is decided after it was raised.",
        )
    return None


def _amended_fault(record: RecordT) -> _Fault | None:
    if not record.HasField("amendment"):
        return None
    fault = amendment_fault(record.amendment)
    if fault is None:
        return None
    name, message = fault
    value = getattr(record.amendment, name)
    return _Fault(name, str(value), message)


def _ranged(weight: lots_pb2.LotWeight) -> Iterator[tuple[str, int]]:
    """The values of a weight record that have ranges and are there."""
    yield "gross", weight.gross
    if weight.HasField("regain"):
        yield "regain", weight.regain
    if weight.HasField("trash"):
        yield "trash", weight.trash


def _lot_warnings(lot: lots_pb2.Lot, rules: RuleSet) -> Iterator[_Warning]:
    if lot.standard and lot.standard not in rules.known_standards:
        yield _Warning("standard", readings_pb2.RULE_UNKNOWN_CODE, lot.standard)


def _weight_warnings(weight: lots_pb2.LotWeight, rules: RuleSet) -> Iterator[_Warning]:
    for name, value in _ranged(weight):
        limits = rules.lot_ranges[name]
        if value < limits.warn_below:
            rule, limit = readings_pb2.RULE_BELOW, limits.warn_below
        elif value > limits.warn_above:
            rule, limit = readings_pb2.RULE_ABOVE, limits.warn_above
        else:
            continue
        yield _Warning(name, rule, in_units(value), in_units(limit))
