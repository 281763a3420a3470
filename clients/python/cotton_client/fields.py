"""The fields of a reading by the way their values are read, and the names of their enums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import common_pb2, readings_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

HUNDREDTHS_FIELDS: Final = (
    "length",
    "uniformity",
    "short_fibre",
    "strength",
    "elongation",
    "micronaire",
    "maturity",
    "rd",
    "plus_b",
    "trash_area",
    "moisture",
)
"""Measures, in hundredths of the unit of the standard that grades the bale."""

COUNT_FIELDS: Final = ("trash_count", "spinning_consistency")
"""Whole numbers."""

CODE_FIELDS: Final = (
    "colour_grade",
    "instrument_colour_grade",
    "colour_quadrant",
    "leaf_grade",
    "extraneous_matter",
    "visual_grade",
    "preparation",
    "foreign_fibre",
)
"""Codes of the field; preparation is 1-3 for P1-P3, foreign_fibre 0 or 1."""

VALUE_FIELDS: Final = tuple(
    field.name
    for field in readings_pb2.Reading.DESCRIPTOR.fields
    if field.name in {*HUNDREDTHS_FIELDS, *COUNT_FIELDS, *CODE_FIELDS}
)
"""Every integer field of the message Reading, in its order."""

KIND_PREFIX: Final = "READING_KIND_"
REASON_PREFIX: Final = "AMENDMENT_REASON_"


def enum_names(names: Iterable[str], prefix: str) -> tuple[str, ...]:
    """The names of an enum without their prefix, UNSPECIFIED left out."""
    short = (name.removeprefix(prefix) for name in names)
    return tuple(name for name in short if name != "UNSPECIFIED")


READING_KINDS: Final = enum_names(readings_pb2.ReadingKind.keys(), KIND_PREFIX)
"""ORIGINAL, REVIEW (复检), SUPERVISORY (监督抽验), CORRECTION."""

CORRECTION: Final = "CORRECTION"
REVIEW: Final = "REVIEW"

AMENDMENT_REASONS: Final = enum_names(common_pb2.AmendmentReason.keys(), REASON_PREFIX)
"""Why a stored record is changed, withdrawn or decided about."""

AMENDMENT_FIELDS: Final = tuple(field.name for field in common_pb2.Amendment.DESCRIPTOR.fields)
"""The fields of the message Amendment, each a column of a frame of records that may be amended."""
