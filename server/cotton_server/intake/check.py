"""What can be said of a reading by itself: rejected, doubtful, or fine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from cotton.inspection.v1 import common_pb2, readings_pb2

from cotton_server.domain.fields import VALUE_FIELDS
from cotton_server.domain.identifiers import USDA_HIGH, dates_are_plausible, gin_of_lot, gins_of
from cotton_server.domain.identifiers import is_lot_no as lot_no_has_its_form
from cotton_server.domain.readings import (
    CORRECTION,
    ORIGINAL,
    RAW_ABSENT,
    RETESTS,
    BoolArray,
    Int32Array,
    Int64Array,
    Kinds,
    ReadingTable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cotton_server.domain.fields import ValueField
    from cotton_server.intake.rules import FamilyRules, Range, RuleSet

WARNINGS_LISTED_MAX: Final = 1000
"""Warnings spelled out in one answer; all are counted."""

_KINDS: Final = (ORIGINAL, *RETESTS, CORRECTION)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that one value breaks."""

    row: int
    field: common_pb2.Field.ValueType
    rule: readings_pb2.Rule.ValueType
    received: int | None
    limit: int | None


@dataclass(frozen=True, slots=True)
class Checked:
    """Findings of a table.

    `rejected` marks the rows that are not accepted, `rejections` has the first finding of
    each; `warned` marks rows that are doubtful, `warnings` has their findings.
    """

    rejected: BoolArray
    rejections: dict[int, Finding]
    warned: BoolArray
    warnings: list[Finding]


def check(table: ReadingTable, rules: RuleSet) -> Checked:
    """Applies a rule set to readings; the first rule in order of the fields rejects."""
    count = len(table)
    checked = Checked(np.zeros(count, np.bool_), {}, np.zeros(count, np.bool_), [])
    for finding in _identity_findings(table):
        _reject(checked, finding)
    usda = table.high >= np.uint64(USDA_HIGH)
    families = (
        ((rules.gb, None),)
        if not usda.any()
        else ((rules.usda, None),)
        if usda.all()
        else ((rules.gb, ~usda), (rules.usda, usda))
    )
    for field in _doubtful_fields(table, families, rules):
        column = table.values.get(field.name)
        if column is not None:
            for family, mask in families:
                _check_field(checked, field, column, rules, family, mask)
    _check_times(checked, table, rules.inspected_at_s)
    _check_not_empty(checked, table)
    if table.kinds is not None:
        for finding in _kind_findings(table.kinds):
            _reject(checked, finding)
    for finding in _identity_warnings(table, usda):
        _warn(checked, finding)
    for finding in _unknown_standards(table, rules):
        _warn(checked, finding)
    return checked


def _doubtful_fields(
    table: ReadingTable,
    families: Sequence[tuple[FamilyRules, BoolArray | None]],
    rules: RuleSet,
) -> Iterable[ValueField]:
    """The fields that have to be looked at: few, found at one look with all in one array."""
    if table.matrix is None or len(families) > 1:
        return VALUE_FIELDS
    ((family, _),) = families
    lowest, highest = table.matrix.min(axis=1).tolist(), table.matrix.max(axis=1).tolist()
    return [
        field
        for field, low, high in zip(VALUE_FIELDS, lowest, highest, strict=True)
        if high != RAW_ABSENT and not _is_likely(field, low, high, family, rules)
    ]


def _is_likely(field: ValueField, low: int, high: int, family: FamilyRules, rules: RuleSet) -> bool:
    """Whether values between these are all there and cause no doubt."""
    if field.name in ("colour_grade", "instrument_colour_grade"):
        known = family.colour_grades
        return low == high and 0 <= low < len(known) and bool(known[low])
    limits = family.ranges.get(field.name) or rules.codes.get(field.name)
    return limits is not None and limits.warn_below <= low and high <= limits.warn_above


def _check_field(
    checked: Checked,
    field: ValueField,
    column: Int32Array,
    rules: RuleSet,
    family: FamilyRules,
    mask: BoolArray | None,
) -> None:
    if field.name == "colour_grade":
        _check_colour(checked, field.number, column, family.colour_grades, mask)
    elif field.name == "instrument_colour_grade":
        # An instrument may have the other chart built in: doubtful, and no grade.
        known = rules.gb.colour_grades | rules.usda.colour_grades
        _check_colour(checked, field.number, column, known, mask)
        _warn_of_colour(checked, field.number, column, family.colour_grades, mask)
    else:
        limits = family.ranges.get(field.name) or rules.codes.get(field.name)
        if limits is None:
            _refuse_unruled(checked, field.number, column, mask)
        else:
            _check_range(checked, field.number, column, limits, mask)


