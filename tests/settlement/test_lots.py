"""Prices of lots against an oracle that works them out bale by bale, in fractions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest
from cotton_server.grading.shares import ShareRule
from cotton_server.settlement.classes import PricingError
from cotton_server.settlement.lots import figures_needed, price_lots
from cotton_server.settlement.schedule import CountFactor, Ties, Ungraded
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import money_oracle as oracle
from tests.support import money_schedules as drawn
from tests.support.pricing import (
    LATER,
    STANDARD,
    USDA,
    bale,
    bands,
    by_mean,
    main,
    named,
    priced,
    reasons,
    schedule,
    share,
    sums_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.priced import Priced
    from cotton_server.settlement.schedule import Factor, Schedule

    from tests.support.money_oracle import Bale

    Sampled = tuple[int | None, int | None]


def agrees(found: Priced, expected: oracle.Outcome, by: Schedule, lot: int) -> None:
    """What was found of a lot is what the oracle says, in every part."""
    assert reasons(found, lot) == expected.reasons
    assert {name: each[lot] for name, each in found.classes.items()} == expected.classes
    amounts = {
        name: None if found.absent[name][lot] else each.fractions()[lot]
        for name, each in found.factors.items()
    }
    assert amounts == expected.factors
    assert found.rate.fractions()[lot] == expected.rate(by.base_rate)
    assert found.without_rate[lot] == (None in expected.factors.values())


@pytest.mark.parametrize("standard", [STANDARD, LATER], ids=lambda each: each.id)
@pytest.mark.parametrize("kind", drawn.FACTORS, ids=lambda each: each.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_each_kind_of_factor_pays_what_the_oracle_does(
    kind: Callable[[str], st.SearchStrategy[Factor]], standard: Standard, data: st.DataObject
) -> None:
    by = schedule(
        data.draw(kind("it")),
        share_decimals=data.draw(st.sampled_from([None, 1, 2])),
        share_rule=data.draw(st.sampled_from(ShareRule)),
        ungraded=data.draw(st.sampled_from(Ungraded)),
    )
    lots = data.draw(st.lists(drawn.lots(), min_size=1, max_size=4))
    found = priced(lots, by, standard=standard)
    for place, each in enumerate(lots):
        agrees(found, oracle.price_lot(each, by), by, place)


@settings(max_examples=150)
@given(drawn.schedules(), st.lists(st.tuples(drawn.lots(), drawn.SAMPLED), min_size=1, max_size=4))
def test_whole_schedules_pay_what_the_oracle_does(
    by: Schedule, given_lots: list[tuple[list[Bale], Sampled]]
) -> None:
    lots, sampled = [each[0] for each in given_lots], [each[1] for each in given_lots]
    found = priced(lots, by, sampled)
    assert all(rows.any() for rows in found.held.values())
    for place, (each, (trash, regain)) in enumerate(given_lots):
        agrees(found, oracle.price_lot(each, by, trash, regain), by, place)


@settings(max_examples=40)
@given(
    drawn.schedules(),
    st.lists(st.tuples(drawn.lots(), drawn.SAMPLED), min_size=2, max_size=5),
    st.randoms(use_true_random=False),
)
def test_the_order_of_lots_is_of_no_account(
    by: Schedule, given_lots: list[tuple[list[Bale], Sampled]], order: Random
) -> None:
    """And answers stand in the order of the rows."""
    lots, sampled = [each[0] for each in given_lots], [each[1] for each in given_lots]
    sums = sums_of(lots, by, sampled)
    places = list(range(len(lots)))
    order.shuffle(places)
    straight = price_lots(sums, by, STANDARD)
    shuffled = price_lots(sums[places], by, STANDARD)
    for new, old in enumerate(places):
        assert reasons(shuffled, new) == reasons(straight, old)
        for name in straight.factors:
            assert shuffled.classes[name][new] == straight.classes[name][old]
            assert shuffled.absent[name][new] == straight.absent[name][old]
            ours, theirs = (each.factors[name].fractions() for each in (shuffled, straight))
            assert ours[new] == theirs[old]


def test_no_lots_have_no_prices() -> None:
    by = schedule(
        share(named("colour", "31"), "1"),
        main(named("micronaire", "A"), "1", ties=Ties.BEST_PAID),
        CountFactor("foreign_fibre", "foreign_fibre", 0, Decimal(1)),
        share_decimals=2,
    )
    found = price_lots(sums_of([[bale()]], by).clear(), by, STANDARD)
    assert len(found.rate) == 0
    assert found.held == {}


def test_a_factor_without_an_amount_leaves_the_others() -> None:
    """A lot is held for colour; what its length is paid stands all the same."""
    by = schedule(
        share(named("colour", "31"), "100"),
        by_mean(bands("length", (2800, None)), "50"),
        base_rate=Decimal(7),
    )
    found = priced([[bale(colour_grade=21, length=2900)]], by)
    assert reasons(found) == {"NO_RATE:colour"}
    assert found.absent["colour"].tolist() == [True]
    assert found.absent["length"].tolist() == [False]
    assert found.rate.fractions() == [57]
    assert found.without_rate.tolist() == [True]


def test_each_column_is_asked_for_once_and_no_other_is() -> None:
    by = schedule(by_mean(named("length", "28"), "1"), by_mean(named("strength", "S1"), "1"))
    assert figures_needed(by, STANDARD) == (
        "bales", "length.bales", "length.sum", "strength.bales", "strength.sum",
    )  # fmt: skip
    two = schedule(
        share(named("preparation", "P1"), "1"),
        main(named("preparation", "P1"), "1", ties=Ties.HOLD),
    )
    assert figures_needed(two, STANDARD) == (
        "bales", "preparation.bales", "preparation.P1.bales", "preparation.P2.bales",
        "preparation.P3.bales",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("by", "standard", "problem"),
    [
        (schedule(share(named("preparation", "P1"), "1")), USDA, "no classes of preparation"),
        (schedule(share(named("leaf", "4"), "1")), STANDARD, "no classes of leaf"),
        (schedule(share(named("micronaire", "A"), "1")), USDA, "no classes of micronaire"),
        (schedule(share(named("colour", "31", "99"), "1", "2")), STANDARD, "no class 99 of colour"),
        (
            schedule(share(named("colour", "x", x=("31", "99")), "1")),
            STANDARD,
            "no class 99 of colour",
        ),
        (schedule(share(bands("length", (2850, 2950)), "1")), STANDARD, "parts tier 28"),
        (schedule(by_mean(named("colour", "31"), "1")), STANDARD, "colour is not measured"),
    ],
)
def test_a_standard_lacks_what_is_asked(by: Schedule, standard: Standard, problem: str) -> None:
    """It says where, and what to do; no lot is priced by half a schedule."""
    everything = {
        f"{item}.{what}": [1]
        for item in ("colour", "preparation", "leaf", "length", "micronaire")
        for what in ("bales", "sum")
    }
    tiers = {f"length.{tier.name}.bales": [0] for tier in STANDARD.measures["length"].tiers}
    lots = pl.DataFrame({"bales": [1], **everything, **tiers})
    with pytest.raises(PricingError, match=problem) as caught:
        price_lots(lots, by, standard)
    assert caught.value.where == by.factors[0].name
    assert "document for their standard" in str(caught.value)
