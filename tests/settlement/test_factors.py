"""What each kind of factor pays, on lots small enough to be worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from cotton_server.grading.shares import ShareRule
from cotton_server.settlement.schedule import (
    Axis,
    BonusFactor,
    By,
    CountFactor,
    TableFactor,
    ThresholdFactor,
    Ties,
    Ungraded,
)

from tests.support.pricing import (
    bale,
    bands,
    by_mean,
    main,
    named,
    priced,
    printed,
    reasons,
    schedule,
    share,
)

if TYPE_CHECKING:
    from cotton_server.settlement.schedule import Factor

    from tests.support.money_oracle import Bale


def bales(item: str, **counts: int) -> list[Bale]:
    """So many bales of each value, called such as `_31`; of `none` without one."""
    return [
        bale(**{item: None if name == "none" else int(name[1:])})
        for name, count in counts.items()
        for _ in range(count)
    ]


def told(
    factor: Factor, lot: list[Bale], **changes: Any
) -> tuple[int | None, str | None, set[str]]:
    """The amount in hundredths, the class, and the reasons that a lot is held for."""
    by = schedule(factor, **changes)
    found = priced([lot], by)
    return printed(found, factor.name, by), found.classes[factor.name][0], reasons(found)


LOW, MIDDLE, HIGH = 400, 440, 510
"""Readings of micronaire A, B2 and C2."""


@pytest.mark.parametrize(
    ("ties", "amount", "name"),
    [(Ties.BEST_PAID, 20000, "A"), (Ties.WORST_PAID, 0, "B"), (Ties.MEAN, 20000, "A")],
)
def test_of_classes_that_are_tied_one_is_chosen(ties: Ties, amount: int, name: str) -> None:
    """Three bales of A at 3.7 and three of B at 4.3: the mean is 4.0."""
    factor = main(named("micronaire", "A", "B", "C2"), "200", "0", "-100", ties=ties)
    lot = bales("micronaire", _370=3, _430=3, _510=1)
    lot[-1] = bale(micronaire=340)
    assert told(factor, lot) == (amount, name, set())


def test_a_tie_that_nobody_decides_holds_the_lot() -> None:
    factor = main(named("micronaire", "A", "B"), "200", "0", ties=Ties.HOLD)
    lot = bales("micronaire", _400=2, _440=1, _355=1)
    # B1 and B2 are one class.
    assert told(factor, lot) == (None, None, {"TIE:micronaire"})
    assert told(factor, [*lot, bale(micronaire=440)]) == (0, "B", set())


def test_the_mean_may_fall_into_a_class_that_is_not_tied() -> None:
    """A at 3.7 twice and C2 at 5.2 twice: 4.45 is 4.4, of B."""
    factor = main(named("micronaire", "A", "B", "C2"), "200", "-1", "-100", ties=Ties.MEAN)
    assert told(factor, bales("micronaire", _370=2, _520=2)) == (-100, "B", set())


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        (Ties.BEST_PAID, (20000, "A", set())),
        (Ties.WORST_PAID, (None, "C1", {"NO_RATE:micronaire"})),
    ],
)
def test_a_class_without_a_rate_is_paid_worst(
    ties: Ties, expected: tuple[int | None, str, set[str]]
) -> None:
    factor = main(named("micronaire", "A", "B"), "200", "0", ties=ties)
    assert told(factor, bales("micronaire", _400=2, _340=2)) == expected


@pytest.mark.parametrize("ties", [Ties.BEST_PAID, Ties.WORST_PAID])
def test_of_classes_that_are_tied_and_paid_alike_the_first_is_named(ties: Ties) -> None:
    factor = main(named("micronaire", "B", "A", "C2"), "5", "5", "5", ties=ties)
    assert told(factor, bales("micronaire", _400=2, _440=2, _510=2))[:2] == (500, "B")


@pytest.mark.parametrize("ties", Ties)
def test_a_lot_without_values_has_no_main_class(ties: Ties) -> None:
    factor = main(named("micronaire", "A"), "1", ties=ties, others="2")
    assert told(factor, [bale()]) == (None, None, {"NO_VALUE:micronaire"})


@pytest.mark.parametrize(
    ("ungraded", "expected"),
    [
        (Ungraded.HOLD, (None, None, {"UNGRADED:preparation"})),
        (Ungraded.LEAVE_OUT, (2500, None, set())),
    ],
)
def test_bales_without_a_class(
    ungraded: Ungraded, expected: tuple[int | None, str | None, set[str]]
) -> None:
    """One of four that have one is P1; the fifth has none."""
    factor = share(named("preparation", "P1", "P2"), "100", "0")
    lot = bales("preparation", _1=1, _2=3, none=1)
    assert told(factor, lot, ungraded=ungraded) == expected


def test_classes_that_are_not_listed_are_held_or_paid_as_others() -> None:
    lot = bales("colour_grade", _31=3, _51=1)
    without = share(named("colour", "31"), "8")
    assert told(without, lot) == (None, None, {"NO_RATE:colour"})
    assert told(share(named("colour", "31"), "8", others="-4"), lot) == (500, None, set())
    by_band = by_mean(bands("length", (2800, 2890)), "8")
    assert told(by_band, [bale(length=2900)]) == (None, None, {"NO_RATE:length"})
    by_name = by_mean(named("length", "28"), "8", others="-4")
    assert told(by_name, [bale(length=2900)]) == (-400, "29", set())


@pytest.mark.parametrize(
    ("rule", "decimals", "amount"),
    [
        # P1, P2, P3: 33.33… % each.
        (ShareRule.LARGEST_REMAINDER, 2, 333400),
        (ShareRule.LARGEST_REMAINDER, 1, 334000),
        (ShareRule.CERTIFICATE, 2, 333300),
        (ShareRule.CERTIFICATE, 1, 333000),
        (ShareRule.CERTIFICATE, None, 333333),
    ],
)
def test_shares_are_those_that_are_printed(
    rule: ShareRule, decimals: int | None, amount: int
) -> None:
    factor = share(named("preparation", "P1"), "10000", others="0")
    lot = bales("preparation", _1=1, _2=1, _3=1)
    found = told(factor, lot, share_rule=rule, share_decimals=decimals)
    assert found == (amount, None, set())


def test_shares_are_printed_by_the_classes_of_the_standard() -> None:
    """Joining P2 and P3 in the document does not change how they are printed: 33.33 % each."""
    joined = share(named("preparation", "rest", rest=("P2", "P3")), "10000", others="0")
    lot = bales("preparation", _1=1, _2=1, _3=1)
    assert told(joined, lot, share_decimals=2)[0] == 666600
    assert told(joined, lot, share_decimals=None)[0] == 666667


def test_the_last_class_that_a_lot_has_takes_the_rest() -> None:
    """Whatever classes other lots of the same call have."""
    factor = share(named("preparation", "P2"), "10000", others="0")
    by = schedule(factor, share_decimals=1, share_rule=ShareRule.CERTIFICATE)
    lots = [bales("preparation", _1=2, _2=1), bales("preparation", _1=2, _3=1)]
    found = priced(lots, by)
    assert printed(found, "preparation", by, 0) == 333000
    assert printed(found, "preparation", by, 1) == 0


def test_a_grade_of_micronaire_stands_for_its_tiers_that_are_not_named() -> None:
    factor = share(named("micronaire", "B1", "B"), "1", "10", others="0")
    assert told(factor, bales("micronaire", _355=1, _440=1))[0] == 550


def test_a_tier_that_a_name_covers_is_taken_from_its_grade() -> None:
    """And C1 from itself, though it is named."""
    classes = named("micronaire", "B", "C1", "fine", fine=("B1", "C1"))
    factor = share(classes, "1", "10", "100", others="0")
    assert told(factor, bales("micronaire", _355=1))[0] == 10000
    assert told(factor, bales("micronaire", _340=1))[0] == 10000
    assert told(factor, bales("micronaire", _440=1))[0] == 100


def test_a_name_that_covers_tiers_stands_for_these_only() -> None:
    """Called as a tier or not: 30 is 30 and 31 here, and 32 is by itself."""
    factor = by_mean(named("length", "30", **{"30": ("30", "31")}), "7", others="0")
    readings = {3050: 700, 3150: 700, 3250: 0, 2950: 0}
    assert {each: told(factor, [bale(length=each)])[0] for each in readings} == readings


@pytest.mark.parametrize(
    ("inside", "of", "at_least", "reached"),
    [
        (4, 5, "80", True),
        (3, 4, "80", False),
        (1, 3, "33.33", True),
        (1, 3, "33.34", False),
        (3, 3, "100", True),
    ],
)
@pytest.mark.parametrize("decimals", [None, 1])
def test_a_threshold_is_reached_by_the_exact_share(
    inside: int, of: int, at_least: str, reached: bool, decimals: int | None
) -> None:
    """Exactly reached counts, whatever the shares are printed with."""
    classes = named("micronaire", "A", "B")
    factor = ThresholdFactor("it", classes, Decimal(at_least), Decimal(9), Decimal(-3))
    lot = bales("micronaire", _400=inside, _510=of - inside)
    assert told(factor, lot, share_decimals=decimals)[0] == (900 if reached else -300)


def test_bales_are_counted_beyond_the_first() -> None:
    factor = CountFactor("it", "foreign_fibre", 2, Decimal("-0.5"))
    expected = [0, 0, 0, -50, -100]
    found = [told(factor, bales("foreign_fibre", _0=1, _1=count))[0] for count in range(5)]
    assert found == expected
    assert told(factor, bales("foreign_fibre", _1=4, none=1))[2] == {"UNGRADED:foreign_fibre"}
    assert told(factor, [bale()])[2] == {"NO_VALUE:foreign_fibre"}


def test_a_bonus_for_having_a_main_class() -> None:
    """Of colour by the rule of the standard, else when one has more bales than any other."""
    colour, ginning = (BonusFactor("it", item, Decimal(5)) for item in ("colour", "preparation"))
    assert told(colour, bales("colour_grade", _31=4, _21=1)) == (500, "31", set())
    assert told(colour, bales("colour_grade", _31=3, _21=1)) == (0, None, set())
    assert told(ginning, bales("preparation", _1=2, _2=1, _3=1)) == (500, "P1", set())
    assert told(ginning, bales("preparation", _1=2, _2=2)) == (0, None, set())
    held = told(ginning, bales("preparation", _1=2, none=1))
    assert held == (None, "P1", {"UNGRADED:preparation"})


def test_a_table_of_two_dimensions() -> None:
    """Main class of micronaire and class of the mean length; one combination is not there."""
    axes = (
        Axis(named("micronaire", "A", "B"), By.MAIN),
        Axis(bands("length", (2900, None), (2800, 2890)), By.MEAN),
    )
    rates: dict[tuple[str, ...], Decimal]
    rates = {("A", "b0"): Decimal(1), ("B", "b0"): Decimal(2), ("B", "b1"): Decimal(3)}
    factor = TableFactor("it", axes, rates)
    assert told(factor, [bale(micronaire=LOW, length=2900)]) == (100, "A b0", set())
    assert told(factor, [bale(micronaire=MIDDLE, length=2900)]) == (200, "B b0", set())
    assert told(factor, [bale(micronaire=MIDDLE, length=2850)]) == (300, "B b1", set())
    assert told(factor, [bale(micronaire=LOW, length=2850)]) == (None, "A b1", {"NO_RATE:it"})
    assert told(factor, [bale(micronaire=HIGH, length=2850)]) == (None, "C2 b1", {"NO_RATE:it"})
    assert told(factor, [bale(micronaire=LOW, length=2700)]) == (None, None, {"NO_RATE:it"})
    assert told(factor, [bale(micronaire=LOW)]) == (None, None, {"NO_VALUE:length"})
    tied = [bale(micronaire=LOW, length=2900), bale(micronaire=MIDDLE, length=2900)]
    assert told(factor, tied) == (None, None, {"TIE:it"})