def _refuse_unruled(
    checked: Checked,
    field: common_pb2.Field.ValueType,
    column: Int32Array,
    mask: BoolArray | None,
) -> None:
    """Rejects values of a field that is younger than the rule set, which therefore knows none."""
    given = column != RAW_ABSENT
    if mask is not None:
        given &= mask
    for row in np.flatnonzero(given).tolist():
        received = int(column[row])
        _reject(checked, Finding(row, field, readings_pb2.RULE_UNKNOWN_CODE, received, None))


def _reject(checked: Checked, finding: Finding) -> None:
    if finding.row not in checked.rejections:
        checked.rejections[finding.row] = finding
        checked.rejected[finding.row] = True


def _warn(checked: Checked, finding: Finding) -> None:
    checked.warned[finding.row] = True
    checked.warnings.append(finding)


def _identity_findings(table: ReadingTable) -> Iterator[Finding]:
    for row, text in sorted(table.malformed.items()):
        rule = readings_pb2.RULE_FORM if text else readings_pb2.RULE_REQUIRED
        yield Finding(row, common_pb2.FIELD_BALE_CODE, rule, None, None)
    lots = table.texts["lot_no"]
    wrong = [place for place, text in enumerate(lots.dictionary) if not lot_no_has_its_form(text)]
    if not wrong:
        return
    usda = table.high >= np.uint64(USDA_HIGH)
    for row in np.flatnonzero(np.isin(lots.index, wrong)).tolist():
        text = lots.at(row)
        if text:
            yield Finding(row, common_pb2.FIELD_LOT_NO, readings_pb2.RULE_FORM, None, None)
        elif not usda[row]:
            yield Finding(row, common_pb2.FIELD_LOT_NO, readings_pb2.RULE_REQUIRED, None, None)


def _identity_warnings(table: ReadingTable, usda: BoolArray) -> Iterator[Finding]:
    """Codes whose date cannot be one, and codes whose gin is not that of the lot.

    The place of gin and date in the code is known from one real record only: reason enough
    to warn, not to reject.
    """
    gb = ~usda
    for row in np.flatnonzero(gb & ~dates_are_plausible(table.high)).tolist():
        if row not in table.malformed:
            yield Finding(row, common_pb2.FIELD_BALE_CODE, readings_pb2.RULE_FORM, None, None)
    lots = table.texts["lot_no"]
    gins = np.asarray(
        [int(gin_of_lot(text)) if lot_no_has_its_form(text) else -1 for text in lots.dictionary],
        np.int64,
    )[lots.index]
    differs = gb & (gins >= 0) & (gins_of(table.high).astype(np.int64) != gins)
    for row in np.flatnonzero(differs).tolist():
        if row not in table.malformed:
            yield Finding(row, common_pb2.FIELD_LOT_NO, readings_pb2.RULE_DISAGREES, None, None)


def _unknown_standards(table: ReadingTable, rules: RuleSet) -> Iterator[Finding]:
    """Readings that name a standard of which nobody has heard: a slip of the pen, most likely."""
    column = table.texts["standard"]
    unknown = [
        place
        for place, text in enumerate(column.dictionary)
        if text and text not in rules.known_standards
    ]
    if not unknown:
        return
    for row in np.flatnonzero(np.isin(column.index, unknown)).tolist():
        yield Finding(row, common_pb2.FIELD_STANDARD, readings_pb2.RULE_UNKNOWN_CODE, None, None)


def _check_colour(
    checked: Checked,
    field: common_pb2.Field.ValueType,
    column: Int32Array,
    known: BoolArray,
    mask: BoolArray | None,
) -> None:
    inside = (column >= 0) & (column < len(known))
    wrong = ~inside | ~known[np.where(inside, column, 0)]
    wrong &= column != RAW_ABSENT
    if mask is not None:
        wrong &= mask
    for row in np.flatnonzero(wrong).tolist():
        received = int(column[row])
        _reject(checked, Finding(row, field, readings_pb2.RULE_UNKNOWN_CODE, received, None))


