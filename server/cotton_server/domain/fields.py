"""The fields of a reading, in the order in which a differing repeat is reported."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from cotton.inspection.v1 import common_pb2, readings_pb2

ABSENT: Final = -1
"""What stands in a value column where a bale has no value. No accepted value is negative."""


class Kind(StrEnum):
    """How the integers of a field are read."""

    HUNDREDTHS = "hundredths"
    """Hundredths of the unit of the standard that grades the bale."""
    COUNT = "count"
    """Whole numbers."""
    CODE = "code"
    """A code of the field: a grade, a class, yes or no."""


@dataclass(frozen=True, slots=True)
class ValueField:
    """One integer field of a reading.

    `name` is the field's name in the messages Reading and ReadingColumns and of its
    column in every table; `dtype` is the type of the stored column, with ABSENT where a
    bale has no value.
    """

    name: str
    kind: Kind
    dtype: np.dtype[np.signedinteger]

    @property
    def number(self) -> common_pb2.Field.ValueType:
        """The field's number in the contract's enum Field."""
        return common_pb2.Field.Value(f"FIELD_{self.name.upper()}")

    @property
    def differs(self) -> readings_pb2.Outcome.ValueType:
        """The outcome of a repeat that differs in this field first."""
        return readings_pb2.Outcome.Value(f"OUTCOME_EXISTS_WITH_DIFFERENT_{self.name.upper()}")


_INT8: Final = np.dtype(np.int8)
_INT16: Final = np.dtype(np.int16)

VALUE_FIELDS: Final[tuple[ValueField, ...]] = (
    ValueField("colour_grade", Kind.CODE, _INT8),
    ValueField("length", Kind.HUNDREDTHS, _INT16),
    ValueField("micronaire", Kind.HUNDREDTHS, _INT16),
    ValueField("strength", Kind.HUNDREDTHS, _INT16),
    ValueField("uniformity", Kind.HUNDREDTHS, _INT16),
    ValueField("preparation", Kind.CODE, _INT8),
    ValueField("foreign_fibre", Kind.CODE, _INT8),
    ValueField("rd", Kind.HUNDREDTHS, _INT16),
    ValueField("plus_b", Kind.HUNDREDTHS, _INT16),
    ValueField("short_fibre", Kind.HUNDREDTHS, _INT16),
    ValueField("elongation", Kind.HUNDREDTHS, _INT16),
    ValueField("maturity", Kind.HUNDREDTHS, _INT16),
    ValueField("trash_area", Kind.HUNDREDTHS, _INT16),
    ValueField("trash_count", Kind.COUNT, _INT16),
    ValueField("moisture", Kind.HUNDREDTHS, _INT16),
    ValueField("spinning_consistency", Kind.COUNT, _INT16),
    ValueField("instrument_colour_grade", Kind.CODE, _INT8),
    ValueField("colour_quadrant", Kind.CODE, _INT8),
    ValueField("leaf_grade", Kind.CODE, _INT8),
    ValueField("extraneous_matter", Kind.CODE, _INT8),
    ValueField("visual_grade", Kind.CODE, _INT8),
)
"""Every integer field; what decides, after the lot, whether a repeat is identical."""

VALUE_FIELD_NAMES: Final = tuple(field.name for field in VALUE_FIELDS)


def in_units(hundredths: int) -> str:
    """Hundredths as a person reads them: 2820 is "28.20"."""
    sign = "-" if hundredths < 0 else ""
    return f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"


TEXT_FIELD_NAMES: Final = ("lot_no", "standard", "laboratory", "instrument")
"""The text fields of a reading; `lot_no` and `standard` decide whether a repeat is identical."""
