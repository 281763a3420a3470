"""Quality-linked pay: published rates, what it is tested on, what is missing, held or exclusive."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from cotton_server.settlement.document import RateUnit, RoundingMode
from cotton_server.settlement.pay import rate_of, settle_pay
from cotton_server.settlement.rule_set import (
    ConditionBy,
    PaidOn,
    PayCondition,
    ShareOfRate,
    Values,
    Weighting,
)
from cotton_server.settlement.rule_set import TestedOn as On
from hypothesis import given
from hypothesis import strategies as st

from tests.support import pay_oracle as oracle
from tests.support.pay_frames import (
    A_OR_B2,
    LENGTH_29,
    STRENGTH_29,
    bale,
    fixed,
    lines,
    lot_frame,
    payment,
    rule_set,
    settled,
    standard_for,
    unit_frame,
)
from tests.support.pay_oracle import Line, Lot, Unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from cotton_server.settlement.rule_set import Payment, Rate, RuleSet


YUAN_PER_MU = fixed("25", RateUnit.YUAN_PER_MU)

GOOD = bale(length=2960, strength=2950, micronaire=430, colour_grade=31)
SHORT = bale(length=2800, strength=2950, micronaire=430, colour_grade=31)
FINE = bale(length=2960, strength=2950, micronaire=360, colour_grade=31)


def xpcc_2023() -> RuleSet:
    """0.35 yuan a kilogram by unit; 25 yuan a mu where the regiment as a whole reaches 29 / 29."""
    unit = payment(LENGTH_29, STRENGTH_29, A_OR_B2, name="unit")
    regiment = payment(
        LENGTH_29,
        STRENGTH_29,
        name="regiment",
        on=On.REGIMENT,
        rate=YUAN_PER_MU,
        paid_on=PaidOn.AREA,
    )
    return rule_set(unit, regiment)


def test_xpcc_2023() -> None:
    units = [
        Unit(regiment=0, seed_cotton=1_234_567, area=5_050),
        Unit(regiment=0, seed_cotton=1_000_000, area=1_001),
        Unit(regiment=1, seed_cotton=2_000_001, area=3_000),
    ]
    lots = [
        Lot(0, 4_257_900, [GOOD] * 3),
        Lot(1, 4_257_900, [FINE] * 2),
        Lot(2, 4_257_900, [SHORT]),
        Lot(None, 4_257_900, [SHORT] * 90),
    ]
    found = lines(settled(xpcc_2023(), lots, units, regiments=3))
    assert [line.amount for line in found["unit"]] == [Fraction("4320.9845"), 0, 0]
    assert [line.quantity for line in found["unit"]] == [Fraction("12345.67"), 0, 0]
    # The lot without a unit does not count for anybody; the last regiment has no units.
    assert [line.amount for line in found["regiment"]] == [Fraction("1512.75"), 0, None]
    assert [line.quantity for line in found["regiment"]] == [Fraction("60.51"), 0, None]
    assert not any(line.held or line.reasons for line in (*found["unit"], *found["regiment"]))


@pytest.mark.parametrize("mode", RoundingMode)
def test_the_shares_of_the_rate_of_2022(mode: RoundingMode) -> None:
    """1.93 x 30 % = 0.579 and 1.93 x 15 % = 0.2895, each rounded once."""
    rates = []
    for percent in ("30", "15"):
        rate = ShareOfRate(Decimal(percent), None, RateUnit.YUAN_PER_KG, 2)
        pay = payment(LENGTH_29, rate=rate)
        rates.append(rate_of(pay, rule_set(pay, mode=mode), Decimal("1.93")))
    assert list(map(str, rates)) == ["0.58", "0.29"]


def test_a_share_is_rounded_by_the_rule_set_and_of_the_rate_that_it_states() -> None:
    rate = ShareOfRate(Decimal(50), Decimal("0.25"), RateUnit.YUAN_PER_KG, 2)
    pay = payment(LENGTH_29, rate=rate)
    for mode, printed in ((RoundingMode.HALF_EVEN, "0.12"), (RoundingMode.HALF_UP, "0.13")):
        assert str(rate_of(pay, rule_set(pay, mode=mode), Decimal("1.93"))) == printed


def test_without_a_target_rate_there_is_no_amount() -> None:
    rate = ShareOfRate(Decimal(30), None, RateUnit.YUAN_PER_KG, 2)
    rules = rule_set(payment(LENGTH_29, rate=rate))
    lots = [Lot(0, 1, [GOOD]), Lot(1, 1, [SHORT])]
    units = [Unit(seed_cotton=100), Unit(seed_cotton=100)]
    paid, unpaid = lines(settled(rules, lots, units))["pay"]
    assert paid == Line(Fraction(1), Fraction(1), None, held=True, reasons={"NO_TARGET_RATE"})
    assert unpaid == Line(Fraction(0), Fraction(0), Fraction(0))
    (paid, _) = lines(settled(rules, lots, units, target_rate=Decimal("1.93")))["pay"]
    assert paid == Line(Fraction(1), Fraction(1), Fraction("0.58"))


def test_bale_lot_unit_and_regiment_differ_on_the_same_bales() -> None:
    """2 of 3 bales, 1/4 of the weight, the mean 29.1 of the unit, not that of the regiment."""
    lots = [
        Lot(0, 1_000_000, [GOOD, GOOD]),
        Lot(0, 3_000_000, [bale(length=2820, strength=2950, micronaire=430)]),
        Lot(1, 4_000_000, [SHORT]),
    ]
    units = [Unit(0, seed_cotton=1_200_000), Unit(0, seed_cotton=800_000)]
    rules = rule_set(*(payment(LENGTH_29, name=on.name, on=on) for on in On))
    found = lines(settled(rules, lots, units, regiments=1))
    shares = {name: [line.share for line in each] for name, each in found.items()}
    assert shares == {
        "BALE": [Fraction(2, 3), 0],
        "LOT": [Fraction(1, 4), 0],
        "UNIT": [1, 0],
        "REGIMENT": [0],
    }
    quantities = {name: each[0].quantity for name, each in found.items()}
    assert quantities == {"BALE": 8000, "LOT": 3000, "UNIT": 12000, "REGIMENT": 0}


def test_lint_and_tonnes() -> None:
    per_tonne = fixed("350", RateUnit.YUAN_PER_TONNE)
    lots = [Lot(0, 1_000_001, [GOOD]), Lot(0, 2_000_000, [SHORT]), Lot(0, 5, [GOOD])]
    rules = rule_set(payment(LENGTH_29, on=On.LOT, rate=per_tonne, paid_on=PaidOn.LINT))
    (line,) = lines(settled(rules, lots, [Unit()]))["pay"]
    assert line.quantity == Fraction("10000.06")
    assert line.amount == Fraction("3500.021")


def test_what_is_not_recorded_is_said_where_it_would_be_paid() -> None:
    rules = rule_set(
        payment(LENGTH_29, name="kg"),
        payment(LENGTH_29, name="mu", rate=YUAN_PER_MU, paid_on=PaidOn.AREA),
    )
    lots = [Lot(0, 1, [GOOD]), Lot(1, 1, [SHORT])]
    found = lines(settled(rules, lots, [Unit(), Unit()]))
    for name, reason in (("kg", "NO_DELIVERIES"), ("mu", "NO_AREA")):
        paid, unpaid = found[name]
        assert paid == Line(Fraction(1), None, None, held=True, reasons={reason})
        assert unpaid == Line(Fraction(0), Fraction(0), Fraction(0))


def test_a_regiment_is_held_for_the_area_of_one_unit() -> None:
    """Its amount is that of the areas that are known."""
    lots = [Lot(0, 1, [GOOD]), Lot(1, 1, [GOOD])]
    units = [Unit(0, area=1_000), Unit(0), Unit(0, area=200)]
    result = settled(xpcc_2023(), lots, units, regiments=1)
    (line,) = lines(result)["regiment"]
    assert line == Line(Fraction(1), Fraction(12), Fraction(300), held=True, reasons={"NO_AREA"})


def test_a_unit_with_a_lot_that_is_held_is_held() -> None:
    """What the lots that count come to is computed; the held one does not enter the mean."""
    lots = [Lot(0, 1, [GOOD]), Lot(0, 1, [SHORT] * 9, payable=False), Lot(1, 1, [GOOD])]
    units = [Unit(0, 100), Unit(0, 100), Unit(0, 100)]
    result = settled(xpcc_2023(), lots, units, regiments=1)
    first, second, third = lines(result)["unit"]
    assert first == Line(Fraction(1), Fraction(1), Fraction("0.35"), held=True)
    assert second == Line(Fraction(1), Fraction(1), Fraction("0.35"))
    assert third == Line(held=True)
    reasons = {reason: rows.tolist() for reason, rows in result.units.reasons.items()}
    assert reasons == {"LOTS_HELD:1": [True, False, False], "NO_LOTS": [False, False, True]}
    assert result.regiments is not None
    assert list(result.regiments.reasons) == ["LOTS_HELD:1"]
    assert result.paid[1].held.tolist() == [True]


def test_nothing_can_be_said_where_all_lots_are_held() -> None:
    held = [Lot(0, 1, [GOOD], payable=False)] * 2
    result = settled(xpcc_2023(), held, [Unit(0, 100, 100)], regiments=1)
    assert lines(result) == {"unit": [Line(held=True)], "regiment": [Line(held=True)]}
    assert list(result.units.reasons) == ["LOTS_HELD:2"]


def test_out_of_scope_is_none_of_the_rule_set() -> None:
    """Neither lots nor units all of whose lots are, with their areas."""
    lots = [
        Lot(0, 1, [GOOD]),
        Lot(0, 1, [SHORT] * 5, in_scope=False, payable=False),
        Lot(1, 1, [SHORT], in_scope=False),
    ]
    units = [Unit(0, 100, 100), Unit(0, 100, 700)]
    result = settled(xpcc_2023(), lots, units, regiments=1)
    assert lines(result)["unit"] == [Line(Fraction(1), Fraction(1), Fraction("0.35")), Line()]
    assert lines(result)["regiment"] == [Line(Fraction(1), Fraction(1), Fraction(25))]
    assert not result.units.reasons


def test_a_unit_is_paid_by_the_first_payment_that_it_meets() -> None:
    a, b2 = (PayCondition("micronaire", classes=(name,)) for name in ("A", "B2"))
    payments = (
        payment(LENGTH_29, a, name="29a", rate=fixed("0.58")),
        payment(LENGTH_29, b2, name="29b2", rate=fixed("0.29")),
        payment(LENGTH_29, name="29", rate=fixed("0.1")),
    )
    lots = [
        Lot(0, 1, [bale(length=2900, micronaire=400)]),
        Lot(1, 1, [bale(length=2900, micronaire=430)]),
        Lot(2, 1, [bale(length=2900, micronaire=360)]),
    ]
    units = [Unit(seed_cotton=100)] * 3
    for exclusive, amounts in (
        (True, [["0.58", "0", "0"], ["0", "0.29", "0"], ["0", "0", "0.1"]]),
        (False, [["0.58", "0", "0"], ["0", "0.29", "0"], ["0.1", "0.1", "0.1"]]),
    ):
        found = lines(settled(rule_set(*payments, exclusive=exclusive), lots, units))
        expected = [[Fraction(amount) for amount in each] for each in amounts]
        assert [[line.amount for line in each] for each in found.values()] == expected


@pytest.mark.parametrize("on", [On.BALE, On.LOT])
def test_each_bale_or_lot_counts_for_the_first_payment_that_it_meets(on: On) -> None:
    payments = (
        payment(PayCondition("length", at_least=3000), name="30", on=on),
        payment(LENGTH_29, name="29", on=on),
        payment(PayCondition("length", at_least=2800), name="28", on=on),
    )
    lots = [Lot(0, 100, [bale(length=length)]) for length in (3000, 2900, 2950, 2700)]
    found = lines(settled(rule_set(*payments, exclusive=True), lots, [Unit(seed_cotton=400)]))
    assert [line.quantity for (line,) in found.values()] == [1, 2, 0]
    found = lines(settled(rule_set(*payments), lots, [Unit(seed_cotton=400)]))
    assert [line.quantity for (line,) in found.values()] == [1, 3, 3]


def test_lots_without_weight_hold_what_weights_decide() -> None:
    lots = [Lot(0, None, [GOOD]), Lot(0, 100, [SHORT]), Lot(0, 300, [GOOD])]
    by_weight = payment(LENGTH_29, name="weight", weighting=Weighting.WEIGHT)
    rules = rule_set(
        payment(LENGTH_29, name="lot", on=On.LOT),
        payment(LENGTH_29, name="lint", paid_on=PaidOn.LINT),
        by_weight,
        payment(LENGTH_29, name="unit"),
    )
    found = lines(settled(rules, lots, [Unit(seed_cotton=400)]))
    for name, share in (("lot", Fraction(3, 4)), ("lint", 1), ("weight", 1)):
        (line,) = found[name]
        assert line.reasons == {"NO_CONDITIONED_WEIGHT"}
        assert (line.share, line.held, line.quantity) == (share, True, 4 * Fraction(share))
    assert found["unit"] == [Line(Fraction(1), Fraction(4), Fraction("1.4"))]


def test_what_has_no_value_is_told_and_pays_nothing() -> None:
    lots = [Lot(0, 1, [bale(length=2900)] * 2), Lot(0, 1, [GOOD])]
    conditions = (LENGTH_29, STRENGTH_29)
    rules = rule_set(*(payment(*conditions, name=on.name, on=on) for on in On))
    found = lines(settled(rules, lots, [Unit(0, 100)], regiments=1))
    assert found["LOT"][0].reasons == {"NO_VALUE:strength"}
    assert found["LOT"][0].share == Fraction(1, 2)
    # One of the bales has both items.
    assert found["BALE"][0] == found["UNIT"][0] == Line(Fraction(1), Fraction(1), Fraction("0.35"))
    found = lines(settled(rules, lots[:1], [Unit(0, 100)], regiments=1))
    nothing = Fraction(0)
    for name, items in (
        ("UNIT", "strength"),
        ("REGIMENT", "strength"),
        ("BALE", "length+strength"),
    ):
        told = {f"NO_VALUE:{items}"}
        assert found[name] == [Line(nothing, nothing, nothing, reasons=told)]


# Against the oracle.

ITEMS = {
    "length": [2780, 2890, 2895, 2900, 2905, 2910, 3050, None],
    "strength": [2790, 2890, 2900, 2910, 3100, None],
    "micronaire": [340, 350, 365, 370, 420, 425, 430, 440, 495, 500, None],
    "colour_grade": [31, 31, 31, 31, 21, 41, 11, 99, None],
    "preparation": [1, 2, 2, 3, None],
}
BALES = st.builds(bale, **{name: st.sampled_from(values) for name, values in ITEMS.items()})
LOTS = st.builds(
    Lot,
    unit=st.sampled_from([0, 0, 1, 2, 3, None]),
    weight=st.sampled_from([None, 4_257_900, 4_257_900, 1_000_000, 7]),
    bales=st.lists(BALES, min_size=1, max_size=5),
    payable=st.sampled_from([True, True, True, False]),
    in_scope=st.sampled_from([True, True, True, False]),
)
UNITS = st.builds(
    Unit,
    regiment=st.sampled_from([0, 0, 1, None]),
    seed_cotton=st.sampled_from([None, 1_234_567, 999_999, 1]),
    area=st.sampled_from([None, 12_345, 100]),
)
MEANS = st.one_of(
    st.builds(
        PayCondition,
        item=st.sampled_from(["length", "strength"]),
        at_least=st.sampled_from([None, 2890, 2900]),
        at_most=st.sampled_from([None, 2900, 3000]),
    ),
    st.builds(
        PayCondition,
        item=st.just("micronaire"),
        at_least=st.sampled_from([None, 370]),
        classes=st.sampled_from([(), ("A",), ("A", "B2"), ("B",), ("B", "B1"), ("C", "A")]),
        by=st.sampled_from(ConditionBy),
    ),
)
MAINS = st.sampled_from(
    [
        PayCondition("colour", classes=("31", "21"), by=ConditionBy.MAIN),
        PayCondition("preparation", classes=("P1", "P2"), by=ConditionBy.MAIN),
    ]
)
RATES: st.SearchStrategy[Rate] = st.sampled_from(
    [
        fixed("0.35"),
        fixed("123.4", RateUnit.YUAN_PER_TONNE),
        ShareOfRate(Decimal(15), None, RateUnit.YUAN_PER_KG, 2),
        ShareOfRate(Decimal("7.5"), Decimal("1.9"), RateUnit.YUAN_PER_KG, 3),
    ]
)


@st.composite
def payments(draw: st.DrawFn, name: str, on: On | None) -> Payment:
    paid_on = draw(st.sampled_from(PaidOn))
    return payment(
        *draw(st.lists(st.one_of(MEANS, MEANS, MAINS), min_size=1, max_size=3)),
        name=name,
        on=on or draw(st.sampled_from(On)),
        values=draw(st.sampled_from(Values)),
        weighting=draw(st.sampled_from(Weighting)),
        rate=YUAN_PER_MU if paid_on is PaidOn.AREA else draw(RATES),
        paid_on=paid_on,
    )


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    exclusive = draw(st.booleans())
    on = draw(st.sampled_from(On)) if exclusive else None
    each = [draw(payments(f"p{place}", on)) for place in range(draw(st.integers(1, 3)))]
    return rule_set(*each, exclusive=exclusive, mode=draw(st.sampled_from(RoundingMode)))


CASES = (
    rule_sets(),
    st.lists(LOTS, max_size=8),
    st.lists(UNITS, min_size=4, max_size=4),
    st.sampled_from([None, Decimal("1.93"), Decimal("0.43")]),
)


@given(*CASES)
def test_every_line_is_that_of_the_oracle(
    rules: RuleSet, lots: Sequence[Lot], units: Sequence[Unit], target_rate: Decimal | None
) -> None:
    result = settled(rules, lots, units, regiments=3, target_rate=target_rate)
    assert lines(result) == oracle.settle(rules, lots, units, 3, target_rate)


@given(*CASES, st.randoms(use_true_random=False))
def test_the_order_of_lots_and_units_does_not_matter(
    rules: RuleSet,
    lots: Sequence[Lot],
    units: Sequence[Unit],
    target_rate: Decimal | None,
    random: Random,
) -> None:
    expected = lines(settled(rules, lots, units, regiments=3, target_rate=target_rate))
    frame, places = lot_frame(lots, rules), [*range(len(lots))]
    random.shuffle(places)
    order = [*range(len(units))]
    random.shuffle(order)
    renumbered = {old: new for new, old in enumerate(order)}
    frame = frame[places].with_columns(frame["unit"][places].replace(renumbered))
    shuffled = unit_frame([units[place] for place in order])
    found = lines(settle_pay(frame, shuffled, 3, rules, standard_for(rules), target_rate))
    for each in rules.payments:
        back = expected[each.name]
        if each.tested_on is not On.REGIMENT:
            back = [back[place] for place in order]
        assert found[each.name] == back


@given(*CASES)
def test_what_units_are_paid_adds_up(
    rules: RuleSet, lots: Sequence[Lot], units: Sequence[Unit], target_rate: Decimal | None
) -> None:
    """Exact amounts of units add up to the rate times what is paid for, and to no more than all."""
    result = settled(rules, lots, units, regiments=3, target_rate=target_rate)
    whole = {
        PaidOn.SEED_COTTON: sum(unit.seed_cotton or 0 for unit in units),
        PaidOn.AREA: sum(unit.area or 0 for unit in units),
        PaidOn.LINT: sum(lot.weight or 0 for lot in lots),
    }
    for paid in result.paid:
        one = np.zeros(len(paid.amount), np.intp)
        (quantity,) = paid.quantity.sum_by(one, 1).fractions()
        (amount,) = paid.amount.sum_by(one, 1).fractions()
        assert quantity == sum(paid.quantity.fractions())
        per = 1000 if paid.payment.rate.unit is RateUnit.YUAN_PER_TONNE else 1
        assert amount == (quantity * Fraction(paid.rate) / per if paid.rate is not None else 0)
        assert quantity <= Fraction(whole[paid.payment.paid_on], 100)
