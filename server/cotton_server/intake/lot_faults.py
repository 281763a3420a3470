"""What is wrong, or unlikely, in one record of a lot by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from cotton.inspection.v1 import common_pb2, lots_pb2, readings_pb2

from cotton_server.domain.fields import in_units
from cotton_server.domain.identifiers import (
    gin_of_lot,
    is_lot_no,
    is_plain_text,
    is_token,
    line_of_lot,
)
from cotton_server.intake.decode import NOTE_CHARACTERS_MAX, TEXT_CHARACTERS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.intake.rules import RuleSet
    from cotton_server.registry.account_records import AccountMessage

_HUNDREDTHS: Final = frozenset(
    {"gross", "tare", "regain", "trash", "resolution", "truck_gross", "truck_tare"}
)
"""Fields of a weight record in hundredths of a kilogram or of a percent."""

AmendableRecord = (
    lots_pb2.Lot
    | lots_pb2.LotWeight
    | lots_pb2.LotClosure
    | lots_pb2.LotCertificates
    | lots_pb2.UnitLot
)
"""A record of a lot that another one may take the place of."""

LotRecord = AmendableRecord | lots_pb2.LotObjection


@dataclass(frozen=True, slots=True)
class Fault:
    """A value that is not taken: its field, what was received, and what to do."""

    field: str
    received: str
    message: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A value that is taken though it is unlikely; no limit where the rule has none."""

    field: str
    rule: readings_pb2.Rule.ValueType
    received: str
    limit: str = ""


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


def text_fault(record: LotRecord | AccountMessage) -> Fault | None:
    """What is wrong with the form of a record's texts and enums, None where all are fine."""
    for descriptor, value in record.ListFields():
        limit = NOTE_CHARACTERS_MAX if descriptor.name == "note" else TEXT_CHARACTERS_MAX
        if isinstance(value, str) and (len(value) > limit or not is_plain_text(value)):
            return Fault(
                descriptor.name,
                value,
                f"At most {limit} characters without control characters are taken.",
            )
        enum = descriptor.enum_type
        if enum is not None and value not in enum.values_by_number:
            return Fault(
                descriptor.name, str(value), f"{enum.name} of the contract has no such value."
            )
    return None


def _form_faults(record: LotRecord) -> Iterator[Fault]:
    for fault in (_lot_no_fault(record.lot_no), text_fault(record)):
        if fault is not None:
            yield fault


def _late_faults(record: LotRecord, rules: RuleSet, *names: str) -> Iterator[Fault]:
    """Instants later than any that the rule set takes."""
    last = rules.lot_instant_max
    for name in names:
        instant = getattr(record, name)
        if last is not None and instant > last:
            yield Fault(
                name,
                str(instant),
                f"Give seconds since 1970, not milli- or microseconds: at most {last} is taken.",
            )


def _lot_no_fault(lot_no: str) -> Fault | None:
    if is_lot_no(lot_no):
        return None
    return Fault(
        "lot_no",
        lot_no,
        "A lot number has 11 digits: gin 5, crop year 2, production line 1, serial 3.",
    )


def lot_faults(lot: lots_pb2.Lot, rules: RuleSet) -> Iterator[Fault]:
    """What is wrong with a registration, gravest first."""
    yield from _form_faults(lot)
    if lot.gin_code != gin_of_lot(lot.lot_no):
        yield Fault(
            "gin_code",
            lot.gin_code,
            f"The lot number says gin {gin_of_lot(lot.lot_no)}. Leave gin_code out or correct it.",
        )
    if lot.production_line != line_of_lot(lot.lot_no):
        yield Fault(
            "production_line",
            lot.production_line,
            f"The lot number says line {line_of_lot(lot.lot_no)}. Leave production_line out or"
            " correct it.",
        )
    if lot.cotton_type == common_pb2.COTTON_TYPE_UNSPECIFIED:
        yield Fault("cotton_type", "", "The cotton type decides the standard; name it.")
    if lot.declared_bales > rules.declared_bales_max:
        yield Fault(
            "declared_bales",
            str(lot.declared_bales),
            f"At most {rules.declared_bales_max} bales are taken for a lot.",
        )
    if lot.gate_in_at_s < 0:
        yield Fault("gate_in_at_s", str(lot.gate_in_at_s), "A time before 1970 is not taken.")
    yield from _late_faults(lot, rules, "gate_in_at_s")


def weight_faults(weight: lots_pb2.LotWeight, rules: RuleSet) -> Iterator[Fault]:
    """What is wrong with a weight record, gravest first."""
    yield from _form_faults(weight)
    for name, value in _ranged(weight):
        limits = rules.lot_ranges[name]
        if not limits.reject_below <= value <= limits.reject_above:
            yield Fault(
                name,
                in_units(value),
                f"Between {in_units(limits.reject_below)} and {in_units(limits.reject_above)}"
                f" {'kg' if name == 'gross' else '%'} is taken.",
            )
    if not 0 <= weight.tare < weight.gross:
        yield Fault("tare", in_units(weight.tare), "The tare is at least 0 and below the gross.")
    if weight.resolution not in rules.resolutions:
        yield Fault(
            "resolution",
            in_units(weight.resolution),
            "The conditioned weight is stated to 0.1 kg (10 hundredths) or 1 kg (100).",
        )
    for name in ("truck_gross", "truck_tare", "weighed_at_s"):
        if getattr(weight, name) < 0:
            yield Fault(name, spelled_value(weight, name), "A negative value is not taken.")
    yield from _late_faults(weight, rules, "weighed_at_s")


