"""The integer fields of a reading by the way their integers are read."""

from __future__ import annotations

from typing import Final

from cotton.inspection.v1 import readings_pb2

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
    "preparation",
    "foreign_fibre",
)
"""Codes of the field; preparation is 1-3 for P1-P3, foreign_fibre 0 or 1."""

VALUE_FIELDS: Final = tuple(
    field.name
    for field in readings_pb2.Reading.DESCRIPTOR.fields
    if field.name in {*HUNDREDTHS_FIELDS, *COUNT_FIELDS, *CODE_FIELDS}
)
"""The twenty integer fields of the message Reading, in its order."""
