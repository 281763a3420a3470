"""Figures as JSON objects: grades of a set of bales, rows and headers of summaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton_client.render import names
from cotton_client.render.json_parts import Json, instant_us, present
from cotton_client.render.values import shortest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton.inspection.v1 import summary_pb2

_COUNTS: Final = (
    "lots",
    "lots_unregistered",
    "lots_weighed",
    "lots_with_conditioned_weight",
    "declared_bales",
    "bales",
    "bales_unregistered",
    "bales_without_lot",
    "bales_without_standard",
    "lots_withdrawn",
    "bales_withdrawn",
    "lots_organisation_differs",
    "gins",
)
_WEIGHTS: Final = ("gross", "tare", "net", "conditioned")
_RATIOS: Final = (
    ("coverage", "coverage_percent"),
    ("share_of_total", "share_of_total_percent"),
    ("conditioned_per_bale", "conditioned_per_bale_kg"),
    ("regain_mean_by_lots", "regain_mean_by_lots_percent"),
    ("regain_mean_by_net", "regain_mean_by_net_percent"),
    ("trash_mean_by_lots", "trash_mean_by_lots_percent"),
    ("trash_mean_by_net", "trash_mean_by_net_percent"),
    ("bales_on_last_season", "bales_on_last_season_percent"),
    ("conditioned_on_last_season", "conditioned_on_last_season_percent"),
)


def figures(figures: summary_pb2.GradeFigures) -> Json:
    """Grades of a set of bales."""
    return {
        "standards": list(figures.standards),
        "bales": figures.bales,
        "main_colour": figures.main_colour or None,
        "main_micronaire": figures.main_micronaire or None,
        "bales_ungraded_in_colour": figures.bales_ungraded_in_colour,
        "bales_graded_by_chart": figures.bales_graded_by_chart,
        "bales_compared_with_chart": figures.bales_compared_with_chart,
        "bales_chart_differs": figures.bales_chart_differs,
        "colours": classes(figures.colours),
        "colour_types": classes(figures.colour_types),
        "length": measure(figures.length),
        "micronaire": measure(figures.micronaire),
        "micronaire_grades": classes(figures.micronaire_grades),
        "strength": measure(figures.strength),
        "uniformity": measure(figures.uniformity),
        "rd": measure(figures.rd),
        "plus_b": measure(figures.plus_b),
        "short_fibre": measure(figures.short_fibre),
        "preparations": classes(figures.preparations),
        "visual_grades": classes(figures.visual_grades),
        "leaf_grades": classes(figures.leaf_grades),
        "bales_examined_for_foreign_fibre": figures.bales_examined_for_foreign_fibre,
        "bales_with_foreign_fibre": figures.bales_with_foreign_fibre,
        "joint": [
            {
                "definition": each.name,
                "bales": each.bales,
                "of_bales": each.of_bales,
                "share_percent": shortest(each.share),
            }
            for each in figures.joint
        ],
    }


def measure(summary: summary_pb2.MeasureSummary) -> Json:
    """One measure over bales."""
    return {
        "bales": summary.bales,
        "sum": shortest(summary.sum),
        "mean": present(summary, "mean_to_hundredths"),
        "mean_to_tenths": present(summary, "mean_to_tenths"),
        "weighted_mean": present(summary, "weighted_mean_to_hundredths"),
        "weighted_mean_to_tenths": present(summary, "weighted_mean_to_tenths"),
        "lots_weighted": summary.lots_weighted,
        "standard_deviation": present(summary, "standard_deviation"),
        "min": present(summary, "min"),
        "max": present(summary, "max"),
        "tier": summary.tier or None,
        "classes": classes(summary.classes),
    }


def classes(shares: Iterable[summary_pb2.ClassShare]) -> list[Json]:
    """The classes of an item that have bales."""
    return [
        {
            "class": each.name,
            "bales": each.bales,
            "share_percent": shortest(each.share),
            "mean": present(each, "mean"),
        }
        for each in shares
    ]


def summary(answer: summary_pb2.SummariseGradesResponse) -> Json:
    """A grade summary."""
    return {
        "revision": answer.revision,
        "standards": list(answer.standards),
        "unverified": list(answer.unverified),
        "weighting": answer.weighting,
        "grading_version": answer.grading_version or None,
        "basis": names.basis(answer.basis),
        "header": header(answer.header) if answer.HasField("header") else None,
        "rows": [summary_row(row) for row in answer.rows],
        "total": summary_row(answer.total),
    }


def header(header: summary_pb2.SummaryHeader) -> Json:
    """What stands beside the figures of a summary or a table."""
    return {
        "revision": header.revision,
        "received_at": instant_us(header.received_at_us),
        "standards": list(header.standards),
        "grading_version": header.grading_version or None,
        "unverified": list(header.unverified),
        "basis": names.basis(header.basis),
        "charts": list(header.charts),
        "organisation_revision": header.organisation_revision or None,
        "rows": header.rows,
        "rows_withheld": header.rows_withheld,
        "inspected_from": header.inspected_from or None,
        "inspected_through": header.inspected_through or None,
        "last_inspected_from": header.last_inspected_from or None,
        "last_inspected_through": header.last_inspected_through or None,
        "labels": [
            {
                "key": names.summary_key(each.key),
                "value": names.key_value(each.key, each.value),
                "label_en": each.label_en,
            }
            for each in header.labels
        ],
    }


def summary_row(row: summary_pb2.SummaryRow) -> Json:
    """One group of a summary; every figure of one that is withheld is null."""
    found = _row(row)
    if row.withheld:
        found = dict.fromkeys(found) | {"keys": found["keys"], "withheld": True}
    return found


def _row(row: summary_pb2.SummaryRow) -> Json:
    """One group with its figures."""
    return {
        "keys": {
            str(names.summary_key(each.key)): names.key_value(each.key, each.value)
            for each in row.keys
        },
        "withheld": row.withheld,
        **{name: getattr(row, name) for name in _COUNTS},
        "lots_by_state": {
            str(names.lot_state(each.state)): each.lots for each in row.lots_by_state
        },
        **{f"{name}_kg": shortest(getattr(row, name)) for name in _WEIGHTS},
        **{called: present(row, name) for name, called in _RATIOS},
        "figures": figures(row.figures),
        "other_figures": [figures(each) for each in row.other_figures],
        "last_season": summary_row(row.last_season) if row.HasField("last_season") else None,
    }
