"""Bale-level grading: polars expressions made from a standard.

Values come as integers in hundredths and are rounded once, half to even, to the standard's
resolution; the rounded value is the official one and enters every tier, mean and sum.

There are two forms of one grade: `grade_codes` has small integers and is for many bales,
`grade_bales` has names and is for those that somebody reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_server.domain.fields import ABSENT
from cotton_server.grading.definitions import load_definitions, meets
from cotton_server.grading.rounding import round_to
from cotton_server.grading.standard import CODED_COLUMNS, MEASURE_NAMES, Measure, Standard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.grading.chart import Chart
    from cotton_server.grading.definition import Definition

CHART_COLOUR: Final = "chart_colour_grade"
"""The column that has the code that a chart gives each bale, null where none."""


@dataclass(frozen=True, slots=True)
class _TierColumn:
    """A column of a bale's grade that follows from one measure."""

    column: str
    measure: str
    is_grade: bool = False
    """Whether it is the grade that the tier belongs to, not the tier."""

    def names(self, standard: Standard) -> tuple[str, ...]:
        """The names in it by place."""
        measure = standard.measures[self.measure]
        return measure.grades if self.is_grade else tuple(tier.name for tier in measure.tiers)


_TIER_COLUMNS: Final = (
    _TierColumn("length_level", "length"),
    _TierColumn("micronaire_tier", "micronaire"),
    _TierColumn("micronaire_grade", "micronaire", is_grade=True),
    _TierColumn("strength_tier", "strength"),
    _TierColumn("uniformity_tier", "uniformity"),
    _TierColumn("short_fibre_tier", "short_fibre"),
)


def rounded(measure: Measure) -> pl.Expr:
    """The official value in hundredths, in the column's own type, null where absent.

    Holds for values up to 32 760 in an Int16 column; intake refuses anything near that.
    """
    return round_to(pl.col(measure.name), measure.resolution)


def tier_name(value: pl.Expr, measure: Measure) -> pl.Expr:
    """Name of the tier of a rounded value in hundredths, String; null without value or tiers."""
    by_tier = {tier.name: tier.name for tier in measure.tiers}
    return _by_tier(value, measure, by_tier, pl.String())


def tier_place(value: pl.Expr, measure: Measure) -> pl.Expr:
    """Place in `measure.tiers` of a rounded value, Int8; null without value or tiers."""
    by_tier = {tier.name: place for place, tier in enumerate(measure.tiers)}
    return _by_tier(value, measure, by_tier, pl.Int8())


def grade_place(value: pl.Expr, measure: Measure) -> pl.Expr:
    """Place in `measure.grades` of a rounded value (micronaire: A, B, C), Int8; null likewise."""
    by_tier = {tier.name: measure.grades.index(tier.grade) for tier in measure.tiers if tier.grade}
    return _by_tier(value, measure, by_tier, pl.Int8())


def _by_tier(
    value: pl.Expr, measure: Measure, by_tier: dict[str, str] | dict[str, int], dtype: pl.DataType
) -> pl.Expr:
    found = pl.lit(None, dtype=dtype)
    if not by_tier:
        return found
    for tier in measure.ascending_tiers:
        here = value.is_not_null() if tier.lower is None else value >= tier.lower
        found = pl.when(here).then(pl.lit(by_tier[tier.name], dtype=dtype)).otherwise(found)
    return found


def with_chart(frame: pl.DataFrame, chart: Chart | None) -> pl.DataFrame:
    """The bales of a frame with `rd` and `plus_b`, with CHART_COLOUR (Int8) of a chart, if any.

    From the readings as they came, which the chart rounds in its own way.
    """
    if chart is None:
        return frame.with_columns(pl.lit(None, dtype=pl.Int8).alias(CHART_COLOUR))
    rd, plus_b = (frame[name].fill_null(ABSENT).to_numpy() for name in ("rd", "plus_b"))
    codes = pl.Series(CHART_COLOUR, chart.grades_of(rd, plus_b))
    return frame.with_columns(pl.when(codes != ABSENT).then(codes).alias(CHART_COLOUR))