def closure_faults(closure: lots_pb2.LotClosure, rules: RuleSet) -> Iterator[Fault]:
    """What is wrong with a closure, gravest first."""
    yield from _form_faults(closure)
    for name in ("bales_received", "bales_tested"):
        count = getattr(closure, name)
        if count > rules.declared_bales_max:
            yield Fault(
                name,
                str(count),
                f"At most {rules.declared_bales_max} bales are taken for a lot.",
            )
    if closure.bales_received == 0:
        yield Fault("bales_received", "0", "A lot of which nothing was received is not closed.")
    if closure.closed_at_s < 0:
        yield Fault("closed_at_s", str(closure.closed_at_s), "A time before 1970 is not taken.")
    yield from _late_faults(closure, rules, "closed_at_s")


def certificate_faults(certificates: lots_pb2.LotCertificates, rules: RuleSet) -> Iterator[Fault]:
    """What is wrong with certificates, gravest first."""
    yield from _form_faults(certificates)
    if not (certificates.quality_certificate_no or certificates.weight_certificate_no):
        yield Fault(
            "quality_certificate_no", "", "Give the number of one of the certificates, or both."
        )
    if certificates.issued_at_s < 0:
        issued = str(certificates.issued_at_s)
        yield Fault("issued_at_s", issued, "A time before 1970 is not taken.")
    yield from _late_faults(certificates, rules, "issued_at_s")


def unit_faults(unit: lots_pb2.UnitLot) -> Iterator[Fault]:
    """What is wrong with the unit of a lot, gravest first."""
    yield from _form_faults(unit)


def objection_faults(objection: lots_pb2.LotObjection, rules: RuleSet) -> Iterator[Fault]:
    """What is wrong with an objection or its decision, gravest first."""
    yield from _form_faults(objection)
    if not is_token(objection.objection_no):
        yield Fault(
            "objection_no",
            objection.objection_no,
            "Give the office's reference: 1 to 64 printable ASCII characters without blanks.",
        )
    if not objection.raised_by:
        yield Fault("raised_by", "", "Say who objects.")
    if objection.raised_at_s <= 0:
        yield Fault("raised_at_s", str(objection.raised_at_s), "Say when: deadlines run from it.")
    yield from _late_faults(objection, rules, "raised_at_s", "decided_at_s")
    decided = (objection.decided_by, objection.decided_at_s)
    if not objection.decision:
        if any(decided):
            yield Fault("decision", "", "A decision is needed beside who decided and when.")
        return
    if not objection.decided_by:
        yield Fault("decided_by", "", "Say who decided: a person or an office.")
    if objection.decided_at_s < objection.raised_at_s:
        yield Fault(
            "decided_at_s",
            str(objection.decided_at_s),
            "An objection is decided after it was raised.",
        )


def amended_fault(record: AmendableRecord | AccountMessage) -> Fault | None:
    """What is wrong with the amendment of a record, None without or where it is fine."""
    if not record.HasField("amendment"):
        return None
    fault = amendment_fault(record.amendment)
    if fault is None:
        return None
    name, message = fault
    value = getattr(record.amendment, name)
    return Fault(name, str(value), message)


def _ranged(weight: lots_pb2.LotWeight) -> Iterator[tuple[str, int]]:
    """The values of a weight record that have ranges and are there."""
    yield "gross", weight.gross
    if weight.HasField("regain"):
        yield "regain", weight.regain
    if weight.HasField("trash"):
        yield "trash", weight.trash


def lot_warnings(lot: lots_pb2.Lot, rules: RuleSet) -> Iterator[Warned]:
    """What is unlikely in a registration."""
    if lot.standard and lot.standard not in rules.known_standards:
        yield Warned("standard", readings_pb2.RULE_UNKNOWN_CODE, lot.standard)


def weight_warnings(weight: lots_pb2.LotWeight, rules: RuleSet) -> Iterator[Warned]:
    """What is unlikely in a weight record."""
    for name, value in _ranged(weight):
        limits = rules.lot_ranges[name]
        if value < limits.warn_below:
            rule, limit = readings_pb2.RULE_BELOW, limits.warn_below
        elif value > limits.warn_above:
            rule, limit = readings_pb2.RULE_ABOVE, limits.warn_above
        else:
            continue
        yield Warned(name, rule, in_units(value), in_units(limit))


def spelled_value(record: LotRecord, name: str) -> str:
    """A value of a record as a person reads it, "" when it is absent."""
    descriptor = record.DESCRIPTOR.fields_by_name[name]
    if descriptor.has_presence and not record.HasField(cast("Any", name)):
        return ""
    value = getattr(record, name)
    if name in _HUNDREDTHS:
        return in_units(value)
    enum = descriptor.enum_type
    return str(value) if enum is None else str(enum.values_by_number[value].name)
