"""Maps grades of bales, and standards with all their tables, to messages; computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import grading_pb2, trace_pb2

from cotton_server.grading import GRADING_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from cotton_server.grading.chart import Chart
    from cotton_server.grading.definition import Definition
    from cotton_server.grading.standard import (
        CodedItem,
        Colour,
        Constant,
        Measure,
        Provenance,
        Standard,
    )

_ROUNDING: Final = "half-even"
_TEXTS: Final = (
    "colour_grade",
    "length_level",
    "micronaire_tier",
    "micronaire_grade",
    "strength_tier",
    "uniformity_tier",
    "preparation",
    "short_fibre_tier",
    "visual_grade",
    "leaf_grade",
    "chart_colour_grade",
)


def bale_grade_message(bale: Mapping[str, Any], standard: str) -> trace_pb2.BaleGrade:
    """The grade of one bale: a row of `grade_bales` as a mapping, and the standard's id."""
    return trace_pb2.BaleGrade(
        standard=standard,
        **{name: bale[name] for name in _TEXTS},
        colour_from_chart=bale["colour_from_chart"],
        definitions=bale["definitions"],
    )


def summary_of_standard(standard: Standard) -> grading_pb2.StandardSummary:
    """What a standard is, without its tables."""
    return grading_pb2.StandardSummary(
        id=standard.id,
        title=standard.title,
        title_zh=standard.title_zh,
        issued=_day(standard.issued),
        in_force_from=_day(standard.in_force_from),
        in_force_to=_day(standard.in_force_to),
        supersedes=standard.supersedes or "",
        cotton_types=standard.cotton_types,
        first_season=standard.first_season or 0,
        last_season=standard.last_season or 0,
        unknown=standard.unknown,
        unverified=standard.unverified,
        provenance=_provenance(standard.provenance),
        seasons_provenance=_provenance(standard.seasons_provenance),
        units=standard.units.value,
    )


def standard_message(
    standard: Standard, chart: Chart | None, definitions: Iterable[Definition]
) -> grading_pb2.GetStandardResponse:
    """A standard with every table, the chart that grades its colour, and what is defined by it."""
    answer = grading_pb2.GetStandardResponse(
        summary=summary_of_standard(standard),
        measures=[_measure(measure) for measure in standard.measures.values()],
        items=[
            *([] if standard.colour is None else [_colour(standard.colour)]),
            *(_item(item) for item in standard.items.values()),
        ],
        constants=[
            _constant("standard_trash", standard.standard_trash),
            _constant("official_regain", standard.official_regain),
        ],
        rounding=_ROUNDING,
        rounding_provenance=_provenance(standard.rounding_provenance),
        definitions=[
            grading_pb2.StandardDefinition(
                name=each.id,
                title=each.title,
                title_zh=each.title_zh,
                condition=each.text(standard),
                provenance=_provenance(each.provenance),
            )
            for each in definitions
            if each.applies_to(standard)
        ],
        grading_version=GRADING_VERSION,
    )
    if chart is not None:
        answer.chart = chart.id
        answer.chart_provenance.CopyFrom(_provenance(chart.provenance))
    return answer


def _measure(measure: Measure) -> grading_pb2.StandardMeasure:
    return grading_pb2.StandardMeasure(
        name=measure.name,
        title=measure.title,
        title_zh=measure.title_zh,
        unit=measure.unit,
        resolution=measure.resolution,
        tiering=measure.tiering.value,
        tiers=[
            grading_pb2.StandardTier(
                name=tier.name, lower=tier.lower, upper=tier.upper, grade=tier.grade or ""
            )
            for tier in measure.tiers
        ],
        standard=measure.standard or "",
        provenance=_provenance(measure.provenance),
    )


def _colour(colour: Colour) -> grading_pb2.StandardItem:
    types = {each.digit: each.name for each in colour.types}
    names = {grade.code: grade.name for grade in colour.grades}
    item = grading_pb2.StandardItem(
        name="colour",
        title="colour grade",
        title_zh="颜色级",
        classes=[
            grading_pb2.StandardClass(
                name=grade.name,
                title=grade.title,
                title_zh=grade.title_zh,
                neighbours=[names[code] for code in names if code in grade.neighbours],
                type=types[grade.code % 10],
            )
            for grade in colour.grades
        ],
        standard="" if colour.standard is None else names[colour.standard],
        provenance=_provenance(colour.provenance),
    )
    if colour.main is not None:
        item.main_share = colour.main.share
        item.main_provenance.CopyFrom(_provenance(colour.main.provenance))
        item.neighbours_provenance.CopyFrom(_provenance(colour.main.neighbours_provenance))
    return item


def _item(item: CodedItem) -> grading_pb2.StandardItem:
    return grading_pb2.StandardItem(
        name=item.name,
        title=item.title,
        title_zh=item.title_zh,
        classes=[
            grading_pb2.StandardClass(name=each.name, title=each.title, title_zh=each.title_zh)
            for each in item.classes
        ],
        standard=item.standard or "",
        provenance=_provenance(item.provenance),
    )


def _constant(name: str, constant: Constant | None) -> grading_pb2.StandardConstant:
    if constant is None:
        return grading_pb2.StandardConstant(name=name)
    return grading_pb2.StandardConstant(
        name=name, value=constant.value, provenance=_provenance(constant.provenance)
    )


def _provenance(provenance: Provenance) -> grading_pb2.Provenance:
    return grading_pb2.Provenance(source=provenance.source, confidence=provenance.confidence.value)


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()