def grade_codes(
    frame: pl.DataFrame,
    standard: Standard,
    chart: Chart | None = None,
    definitions: Sequence[Definition] = (),
) -> pl.DataFrame:
    """The grade of every bale in small integers, a row each, in the order of `frame`.

    Takes what `grade_bales` takes, and has the same columns, null likewise, but Int8: colour and
    classes as their codes, tiers as their place in the standard's measure; and in place of
    `definitions` a Boolean column `meets.<id>`, never null, for each of those given that applies.
    """
    measures = standard.measures
    colours = [] if standard.colour is None else [each.code for each in standard.colour.grades]
    return (
        with_chart(frame, chart)
        .lazy()
        .select(
            *(["lot"] if "lot" in frame.columns else []),
            *(rounded(measures[name]) for name in MEASURE_NAMES),
            _known("colour_grade", colours),
            _known(CHART_COLOUR, colours),
            *(
                _known(column, _item_codes(item, standard))
                for item, column in CODED_COLUMNS.items()
            ),
            pl.col("foreign_fibre") > 0,
        )
        .with_columns(
            pl.coalesce("colour_grade", CHART_COLOUR),
            colour_from_chart=pl.col("colour_grade").is_null() & pl.col(CHART_COLOUR).is_not_null(),
            **{
                each.column: (grade_place if each.is_grade else tier_place)(
                    pl.col(each.measure), measures[each.measure]
                )
                for each in _TIER_COLUMNS
            },
            **{
                f"meets.{each.id}": meets(each, standard)
                for each in definitions
                if each.applies_to(standard)
            },
        )
        # Rows are worked on each by itself, and in memory they keep their order.
        .collect(engine="in-memory")
    )


def _known(column: str, codes: list[int]) -> pl.Expr:
    """The code where the standard has it, Int8."""
    if not codes:
        return pl.lit(None, dtype=pl.Int8).alias(column)
    value = pl.col(column)
    return pl.when(value.is_in(codes)).then(value)


def _item_codes(item: str, standard: Standard) -> list[int]:
    known = standard.items.get(item)
    return [] if known is None else [each.code for each in known.classes]


def grade_bales(
    frame: pl.DataFrame, standard: Standard, chart: Chart | None = None
) -> pl.DataFrame:
    """The grade of every bale, a row each, in the order of `frame`.

    `frame` has the columns `colour_grade`, `preparation`, `visual_grade`, `leaf_grade`,
    `foreign_fibre` (Int8) and the measures MEASURE_NAMES (Int16, hundredths), null where absent,
    of bales in the standard's units; others are ignored, but `lot` is carried over. `chart` is the
    standard's. The answer has, null where absent or not in the standard:

    - `lot` (Int32) where the frame has it;
    - the measures, rounded to the standard's resolution, in hundredths (Int16);
    - `colour_grade`: the laboratory's, or the chart's where the laboratory reported none that the
      standard has; `chart_colour_grade`: what the chart gives (String); `colour_from_chart`
      (Boolean, never null);
    - `length_level`, `micronaire_tier`, `micronaire_grade`, `strength_tier`, `uniformity_tier`,
      `short_fibre_tier`, `preparation`, `visual_grade`, `leaf_grade` (String);
    - `foreign_fibre` (Boolean);
    - `definitions`: ids of the definitions of the package that the bale meets, in their order
      (List of String, never null).
    """
    definitions = load_definitions()
    codes = grade_codes(frame, standard, chart, definitions)
    colours = {} if standard.colour is None else {e.code: e.name for e in standard.colour.grades}
    met = [each.id for each in definitions if f"meets.{each.id}" in codes.columns]
    return codes.with_columns(
        _named("colour_grade", colours),
        _named(CHART_COLOUR, colours),
        *(
            _named(item.column, {each.code: each.name for each in item.classes})
            for item in standard.items.values()
        ),
        *(
            _named(column, {})
            for item, column in CODED_COLUMNS.items()
            if item not in standard.items
        ),
        *(_named(each.column, dict(enumerate(each.names(standard)))) for each in _TIER_COLUMNS),
        _names_of_true(codes, met),
    ).drop(f"meets.{name}" for name in met)


def _named(column: str, names: dict[int, str]) -> pl.Expr:
    if not names:
        return pl.lit(None, dtype=pl.String).alias(column)
    return pl.col(column).replace_strict(names, default=None, return_dtype=pl.String)


def _names_of_true(codes: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """Of `names` those whose column `meets.<name>` is true, as a list of each row."""
    lists_of = pl.List(pl.String)
    if not names:
        return pl.Series("definitions", [[]], lists_of).new_from_index(0, len(codes))
    bits = codes.select(
        pl.sum_horizontal(
            *(pl.col(f"meets.{name}") * pl.lit(1 << n, pl.UInt64) for n, name in enumerate(names)),
        ).alias("bits")
    )["bits"]
    # Few combinations occur: a list is made of each once.
    found = bits.unique()
    lists = pl.Series(
        "definitions",
        [[name for bit, name in enumerate(names) if each >> bit & 1] for each in found],
        lists_of,
    )
    places = pl.Series(range(len(found)), dtype=pl.UInt32)
    return lists.gather(bits.replace_strict(found, places))
