"""Grades of readings that are not stored: requests, and answers as a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
from cotton.inspection.v1 import grading_pb2

from cotton_client import encode, errors

if TYPE_CHECKING:
    from cotton.inspection.v1 import common_pb2

GRADE_TEXTS: Final = (
    "standard",
    "colour_grade",
    "chart_colour_grade",
    "length_level",
    "micronaire_tier",
    "micronaire_grade",
    "strength_tier",
    "uniformity_tier",
    "short_fibre_tier",
    "preparation",
    "visual_grade",
    "leaf_grade",
)
"""Parts of a grade that are names of classes."""

GRADES_SCHEMA: Final = pl.Schema(
    {
        "bale": pl.String(),
        "lot_no": pl.String(),
        **dict.fromkeys(GRADE_TEXTS, pl.String()),
        "colour_from_chart": pl.Boolean(),
        "definitions": pl.List(pl.String()),
        "rejected": pl.String(),
    }
)
"""The grades frame, a row a reading in its order; null where absent.

`bale` is the 32-digit code, or crop year, "/" and USDA bale id. A reading that no standard grades
has none in `standard`; one that the service would not take says in `rejected` why, and is not
graded: of both `colour_from_chart` and `definitions` are null too.
"""


def grade_request(
    frame: pl.DataFrame,
    *,
    standard: str,
    cotton_type: common_pb2.CottonType.ValueType,
    season: int,
    revision: int,
) -> grading_pb2.GradeReadingsRequest:
    """A readings frame as a request; raises FrameError for what is no readings frame."""
    return grading_pb2.GradeReadingsRequest(
        columns=encode.encode_columns(frame),
        standard=standard,
        cotton_type=cotton_type,
        season=season,
        revision=revision,
    )


def grades_frame(
    readings: pl.DataFrame, answer: grading_pb2.GradeReadingsResponse
) -> pl.DataFrame:
    """The grades of a readings frame, with GRADES_SCHEMA.

    Raises ContractViolation where the answer has not one grade a reading.
    """
    if len(answer.readings) != readings.height:
        raise errors.ContractViolation(
            f"The server graded {len(answer.readings)} of {readings.height} readings."
        )
    usda = pl.format("{}/{}", "crop_year", "usda_bale_id")
    bales = readings.select(bale=pl.coalesce("bale_code", usda), lot_no="lot_no")
    graded = [each.grade if each.HasField("grade") else None for each in answer.readings]
    columns = {
        name: [None if grade is None else getattr(grade, name) or None for grade in graded]
        for name in GRADE_TEXTS
    }
    return pl.DataFrame(
        {
            **bales.to_dict(),
            **columns,
            "colour_from_chart": [
                None if grade is None else grade.colour_from_chart for grade in graded
            ],
            "definitions": [None if grade is None else [*grade.definitions] for grade in graded],
            "rejected": [each.rejected or None for each in answer.readings],
        },
        schema=GRADES_SCHEMA,
    )
