"""Decisions spelled out as the answer of each batch: sparse, with values and limits as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import numpy as np
from cotton.inspection.v1 import common_pb2, readings_pb2

from cotton_server.domain.fields import ABSENT, VALUE_FIELDS, Kind, in_units
from cotton_server.domain.readings import RAW_ABSENT
from cotton_server.intake.check import WARNINGS_LISTED_MAX
from cotton_server.intake.decide import (
    CREATED,
    DIFFERENT_LOT,
    DIFFERENT_STANDARD,
    EXISTS,
    REJECTED,
)
from cotton_server.registry.index import NOT_FOUND

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from cotton_server.domain.fields import ValueField
    from cotton_server.intake.check import Checked, Finding
    from cotton_server.intake.decide import Decision
    from cotton_server.registry.registry import Registry

_FIELD_BY_NUMBER: Final = {field.number: field for field in VALUE_FIELDS}
_FIELD_BY_OUTCOME: Final = {int(field.differs): field for field in VALUE_FIELDS}


def batch_outcomes(
    decision: Decision, checked: Checked, registry: Registry, sizes: Sequence[int]
) -> list[readings_pb2.BatchOutcome]:
    """The outcome of each batch of a table that holds batches of these sizes in order."""
    warnings: dict[int, list[Finding]] = {}
    for finding in checked.warnings:
        warnings.setdefault(finding.row, []).append(finding)
    answers = []
    start = 0
    for size in sizes:
        stop = start + size
        answers.append(_batch_outcome(decision, checked, warnings, registry, start, stop))
        start = stop
    return answers


def _batch_outcome(
    decision: Decision,
    checked: Checked,
    warnings: dict[int, list[Finding]],
    registry: Registry,
    start: int,
    stop: int,
) -> readings_pb2.BatchOutcome:
    outcome = decision.outcome[start:stop]
    created = outcome == CREATED
    answer = readings_pb2.BatchOutcome(
        received=stop - start,
        created=int(np.count_nonzero(created)),
        unregistered=int(np.count_nonzero(created & ~decision.lot_registered[start:stop])),
    )
    if answer.created < answer.received:
        exists = outcome == EXISTS
        answer.existing = int(np.count_nonzero(exists))
        answer.rejected = int(np.count_nonzero(outcome == REJECTED))
        answer.conflicting = answer.received - answer.created - answer.existing - answer.rejected
        answer.existing_rows.extend(_ranges(exists))
        for row in np.flatnonzero(~(created | exists)).tolist():
            answer.outcomes.append(_bale_outcome(decision, checked, registry, start + row, start))
    warned = created & checked.warned[start:stop]
    answer.warned = int(np.count_nonzero(warned))
    for row in np.flatnonzero(warned).tolist():
        for finding in warnings[start + row]:
            if len(answer.warnings) == WARNINGS_LISTED_MAX:
                return answer
            answer.warnings.add(
                row=row,
                field=finding.field,
                rule=finding.rule,
                received=finding.received or 0,
                limit=finding.limit or 0,
            )
    return answer


def _ranges(marked: npt.NDArray[np.bool_]) -> list[readings_pb2.RowRange]:
    edges = np.flatnonzero(np.diff(marked, prepend=False, append=False)).tolist()
    return [
        readings_pb2.RowRange(first=first, count=end - first)
        for first, end in zip(edges[::2], edges[1::2], strict=True)
    ]


def _bale_outcome(
    decision: Decision, checked: Checked, registry: Registry, row: int, start: int
) -> readings_pb2.BaleOutcome:
    table = decision.table
    answer = readings_pb2.BaleOutcome(
        row=row - start,
        outcome=cast("readings_pb2.Outcome.ValueType", int(decision.outcome[row])),
        bale=table.bale_as_received(row),
    )
    code = int(decision.outcome[row])
    if code == REJECTED:
        finding = checked.rejections[row]
        answer.field, answer.rule = finding.field, finding.rule
        if finding.field == common_pb2.FIELD_INSPECTED_AT:
            answer.received, answer.limit = str(finding.received), str(finding.limit)
        elif finding.field == common_pb2.FIELD_LOT_NO:
            answer.received = table.texts["lot_no"].at(row)
        elif finding.received is not None:
            field = _FIELD_BY_NUMBER[finding.field]
            answer.received = spelled(field, finding.received)
            answer.limit = "" if finding.limit is None else spelled(field, finding.limit)
        return answer
    if code == DIFFERENT_LOT:
        answer.field = common_pb2.FIELD_LOT_NO
        answer.received = table.texts["lot_no"].at(row)
        answer.stored = _stored_text(decision, registry, row, "lot_no")
    elif code == DIFFERENT_STANDARD:
        answer.field = common_pb2.FIELD_STANDARD
        answer.received = table.texts["standard"].at(row)
        answer.stored = _stored_text(decision, registry, row, "standard")
    else:
        field = _FIELD_BY_OUTCOME[code]
        answer.field = field.number
        answer.received = _received_value(decision, field, row)
        answer.stored = (
            _received_value(decision, field, int(decision.twin[row]))
            if decision.stored[row] == NOT_FOUND
            else spelled(
                field,
                int(registry.bales.values[field.name][decision.stored[row]]),
                absent=ABSENT,
            )
        )
    return answer


def _received_value(decision: Decision, field: ValueField, row: int) -> str:
    column = decision.table.values.get(field.name)
    return "" if column is None else spelled(field, int(column[row]), absent=RAW_ABSENT)


def _stored_text(decision: Decision, registry: Registry, row: int, name: str) -> str:
    stored = int(decision.stored[row])
    if stored == NOT_FOUND:
        return decision.table.texts[name].at(int(decision.twin[row]))
    if name == "lot_no":
        return registry.lots[int(registry.bales.references["lot"][stored])].lot_no
    return registry.texts[name][int(registry.bales.references[name][stored])]


def spelled(field: ValueField, value: int, *, absent: int | None = None) -> str:
    """A value as a person reads it: 2820 of a measure is "28.20"; "" when it is `absent`."""
    if value == absent:
        return ""
    return in_units(value) if field.kind is Kind.HUNDREDTHS else str(value)
