"""Standards as JSON objects: the contract of --json, described in docs/cli.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cotton_client.render.json_parts import Json, present
from cotton_client.render.values import shortest

if TYPE_CHECKING:
    from cotton.inspection.v1 import grading_pb2


def standards(answer: grading_pb2.ListStandardsResponse) -> Json:
    """The standards, oldest first."""
    return {
        "grading_version": answer.grading_version,
        "standards": [_summary(each) for each in answer.standards],
    }


def standard(answer: grading_pb2.GetStandardResponse) -> Json:
    """One standard with every table."""
    return {
        "grading_version": answer.grading_version,
        **_summary(answer.summary),
        "measures": [_measure(each) for each in answer.measures],
        "items": [_item(each) for each in answer.items],
        "constants": [
            {
                "name": each.name,
                "value": present(each, "value"),
                "provenance": _provenance(each, "provenance"),
            }
            for each in answer.constants
        ],
        "rounding": answer.rounding,
        "rounding_provenance": _provenance(answer, "rounding_provenance"),
        "chart": answer.chart or None,
        "chart_provenance": _provenance(answer, "chart_provenance"),
        "definitions": [
            {
                "name": each.name,
                "title": each.title,
                "title_zh": each.title_zh,
                "condition": each.condition,
                "provenance": _provenance(each, "provenance"),
            }
            for each in answer.definitions
        ],
    }


def _summary(summary: grading_pb2.StandardSummary) -> Json:
    """What a standard is, without its tables."""
    return {
        "id": summary.id,
        "title": summary.title,
        "title_zh": summary.title_zh or None,
        "issued": summary.issued or None,
        "in_force_from": summary.in_force_from or None,
        "in_force_to": summary.in_force_to or None,
        "supersedes": summary.supersedes or None,
        "cotton_types": [each.lower() for each in summary.cotton_types],
        "first_season": summary.first_season or None,
        "last_season": summary.last_season or None,
        "seasons_provenance": _provenance(summary, "seasons_provenance"),
        "units": summary.units,
        "unknown": list(summary.unknown),
        "unverified": list(summary.unverified),
        "provenance": _provenance(summary, "provenance"),
    }


def _measure(measure: grading_pb2.StandardMeasure) -> Json:
    """A measure with its tiers; bounds are included, null where open."""
    return {
        "name": measure.name,
        "title": measure.title,
        "title_zh": measure.title_zh or None,
        "unit": measure.unit or None,
        "resolution": shortest(measure.resolution),
        "tiering": measure.tiering,
        "tiers": [
            {
                "name": tier.name,
                "lower": present(tier, "lower"),
                "upper": present(tier, "upper"),
                "grade": tier.grade or None,
            }
            for tier in measure.tiers
        ],
        "standard": measure.standard or None,
        "provenance": _provenance(measure, "provenance"),
    }


def _item(item: grading_pb2.StandardItem) -> Json:
    """Colour, or an item that is judged by eye."""
    return {
        "name": item.name,
        "title": item.title,
        "title_zh": item.title_zh or None,
        "classes": [
            {
                "name": each.name,
                "title": each.title,
                "title_zh": each.title_zh or None,
                "type": each.type or None,
                "neighbours": list(each.neighbours),
            }
            for each in item.classes
        ],
        "standard": item.standard or None,
        "provenance": _provenance(item, "provenance"),
        "main_share": shortest(item.main_share) if item.main_share else None,
        "main_provenance": _provenance(item, "main_provenance"),
        "neighbours_provenance": _provenance(item, "neighbours_provenance"),
    }


def _provenance(message: Any, name: str) -> Json | None:
    """Where a part comes from; None where it is not there."""
    if not message.HasField(name):
        return None
    provenance = getattr(message, name)
    return {"source": provenance.source, "confidence": provenance.confidence}
