"""What holds of all prices, whatever the schedule and the lots."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
import pytest
from cotton_server.settlement.document import RoundingMode
from cotton_server.settlement.exact import Exact
from cotton_server.settlement.lots import figures_needed, price_lots
from cotton_server.settlement.schedule import BonusFactor
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import money_oracle as oracle
from tests.support import money_schedules as drawn
from tests.support.pricing import (
    FUTURES,
    STANDARD,
    TABLE_A,
    bale,
    document,
    named,
    priced,
    schedule,
    share,
)

if TYPE_CHECKING:
    from cotton_server.settlement.schedule import Schedule

    from tests.support.money_oracle import Bale

LOTS: Final = st.lists(drawn.lots(most=4), min_size=1, max_size=6)


@settings(max_examples=60)
@given(drawn.schedules(), LOTS, st.data())
def test_a_whole_is_the_sum_of_its_parts(
    by: Schedule, lots: list[list[Bale]], data: st.DataObject
) -> None:
    """Money of lots, unrounded, for any split into groups and of these into one."""
    rate = priced(lots, by).rate
    weights = data.draw(st.lists(st.integers(1, 10**7), min_size=len(lots), max_size=len(lots)))
    groups = data.draw(st.lists(st.integers(0, 2), min_size=len(lots), max_size=len(lots)))
    money = rate * np.array(weights)
    plain = [one * weight for one, weight in zip(rate.fractions(), weights, strict=True)]
    parts = money.sum_by(np.array(groups), 3)
    assert parts.fractions() == [
        sum((one for one, group in zip(plain, groups, strict=True) if group == each), Fraction(0))
        for each in range(3)
    ]
    whole = money.sum_by(np.zeros(len(lots), np.intp), 1)
    assert whole.fractions() == [sum(plain)]
    assert parts.sum_by(np.zeros(3, np.intp), 1).fractions() == whole.fractions()


@settings(max_examples=60)
@given(drawn.schedules(), LOTS, st.sampled_from(RoundingMode), st.integers(0, 4))
def test_what_is_printed_is_within_half_a_unit(
    by: Schedule, lots: list[list[Bale]], mode: RoundingMode, decimals: int
) -> None:
    found = priced(lots, by)
    unit = Fraction(1, 10**decimals)
    for each in (*found.factors.values(), found.rate):
        for figure, exact in zip(
            each.rounded(decimals, mode).tolist(), each.fractions(), strict=True
        ):
            assert abs(figure * unit - exact) <= unit / 2
            assert figure == oracle.printed(exact, decimals, mode)


@settings(max_examples=60)
@given(drawn.schedules(), LOTS)
def test_what_is_absent_adds_nothing(by: Schedule, lots: list[list[Bale]]) -> None:
    """The rate is the base and the amounts; an absent one is 0, and something holds the lot."""
    found = priced(lots, by)
    total = Exact.full(len(lots), Fraction(by.base_rate))
    held = np.zeros(len(lots), np.bool_)
    for rows in found.held.values():
        held |= rows
    for name, amount in found.factors.items():
        total += amount
        assert not any(amount.take(np.flatnonzero(found.absent[name])).fractions())
        assert held[found.absent[name]].all()
    assert total.fractions() == found.rate.fractions()


@given(st.integers(1, 400), st.sampled_from([FUTURES, TABLE_A]))
def test_base_quality_is_paid_nothing_but_a_bonus(count: int, name: str) -> None:
    by = document(name)
    base = bale(colour_grade=31, length=2800, micronaire=440, strength=2700, uniformity=8100,
                preparation=2, foreign_fibre=0)  # fmt: skip
    found = priced([[base] * count], by)
    bonuses = [each for each in by.factors if isinstance(each, BonusFactor)]
    assert not found.without_rate.any()
    for factor in by.factors:
        paid = found.factors[factor.name].fractions()[0]
        assert paid == (Fraction(factor.rate) if isinstance(factor, BonusFactor) else 0)
    assert found.rate.fractions() == [sum((Fraction(each.rate) for each in bonuses), Fraction(0))]


@pytest.mark.parametrize("share_decimals", [None, 2])
@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=2).filter(any))
def test_machine_integers_and_any_others_agree(
    share_decimals: int | None, counts: list[int]
) -> None:
    """Rates of sixty digits leave int64; those of two stay in it."""
    far = 10**40
    small, large = (
        schedule(
            share(
                named("colour", "31", "21"),
                str(Decimal("12.34") * scale),
                str(Decimal("-7.01") * scale),
            ),
            share_decimals=share_decimals,
        )
        for scale in (1, far)
    )
    sums = {name: [0] for name in figures_needed(small, STANDARD)}
    sums |= {"colour.31.bales": [counts[0]], "colour.21.bales": [counts[1]]}
    sums |= {"colour.bales": [sum(counts)], "bales": [sum(counts)]}
    found, wide = (price_lots(pl.DataFrame(sums), by, STANDARD).rate for by in (small, large))
    assert found.num.dtype == np.int64
    assert wide.num.dtype == object or wide.fractions() == [0]
    assert [each * far for each in found.fractions()] == wide.fractions()
    if share_decimals is None:
        paid = Fraction(1234 * counts[0] - 701 * counts[1], 100 * sum(counts))
        assert found.fractions() == [paid]


@settings(max_examples=40)
@given(drawn.schedules(), LOTS)
def test_other_lots_are_of_no_account(by: Schedule, lots: list[list[Bale]]) -> None:
    """A lot alone is paid what it is paid among others."""
    together = priced(lots, by)
    for place, lot in enumerate(lots):
        alone = priced([lot], by)
        assert alone.rate.fractions()[0] == together.rate.fractions()[place]
        for name, classes in alone.classes.items():
            assert classes[0] == together.classes[name][place]
