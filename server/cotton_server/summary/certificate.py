"""The quality side of a lot's certificate, from the lot's roll-up."""

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


def grade_lot(rollup: pl.DataFrame, standard: Standard, *, share_decimals: int) -> LotGrade:
    """The grade of the lot whose only row under `standard` is `rollup`.

    `rollup` has the columns of `rollup.figure_columns(standard)` and at most one row; no row
    is a lot without bales. Shares are printed by the certificate rule with 1 or 2 decimals.
    Raises ValueError for more rows, ShareDecimalsError for other decimals.
    """
    if rollup.height > 1:
        raise ValueError(
            f"A certificate is of one lot, and {rollup.height} rows were given; "
            "add them up with combine(), or use summarise()."
        )
    reader = FigureReader([standard], rule=ShareRule.CERTIFICATE, share_decimals=share_decimals)
    if rollup.is_empty():
        return LotGrade(reader.read({}), None, None, None, None)
    grades = grade_lots(rollup, standard).row(0, named=True)
    level = grades["length_level"]
    return LotGrade(
        figures=reader.read(rollup.row(0, named=True)),
        main_colour=grades["main_colour"],
        length_level=None if level is None else int(level),
        main_micronaire=grades["main_micronaire"],
        mark=grades["mark"],
    )
