"""Maps figures, grades and summaries to the messages of the contract; computes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cotton.inspection.v1 import lots_pb2, summary_pb2

from cotton_server.grading import GRADING_VERSION
from cotton_server.grading.standard import MEASURE_NAMES, unverified_parts
from cotton_server.registry.lifecycle import LotState
from cotton_server.summary.basis import Basis
from cotton_server.summary.dates import day_text
from cotton_server.summary.key_numbers import NUMBER_OF_KEY
from cotton_server.summary.keys import key_column
from cotton_server.summary.query import Days

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cotton_server.grading.definitions import Definition
    from cotton_server.grading.standard import Measure, Standard
    from cotton_server.summary.certificates import Certificate, LotGrade
    from cotton_server.summary.printing import Printed
    from cotton_server.summary.summarise import Answer, Side, Summary
    from cotton_server.summary.views import LotView

BASIS = {
    Basis.IN_FORCE: summary_pb2.BASIS_IN_FORCE,
    Basis.FIRST_INSPECTION: summary_pb2.BASIS_FIRST_INSPECTION,
}

_ITEM_FIELDS = {
    "preparation": "preparations",
    "visual_grade": "visual_grades",
    "leaf": "leaf_grades",
}
"""The fields of GradeFigures that have the classes of items that are judged."""

_TIER_TEXTS = {
    "length": "length_level",
    "micronaire": "micronaire_tier",
    "strength": "strength_tier",
    "uniformity": "uniformity_tier",
}

_ROW_COUNTS = (
    "lots",
    "lots_unregistered",
    "lots_weighed",
    "lots_with_conditioned_weight",
    "lots_withdrawn",
    "lots_organisation_differs",
    "gins",
    "declared_bales",
    "bales",
    "bales_unregistered",
    "bales_without_lot",
    "bales_without_standard",
    "bales_withdrawn",
    "gross",
    "tare",
    "net",
    "conditioned",
)

_ROW_OPTIONAL = {
    "coverage": "coverage",
    "share_of_total": "share_of_total",
    "conditioned_per_bale": "conditioned_per_bale",
    "regain_mean_by_lots": "regain.mean_by_lots",
    "regain_mean_by_net": "regain.mean_by_net",
    "trash_mean_by_lots": "trash.mean_by_lots",
    "trash_mean_by_net": "trash.mean_by_net",
    # Of this season beside the one before.
    "bales_on_last_season": "bales_on_last_season",
    "conditioned_on_last_season": "conditioned_on_last_season",
}


_OF_MEASURE = (
    "bales",
    "sum",
    "mean_to_hundredths",
    "mean_to_tenths",
    "weighted_mean_to_hundredths",
    "weighted_mean_to_tenths",
    "lots_weighted",
    "min",
    "max",
    "standard_deviation",
)


@dataclass(frozen=True, slots=True)
class Block:
    """Figures of bales that standards of one family graded, with the ids of those that did."""

    newest: Standard
    graded_by: Sequence[str]
    definitions: tuple[Definition, ...]
    printed: Printed


def grade_figures_message(block: Block, row: int) -> summary_pb2.GradeFigures:
    """Figures of a set of bales under standards of one family."""
    figures, texts = block.printed.figures, block.printed.texts
    newest = block.newest

    def count(name: str) -> int:
        values = figures.get(name)
        return 0 if values is None else int(values.values[row])

    def classes(item: str, names: Iterable[str]) -> list[summary_pb2.ClassShare]:
        return _classes(block.printed, row, item, names)

    measures: dict[str, Any] = {
        name: _measure(block.printed, row, newest.measures[name]) for name in MEASURE_NAMES
    }
    items: dict[str, Any] = {
        field: classes(name, (each.name for each in newest.items[name].classes))
        for name, field in _ITEM_FIELDS.items()
        if name in newest.items
    }
    message = summary_pb2.GradeFigures(
        standards=block.graded_by,
        bales=count("graded.bales"),
        bales_ungraded_in_colour=count("colour.ungraded"),
        bales_graded_by_chart=count("colour.by_chart"),
        bales_compared_with_chart=count("chart.bales"),
        bales_chart_differs=count("chart.differing"),
        bales_examined_for_foreign_fibre=count("foreign_fibre.bales"),
        bales_with_foreign_fibre=count("foreign_fibre.found"),
        main_colour=texts["main_colour"][row],
        main_micronaire=texts["main_micronaire"][row],
        micronaire_grades=classes("micronaire_grade", newest.measures["micronaire"].grades),
        joint=[
            summary_pb2.JointShare(
                name=each.id,
                bales=count(f"joint.{each.id}.bales"),
                of_bales=count(f"joint.{each.id}.of"),
                share=count(f"joint.{each.id}.share"),
            )
            for each in block.definitions
        ],
        **measures,
        **items,
    )
    if newest.colour is not None:
        message.colours.extend(classes("colour", (each.name for each in newest.colour.grades)))
        types = (each.name for each in newest.colour.types)
        message.colour_types.extend(classes("colour_type", types))
    return message


def set_lot_grade(response: summary_pb2.GetLotCertificateResponse, grade: LotGrade) -> None:
    """Fills in the figures and grades of a certificate."""
    block = Block(grade.standard, (grade.standard.id,), grade.definitions, grade.printed)
    response.figures.CopyFrom(grade_figures_message(block, grade.row))
    texts = grade.printed.texts
    response.main_colour = texts["main_colour"][grade.row]
    response.length_level = int(texts["length_level"][grade.row] or 0)
    response.main_micronaire = texts["main_micronaire"][grade.row]
    response.mark = texts["mark"][grade.row]


def standing_message(view: LotView) -> summary_pb2.GetLotCertificateResponse:
    """What a lot is and where it stands, without figures."""
    return summary_pb2.GetLotCertificateResponse(
        revision=view.revision,
        state=view.status.state,
        lot=view.lot.registration or lots_pb2.Lot(lot_no=view.lot.lot_no),
        season=view.lot.season,
        status=view.status,
        grading_version=GRADING_VERSION,
    )


def certificate_message(certificate: Certificate) -> summary_pb2.GetLotCertificateResponse:
    """The certificate of a lot."""
    answer = standing_message(certificate.view)
    answer.basis = BASIS[certificate.basis]
    if certificate.standard is not None:
        answer.standard = certificate.standard.id
        answer.unverified.extend(unverified_parts([certificate.standard]))
    if certificate.grade is not None:
        set_lot_grade(answer, certificate.grade)
    answer.bales = certificate.bales
    answer.bales_without_standard = certificate.bales_without_standard
    answer.bales_under_other_standards = (
        answer.bales - answer.bales_without_standard - answer.figures.bales
    )
    if certificate.weight is not None and certificate.view.lot.weight is not None:
        answer.weight.CopyFrom(
            certificate_weight_message(
                certificate.view.lot.weight,
                net=certificate.weight.net,
                conditioned=certificate.weight.conditioned,
            )
        )
    answer.first_inspected_on = certificate.first_inspected_on
    answer.last_inspected_on = certificate.last_inspected_on
    answer.laboratories.extend(certificate.laboratories)
    answer.region = certificate.placed.region
    answer.division = certificate.placed.division
    answer.regiment = certificate.placed.regiment
    answer.county = certificate.placed.county
    answer.organisation_differs = certificate.placed.differs
    answer.organisation_revision = certificate.grading.organisation_revision
    if certificate.standard is not None:
        answer.charts.extend(certificate.grading.charts_of([certificate.standard.id]))
    return answer


def certificate_weight_message(
    record: lots_pb2.LotWeight, *, net: int, conditioned: int | None
) -> summary_pb2.CertificateWeight:
    """The weight side of a certificate, in hundredths of a kilogram."""
    return summary_pb2.CertificateWeight(record=record, net=net, conditioned=conditioned)


def header_message(
    summary: Summary, *, basis: Basis, received_at_us: int
) -> summary_pb2.SummaryHeader:
    """What stands beside the figures of a summary."""
    query, grading = summary.query, summary.lots.grading
    last = query.days.year_earlier() if query.with_last_season else Days()
    return summary_pb2.SummaryHeader(
        revision=summary.lots.revision,
        standards=summary.standards,
        grading_version=GRADING_VERSION,
        unverified=summary.unverified,
        basis=BASIS[basis],
        charts=grading.charts_of(summary.standards),
        organisation_revision=grading.organisation_revision,
        rows=summary.rows,
        rows_withheld=summary.rows_withheld,
        inspected_from=_day(query.days.first),
        inspected_through=_day(query.days.last),
        last_inspected_from=_day(last.first),
        last_inspected_through=_day(last.last),
        received_at_us=received_at_us,
        labels=[
            summary_pb2.KeyLabel(key=NUMBER_OF_KEY[key], value=value, label_en=label)
            for key, value, label in summary.labels
        ],
    )


def row_messages(answer: Answer) -> list[summary_pb2.SummaryRow]:
    """The rows of a part of a summary, each with the season before where that was asked for."""
    keys = answer.query.keys
    columns = (
        [answer.groups[key_column(key)].to_list() for key in keys] if answer.groups.width else []
    )
    rows = []
    for row in range(answer.rows):
        message = _row(answer.side, row)
        for key, column in zip(keys, columns, strict=False):
            message.keys.add(key=NUMBER_OF_KEY[key], value=column[row])
        if answer.last is not None and answer.last.there[row]:
            message.last_season.CopyFrom(_row(answer.last, row))
        rows.append(message)
    return rows


def _row(side: Side, row: int) -> summary_pb2.SummaryRow:
    """One row without its keys; nothing but that it is withheld, where it is."""
    if side.withheld[row]:
        return summary_pb2.SummaryRow(withheld=True)
    figures = side.row.figures
    counts: dict[str, Any] = {name: int(figures[name].values[row]) for name in _ROW_COUNTS}
    optional: dict[str, Any] = {
        name: figures[column][row] for name, column in _ROW_OPTIONAL.items() if column in figures
    }
    message = summary_pb2.SummaryRow(
        **counts,
        **optional,
        lots_by_state=[
            summary_pb2.LotStateCount(state=state.value, lots=lots)
            for state in LotState
            if (lots := int(figures[f"lots.{state.name.lower()}"].values[row]))
        ],
    )
    blocks = [
        Block(
            each.family.standards[-1],
            [name for name, bales in each.graded.items() if bales[row]],
            each.definitions,
            each.printed,
        )
        for each in reversed(side.blocks)
        if each.printed.figures["graded.bales"].values[row]
    ]
    # Of most bales first; a sort keeps the order of equals, and newer standards go before.
    blocks.sort(key=lambda each: -int(each.printed.figures["graded.bales"].values[row]))
    if blocks:
        message.figures.CopyFrom(grade_figures_message(blocks[0], row))
        message.other_figures.extend(grade_figures_message(each, row) for each in blocks[1:])
    else:
        message.figures.SetInParent()
    return message


def _measure(printed: Printed, row: int, measure: Measure) -> summary_pb2.MeasureSummary:
    name, figures = measure.name, printed.figures
    tier = _TIER_TEXTS.get(name)
    of_measure: dict[str, Any] = {what: figures[f"{name}.{what}"][row] for what in _OF_MEASURE}
    return summary_pb2.MeasureSummary(
        **of_measure,
        tier="" if tier is None else printed.texts[tier][row],
        classes=_classes(printed, row, name, (each.name for each in measure.tiers)),
    )


def _classes(
    printed: Printed, row: int, item: str, names: Iterable[str]
) -> list[summary_pb2.ClassShare]:
    """The classes of an item that have bales."""
    figures = printed.figures
    classes = []
    for name in names:
        bales = int(figures[f"{item}.{name}.bales"].values[row])
        if not bales:
            continue
        mean = figures.get(f"{item}.{name}.mean")
        classes.append(
            summary_pb2.ClassShare(
                name=name,
                bales=bales,
                share=int(figures[f"{item}.{name}.share"].values[row]),
                mean=None if mean is None else mean[row],
            )
        )
    return classes


def _day(day: int | None) -> str:
    return "" if day is None else day_text(day)
