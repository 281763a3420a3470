"""Lot-level grades from roll-ups, over many lots at once, in integer polars expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from cotton_server.grading.bales import tier_name
from cotton_server.grading.rounding import half_even

if TYPE_CHECKING:
    from cotton_server.grading.standard import Measure, Standard

_WHOLE = 10_000


def main_colour(standard: Standard) -> pl.Expr:
    """Main colour grade (主体颜色级), String: the grade of at least the standard's share of bales.

    All other bales must have a neighbouring grade. Bales without a colour grade count on
    neither side; null without a main grade, and where the standard has no rule of one.
    """
    main = pl.lit(None, dtype=pl.String)
    if standard.colour is None or standard.colour.main is None:
        return main
    graded = pl.col("colour.bales")
    for grade in standard.colour.grades:
        bales = pl.col(f"colour.{grade.name}.bales")
        near = pl.sum_horizontal(
            bales, *(pl.col(f"colour.{code}.bales") for code in sorted(grade.neighbours))
        )
        enough = (bales > 0) & (bales * _WHOLE >= graded * standard.colour.main.share)
        main = pl.when(enough & (near == graded)).then(pl.lit(grade.name)).otherwise(main)
    return main


def mean(measure: Measure, resolution: int) -> pl.Expr:
    """Mean of a measure in hundredths, rounded once from the exact sum to `resolution`."""
    bales, total = pl.col(f"{measure.name}.bales"), pl.col(f"{measure.name}.sum")
    return half_even(total, bales * resolution) * resolution


def tier_of_mean(measure: Measure) -> pl.Expr:
    """Tier of the mean rounded to the measure's resolution, String; null without values."""
    return tier_name(mean(measure, measure.resolution), measure)


def main_micronaire(standard: Standard) -> pl.Expr:
    """Main micronaire grade, String: the grade with most bales; null without values or on a tie.

    Null too where the standard has no grades of micronaire, or they are not known.
    """
    measure = standard.measures["micronaire"]
    bales = {
        grade: pl.sum_horizontal(
            pl.col(f"micronaire.{tier.name}.bales") for tier in measure.tiers if tier.grade == grade
        )
        for grade in measure.grades
    }
    main = pl.lit(None, dtype=pl.String)
    for grade, count in bales.items():
        most = pl.all_horizontal(count > other for name, other in bales.items() if name != grade)
        main = pl.when(most & (count > 0)).then(pl.lit(grade)).otherwise(main)
    return main


def grade_lots(rollup: pl.DataFrame, standard: Standard) -> pl.DataFrame:
    """The grade of every row of a roll-up, in its order, after the columns that are no figures.

    Columns, all String and null where undefined: `main_colour`, `length_level` (of the mean),
    `main_micronaire`, `strength_tier`, `uniformity_tier` (of the means), and `mark`, such as
    `3129B`: main colour, length level and main micronaire grade; null where one is.
    """
    measures = standard.measures
    return (
        rollup.lazy()
        .with_columns(
            main_colour=main_colour(standard),
            length_level=tier_of_mean(measures["length"]),
            main_micronaire=main_micronaire(standard),
            strength_tier=tier_of_mean(measures["strength"]),
            uniformity_tier=tier_of_mean(measures["uniformity"]),
        )
        .with_columns(mark=pl.concat_str("main_colour", "length_level", "main_micronaire"))
        .drop(rollup_columns(rollup))
        # Rows are worked on each by itself, and in memory they keep their order.
        .collect(engine="in-memory")
    )


def rollup_columns(rollup: pl.DataFrame) -> list[str]:
    """The figures among the columns of a roll-up."""
    return [column for column in rollup.columns if column == "bales" or "." in column]
