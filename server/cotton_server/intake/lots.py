"""One outcome per lot registration and per weight record: checked, compared, kept or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from cotton.inspection.v1 import common_pb2, lots_pb2, readings_pb2

from cotton_server.domain.fields import in_units
from cotton_server.domain.identifiers import (
    crop_year_of_lot,
    gin_of_lot,
    is_lot_no,
    is_plain_text,
)
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.check import WARNINGS_LISTED_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cotton_server.intake.rules import RuleSet
    from cotton_server.registry.lots import LotEntry
    from cotton_server.registry.registry import Registry

TEXT_CHARACTERS_MAX: Final = 64

_HUNDREDTHS: Final = frozenset(
    {"gross", "tare", "regain", "trash", "resolution", "truck_gross", "truck_tare"}
)
"""Fields of a weight record in hundredths of a kilogram or of a percent."""

RecordT = TypeVar("RecordT", lots_pb2.Lot, lots_pb2.LotWeight)


@dataclass(frozen=True, slots=True)
class LotsDecision(Generic[RecordT]):
    """The answer to a request, and the records that are new, in order."""

    outcome: lots_pb2.LotsOutcome
    created: list[RecordT]


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


def decide_lots(
    lots: Iterable[lots_pb2.Lot], registry: Registry, rules: RuleSet
) -> LotsDecision[lots_pb2.Lot]:
    """Decides registrations in order."""
    return _decide(
        map(_completed, lots),
        registry,
        lambda lot: _lot_fault(lot, rules),
        lambda lot: list(_lot_warnings(lot, rules)),
        lambda entry: entry.registration,
    )


def decide_weights(
    weights: Iterable[lots_pb2.LotWeight], registry: Registry, rules: RuleSet
) -> LotsDecision[lots_pb2.LotWeight]:
    """Decides weight records in order; a lot need not be registered to be weighed."""
    return _decide(
        weights,
        registry,
        lambda weight: _weight_fault(weight, rules),
        lambda weight: list(_weight_warnings(weight, rules)),
        lambda entry: entry.weight,
    )


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
    fault_of: Callable[[RecordT], _Fault | None],
    warnings_of: Callable[[RecordT], Sequence[_Warning]],
    stored_of: Callable[[LotEntry], RecordT | None],
) -> LotsDecision[RecordT]:
    outcome = lots_pb2.LotsOutcome()
    created: dict[str, RecordT] = {}
    for row, record in enumerate(records):
        outcome.received += 1
        lot_no = record.lot_no[:TEXT_CHARACTERS_MAX]
        fault = fault_of(record)
        if fault is not None:
            outcome.rejected += 1
            outcome.results.add(
                row=row,
                lot_no=lot_no,
                outcome=lots_pb2.LOT_OUTCOME_REJECTED,
                field=_field(fault.field),
                received=fault.received[:TEXT_CHARACTERS_MAX],
                message=fault.message,
            )
            continue
        number = registry.lots.number_of(record.lot_no, crop_year_of_lot(record.lot_no))
        stored = created.get(record.lot_no) or (
            None if number is None else stored_of(registry.lots[number])
        )
        if stored is None:
            outcome.created += 1
            created[record.lot_no] = record
            _add_warnings(outcome, row, lot_no, warnings_of(record))
            continue
        differing = _first_difference(stored, record)
        if differing is None:
            outcome.existing += 1
            outcome.results.add(row=row, lot_no=lot_no, outcome=lots_pb2.LOT_OUTCOME_EXISTS)
        else:
            outcome.conflicting += 1
            outcome.results.add(
                row=row,
                lot_no=lot_no,
                outcome=lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
                field=_field(differing),
                received=_spelled(record, differing),
                stored=_spelled(stored, differing),
                message="The lot is stored with another value; nothing was changed.",
            )
    return LotsDecision(outcome, list(created.values()))


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
    """The lot with its gin filled in from the lot number where it was left out."""
    completed = lots_pb2.Lot()
    completed.CopyFrom(lot)
    if not completed.gin_code and is_lot_no(completed.lot_no):
        completed.gin_code = gin_of_lot(completed.lot_no)
    return completed


def _field(name: str) -> common_pb2.Field.ValueType:
    return common_pb2.Field.Value(f"FIELD_{name.removesuffix('_s').upper()}")


def _first_difference(stored: RecordT, received: RecordT) -> str | None:
    for descriptor in stored.DESCRIPTOR.fields:
        name = descriptor.name
        if getattr(stored, name) != getattr(received, name):
            return name
        presence = descriptor.has_presence
        if presence and stored.HasField(cast("Any", name)) != received.HasField(cast("Any", name)):
            return name
    return None


def _spelled(record: RecordT, name: str) -> str:
    descriptor = record.DESCRIPTOR.fields_by_name[name]
    if descriptor.has_presence and not record.HasField(cast("Any", name)):
        return ""
    value = getattr(record, name)
    if name in _HUNDREDTHS:
        return in_units(value)
    enum = descriptor.enum_type
    return str(value) if enum is None else str(enum.values_by_number[value].name)


def _text_fault(record: RecordT) -> _Fault | None:
    for descriptor, value in record.ListFields():
        if isinstance(value, str) and (
            len(value) > TEXT_CHARACTERS_MAX or not is_plain_text(value)
        ):
            return _Fault(
                descriptor.name,
                value,
                f"At most {TEXT_CHARACTERS_MAX} characters without control characters are taken.",
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
