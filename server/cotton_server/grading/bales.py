"""Bale-level grading: polars expressions made from a standard.

Values come as integers in hundredths and are rounded once, half to even, to the standard's
resolution; the rounded value is the official one and enters every tier, mean and sum.
"""

from __future__ import annotations

import polars as pl

from cotton_server.grading.rounding import round_to
from cotton_server.grading.standard import MEASURE_NAMES, Measure, Standard


def rounded(measure: Measure) -> pl.Expr:
    """The official value in hundredths, in the column's own type, null where absent.

    Holds for values up to 32 760 in an Int16 column; intake refuses anything near that.
    """
    return round_to(pl.col(measure.name), measure.resolution)


def tier_name(value: pl.Expr, measure: Measure) -> pl.Expr:
    """Name of the tier of a rounded value in hundredths, String; null without value or tiers."""
    return _by_tier(value, measure, {tier.name: tier.name for tier in measure.tiers})


def grade_name(value: pl.Expr, measure: Measure) -> pl.Expr:
    """Name of the grade of a rounded value (micronaire: A, B, C), String; null as for tiers."""
    return _by_tier(value, measure, {tier.name: tier.grade for tier in measure.tiers})


def _by_tier(value: pl.Expr, measure: Measure, names: dict[str, str | None]) -> pl.Expr:
    named = pl.lit(None, dtype=pl.String)
    for tier in measure.ascending_tiers:
        here = value.is_not_null() if tier.lower is None else value >= tier.lower
        named = pl.when(here).then(pl.lit(names[tier.name], dtype=pl.String)).otherwise(named)
    return named


def colour_name(standard: Standard) -> pl.Expr:
    """The reported colour grade as printed, String; null where absent or not of the standard."""
    return _by_code("colour_grade", {each.code: each.name for each in standard.colour.grades})


def preparation_name(standard: Standard) -> pl.Expr:
    """The class of ginning preparation, String; null where absent or not of the standard."""
    classes = standard.preparation.classes
    return _by_code("preparation", {each.code: each.name for each in classes})


def _by_code(column: str, names: dict[int, str]) -> pl.Expr:
    return pl.col(column).replace_strict(names, default=None, return_dtype=pl.String)


def grade_bales(frame: pl.DataFrame, standard: Standard) -> pl.DataFrame:
    """The grade of every bale, a row each, in the order of `frame`.

    `frame` has the columns `colour_grade`, `preparation`, `foreign_fibre` (Int8) and the
    measures MEASURE_NAMES (Int16, hundredths), null where absent; others are ignored, but
    `lot` is carried over. The answer has, null where absent or not in the standard:

    - `lot` (Int32) where the frame has it;
    - the measures, rounded to the standard's resolution, in hundredths (Int16);
    - `colour_grade`, `length_level`, `micronaire_tier`, `micronaire_grade`, `strength_tier`,
      `uniformity_tier`, `short_fibre_tier`, `preparation` (String);
    - `foreign_fibre` (Boolean).
    """
    measures = standard.measures
    return (
        frame.lazy()
        .select(
            *(["lot"] if "lot" in frame.columns else []),
            *(rounded(measures[name]) for name in MEASURE_NAMES),
            colour_name(standard),
            preparation_name(standard),
            pl.col("foreign_fibre") > 0,
        )
        .with_columns(
            length_level=tier_name(pl.col("length"), measures["length"]),
            micronaire_tier=tier_name(pl.col("micronaire"), measures["micronaire"]),
            micronaire_grade=grade_name(pl.col("micronaire"), measures["micronaire"]),
            strength_tier=tier_name(pl.col("strength"), measures["strength"]),
            uniformity_tier=tier_name(pl.col("uniformity"), measures["uniformity"]),
            short_fibre_tier=tier_name(pl.col("short_fibre"), measures["short_fibre"]),
        )
        # Rows are worked on each by itself, and in memory they keep their order.
        .collect(engine="in-memory")
    )
