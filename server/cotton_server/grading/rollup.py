"""Roll-ups: what the bales of a lot add up to, as integer counts and sums only.

A roll-up has a row per key and, after the key columns, the columns of `figure_columns`, all
Int64. Sums, least and greatest values are of the official (rounded) values, in hundredths:

- `bales`: all bales of the key;
- `colour.bales`, `colour.<code>.bales`: bales with a colour grade of the standard, and by grade;
- `<measure>.bales`, `.sum`, `.min`, `.max`: bales that have the measure; `.min` and `.max` are
  null where there are none;
- `<measure>.<tier>.bales`, `.sum`: the same by tier, where the standard lists tiers;
- `preparation.bales`, `preparation.<class>.bales`: bales with a class, and by class;
- `foreign_fibre.bales`, `foreign_fibre.found`: bales that were examined, and those with some.

All but `.min` and `.max` are additive, so that any higher key is a sum of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from cotton_server.grading.bales import rounded
from cotton_server.grading.standard import MEASURE_NAMES, Measure, Standard

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def figure_columns(standard: Standard) -> tuple[str, ...]:
    """The columns of a roll-up under this standard, without its keys."""
    columns = ["bales", "colour.bales"]
    columns += (f"colour.{grade.name}.bales" for grade in standard.colour.grades)
    for name in MEASURE_NAMES:
        columns += (f"{name}.{what}" for what in ("bales", "sum", "min", "max"))
        for tier in standard.measures[name].tiers:
            columns += (f"{name}.{tier.name}.{what}" for what in ("bales", "sum"))
    columns.append("preparation.bales")
    columns += (f"preparation.{each.name}.bales" for each in standard.preparation.classes)
    columns += ("foreign_fibre.bales", "foreign_fibre.found")
    return tuple(columns)


def roll_up(bales: pl.DataFrame, standard: Standard, by: Sequence[str] = ("lot",)) -> pl.DataFrame:
    """Grades bales and adds them up by `by`, a row a key, sorted by key.

    `bales` has the key columns (none null) and the value columns that `grade_bales` takes.
    Bales that lie together by lot are added up about twice as fast as bales in any order.
    """
    measures = [standard.measures[name] for name in MEASURE_NAMES]
    return (
        bales.lazy()
        .select(
            *by, "colour_grade", "preparation", "foreign_fibre", *(rounded(m) for m in measures)
        )
        .group_by(by)
        .agg(
            pl.len().alias("bales"),
            *_count_codes("colour", "colour_grade", _colour_codes(standard)),
            *(aggregate for measure in measures for aggregate in _add_up(measure)),
            *_count_codes("preparation", "preparation", _preparation_codes(standard)),
            pl.col("foreign_fibre").count().alias("foreign_fibre.bales"),
            (pl.col("foreign_fibre") > 0).sum().alias("foreign_fibre.found"),
        )
        .with_columns(pl.exclude(by).cast(pl.Int64))
        .with_columns(
            pl.sum_horizontal(f"colour.{name}.bales" for name in _colour_codes(standard)).alias(
                "colour.bales"
            ),
            pl.sum_horizontal(
                f"preparation.{name}.bales" for name in _preparation_codes(standard)
            ).alias("preparation.bales"),
            *(column for measure in measures for column in _per_tier(measure)),
        )
        .select(*by, *figure_columns(standard))
        .sort(by)
        # Integer counts and sums come out the same on every engine; streaming needs less memory.
        .collect(engine="streaming")
    )


def combine(rollup: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """The rows of a roll-up added up by other keys, a row a key, sorted by key.

    Every column of `rollup` is a key in `by`, a figure of `figure_columns`, or another
    additive Int64 column. Without keys the answer is one row, the total.
    """
    aggregates = additions(column for column in rollup.columns if column not in by)
    lazy = rollup.lazy()
    combined = lazy.group_by(by).agg(aggregates).sort(by) if by else lazy.select(aggregates)
    return combined.collect(engine="in-memory")


def additions(columns: Iterable[str]) -> list[pl.Expr]:
    """How each column of a roll-up is added up: least of least, greatest of greatest, else sum."""
    return [
        pl.col(column).min()
        if column.endswith(".min")
        else pl.col(column).max()
        if column.endswith(".max")
        else pl.col(column).sum()
        for column in columns
    ]


def _colour_codes(standard: Standard) -> dict[str, int]:
    return {grade.name: grade.code for grade in standard.colour.grades}


def _preparation_codes(standard: Standard) -> dict[str, int]:
    return {each.name: each.code for each in standard.preparation.classes}


def _count_codes(item: str, column: str, codes: dict[str, int]) -> list[pl.Expr]:
    return [
        (pl.col(column) == code).sum().alias(f"{item}.{name}.bales") for name, code in codes.items()
    ]


def _add_up(measure: Measure) -> list[pl.Expr]:
    """Counts and sums of the whole measure, and of all values from each tier upwards.

    One comparison a tier where a range would need two; `_per_tier` takes differences later,
    on a row a lot rather than a row a bale.
    """
    value, name = pl.col(measure.name), measure.name
    aggregates = [
        value.count().alias(f"{name}.bales"),
        value.sum().alias(f"{name}.sum"),
        value.min().alias(f"{name}.min"),
        value.max().alias(f"{name}.max"),
    ]
    for tier in measure.ascending_tiers[1:]:
        above = value >= tier.lower
        aggregates += (
            above.sum().alias(f"{name}.{tier.name}+.bales"),
            pl.when(above).then(value).otherwise(0).sum().alias(f"{name}.{tier.name}+.sum"),
        )
    return aggregates


def _per_tier(measure: Measure) -> list[pl.Expr]:
    """Figures of each tier: from it upwards, less from the next one upwards."""
    name, tiers = measure.name, measure.ascending_tiers
    columns = []
    for place, tier in enumerate(tiers):
        for what in ("bales", "sum"):
            figure = pl.col(f"{name}.{tier.name}+.{what}" if place else f"{name}.{what}")
            if place + 1 < len(tiers):
                figure -= pl.col(f"{name}.{tiers[place + 1].name}+.{what}")
            columns.append(figure.alias(f"{name}.{tier.name}.{what}"))
    return columns
