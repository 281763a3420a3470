"""Grades of readings that are not stored: requests, and answers as a frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl
from cotton.inspection.v1 import grading_pb2

from cotton_client import encode, errors

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def grades_frame(readings: pl.DataFrame, answer: grading_pb2.GradeReadingsResponse) -> pl.DataFrame:
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


@dataclass(frozen=True, slots=True)
class GradedFile:
    """The readings of one file, graded: `bales` has GRADES_SCHEMA."""

    file: str
    bales: pl.DataFrame

    @property
    def graded(self) -> int:
        """Readings that a standard graded."""
        return self.bales.height - self.bales["standard"].null_count()

    @property
    def rejected(self) -> int:
        """Readings that the service would not take."""
        return self.bales.height - self.bales["rejected"].null_count()

    @property
    def ungraded(self) -> int:
        """Readings that the service would take and that no standard grades."""
        return self.bales.height - self.graded - self.rejected


@dataclass(frozen=True, slots=True)
class Graded:
    """Files graded at one revision, under one version of the rules."""

    files: tuple[GradedFile, ...]
    revision: int
    grading_version: str
    unverified: tuple[str, ...]
    """Unverified parts of the standards that graded."""

    def after(self, answer: grading_pb2.GradeReadingsResponse) -> Graded:
        """With what an answer says of itself."""
        unverified = dict.fromkeys((*self.unverified, *answer.unverified))
        return replace(
            self,
            revision=answer.revision,
            grading_version=answer.grading_version,
            unverified=tuple(unverified),
        )

    def with_file(self, file: str, frames: Sequence[pl.DataFrame]) -> Graded:
        """With a file more, of these grades frames in order."""
        bales = pl.concat(frames) if frames else pl.DataFrame(schema=GRADES_SCHEMA)
        return replace(self, files=(*self.files, GradedFile(file, bales)))


def csv_frame(graded: Graded) -> pl.DataFrame:
    """All bales with their file and record (from 1), the definitions joined by blanks."""
    empty = pl.DataFrame(schema=GRADES_SCHEMA)
    parts = [
        each.bales.select(
            pl.lit(each.file).alias("file"),
            pl.int_range(1, pl.len() + 1).alias("record"),
            pl.exclude("definitions"),
            pl.col("definitions").list.join(" "),
        )
        for each in graded.files or (GradedFile("", empty),)
    ]
    return pl.concat(parts)
