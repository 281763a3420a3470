"""Payments that are tested on each bale: which bales meet them, counted by lot."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

import polars as pl

from cotton_server.grading.bales import CHART_COLOUR, rounded
from cotton_server.settlement.pay_rules import allowed, payments_on, ranges_of
from cotton_server.settlement.rule_set import TestedOn, Values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.pay_rules import Range
    from cotton_server.settlement.rule_set import PayCondition, Payment, RuleSet


def met_column(rule_set: RuleSet, payment: Payment) -> str:
    """The column with the bales of a lot that meet all conditions of a payment."""
    return f"pay.{rule_set.head.id}.{payment.name}.met"


def of_column(rule_set: RuleSet, payment: Payment) -> str:
    """The column with the bales of a lot that have every item of a payment."""
    return f"pay.{rule_set.head.id}.{payment.name}.of"


def meets_all(payment: Payment, standard: Standard) -> pl.Expr:
    """Whether a bale meets all conditions of a payment; Boolean, never null.

    Of a frame with the columns of `BaleStore.frame` and CHART_COLOUR (Int8). Of measures the
    official value is compared, or the hundredths that were measured, as the payment says; of colour
    the laboratory's grade, or the chart's where there is none.
    """
    conditions = (_holds(each, payment.values, standard) for each in payment.conditions)
    return reduce(and_, conditions, pl.lit(value=True)).fill_null(value=False)


def has_all(payment: Payment, standard: Standard) -> pl.Expr:
    """Whether a bale has every item of a payment; Boolean, never null."""
    items = dict.fromkeys(each.item for each in payment.conditions)
    there = (_code_or_value(item, standard).is_not_null() for item in items)
    return reduce(and_, there, pl.lit(value=True))


def count_bales(
    bales: pl.DataFrame, rule_sets: Iterable[RuleSet], standard: Standard
) -> pl.DataFrame:
    """Counts bales for all payments that are tested on them, a row a lot, sorted by `lot`.

    `bales` has the columns of `BaleStore.frame`, and CHART_COLOUR where a chart grades them;
    `standard` is one that `pay_rules.standard_of` gave for each of the rule sets, or another of its
    family. The answer has `lot` (Int32) and of each payment `pay.<rule set>.<payment>.met` and
    `.of` (Int64). Where payments exclude each other a bale counts for the first that it meets. The
    counts of a lot whose bales come in several portions are sums of theirs.
    """
    frame = bales.lazy()
    if CHART_COLOUR not in bales.columns:
        frame = frame.with_columns(pl.lit(None, dtype=pl.Int8).alias(CHART_COLOUR))
    counted: list[pl.Expr] = []
    for rule_set in rule_sets:
        before: list[str] = []
        for payment in payments_on(rule_set, TestedOn.BALE):
            met, of = met_column(rule_set, payment), of_column(rule_set, payment)
            frame = frame.with_columns(
                reduce(
                    lambda left, name: left & ~pl.col(name), before, meets_all(payment, standard)
                ).alias(met),
                has_all(payment, standard).alias(of),
            )
            counted += (pl.col(met), pl.col(of))
            if rule_set.exclusive:
                before.append(met)
    return (
        frame.group_by("lot")
        .agg(each.sum().cast(pl.Int64) for each in counted)
        .sort("lot")
        # Integer counts come out the same on every engine.
        .collect(engine="in-memory")
    )


def _holds(condition: PayCondition, values: Values, standard: Standard) -> pl.Expr:
    """Whether a condition holds; null where the bale has no value."""
    item = condition.item
    measure = standard.measures.get(item)
    if measure is None:
        names = allowed(condition, standard)
        return _code_or_value(item, standard).is_in(
            [code for name, code in _codes(item, standard).items() if name in names]
        )
    value = rounded(measure) if values is Values.ROUNDED else pl.col(item)
    # Of what is not null, so that a bale without a value does not meet any condition.
    holds = value.is_not_null()
    if condition.at_least is not None:
        holds &= value >= condition.at_least
    if condition.at_most is not None:
        holds &= value <= condition.at_most
    if condition.classes:
        ranges = ranges_of(measure, allowed(condition, standard))
        holds &= reduce(or_, (_inside(value, each) for each in ranges))
    return holds


def _inside(value: pl.Expr, values: Range) -> pl.Expr:
    bounds = [] if values.lower is None else [value >= values.lower]
    if values.end is not None:
        bounds.append(value < values.end)
    return reduce(and_, bounds, pl.lit(value=True))


def _codes(item: str, standard: Standard) -> dict[str, int]:
    """The code of each class of colour or of what is judged, by name."""
    if item == "colour" and standard.colour is not None:
        return {grade.name: grade.code for grade in standard.colour.grades}
    return {each.name: each.code for each in standard.items[item].classes}


def _code_or_value(item: str, standard: Standard) -> pl.Expr:
    """What a bale has of an item: the value as measured, the code if the standard has it."""
    if item in standard.measures:
        return pl.col(item)
    codes = list(_codes(item, standard).values())
    column = "colour_grade" if item == "colour" else standard.items[item].column
    code = pl.when(pl.col(column).is_in(codes)).then(pl.col(column))
    return pl.coalesce(code, CHART_COLOUR) if item == "colour" else code
