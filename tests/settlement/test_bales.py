"""Prices of single bales and their means by lot, against an oracle in fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from cotton_server.settlement.bales import NET, BalePrices, bale_lines, values_needed
from cotton_server.settlement.classes import PricingError
from cotton_server.settlement.document import RoundingMode
from cotton_server.settlement.schedule import Axis, By, Per, TableFactor
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import money_oracle as oracle
from tests.support import money_schedules as drawn
from tests.support.pricing import (
    LOAN,
    STANDARD,
    USDA,
    bale,
    bands,
    document,
    frame_of,
    named,
    reasons,
    schedule,
    share,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.schedule import Factor, Schedule

    from tests.support.money_oracle import Bale

CHARTED = st.sampled_from([None, None, 31, 42])
WEIGHTS = st.sampled_from([480, 491, 500, 0, None])


def frame(
    bales: Sequence[Bale], lots: Sequence[int], weights: list[int | None] | None = None
) -> pl.DataFrame:
    """Bales with the colours of a chart, and with weights where there are some."""
    charted = pl.Series(oracle.CHART, [each.get(oracle.CHART) for each in bales], pl.Int8)
    found = frame_of(bales, lots).with_columns(charted)
    return found if weights is None else found.with_columns(pl.Series(NET, weights, pl.Int64))


@st.composite
def usda_bales(draw: st.DrawFn) -> list[Bale]:
    bales = draw(drawn.lots(drawn.USDA_VALUES))
    return [{**each, oracle.CHART: draw(CHARTED)} for each in bales]


def one_axis(**changes: Any) -> Schedule:
    """51 cents for micronaire below 5.0, 50 from there; nothing stands from 5.5."""
    classes = bands("micronaire", (None, 490), (500, 540))
    table = TableFactor(
        "micronaire",
        (Axis(classes, By.BALE),),
        {("b0",): Decimal(51), ("b1",): Decimal(50)},
    )
    return schedule(table, per=Per.BALE, standards=("USDA",), **changes)


@settings(max_examples=100)
@given(drawn.usda_schedules(), usda_bales(), st.sampled_from(RoundingMode))
def test_each_bale_is_paid_what_the_oracle_says(
    by: Schedule, bales: list[Bale], mode: RoundingMode
) -> None:
    by = schedule(*by.factors, per=Per.BALE, base_rate=by.base_rate,
                  rounding=type(by.rounding)(mode, 1, 2, by.rounding.money_from))  # fmt: skip
    lines = bale_lines(frame(bales, [0] * len(bales)), by, USDA)
    for line, each in zip(lines.iter_rows(named=True), bales, strict=True):
        expected = oracle.price_bale(each, by)
        for name, amount in expected.factors.items():
            assert line[f"class.{name}"] == expected.classes[name]
            assert line[f"factor.{name}"] == (
                None if amount is None else oracle.printed(amount, 1, mode)
            )
        assert line["rate"] == (
            None
            if None in expected.factors.values()
            else oracle.printed(expected.rate(by.base_rate), 1, mode)
        )
        assert set(filter(None, line["reasons"].split(";"))) == expected.reasons


@settings(max_examples=100)
@given(drawn.usda_schedules(), st.lists(usda_bales(), min_size=1, max_size=3), st.data())
def test_a_lot_is_paid_the_mean_of_its_bales(
    by: Schedule, lots: list[list[Bale]], data: st.DataObject
) -> None:
    """In whatever portions they come, and by their weights where every one has one."""
    weights = {
        place: data.draw(st.lists(WEIGHTS, min_size=len(lot), max_size=len(lot)))
        for place, lot in enumerate(lots)
        if data.draw(st.booleans())
    }
    rows = [
        (each, place, weights[place][at] if place in weights else None)
        for place, lot in enumerate(lots)
        for at, each in enumerate(lot)
    ]
    rows = data.draw(st.permutations(rows))
    prices = BalePrices(by, USDA)
    while rows:
        cut = data.draw(st.integers(1, len(rows)))
        portion, rows = rows[:cut], rows[cut:]
        each, places, net = (list(column) for column in zip(*portion, strict=True))
        prices.add(frame(each, places, net if any(net) else None))
    order = data.draw(st.permutations(range(len(lots))))
    found = prices.priced(pl.Series(order, dtype=pl.Int32))
    for row, place in enumerate(order):
        expected = oracle.price_by_bales(lots[place], by, weights.get(place))
        assert reasons(found, row) == expected.reasons
        for name, amount in expected.factors.items():
            assert found.absent[name][row] == (amount is None)
            assert found.factors[name].fractions()[row] == (amount or 0)
        assert found.rate.fractions()[row] == expected.rate(by.base_rate)


@pytest.mark.parametrize(
    ("own", "weights", "mean"),
    [
        (True, [300, 100], Fraction(203, 4)),
        (True, [300, None], Fraction(101, 2)),  # one is not weighed: all count alike
        (True, [300, 0], Fraction(101, 2)),
        (False, [300, 100], Fraction(101, 2)),
        (True, None, Fraction(101, 2)),
    ],
)
def test_bales_count_by_weight_where_all_are_weighed(
    own: bool, weights: list[int | None] | None, mean: Fraction
) -> None:
    prices = BalePrices(one_axis(bale_weights=own), USDA)
    prices.add(frame([bale(micronaire=400), bale(micronaire=510)], [0, 0], weights))
    assert prices.priced(pl.Series([0], dtype=pl.Int32)).rate.fractions() == [mean]


def test_large_weights_do_not_wrap() -> None:
    """A sum of rates times weights that int64 does not hold."""
    heavy = 2**61
    prices = BalePrices(one_axis(bale_weights=True), USDA)
    for _ in range(3):
        prices.add(frame([bale(micronaire=400), bale(micronaire=510)], [0, 0], [heavy, 1]))
    found = prices.priced(pl.Series([0], dtype=pl.Int32)).rate.fractions()
    assert found == [Fraction(51 * heavy + 50, heavy + 1)]


def test_lots_of_which_no_bale_came() -> None:
    """They have no rate, wherever their number stands among those that did."""
    prices = BalePrices(one_axis(), USDA)
    nothing = prices.priced(pl.Series([0, 7], dtype=pl.Int32))
    assert nothing.without_rate.tolist() == [True, True]
    prices.add(frame([], []))
    prices.add(frame([bale(micronaire=400)], [3]))
    found = prices.priced(pl.Series([0, 3, 9], dtype=pl.Int32))
    assert found.without_rate.tolist() == [True, False, True]
    assert found.rate.fractions() == [0, 51, 0]
    assert found.held == {}


def test_bales_without_a_rate_are_counted_once() -> None:
    """However many factors they lack."""
    again = one_axis().factors[0]
    assert isinstance(again, TableFactor)
    twice = schedule(
        again, TableFactor("again", again.axes, again.rates), per=Per.BALE, standards=("USDA",)
    )
    prices = BalePrices(twice, USDA)
    prices.add(frame([bale(), bale(micronaire=600), bale(micronaire=400)], [0, 0, 1]))
    found = prices.priced(pl.Series([1, 0], dtype=pl.Int32))
    assert reasons(found, 0) == set()
    assert reasons(found, 1) == {"BALES_WITHOUT_RATE:2"}


def test_the_chart_speaks_where_the_laboratory_did_not() -> None:
    by = document(LOAN)
    common = {"leaf_grade": 4, "length": 109, "micronaire": 450, "strength": 2800,
              "uniformity": 8100}  # fmt: skip
    bales = [
        {**bale(colour_grade=reported, **common), oracle.CHART: charted}
        for reported, charted in ((41, 51), (None, 51), (99, 51), (99, None), (None, None))
    ]
    lines = bale_lines(frame(bales, [0] * 5), by, USDA)
    assert lines["factor.class"].to_list() == [5265, 4990, 4990, None, None]
    assert lines["reasons"].to_list() == ["", "", "", "NO_RATE:class", "NO_VALUE:colour"]


def test_the_fields_that_are_read() -> None:
    assert values_needed(document(LOAN)) == (
        "colour_grade", "leaf_grade", "length", "micronaire", "strength", "uniformity",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("factor", "standard", "problem"),
    [
        (share(named("colour", "31"), "1"), USDA, "tables of bales only"),
        (
            TableFactor("it", (Axis(named("leaf", "99"), By.BALE),), {("99",): Decimal(1)}),
            USDA,
            "no class 99 of leaf",
        ),
        (
            TableFactor("it", (Axis(named("leaf", "4"), By.BALE),), {("4",): Decimal(1)}),
            STANDARD,
            "no classes of leaf",
        ),
    ],
)
def test_what_cannot_be_priced_by_bales_is_refused(
    factor: Factor, standard: Standard, problem: str
) -> None:
    by = schedule(factor, per=Per.BALE)
    with pytest.raises(PricingError, match=problem):
        BalePrices(by, standard)
    with pytest.raises(PricingError, match=problem):
        bale_lines(frame([bale()], [0]), by, standard)
