"""Decisions spelled out as the answer of each batch: sparse, with values and limits as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import numpy as np
from cotton.inspection.v1 import common_pb2, readings_pb2

from cotton_server.domain.fields import ABSENT, VALUE_FIELDS, Kind, in_units
from cotton_server.intake.amend import (
    CORRECTED,
    CREATED,
    DIFFERENT_LABORATORY,
    DIFFERENT_LOT,
    DIFFERENT_STANDARD,
    EXISTS,
    REJECTED,
    RETESTED,
    RETESTED_IN_FORCE,
    SUPERSEDED,
)
from cotton_server.intake.check import WARNINGS_LISTED_MAX
from cotton_server.registry.conflicts import conflict_id
from cotton_server.registry.courses import NO_ROW
from cotton_server.registry.kept import of_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from cotton_server.domain.fields import ValueField
    from cotton_server.intake.amend import Contents, Verdict
    from cotton_server.intake.check import Checked, Finding
    from cotton_server.intake.decide import Decision

_SUPERSEDED: Final = np.asarray(sorted(SUPERSEDED), np.uint8)
_TEXT_FIELDS: Final = {
    DIFFERENT_LOT: ("lot_no", common_pb2.FIELD_LOT_NO),
    DIFFERENT_STANDARD: ("standard", common_pb2.FIELD_STANDARD),
    DIFFERENT_LABORATORY: ("laboratory", common_pb2.FIELD_LABORATORY),
}
_AS_IT_IS: Final = frozenset(
    {
        common_pb2.FIELD_INSPECTED_AT,
        common_pb2.FIELD_KIND,
        common_pb2.FIELD_SUPERSEDES_REVISION,
        common_pb2.FIELD_REASON,
    }
)
"""Fields whose values are told as the whole numbers that they are."""

_FIELD_BY_NUMBER: Final = {field.number: field for field in VALUE_FIELDS}
_FIELD_BY_OUTCOME: Final = {int(field.differs): field for field in VALUE_FIELDS}


def batch_outcomes(
    decision: Decision, checked: Checked, sizes: Sequence[int]
) -> list[readings_pb2.BatchOutcome]:
    """The outcome of each batch of a table that holds batches of these sizes in order."""
    if (decision.outcome == CREATED).all() and not checked.warned.any() and not decision.verdicts:
        return _all_created(decision, sizes)
    warnings: dict[int, list[Finding]] = {}
    for finding in checked.warnings:
        warnings.setdefault(finding.row, []).append(finding)
    listed = (decision.outcome != CREATED) & (decision.outcome != EXISTS)
    for row, verdict in decision.verdicts.items():
        listed[row] |= verdict.comparison is not None
    answers = []
    start = 0
    for size in sizes:
        stop = start + size
        answers.append(_batch_outcome(decision, checked, warnings, listed, start, stop))
        start = stop
    return answers


def _all_created(decision: Decision, sizes: Sequence[int]) -> list[readings_pb2.BatchOutcome]:
    """The outcomes of batches of which nothing but numbers is to be told, as of nearly all."""
    starts = np.cumsum([0, *sizes[:-1]])
    unregistered = np.add.reduceat(~decision.lot_registered, starts, dtype=np.int64).tolist()
    return [
        readings_pb2.BatchOutcome(received=size, created=size, unregistered=count)
        for size, count in zip(sizes, unregistered, strict=True)
    ]


def _batch_outcome(
    decision: Decision,
    checked: Checked,
    warnings: dict[int, list[Finding]],
    listed: npt.NDArray[np.bool_],
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
    kept = created
    if answer.created < answer.received:
        exists = outcome == EXISTS
        answer.existing = int(np.count_nonzero(exists))
        answer.rejected = int(np.count_nonzero(outcome == REJECTED))
        answer.corrected = int(np.count_nonzero(outcome == CORRECTED))
        answer.retested = int(np.count_nonzero(np.isin(outcome, (RETESTED, RETESTED_IN_FORCE))))
        answer.superseded = int(np.count_nonzero(np.isin(outcome, _SUPERSEDED)))
        answer.conflicting = answer.received - (
            answer.created
            + answer.existing
            + answer.rejected
            + answer.corrected
            + answer.retested
            + answer.superseded
        )
        answer.existing_rows.extend(_ranges(exists))
        kept = created | np.isin(outcome, (CORRECTED, RETESTED, RETESTED_IN_FORCE))
    for row in np.flatnonzero(listed[start:stop]).tolist():
        answer.outcomes.append(_bale_outcome(decision, checked, start + row, start))
    warned = kept & checked.warned[start:stop]
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
    decision: Decision, checked: Checked, row: int, start: int
) -> readings_pb2.BaleOutcome:
    code = int(decision.outcome[row])
    answer = readings_pb2.BaleOutcome(
        row=row - start,
        outcome=cast("readings_pb2.Outcome.ValueType", code),
        bale=decision.table.bale_as_received(row),
    )
    verdict = decision.verdicts.get(row)
    if code == REJECTED:
        known = None if verdict is None else verdict.finding
        _set_rejection(answer, known or checked.rejections[row], decision)
        if verdict is not None and verdict.met != NO_ROW:
            answer.stored = decision.contents.text("lot_no", verdict.met)
            answer.stored_revision = verdict.met_revision
        return answer
    if verdict is None:
        raise AssertionError("what is neither created, repeated nor rejected has a verdict")
    answer.stored_revision = verdict.met_revision
    if verdict.comparison is not None:
        answer.comparison.CopyFrom(verdict.comparison)
    if verdict.conflict != (0, 0):
        answer.conflict_id = conflict_id(verdict.conflict)
        _set_difference(answer, verdict, decision.contents, row)
    return answer


def _set_rejection(answer: readings_pb2.BaleOutcome, finding: Finding, decision: Decision) -> None:
    answer.field, answer.rule = finding.field, finding.rule
    if finding.field in _AS_IT_IS:
        answer.received = "" if finding.received is None else str(finding.received)
        answer.limit = "" if finding.limit is None else str(finding.limit)
    elif finding.rule == readings_pb2.RULE_TOO_MANY:
        answer.limit = str(finding.limit)
    elif finding.field == common_pb2.FIELD_LOT_NO:
        answer.received = decision.table.texts["lot_no"].at(finding.row)
    elif finding.received is not None:
        field = _FIELD_BY_NUMBER[finding.field]
        answer.received = spelled(field, finding.received)
        answer.limit = "" if finding.limit is None else spelled(field, finding.limit)


def _set_difference(
    answer: readings_pb2.BaleOutcome, verdict: Verdict, contents: Contents, row: int
) -> None:
    answer.field, answer.received, answer.stored = difference(
        contents, verdict.outcome, of_table(row), verdict.met
    )


def difference(
    contents: Contents, outcome: int, received: int, stored: int
) -> tuple[common_pb2.Field.ValueType, str, str]:
    """The field in which a reading differs from another by an outcome, and both values as text."""
    if outcome in _TEXT_FIELDS:
        name, number = _TEXT_FIELDS[outcome]
        return number, contents.text(name, received), contents.text(name, stored)
    field = _FIELD_BY_OUTCOME[outcome]
    values = (contents.value(field, row) for row in (received, stored))
    now, was = (spelled(field, value, absent=ABSENT) for value in values)
    return field.number, now, was


def spelled(field: ValueField, value: int, *, absent: int | None = None) -> str:
    """A value as a person reads it: 2820 of a measure is "28.20"; "" when it is `absent`."""
    if value == absent:
        return ""
    return in_units(value) if field.kind is Kind.HUNDREDTHS else str(value)