def _warn_of_colour(
    checked: Checked,
    field: common_pb2.Field.ValueType,
    column: Int32Array,
    own: BoolArray,
    mask: BoolArray | None,
) -> None:
    """Warns of codes that exist, but not for bales that are named in this way."""
    inside = (column >= 0) & (column < len(own))
    foreign = inside & ~own[np.where(inside, column, 0)]
    if mask is not None:
        foreign &= mask
    for row in np.flatnonzero(foreign).tolist():
        received = int(column[row])
        _warn(checked, Finding(row, field, readings_pb2.RULE_UNKNOWN_CODE, received, None))


def _check_range(
    checked: Checked,
    field: common_pb2.Field.ValueType,
    column: Int32Array,
    limits: Range,
    mask: BoolArray | None,
) -> None:
    # Two reductions settle the usual case, in which every value is there and likely.
    if limits.warn_below <= int(column.min()) and int(column.max()) <= limits.warn_above:
        return
    considered = column != RAW_ABSENT
    if mask is not None:
        considered &= mask
    _check_limits(checked, field, column, limits, considered)


def _check_limits(
    checked: Checked,
    field: common_pb2.Field.ValueType,
    column: Int32Array | Int64Array,
    limits: Range,
    considered: BoolArray,
) -> None:
    outside = considered & ((column < limits.warn_below) | (column > limits.warn_above))
    for row in np.flatnonzero(outside).tolist():
        received = int(column[row])
        if received < limits.reject_below:
            below = Finding(row, field, readings_pb2.RULE_BELOW, received, limits.reject_below)
            _reject(checked, below)
        elif received > limits.reject_above:
            above = Finding(row, field, readings_pb2.RULE_ABOVE, received, limits.reject_above)
            _reject(checked, above)
        elif received < limits.warn_below:
            below = Finding(row, field, readings_pb2.RULE_BELOW, received, limits.warn_below)
            _warn(checked, below)
        else:
            above = Finding(row, field, readings_pb2.RULE_ABOVE, received, limits.warn_above)
            _warn(checked, above)


def _check_times(checked: Checked, table: ReadingTable, limits: Range) -> None:
    """Rejects times that cannot be held; 0 is not known and never doubtful."""
    column = table.inspected_at_s
    known = column != 0
    _check_limits(checked, common_pb2.FIELD_INSPECTED_AT, column, limits, known)


def _kind_findings(kinds: Kinds) -> Iterator[Finding]:
    """Kinds that do not exist, corrections without their amendment, amendments of others."""
    reasons = common_pb2.AmendmentReason.values()
    for row in range(len(kinds.kind)):
        kind, reason = int(kinds.kind[row]), int(kinds.reason[row])
        revision, who = int(kinds.supersedes[row]), kinds.decided_by.at(row)
        amended = {
            common_pb2.FIELD_SUPERSEDES_REVISION: revision != 0,
            common_pb2.FIELD_REASON: reason != 0,
            common_pb2.FIELD_DECIDED_BY: bool(who),
        }
        if kind not in _KINDS:
            rule = readings_pb2.RULE_UNKNOWN_CODE
            yield Finding(row, common_pb2.FIELD_KIND, rule, kind, None)
        elif kind != CORRECTION:
            amended[common_pb2.FIELD_NOTE] = bool(kinds.note.at(row))
            for field, given in amended.items():
                if given:
                    yield Finding(row, field, readings_pb2.RULE_NOT_ALLOWED, None, None)
        else:
            for field, given in amended.items():
                if not given:
                    yield Finding(row, field, readings_pb2.RULE_REQUIRED, None, None)
            if reason not in reasons:
                rule = readings_pb2.RULE_UNKNOWN_CODE
                yield Finding(row, common_pb2.FIELD_REASON, rule, reason, None)
            elif reason == common_pb2.AMENDMENT_REASON_OTHER and not kinds.note.at(row):
                yield Finding(row, common_pb2.FIELD_NOTE, readings_pb2.RULE_REQUIRED, None, None)


def _check_not_empty(checked: Checked, table: ReadingTable) -> None:
    """Rejects readings that carry no value at all."""
    if any(int(column.min()) != RAW_ABSENT for column in table.values.values()):
        return
    filled = np.zeros(len(table), np.bool_)
    for column in table.values.values():
        filled |= column != RAW_ABSENT
    for row in np.flatnonzero(~filled).tolist():
        nothing = Finding(row, common_pb2.FIELD_UNSPECIFIED, readings_pb2.RULE_REQUIRED, None, None)
        _reject(checked, nothing)
