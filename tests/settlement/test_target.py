"""Target prices: the market price from records, fund and rate, and what stands in the way."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from cotton_server.settlement.document import RoundingMode
from cotton_server.settlement.market import Lack, MarketFound, market_price, window
from cotton_server.settlement.target import target_amounts, target_pay
from cotton_server.settlement.target_price import (
    Cap,
    Conversion,
    Determination,
    MarketMean,
    SeasonTarget,
    TargetPrice,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.support.pay_frames import head, rounding

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from cotton_server.settlement.market import Problem
    from cotton_server.settlement.target import TargetFound

GRADES = ("3128", "3129", "2128", "2129")
CONVERSION = Conversion(Decimal(40), Decimal("2.5"), Decimal(1100))
TONNE = 100_000


def by(
    mean: MarketMean = MarketMean.DAYS,
    *,
    last: tuple[int, int] = (11, 30),
    grades: tuple[str, ...] = GRADES,
    conversion: Conversion | None = None,
) -> Determination:
    return Determination("purchase", (9, 1), last, grades, mean, conversion)


def priced(*rows: tuple[str, int, Mapping[str, str | int]]) -> pl.DataFrame:
    """Prices by day and price in yuan per tonne of lint, of the market and grade 3128B."""
    columns = {
        "series": pl.String,
        "day": pl.Int32,
        "mark": pl.String,
        "lot_no": pl.String,
        "basis": pl.String,
        "price": pl.Int64,
        "volume": pl.Int64,
    }
    plain: dict[str, str | int] = {
        "series": "purchase", "mark": "3128B", "lot_no": "", "basis": "LINT", "volume": 0,
    }  # fmt: skip
    records = [
        {**plain, "day": day_number(day), "price": price * 100, **others}
        for day, price, others in rows
    ]
    return pl.DataFrame(records, schema=columns)


def day_number(day: str) -> int:
    return (date.fromisoformat(day) - date(1970, 1, 1)).days


def problem_of(found: MarketFound | TargetFound) -> Problem:
    assert found.problem is not None
    return found.problem


def test_each_day_counts_alike() -> None:
    """Only of the series, the window, the grades, and of the market: lots do not enter."""
    prices = priced(
        ("2023-09-01", 16_000, {}),
        ("2023-11-30", 17_000, {}),
        ("2023-11-30", 17_001, {"mark": "2129A"}),
        ("2023-08-31", 1, {}),
        ("2023-12-01", 1, {}),
        ("2022-10-01", 1, {}),
        ("2023-10-01", 1, {"mark": "4128B"}),
        ("2023-10-01", 1, {"mark": ""}),
        ("2023-10-01", 1, {"lot_no": "65001231001"}),
        ("2023-10-01", 1, {"series": "other"}),
    )
    found = market_price(by(), prices, 2023)
    assert found.price == Fraction("16500.25")
    assert found.prices == 3
    assert found.problem is None
    assert found.by == (
        "mean by days of purchase from 2023-09-01 through 2023-11-30, grades 3128 3129 2128 2129"
    )
    any_grade = market_price(by(grades=()), prices, 2023)
    assert any_grade.prices == 5
    assert any_grade.price == (Fraction(16_000) + 1 + Fraction("17000.5")) / 3


def test_each_price_counts_by_its_volume() -> None:
    prices = priced(
        ("2023-09-01", 16_000, {"volume": 100}),
        ("2023-09-01", 17_000, {"volume": 200}),
        ("2023-10-01", 18_000, {"volume": 1}),
    )
    found = market_price(by(MarketMean.VOLUME), prices, 2023)
    assert found.price == Fraction(16_000 * 100 + 17_000 * 200 + 18_000, 301)
    assert found.by.startswith("mean by volume of purchase")
    without = priced(
        ("2023-10-02", 16_000, {}), ("2023-09-01", 1, {"volume": 1}), ("2023-10-01", 2, {})
    )
    problem = problem_of(market_price(by(MarketMean.VOLUME), without, 2023))
    assert problem.lack is Lack.VOLUME
    assert "2 prices" in problem.text
    assert "that of 3128B on 2023-10-01" in problem.text


def test_seed_cotton_is_converted_exactly() -> None:
    """(7.00 - 0.6 x 2.5) / 0.4 = 13.75 yuan/kg, and 1 100 for a tonne."""
    prices = priced(("2023-10-01", 7_000, {"basis": "SEED_COTTON"}), ("2023-10-02", 15_000, {}))
    found = market_price(by(conversion=CONVERSION), prices, 2023)
    assert found.price == Fraction(13_750 + 1_100 + 15_000, 2)
    assert "seed cotton at turnout 40 %, seed 2.5 yuan/kg, processing 1100 yuan/t" in found.by
    third = Conversion(Decimal("38.7"), Decimal("2.31"), Decimal("999.9"))
    price = market_price(by(conversion=third), prices[:1], 2023).price
    assert price == (7_000 - Fraction("0.613") * 2_310) / Fraction("0.387") + Fraction("999.9")
    problem = problem_of(market_price(by(), prices, 2023))
    assert problem.lack is Lack.CONVERSION
    assert "1 prices" in problem.text


@pytest.mark.parametrize(
    ("first", "last", "season", "days"),
    [
        ((9, 1), (11, 30), 2023, ("2023-09-01", "2023-11-30")),
        ((10, 15), (1, 31), 2023, ("2023-10-15", "2024-01-31")),
        ((1, 1), (2, 29), 2023, ("2024-01-01", "2024-02-29")),
        ((1, 1), (2, 29), 2024, ("2025-01-01", "2025-02-28")),
        ((8, 1), (8, 31), 2023, ("2024-08-01", "2024-08-31")),
    ],
)
def test_the_window_lies_in_the_season(
    first: tuple[int, int], last: tuple[int, int], season: int, days: tuple[str, str]
) -> None:
    determination = Determination("purchase", first, last, (), MarketMean.DAYS, None)
    assert window(determination, season) == tuple(map(day_number, days))


def test_a_window_without_days_or_prices_is_told() -> None:
    prices = priced(("2023-10-01", 1, {}))
    problem = problem_of(market_price(by(), prices, 2022))
    assert problem.lack is Lack.PRICES
    assert "from 2022-09-01 through 2022-11-30" in problem.text
    backwards = Determination("purchase", (3, 1), (11, 30), (), MarketMean.DAYS, None)
    problem = problem_of(market_price(backwards, prices, 2023))
    assert problem.lack is Lack.WINDOW
    assert "2023-11-30, before it begins on 2024-03-01" in problem.text


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(5_000, 20_000), st.booleans()), min_size=1),
    st.randoms(use_true_random=False),
)
def test_a_mean_by_days_does_not_depend_on_the_order(
    rows: list[tuple[int, int, bool]], random: Random
) -> None:
    days: dict[int, list[Fraction]] = {}
    for day, price, seed in rows:
        lint = (Fraction(price, 1000) - Fraction("1.5")) / Fraction("0.4") * 1000 + 1_100
        days.setdefault(day, []).append(lint if seed else Fraction(price))
    expected = sum(sum(each) / len(each) for each in days.values()) / len(days)
    random.shuffle(rows)
    prices = priced(
        *(
            (f"2023-10-{day:02}", price, {"basis": "SEED_COTTON" if seed else "LINT"})
            for day, price, seed in rows
        )
    )
    assert market_price(by(conversion=CONVERSION), prices, 2023).price == expected


def document(
    *,
    market: str | None = None,
    rate: str | None = None,
    cap: Cap | None = None,
    mode: RoundingMode = RoundingMode.HALF_UP,
) -> TargetPrice:
    """18 600 yuan a tonne in 2023."""
    season = SeasonTarget(
        2023,
        Decimal(18_600),
        None if market is None else Decimal(market),
        None if rate is None else Decimal(rate),
        cap,
    )
    return TargetPrice(head("target"), {}, {2023: season}, by(), rounding(mode))


def found_market(price: str) -> MarketFound:
    return MarketFound(Fraction(price), 3, "mean by days of purchase", None)


def test_the_rate_is_the_fund_over_what_was_delivered() -> None:
    """(18 600 - 16 500.25) x 100 t / 250 t = 0.8399 yuan/kg."""
    found = target_pay(document(), 2023, found_market("16500.25"), 100 * TONNE, 250 * TONNE, None)
    assert found.fund == Fraction("209975")
    assert (found.rate, found.rate_by, found.problem) == (Decimal("0.84"), "computed", None)
    assert (found.market_by, found.market_prices) == ("mean by days of purchase", 3)
    printed = found.printed()
    assert (printed.target, printed.market, printed.fund) == (1_860_000, 1_650_025, 20_997_500)
    assert (printed.rate, printed.rate_decimals, printed.cap) == (84, 2, None)
    assert printed.eligible_output == printed.output == 100 * TONNE


@pytest.mark.parametrize("mode", RoundingMode)
def test_the_rate_is_rounded_once(mode: RoundingMode) -> None:
    """0.5 yuan/t x 89 kg / 0.1 kg = 0.445 yuan/kg; a fund as printed, 0.04, would give 0.40."""
    found = target_pay(document(mode=mode), 2023, found_market("18599.5"), 8_900, 10, None)
    assert found.fund == Fraction("0.0445")
    assert found.printed().fund == 4
    assert found.rate == (Decimal("0.44") if mode is RoundingMode.HALF_EVEN else Decimal("0.45"))


def test_output_is_paid_up_to_the_cap() -> None:
    capped = document(market="17600", cap=Cap(Decimal(50), None, None))
    share = document(market="17600", cap=Cap(None, Decimal(85), Decimal("70.001")))
    for document_, output, cap, eligible in (
        (capped, 100 * TONNE, 50 * TONNE, 50 * TONNE),
        (capped, 49 * TONNE, 50 * TONNE, 49 * TONNE),
        (share, 100 * TONNE, Fraction("5950085"), Fraction("5950085")),
    ):
        found = target_pay(document_, 2023, None, output, TONNE, None)
        assert (found.cap, found.eligible_output) == (cap, eligible)
        assert found.fund == Fraction(eligible, TONNE) * 1_000
    # What was determined by others is paid for as it is.
    stated = target_pay(capped, 2023, None, 100 * TONNE, TONNE, 60 * TONNE)
    assert [stated.cap, stated.eligible_output, stated.fund] == [50 * TONNE, 60 * TONNE, 60_000]


def test_a_cap_that_is_not_known_needs_a_stated_output() -> None:
    unknown = document(market="17600", cap=Cap(None, Decimal(85), None))
    found = target_pay(unknown, 2023, None, TONNE, TONNE, None)
    assert (found.rate, found.fund, found.rate_by) == (None, None, "")
    assert problem_of(found).lack is Lack.CAP
    assert "state the eligible output" in problem_of(found).text
    stated = target_pay(unknown, 2023, None, TONNE, TONNE, TONNE)
    assert (stated.rate, stated.problem) == (Decimal(1), None)


def test_what_was_announced_is_taken() -> None:
    found = target_pay(
        document(market="16000"), 2023, found_market("17000"), TONNE, 2 * TONNE, None
    )
    assert [found.market, found.market_by, found.market_prices] == [16_000, "announced", 0]
    assert found.rate == Decimal("1.30")
    found = target_pay(document(rate="1.935"), 2023, found_market("17000"), TONNE, 2 * TONNE, None)
    assert (found.rate, found.rate_by) == (Decimal("1.935"), "announced")
    assert (found.printed().rate, found.rate_decimals) == (1_935, 3)
    assert found.fund == 1_600
    # A rate that was announced needs nothing else.
    alone = target_pay(document(rate="1.93"), 2023, None, None, None, None)
    assert (alone.rate, alone.problem, alone.fund) == (Decimal("1.93"), None, None)


@pytest.mark.parametrize("market", ["18600", "20000"])
def test_a_market_at_the_target_pays_nothing(market: str) -> None:
    """Then neither the output nor what was delivered matters."""
    for output, delivered in ((TONNE, TONNE), (None, None)):
        found = target_pay(document(market=market), 2023, None, output, delivered, None)
        assert [found.fund, found.rate, found.problem] == [0, 0, None]


def test_what_is_missing_is_told_with_what_to_do() -> None:
    lacking = market_price(by(), priced(), 2023)
    for document_, season, market, output, delivered, lack, remedy in (
        (document(), 2024, None, TONNE, TONNE, Lack.SEASON, "only of 2023"),
        (document(), 2023, None, TONNE, TONNE, Lack.DETERMINATION, "load a target price"),
        (document(), 2023, lacking, TONNE, TONNE, Lack.PRICES, "RecordMarketPrices"),
        (document(market="1"), 2023, None, None, TONNE, Lack.OUTPUT, "state the eligible"),
        (document(market="1"), 2023, None, TONNE, None, Lack.DELIVERIES, "RecordDeliveries"),
        (document(market="1"), 2023, None, TONNE, 0, Lack.DELIVERIES, "RecordDeliveries"),
    ):
        found = target_pay(document_, season, market, output, delivered, None)
        assert found.rate is None
        assert problem_of(found).lack is lack
        assert remedy in problem_of(found).text
        assert found.printed().rate is None
        assert found.output == output


def test_units_are_paid_the_rate_as_printed() -> None:
    amounts = target_amounts(Decimal("1.93"), np.array([1_234_567, 0, 1]))
    assert amounts.fractions() == [Fraction("23827.1431"), 0, Fraction("0.0193")]
