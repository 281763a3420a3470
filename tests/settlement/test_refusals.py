"""Rules by which lots are not deliverable, at the values where they begin."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from cotton_server.settlement.classes import PricingError
from cotton_server.settlement.refusals import not_checked
from cotton_server.settlement.schedule import By, Refusal, RefusalTest, Ties, Ungraded

from tests.support.pricing import STANDARD, bale, bands, main, named, priced, reasons, schedule

if TYPE_CHECKING:
    from tests.support.money_oracle import Bale

REFUSED = {"NOT_DELIVERABLE:rule"}


def told(
    refusal: Refusal,
    lot: list[Bale],
    sampled: tuple[int | None, int | None] = (None, None),
    ungraded: Ungraded = Ungraded.HOLD,
) -> set[str]:
    """What stands against a lot by one rule."""
    found = priced([lot], schedule(refusals=[refusal], ungraded=ungraded), [sampled])
    assert found.rate.fractions() == [0]
    return reasons(found)


def rule(test: RefusalTest, **what: object) -> Refusal:
    return Refusal("rule", test, **what)  # type: ignore[arg-type]


def test_one_bale_of_a_class_is_enough() -> None:
    refusal = rule(RefusalTest.ANY_BALE, classes=named("colour", "51", "32"))
    good = [bale(colour_grade=31)] * 199
    assert told(refusal, good) == set()
    assert told(refusal, [*good, bale(colour_grade=32)]) == REFUSED


@pytest.mark.parametrize(("bad", "refused"), [(1, False), (2, True)])
def test_a_share_must_be_above_the_limit(bad: int, refused: bool) -> None:
    """One of three is 33.33… %, and a limit of a third of 100 is not to be had: 1 of 8 is 12.5."""
    refusal = rule(
        RefusalTest.SHARE_ABOVE, classes=named("preparation", "P3"), limit=Decimal("12.5")
    )
    lot = [bale(preparation=3)] * bad + [bale(preparation=2)] * (8 - bad)
    assert told(refusal, lot) == (REFUSED if refused else set())


@pytest.mark.parametrize(
    ("ungraded", "expected"),
    [(Ungraded.HOLD, {"UNGRADED:preparation"}), (Ungraded.LEAVE_OUT, set())],
)
@pytest.mark.parametrize("test", [RefusalTest.ANY_BALE, RefusalTest.SHARE_ABOVE])
def test_bales_without_a_class_leave_it_open(
    test: RefusalTest, ungraded: Ungraded, expected: set[str]
) -> None:
    """A bale that is seen to be in the class refuses the lot all the same."""
    refusal = rule(test, classes=named("preparation", "P3"), limit=Decimal(10))
    lot = [bale(preparation=2), bale()]
    assert told(refusal, lot, ungraded=ungraded) == expected
    assert told(refusal, [*lot, bale(preparation=3)], ungraded=ungraded) == expected | REFUSED
    assert told(refusal, [bale()], ungraded=ungraded) == {"NO_VALUE:preparation"}


@pytest.mark.parametrize(
    ("strength", "refused"), [(2394, True), (2395, False), (2400, False), (2385, True)]
)
def test_the_class_of_the_mean(strength: int, refused: bool) -> None:
    """Rounded before: 23.95 is 24.0, half way to the even tenth."""
    expected = REFUSED if refused else set()
    by_name = rule(RefusalTest.CLASS, classes=named("strength", "S5"), by=By.MEAN)
    by_band = rule(RefusalTest.CLASS, classes=bands("strength", (None, 2390)), by=By.MEAN)
    lot = [bale(strength=strength), bale()]
    assert told(by_name, lot) == told(by_band, lot) == expected
    assert told(by_name, [bale()]) == {"NO_VALUE:strength"}


def test_the_main_class_is_set_beside_the_grades_of_all_others() -> None:
    refusal = rule(RefusalTest.CLASS, classes=named("micronaire", "C1"), by=By.MAIN)
    fine, b1, b2 = (bale(micronaire=each) for each in (340, 350, 440))
    assert told(refusal, [fine] * 3 + [b1] * 2 + [b2] * 2) == set()
    assert told(refusal, [fine] * 5 + [b1] * 2 + [b2] * 2) == REFUSED
    assert told(refusal, [fine] * 4 + [b1] * 2 + [b2] * 2) == {"TIE:rule"}
    assert told(refusal, [fine, b1, b2, b2]) == set()
    assert told(refusal, [b1, bale(micronaire=400)]) == set()  # a tie of others is no matter
    assert told(refusal, [fine, bale()]) == {"UNGRADED:micronaire"} | REFUSED


def test_a_main_colour_that_is_refused() -> None:
    refusal = rule(RefusalTest.CLASS, classes=named("colour", "21"), by=By.MAIN)
    most, near = bale(colour_grade=21), bale(colour_grade=31)
    assert told(refusal, [most] * 4 + [near]) == REFUSED
    assert told(refusal, [most] * 3 + [near]) == set()


@pytest.mark.parametrize(
    ("length", "refused"),
    [(2690, True), (2694, True), (2696, False), (2700, False), (3000, False), (3006, True)],
)
def test_a_mean_outside(length: int, refused: bool) -> None:
    refusal = rule(
        RefusalTest.MEAN_OUTSIDE, item="length", lower=Decimal("27.0"), upper=Decimal("30.0")
    )
    assert told(refusal, [bale(length=length), bale()]) == (REFUSED if refused else set())


def test_a_mean_of_nothing_is_not_outside() -> None:
    refusal = rule(RefusalTest.MEAN_OUTSIDE, item="length", lower=Decimal("27.0"))
    assert told(refusal, [bale()]) == {"NO_VALUE:length"}


@pytest.mark.parametrize(
    ("item", "sampled", "expected"),
    [
        ("trash", (350, 900), set()),
        ("trash", (351, 100), REFUSED),
        ("trash", (None, 900), {"NOT_SAMPLED:trash"}),
        ("regain", (900, 350), set()),
        ("regain", (100, 351), REFUSED),
        ("regain", (900, None), {"NOT_SAMPLED:regain"}),
    ],
)
def test_what_was_sampled_of_a_lot(
    item: str, sampled: tuple[int | None, int | None], expected: set[str]
) -> None:
    refusal = rule(RefusalTest.VALUE_ABOVE, item=item, limit=Decimal("3.5"))
    assert told(refusal, [bale()], sampled) == expected


@pytest.mark.parametrize(("bales", "refused"), [(1, True), (2, False), (4, False), (5, True)])
def test_too_few_or_too_many_bales(bales: int, refused: bool) -> None:
    refusal = rule(RefusalTest.BALES_OUTSIDE, lower=Decimal(2), upper=Decimal(4))
    assert told(refusal, [bale()] * bales) == (REFUSED if refused else set())
    open_below = rule(RefusalTest.BALES_OUTSIDE, upper=Decimal(4))
    assert told(open_below, [bale()] * bales) == (REFUSED if bales > 4 else set())


def test_what_is_not_measured_is_listed_and_holds_nothing() -> None:
    refusal = rule(RefusalTest.NOT_MEASURED, item="regain of a single bale")
    other = Refusal("bales", RefusalTest.BALES_OUTSIDE, lower=Decimal(1))
    assert told(refusal, [bale()]) == set()
    assert not_checked(schedule(refusals=[other, refusal])) == ("rule",)


def test_every_rule_that_is_broken_is_told() -> None:
    by = schedule(
        refusals=[
            Refusal("few", RefusalTest.BALES_OUTSIDE, lower=Decimal(9)),
            Refusal("short", RefusalTest.MEAN_OUTSIDE, item="length", lower=Decimal(28)),
        ]
    )
    found = priced([[bale(length=2700)], [bale(length=2900)]], by)
    assert reasons(found, 0) == {"NOT_DELIVERABLE:few", "NOT_DELIVERABLE:short"}
    assert reasons(found, 1) == {"NOT_DELIVERABLE:few"}


def test_a_rule_and_a_factor_of_one_name_hold_each_its_lots() -> None:
    """The factor is tied in both, the rule in the second only."""
    by = schedule(
        main(named("micronaire", "A", "B", "C2"), "2", "0", "-1", ties=Ties.HOLD),
        refusals=[
            Refusal("micronaire", RefusalTest.CLASS, named("micronaire", "C1"), By.MAIN),
        ],
    )
    lots = [[bale(micronaire=each) for each in pair] for pair in ((400, 510), (340, 440))]
    found = priced(lots, by)
    assert reasons(found, 0) == reasons(found, 1) == {"TIE:micronaire"}


def test_a_rule_without_its_classes_is_an_error() -> None:
    with pytest.raises(PricingError, match="rule: The rule names no classes"):
        told(rule(RefusalTest.ANY_BALE), [bale()])
    missing = rule(RefusalTest.ANY_BALE, classes=named("colour", "99"))
    with pytest.raises(PricingError, match=f"{STANDARD.id} has no class 99 of colour"):
        told(missing, [bale()])
