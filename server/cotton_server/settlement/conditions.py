"""Which lots, units or regiments meet the conditions of a payment, over many rows at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cotton_server.grading.lots import main_colour
from cotton_server.grading.standard import MEASURE_NAMES
from cotton_server.settlement.exact import times
from cotton_server.settlement.pay_rules import allowed, classes_of, ranges_of
from cotton_server.settlement.rule_set import ConditionBy, Values

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from cotton_server.grading.standard import Measure, Standard
    from cotton_server.settlement.exact import Exact
    from cotton_server.settlement.means import BoolArray, MeanOf
    from cotton_server.settlement.rule_set import PayCondition, Payment


@dataclass(frozen=True, slots=True)
class Tested:
    """Which rows meet all conditions, and why some cannot.

    `told` has rows by reason: `NO_VALUE:<item>` where no bale has the item, `TIE:<item>` where two
    classes have most bales. Such a row does not meet the condition.
    """

    met: BoolArray
    told: dict[str, BoolArray]


def figures_needed(payments: Iterable[Payment], standard: Standard) -> tuple[str, ...]:
    """The columns of `grading.rollup.figure_columns` that `conditions_met` reads, each once."""
    columns: list[str] = []
    for condition in (each for payment in payments for each in payment.conditions):
        item = condition.item
        if item in MEASURE_NAMES:
            columns += (f"{item}.bales", f"{item}.sum")
        if item == "colour":
            columns.append("colour.bales")
        if condition.classes and condition.by is ConditionBy.MAIN:
            elements = classes_of(condition, standard).elements
            columns += (f"{item}.{element}.bales" for element in elements)
    return tuple(dict.fromkeys(columns))


def conditions_met(
    payment: Payment, sums: pl.DataFrame, standard: Standard, mean_of: MeanOf
) -> Tested:
    """Tests every row of `sums`, which has the columns of `figures_needed`, Int64 and not null.

    `standard` is one that `pay_rules.standard_of` gave; `mean_of` gives the means of the rows.
    """
    met = np.ones(len(sums), np.bool_)
    told: dict[str, BoolArray] = {}

    def tell(reason: str, rows: BoolArray) -> None:
        if rows.any():
            told[reason] = told.get(reason, np.False_) | rows

    for condition in payment.conditions:
        item = condition.item
        if item in MEASURE_NAMES:
            mean, measure = mean_of(item), standard.measures[item]
            rounded = payment.values is Values.ROUNDED
            value = mean.rounded(measure.resolution) if rounded else mean.value
            met &= mean.there & _within(value, condition, measure, standard)
            tell(f"NO_VALUE:{item}", ~mean.there)
        if item == "colour":
            main = sums.select(main_colour(standard).alias("main"))["main"]
            met &= main.is_in(condition.classes).fill_null(value=False).to_numpy()
            tell("NO_VALUE:colour", sums["colour.bales"].to_numpy() == 0)
        elif condition.classes and condition.by is ConditionBy.MAIN:
            is_allowed, ties, most = _main_class(sums, condition, standard)
            met &= is_allowed
            tell(f"NO_VALUE:{item}", most == 0)
            tell(f"TIE:{item}", ties)
    return Tested(met, told)


def _within(
    value: Exact, condition: PayCondition, measure: Measure, standard: Standard
) -> BoolArray:
    """Whether means keep the bounds, and are in a class where it goes by that of the mean."""
    within = np.ones(len(value), np.bool_)
    if condition.at_least is not None:
        within &= _reaches(value, condition.at_least)
    if condition.at_most is not None:
        within &= value.num <= times(value.den, condition.at_most)
    if condition.classes and condition.by is ConditionBy.MEAN:
        in_class = np.zeros(len(value), np.bool_)
        for lower, end in ranges_of(measure, allowed(condition, standard)):
            here = np.ones(len(value), np.bool_)
            if lower is not None:
                here &= _reaches(value, lower)
            if end is not None:
                here &= ~_reaches(value, end)
            in_class |= here
        within &= in_class
    return within


def _reaches(value: Exact, bound: int) -> BoolArray:
    """Whether each value is `bound` or more, exactly."""
    reaches: BoolArray = np.asarray(value.num >= times(value.den, bound), np.bool_)
    return reaches


def _main_class(
    sums: pl.DataFrame, condition: PayCondition, standard: Standard
) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Whether the class with most bales will do; where two have most; how many those are."""
    joined = classes_of(condition, standard)
    bales = np.zeros((len(joined.names), len(sums)), np.int64)
    for element, place in zip(joined.elements, joined.places, strict=True):
        bales[place] += sums[f"{joined.item}.{element}.bales"].to_numpy()
    most = bales.max(axis=0)
    ties = ((bales == most).sum(axis=0) > 1) & (most > 0)
    is_allowed = (bales.argmax(axis=0) < joined.listed) & (most > 0) & ~ties
    return is_allowed, ties, most
