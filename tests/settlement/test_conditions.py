"""Conditions of quality-linked pay: on means, main classes and bales; what no standard can test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest
from cotton_server.grading.bales import CHART_COLOUR
from cotton_server.grading.standards import load_standards
from cotton_server.settlement.bale_conditions import count_bales
from cotton_server.settlement.conditions import conditions_met, figures_needed
from cotton_server.settlement.document import RateUnit
from cotton_server.settlement.means import by_bales
from cotton_server.settlement.pay_rules import PayRuleError, standard_of
from cotton_server.settlement.rule_set import (
    ConditionBy,
    PaidOn,
    PayCondition,
    Values,
    Weighting,
)
from cotton_server.settlement.rule_set import TestedOn as On

from tests.golden.lots import bale_frame
from tests.support.pay_frames import (
    A_OR_B2,
    LENGTH_29,
    STANDARDS,
    STRENGTH_29,
    bale,
    fixed,
    lot_frame,
    payment,
    rule_set,
    settled,
    standard_for,
)
from tests.support.pay_oracle import Lot, Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

MAIN = ConditionBy.MAIN


def asked(
    bales: Sequence[dict[str, int | None]],
    *conditions: PayCondition,
    values: Values = Values.ROUNDED,
) -> tuple[bool, set[str]]:
    """Whether one lot of these bales meets the conditions, and what is told of it."""
    pay = payment(*conditions, on=On.LOT, values=values)
    rules = rule_set(pay)
    sums = lot_frame([Lot(0, 1, [bale(**each) for each in bales])], rules)
    found = conditions_met(pay, sums, standard_for(rules), by_bales(sums))
    return bool(found.met[0]), {reason for reason, rows in found.told.items() if rows[0]}


def of_micronaire(*values: int) -> list[dict[str, int | None]]:
    return [{"micronaire": value} for value in values]


@pytest.mark.parametrize(
    ("lengths", "rounded", "exact"),
    [
        # The mean 28.95 is rounded half to even, to 29.0; 28.93… is not.
        ([2890, 2900], True, False),
        ([2890, 2890, 2900], False, False),
        ([2900, 2900], True, True),
        ([2890, 2910], True, True),
        ([2890, 2890, 2900, 2910], True, False),
        # Readings are rounded before they are added up: 28.95 is 29.0, and 28.94 is 28.9.
        ([2895, 2895], True, True),
        ([2894, 2894], False, False),
        ([2800, None, 3000], True, True),
    ],
)
def test_a_mean_is_compared_as_rounded_or_exactly(
    lengths: list[int | None], *, rounded: bool, exact: bool
) -> None:
    bales: list[dict[str, int | None]] = [{"length": length} for length in lengths]
    assert asked(bales, LENGTH_29)[0] is rounded
    assert asked(bales, LENGTH_29, values=Values.EXACT)[0] is exact


@pytest.mark.parametrize(
    ("values", "classes", "rounded", "exact"),
    [
        ([420, 430], ("A",), True, True),
        # 4.25 is 4.2 rounded; exactly it has not reached B2 either.
        ([420, 430], ("B2",), False, False),
        # 4.26… is 4.3 rounded, and exactly still below 4.3: a tier reaches to the next one.
        ([420, 430, 430], ("B2",), True, False),
        ([420, 430, 430], ("A",), False, True),
        ([430], ("B",), True, True),
        ([350], ("B",), True, True),
        ([340], ("B",), False, False),
        ([340], ("C", "A"), True, True),
        ([500], ("C1", "B2"), False, False),
    ],
)
def test_the_class_of_a_mean_is_a_tier_or_a_grade(
    values: list[int], classes: tuple[str, ...], *, rounded: bool, exact: bool
) -> None:
    condition = PayCondition("micronaire", classes=classes)
    assert asked(of_micronaire(*values), condition)[0] is rounded
    assert asked(of_micronaire(*values), condition, values=Values.EXACT)[0] is exact


def test_bounds_are_both_included_and_go_with_classes() -> None:
    condition = PayCondition("micronaire", 400, 450, ("A", "B2"))
    for value, met in ((390, False), (400, True), (420, True), (450, True), (460, False)):
        assert asked(of_micronaire(value), condition)[0] is met


@pytest.mark.parametrize(
    ("values", "classes", "met", "told"),
    [
        ([370, 430, 430], ("B2",), True, set()),
        ([370, 430, 430], ("A",), False, set()),
        # B as a whole has most bales, though A has more than either tier of it.
        ([370, 370, 350, 430, 440], ("B",), True, set()),
        ([370, 370, 350, 430], ("A", "B1"), True, set()),
        ([370, 430], ("A",), False, {"TIE:micronaire"}),
        # A tie is one even where both classes would do.
        ([370, 430], ("A", "B2"), False, {"TIE:micronaire"}),
        ([], ("A",), False, {"NO_VALUE:micronaire"}),
    ],
)
def test_the_main_class_has_most_bales(
    values: list[int], classes: tuple[str, ...], *, met: bool, told: set[str]
) -> None:
    bales: list[dict[str, int | None]] = [*of_micronaire(*values), {"length": 2900}]
    assert asked(bales, PayCondition("micronaire", classes=classes, by=MAIN)) == (met, told)


def test_the_mean_and_the_main_class_of_one_condition() -> None:
    condition = PayCondition("micronaire", at_least=400, classes=("A",), by=MAIN)
    assert asked(of_micronaire(370, 370, 490, 500), condition) == (True, set())
    assert asked(of_micronaire(370, 370, 380, 430), condition) == (False, set())


@pytest.mark.parametrize(
    ("grades", "met", "told"),
    [
        ([31] * 8 + [21] * 2, True, set()),
        ([31] * 7 + [21] * 3, False, set()),
        ([31] * 9 + [51], False, set()),
        ([21] * 10, False, set()),
        ([None, 99], False, {"NO_VALUE:colour"}),
    ],
)
def test_the_main_colour_is_that_of_the_standard(
    grades: list[int | None], *, met: bool, told: set[str]
) -> None:
    """A lot without a main grade does not meet a condition on it, and nothing is missing."""
    condition = PayCondition("colour", classes=("31", "41"), by=MAIN)
    assert asked([{"colour_grade": grade} for grade in grades], condition) == (met, told)


def test_the_main_class_of_what_is_judged() -> None:
    condition = PayCondition("preparation", classes=("P1", "P2"), by=MAIN)
    assert asked([{"preparation": code} for code in (1, 3, 1)], condition) == (True, set())
    assert asked([{"preparation": code} for code in (2, 3, 3)], condition) == (False, set())
    ties = asked([{"preparation": code} for code in (1, 3, None)], condition)
    assert ties == (False, {"TIE:preparation"})


def test_all_conditions_hold_and_all_that_is_missing_is_told() -> None:
    conditions = (LENGTH_29, STRENGTH_29, A_OR_B2)
    good: dict[str, int | None] = {"length": 2900, "strength": 2900, "micronaire": 430}
    assert asked([good], *conditions) == (True, set())
    for item, value in (("length", 2890), ("strength", 2890), ("micronaire", 360)):
        assert asked([good | {item: value}], *conditions) == (False, set())
    empty: dict[str, int | None] = {"uniformity": 8200}
    told = {"NO_VALUE:length", "NO_VALUE:strength", "NO_VALUE:micronaire"}
    assert asked([empty], *conditions) == (False, told)


def test_columns_are_those_that_conditions_read() -> None:
    standard = load_standards()[STANDARDS[1]]
    main = PayCondition("preparation", classes=("P1",), by=MAIN)
    assert figures_needed([payment(LENGTH_29, main), payment(LENGTH_29)], standard) == (
        "length.bales",
        "length.sum",
        "preparation.P1.bales",
        "preparation.P2.bales",
        "preparation.P3.bales",
    )


def test_lots_weigh_by_bales_or_by_conditioned_weight() -> None:
    """The two means lie on either side of 29.0; lots without weight or values do not weigh."""
    lots = [
        Lot(0, 3_000_000, [bale(length=2800)] * 2),
        Lot(0, 9_000_000, [bale(length=2950)]),
        Lot(0, 1_000_000, [bale(strength=2900)]),
    ]
    # By bales (28.0 + 28.0 + 29.5) / 3 = 28.5, by weight (3 x 28.0 + 9 x 29.5) / 12 = 29.125.
    for weighting, met in ((Weighting.BALES, False), (Weighting.WEIGHT, True)):
        for values in Values:
            pay = payment(LENGTH_29, weighting=weighting, values=values)
            (paid,) = settled(rule_set(pay), lots, [Unit(seed_cotton=1)]).paid
            assert bool(paid.share.num[0]) is met
    # By bales 29.0; by weight (9 x 28.0 + 3 x 29.5) / 12 = 28.375.
    lots = [Lot(0, 9_000_000, [bale(length=2800)]), Lot(0, 3_000_000, [bale(length=2950)] * 2)]
    for weighting, met in ((Weighting.BALES, True), (Weighting.WEIGHT, False)):
        pay = payment(LENGTH_29, weighting=weighting)
        (paid,) = settled(rule_set(pay), lots, [Unit(seed_cotton=1)]).paid
        assert bool(paid.share.num[0]) is met


def test_a_mean_by_weight_is_compared_to_the_last_digit() -> None:
    """One hundredth of a kilogram more of the better lot reaches 29.00, also of great weights."""
    low, high = [bale(length=2890)] * 7, [bale(length=2910)] * 11
    pay = payment(LENGTH_29, weighting=Weighting.WEIGHT, values=Values.EXACT)
    for weight in (4_257_900, 9_999_999_999):
        for extra, met in ((-1, False), (0, True), (1, True)):
            lots = [Lot(0, weight, low), Lot(0, weight + extra, high)]
            (paid,) = settled(rule_set(pay), lots, [Unit(seed_cotton=1)]).paid
            assert bool(paid.share.num[0]) is met


def test_bales_are_counted_by_lot() -> None:
    """Official values or measured ones; the chart where the laboratory reported no colour."""
    bales = bale_frame(
        lot=[7, 7, 7, 3, 3, 3],
        length=[2895, 2900, 2890, None, 3000, 2910],
        micronaire=[425, 430, 430, 430, 360, 400],
        colour_grade=[31, None, 31, 31, 31, 99],
    ).with_columns(pl.Series(CHART_COLOUR, [11, 31, None, None, None, 11], pl.Int8))
    colour = PayCondition("colour", classes=("31",))
    rules = rule_set(
        payment(LENGTH_29, name="official", on=On.BALE),
        payment(LENGTH_29, name="measured", on=On.BALE, values=Values.EXACT),
        payment(LENGTH_29, A_OR_B2, name="both", on=On.BALE),
        payment(colour, name="colour", on=On.BALE),
        payment(LENGTH_29, name="unit"),
    )
    counts = count_bales(bales, [rules], standard_for(rules))
    assert counts.to_dict(as_series=False) == {
        "lot": [3, 7],
        "pay.rules.official.met": [2, 2],
        "pay.rules.official.of": [2, 3],
        "pay.rules.measured.met": [2, 1],
        "pay.rules.measured.of": [2, 3],
        "pay.rules.both.met": [1, 2],
        "pay.rules.both.of": [2, 3],
        "pay.rules.colour.met": [2, 3],
        "pay.rules.colour.of": [3, 3],
    }
    assert counts.schema["lot"] == pl.Int32
    assert counts.schema["pay.rules.both.met"] == pl.Int64
    parts = [count_bales(part, [rules], standard_for(rules)) for part in (bales[:2], bales[2:])]
    added = pl.concat(parts).group_by("lot").sum().sort("lot")
    assert added.equals(counts)


def test_an_exact_value_between_two_tiers_is_in_the_lower_one() -> None:
    bales = bale_frame(micronaire=[425, 426, 429, 430])
    for values, in_a in ((Values.ROUNDED, 1), (Values.EXACT, 3)):
        condition = PayCondition("micronaire", classes=("A",))
        rules = rule_set(payment(condition, on=On.BALE, values=values))
        counts = count_bales(bales, [rules], standard_for(rules))
        assert counts["pay.rules.pay.met"].to_list() == [in_a]


def test_a_bale_counts_for_the_first_payment_that_it_meets() -> None:
    a, b2 = (PayCondition("micronaire", classes=(name,)) for name in ("A", "B2"))
    payments = (
        payment(LENGTH_29, a, name="29a", on=On.BALE),
        payment(LENGTH_29, A_OR_B2, name="29", on=On.BALE),
        payment(LENGTH_29, b2, name="29b2", on=On.BALE),
        payment(LENGTH_29, name="any", on=On.BALE),
    )
    bales = bale_frame(length=[2900] * 6, micronaire=[400, 400, 450, 360, 360, None])
    for exclusive, met in ((False, [2, 3, 1, 6]), (True, [2, 1, 0, 3])):
        rules = rule_set(*payments, exclusive=exclusive)
        counts = count_bales(bales, [rules], standard_for(rules))
        assert [counts[f"pay.rules.{each.name}.met"][0] for each in payments] == met
        assert [counts[f"pay.rules.{each.name}.of"][0] for each in payments] == [5, 5, 5, 6]


def test_the_newest_standard_that_has_the_classes_is_taken() -> None:
    standards = load_standards()
    rules = rule_set(payment(LENGTH_29, A_OR_B2))
    assert standard_of(rules, standards).id == "GB1103.1-2023"
    older = rule_set(payment(A_OR_B2), standards=("GB1103.1-2012", "USDA"))
    assert standard_of(older, standards).id == "GB1103.1-2012"
    # A measure has values under every standard, only classes need tiers.
    usda = rule_set(payment(LENGTH_29), standards=("USDA",))
    assert standard_of(usda, standards).id == "USDA"


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        (PayCondition("micronaire", classes=("D",)), "has no class D of micronaire"),
        (PayCondition("rd", classes=("1",)), "has no classes of rd"),
        (PayCondition("leaf", classes=("1",), by=MAIN), "has no classes of leaf"),
        (PayCondition("colour", classes=("61",), by=MAIN), "has no class 61 of colour"),
        (PayCondition("colour", classes=("31",)), "colour has no mean"),
        (PayCondition("preparation", classes=("P1",)), "preparation has no mean"),
        (PayCondition("colour", at_least=100, classes=("31",), by=MAIN), "no values to compare"),
    ],
)
def test_what_the_standards_cannot_test_is_refused(condition: PayCondition, problem: str) -> None:
    rules = rule_set(payment(LENGTH_29, name="first"), payment(condition, name="second"))
    with pytest.raises(PayRuleError, match="Load a rule set") as error:
        standard_of(rules, load_standards())
    assert problem in error.value.problem
    assert (error.value.rule_set, error.value.payment) == ("rules", "second")


def test_the_main_colour_needs_a_rule_and_bales_do_not() -> None:
    condition = PayCondition("colour", classes=("31",), by=MAIN)
    with pytest.raises(PayRuleError, match="no rule of the main colour"):
        standard_of(rule_set(payment(condition), standards=("USDA",)), load_standards())
    per_bale = rule_set(payment(condition, on=On.BALE), standards=("USDA",))
    assert standard_of(per_bale, load_standards()).id == "USDA"


def test_a_rule_set_that_contradicts_itself_is_refused() -> None:
    standards = load_standards()
    on_mu = fixed("25", RateUnit.YUAN_PER_MU)
    for wrong, problem in (
        (rule_set(payment(LENGTH_29, rate=on_mu)), "yuan/mu cannot be paid on seed cotton"),
        (rule_set(payment(LENGTH_29, paid_on=PaidOn.AREA)), "yuan/kg cannot be paid on area"),
        (
            rule_set(payment(LENGTH_29, rate=fixed("1", RateUnit.CENTS_PER_POUND))),
            "cents/lb cannot be paid",
        ),
        (
            rule_set(payment(LENGTH_29), payment(LENGTH_29, on=On.LOT), exclusive=True),
            "tested on lot mean and on unit mean",
        ),
        (rule_set(payment(LENGTH_29), standards=("GB1103.1-2030",)), "GB1103.1-2030) is known"),
    ):
        with pytest.raises(PayRuleError) as error:
            standard_of(wrong, standards)
        assert problem in error.value.problem
    together = rule_set(payment(LENGTH_29), payment(LENGTH_29, on=On.LOT))
    assert standard_of(replace(together, exclusive=False), standards).id == STANDARDS[1]
