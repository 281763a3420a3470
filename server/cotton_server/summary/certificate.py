"""The quality side of certificates, from the roll-ups of lots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cotton_server.grading.lots import grade_lots
from cotton_server.grading.shares import ShareRule
from cotton_server.summary.figures import FigureReader, GradeFigures

if TYPE_CHECKING:
    import polars as pl

    from cotton_server.grading.standard import Standard


@dataclass(frozen=True, slots=True)
class LotGrade:
    """Figures and grades of one lot; grades are None where undefined."""

    figures: GradeFigures
    main_colour: str | None
    length_level: int | None
    main_micronaire: str | None
    mark: str | None


def grade_each(rollup: pl.DataFrame, standard: Standard, *, share_decimals: int) -> list[LotGrade]:
    """The grade of every row of a roll-up under `standard`, in its order.

    `rollup` has the columns of `rollup.figure_columns(standard)`. Shares are printed by the
    certificate rule with 1 or 2 decimals; raises ShareDecimalsError for others.
    """
    reader = _reader(standard, share_decimals)
    grades = grade_lots(rollup, standard).iter_rows(named=True)
    return [
        LotGrade(
            figures=reader.read(row),
            main_colour=grade["main_colour"],
            length_level=None if grade["length_level"] is None else int(grade["length_level"]),
            main_micronaire=grade["main_micronaire"],
            mark=grade["mark"],
        )
        for row, grade in zip(rollup.iter_rows(named=True), grades, strict=True)
    ]


def grade_nothing(standard: Standard, *, share_decimals: int) -> LotGrade:
    """The grade of a lot without bales; raises ShareDecimalsError as `grade_each`."""
    return LotGrade(_reader(standard, share_decimals).read({}), None, None, None, None)


def _reader(standard: Standard, share_decimals: int) -> FigureReader:
    return FigureReader([standard], rule=ShareRule.CERTIFICATE, share_decimals=share_decimals)
