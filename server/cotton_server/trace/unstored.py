"""Grades readings that are not stored: which the service would take, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from cotton.inspection.v1 import common_pb2, readings_pb2

from cotton_server.domain.fields import VALUE_FIELDS, Kind, in_units
from cotton_server.domain.identifiers import USDA_HIGH, crop_year_of_lot
from cotton_server.domain.readings import RAW_ABSENT, column_of
from cotton_server.grading.bales import grade_bales
from cotton_server.grading.standards import choose_standard
from cotton_server.trace.grade import Grade

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_server.domain.readings import ReadingTable
    from cotton_server.grading.chart import Chart
    from cotton_server.grading.standard import Standard
    from cotton_server.intake.check import Checked, Finding

_FIELD_BY_NUMBER: Final = {field.number: field for field in VALUE_FIELDS}
_ONE_BYTE: Final = 1
_SENTENCES: Final = {
    readings_pb2.RULE_REQUIRED: "{name} is missing: give it.",
    readings_pb2.RULE_FORM: '{name} "{received}" has not its form: correct it.',
    readings_pb2.RULE_BELOW: "{name} {received} is below {limit}: check the value and its unit.",
    readings_pb2.RULE_ABOVE: "{name} {received} is above {limit}: check the value and its unit.",
    readings_pb2.RULE_UNKNOWN_CODE: "{name} {received} is no code that is known: correct it.",
    readings_pb2.RULE_NOT_ALLOWED: "{name} belongs to corrections: leave it out.",
}
"""Why a reading would not be taken, and what to do, by the rule that it breaks."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What grades readings that name no standard, and whose lot and crop year say no season."""

    standard: str
    """Id of a standard; "" where it follows from cotton type and season."""
    cotton_type: str
    """A name of the contract's enum without prefix; "" where it is not known."""
    season: int
    """A crop year; 0 where it is not known."""


@dataclass(frozen=True, slots=True)
class Unstored:
    """One reading: why it would not be taken ("" where it would), else its grade.

    The grade is None where no loaded standard covers the cotton or grades readings of its units.
    """

    rejected: str
    grade: Grade | None


def grade_unstored(
    table: ReadingTable,
    checked: Checked,
    defaults: Defaults,
    standards: Mapping[str, Standard],
    charts: Mapping[str, Chart],
) -> list[Unstored]:
    """Every reading of a table in its order, after the rules of intake were applied to it."""
    answers = [
        Unstored(_why(checked.rejections[row], table) if rejected else "", None)
        for row, rejected in enumerate(checked.rejected.tolist())
    ]
    for standard, rows in _rows_by_standard(table, checked, defaults, standards):
        graded = grade_bales(_frame(table, rows), standard, charts.get(standard.id))
        for row, tiers in zip(rows, graded.iter_rows(named=True), strict=True):
            answers[row] = Unstored("", Grade(standard.id, tiers))
    return answers


def _rows_by_standard(
    table: ReadingTable, checked: Checked, defaults: Defaults, standards: Mapping[str, Standard]
) -> list[tuple[Standard, list[int]]]:
    """The rows that each standard grades; readings that none grades are in none of them."""
    usda = table.high >= np.uint64(USDA_HIGH)
    seasons = _seasons(table, defaults.season)
    chosen: dict[tuple[int, int], Standard | None] = {}
    rows: dict[str, list[int]] = {}
    named = table.texts["standard"]
    for row in np.flatnonzero(~checked.rejected).tolist():
        key = (int(named.index[row]), seasons[row])
        if key not in chosen:
            chosen[key] = choose_standard(
                standards,
                named=named.at(row) or defaults.standard,
                cotton_type=defaults.cotton_type,
                season=seasons[row],
            )
        standard = chosen[key]
        if standard is not None and standard.grades_usda_bales == bool(usda[row]):
            rows.setdefault(standard.id, []).append(row)
    return [(standards[standard], members) for standard, members in rows.items()]


def _seasons(table: ReadingTable, default: int) -> list[int]:
    """Of every reading: its crop year, else that of its lot number, else the default.

    What is said of rows that are rejected, whose lot number may have no form, does not matter.
    """
    lots = table.texts["lot_no"]
    by_lot = np.asarray(
        [crop_year_of_lot(each) if each[5:7].isdecimal() else default for each in lots.dictionary],
        np.int64,
    )
    usda_years = table.high.astype(np.int64) - USDA_HIGH
    seasons: list[int] = np.where(usda_years > 0, usda_years, by_lot[lots.index]).tolist()
    return seasons


def _frame(table: ReadingTable, rows: list[int]) -> pl.DataFrame:
    """The rows as `grade_bales` takes them. They were accepted, so every value fits its column."""
    return pl.DataFrame(
        {field.name: pl.Series(column_of(table, field.name)[rows]) for field in VALUE_FIELDS}
    ).select(
        pl.when(pl.col(field.name) != RAW_ABSENT)
        .then(pl.col(field.name))
        .cast(pl.Int8 if field.dtype.itemsize == _ONE_BYTE else pl.Int16)
        .alias(field.name)
        for field in VALUE_FIELDS
    )


def _why(finding: Finding, table: ReadingTable) -> str:
    """Why a reading would not be taken, and what to do."""
    if finding.field == common_pb2.FIELD_UNSPECIFIED:
        return "The reading has no value: give at least one."
    name = common_pb2.Field.Name(finding.field).removeprefix("FIELD_").lower()
    received = _received(finding, table)
    limit = "" if finding.limit is None else _spelled(finding.field, finding.limit)
    text = _SENTENCES.get(finding.rule, "{name} {received} breaks a rule: correct it.")
    return text.format(name=name, received=received, limit=limit)


def _received(finding: Finding, table: ReadingTable) -> str:
    if finding.field == common_pb2.FIELD_BALE_CODE:
        return table.bale_as_received(finding.row)
    if finding.field == common_pb2.FIELD_LOT_NO:
        return table.texts["lot_no"].at(finding.row)
    return "" if finding.received is None else _spelled(finding.field, finding.received)


def _spelled(field: common_pb2.Field.ValueType, value: int) -> str:
    known = _FIELD_BY_NUMBER.get(field)
    return str(value) if known is None or known.kind is not Kind.HUNDREDTHS else in_units(value)
