"""Parts that JSON answers share: moments, decimals, readings, amendments, comparisons."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cotton_client.fields import CODE_FIELDS, COUNT_FIELDS, HUNDREDTHS_FIELDS
from cotton_client.render import names
from cotton_client.render.values import shortest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton.inspection.v1 import common_pb2, readings_pb2, trace_pb2

    from cotton_client.render.differences import Difference

Json = dict[str, Any]

_NUMBERS = tuple(
    name for name in (*COUNT_FIELDS, *CODE_FIELDS) if name not in ("preparation", "foreign_fibre")
)


def instant(seconds: int) -> str | None:
    """A moment in UTC, ISO 8601 to the second; None when not known."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_us(microseconds: int) -> str | None:
    """A moment in UTC, ISO 8601 to the microsecond; None when not known."""
    text = instant(microseconds // 1_000_000)
    return text and f"{text[:-1]}.{microseconds % 1_000_000:06d}Z"


def present(message: Any, name: str) -> str | None:
    """Hundredths of an optional field as a decimal; None when absent."""
    return shortest(getattr(message, name)) if message.HasField(name) else None


def reading(reading: readings_pb2.Reading) -> Json:
    """A reading, its measures in the units of its standard."""
    return {
        "kind": names.reading_kind(reading.kind),
        "lot_no": reading.lot_no or None,
        **{name: present(reading, name) for name in HUNDREDTHS_FIELDS},
        **{
            name: getattr(reading, name) if reading.HasField(name) else None  # type: ignore[arg-type]  # names of fields
            for name in _NUMBERS
        },
        "preparation": names.preparation(reading.preparation),
        "foreign_fibre": reading.foreign_fibre if reading.HasField("foreign_fibre") else None,
        "standard": reading.standard or None,
        "laboratory": reading.laboratory or None,
        "instrument": reading.instrument or None,
        "inspected_at": instant(reading.inspected_at_s),
    }


def grade(grade: trace_pb2.BaleGrade) -> Json:
    """The grade of a bale: names of classes, and the definitions that it meets."""
    return {
        "standard": grade.standard or None,
        "colour_grade": grade.colour_grade or None,
        "length_level": grade.length_level or None,
        "micronaire_tier": grade.micronaire_tier or None,
        "micronaire_grade": grade.micronaire_grade or None,
        "strength_tier": grade.strength_tier or None,
        "uniformity_tier": grade.uniformity_tier or None,
        "short_fibre_tier": grade.short_fibre_tier or None,
        "preparation": grade.preparation or None,
        "visual_grade": grade.visual_grade or None,
        "leaf_grade": grade.leaf_grade or None,
        "chart_colour_grade": grade.chart_colour_grade or None,
        "colour_from_chart": grade.colour_from_chart,
        "definitions": list(grade.definitions),
    }


def amendment_of(message: Any, name: str = "amendment") -> Json | None:
    """The amendment in a field of a message; None where it has none."""
    return amendment(getattr(message, name)) if message.HasField(name) else None


def amendment(amendment: common_pb2.Amendment) -> Json:
    """What is superseded, why, and who decided."""
    return {
        "supersedes_revision": amendment.supersedes_revision or None,
        "reason": names.reason(amendment.reason),
        "note": amendment.note or None,
        "decided_by": amendment.decided_by or None,
    }


def comparison_of(message: Any) -> Json | None:
    """The comparison of a re-test in a message; None where it has none."""
    return comparison(message.comparison) if message.HasField("comparison") else None


def comparison(comparison: readings_pb2.RetestComparison) -> Json:
    """A re-test beside the original: measures in real units, codes as integers."""
    return {
        "original_revision": comparison.original_revision,
        "retest_revision": comparison.retest_revision or None,
        "measures": [
            {
                "field": names.field(each.field),
                "original": field_value(each.field, each.original),
                "retest": field_value(each.field, each.retest),
                "tolerance": (
                    field_value(each.field, each.tolerance) if each.HasField("tolerance") else None
                ),
                "within": each.within,
            }
            for each in comparison.measures
        ],
        "within_tolerance": comparison.within_tolerance,
        "retest_in_force": comparison.retest_in_force,
        "rule_set": comparison.rule_set,
        "unverified": comparison.unverified,
    }


def field_value(field: int, value: int) -> str | int:
    """An integer of the contract: a decimal text for measures, itself for counts and codes."""
    return shortest(value) if names.field(field) in HUNDREDTHS_FIELDS else value


def differences(found: Iterable[Difference]) -> list[Json]:
    """What differs, with both values as text."""
    return [{"field": each.name, "before": each.before, "after": each.after} for each in found]
