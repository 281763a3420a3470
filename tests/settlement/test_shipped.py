"""The documents that come with the service, against the published figures written out here."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import polars as pl
import pytest
from cotton_server.grading.shares import ShareRule
from cotton_server.grading.standards import load_standards
from cotton_server.settlement.bales import bale_lines
from cotton_server.settlement.classes import value_classes
from cotton_server.settlement.document import (
    MoneyFrom,
    RateUnit,
    Rounding,
    RoundingMode,
    is_verified,
)
from cotton_server.settlement.library import shipped
from cotton_server.settlement.lots import figures_needed
from cotton_server.settlement.rule_set import (
    ConditionBy,
    FixedRate,
    PaidOn,
    PayCondition,
    ShareOfRate,
)
from cotton_server.settlement.rule_set import TestedOn as On
from cotton_server.settlement.rule_set_file import parse_rule_set
from cotton_server.settlement.schedule import (
    BonusFactor,
    By,
    CountFactor,
    MainFactor,
    MeanFactor,
    Per,
    Quantity,
    RefusalTest,
    Schedule,
    ShareFactor,
    TableFactor,
    Ties,
    Ungraded,
)
from cotton_server.settlement.schedule_file import parse_schedule
from cotton_server.settlement.target_price import Cap
from cotton_server.settlement.target_price_file import parse_target_price

if TYPE_CHECKING:
    from cotton_server.settlement.document import Head
    from cotton_server.settlement.rule_set import RuleSet
    from cotton_server.settlement.target_price import TargetPrice

GB: Final = ("GB1103.1-2012", "GB1103.1-2023")
HALF_UP: Final = Rounding(RoundingMode.HALF_UP, 2, 2, MoneyFrom.EXACT)
HALF_EVEN: Final = Rounding(RoundingMode.HALF_EVEN, 2, 2, MoneyFrom.EXACT)

COLOURS: Final = ("11", "21", "31", "41", "12", "22")
LENGTHS: Final = ("30", "29", "28", "27")
MICRONAIRE: Final = ("A", "B", "C2")
STRENGTHS: Final = ("S1", "S2", "S3", "S4")
UNIFORMITIES: Final = ("U1", "U2", "U3", "U4")
PREPARATIONS: Final = ("P1", "P2", "P3")

TABLES: Final = {
    "futures-2016-17": {
        "colour": (COLOURS, (500, 300, 0, -400, -150, -450)),
        "length": (LENGTHS, (600, 300, 0, -300)),
        "micronaire": (MICRONAIRE, (200, 0, -100)),
        "strength": (STRENGTHS, (500, 250, 0, -300)),
        "uniformity": (UNIFORMITIES, (250, 150, 0, -300)),
        "preparation": (PREPARATIONS, (200, 0, -300)),
    },
    "table-a": {
        "colour": (COLOURS, (300, 150, 0, -300, -250, -500)),
        "length": (LENGTHS, (400, 150, 0, -250)),
        "micronaire": (MICRONAIRE, (100, 0, -150)),
        "strength": (STRENGTHS, (350, 150, 0, -250)),
        "uniformity": (UNIFORMITIES, (250, 200, 0, -200)),
        "preparation": (PREPARATIONS, (90, 0, -300)),
    },
    "table-b": {
        "colour": (COLOURS, (300, 150, 0, -350, -300, -500)),
        "length": (LENGTHS, (400, 200, 0, -300)),
        "micronaire": (MICRONAIRE, (100, 0, -100)),
        "strength": (STRENGTHS, (300, 150, 0, -250)),
        "uniformity": (UNIFORMITIES, (300, 200, 0, -200)),
        "preparation": (PREPARATIONS, (100, 0, -300)),
    },
    "association-2015-11": {
        "colour": (
            ("11", "21", "31", "41", "51", "12", "22", "32"),
            (450, 250, 0, -300, -700, -100, -400, -700),
        ),
        "length": (("32", "28", "27", "26", "25"), (1100, 0, -400, -850, -1500)),
        "strength": (("S1", "S2", "S3"), (400, 200, 0)),
        "uniformity": (("U1", "U2", "U3"), (300, 150, 0)),
    },
}

# Colour, leaf, staple (38: 38 and above), cents a pound.
CLASSES: Final = """
21 1 36 56.30  21 1 37 56.75  21 2 35 55.10  21 2 36 56.30  21 2 37 56.75  21 2 38 56.90
21 3 36 55.90  21 3 37 56.30  21 3 38 56.45  22 3 38 54.75  31 1 35 54.50  31 1 36 55.85
31 1 37 56.40  31 1 38 56.55  31 2 33 51.10  31 2 34 52.90  31 2 35 54.50  31 2 36 55.85
31 2 37 56.40  31 2 38 56.55  31 3 32 49.30  31 3 34 52.90  31 3 35 54.30  31 3 36 55.65
31 3 37 56.05  31 3 38 56.20  31 4 35 53.25  31 4 36 54.30  31 4 37 54.55  31 4 38 54.55
31 5 37 52.75  31 5 38 52.75  31 6 38 49.55  32 4 37 51.80  32 4 38 51.80  33 3 38 49.25
41 2 34 52.45  41 2 35 53.05  41 2 36 54.00  41 2 37 54.15  41 2 38 54.25  41 3 34 52.45
41 3 35 53.05  41 3 36 54.00  41 3 37 54.15  41 3 38 54.25  41 4 34 52.00  41 4 35 52.65
41 4 36 53.40  41 4 37 53.60  41 4 38 53.70  41 5 37 51.75  41 5 38 51.75  41 6 38 49.05
42 3 38 51.10  42 4 37 50.55  42 4 38 50.55  42 5 37 49.05  43 4 38 47.05  43 5 38 45.65
51 4 34 49.30  51 4 35 49.90  51 4 36 50.35  51 5 34 47.60  51 5 35 48.35  51 5 36 48.85
51 6 36 47.50  51 6 37 47.50  51 7 33 43.55  51 7 35 45.80  52 3 35 47.20
"""

BANDS: Final = {
    "micronaire": {
        (270, 290): "-9.05",
        (300, 320): "-6.45",
        (330, 340): "-4.65",
        (350, 360): "0",
        (370, 420): "0.05",
        (430, 490): "0",
        (500, 520): "-2.35",
        (530, None): "-3.85",
    },
    "strength": {
        (2550, 2590): "-2.70",
        (2600, 2890): "0",
        (2900, 2990): "0.05",
        (3000, 3090): "0.25",
        (3100, 3290): "0.45",
        (3300, None): "0.50",
    },
    "uniformity": {
        (7800, 7890): "-0.60",
        (7900, 7990): "-0.50",
        (8000, 8090): "-0.05",
        (8100, 8290): "0",
        (8300, 8390): "0.10",
        (8400, 8490): "0.15",
        (8500, None): "0.20",
    },
}


def text_of(name: str) -> str:
    return next(each.text for each in shipped() if each.id == name)


def schedule(name: str) -> Schedule:
    found = parse_schedule(text_of(name), f"{name}.toml")
    assert isinstance(found, Schedule)
    assert found.head.id == name
    return found


def rule_set(name: str) -> RuleSet:
    return parse_rule_set(text_of(name), f"{name}.toml")


def target_price() -> TargetPrice:
    return parse_target_price(text_of("xinjiang-target-price"), "xinjiang-target-price.toml")


def days(head: Head) -> tuple[date | None, date | None]:
    first, last = (
        None if day is None else date(1970, 1, 1) + timedelta(days=day)
        for day in (head.effective_from, head.effective_through)
    )
    return first, last


def test_every_file_is_found() -> None:
    assert [(each.kind, each.id) for each in shipped()] == [
        ("schedule", "association-2015-11"),
        ("schedule", "futures-2016-17"),
        ("schedule", "table-a"),
        ("schedule", "table-b"),
        ("schedule", "usda-loan-2021"),
        ("rule set", "region-quality-2021-22"),
        ("rule set", "xpcc-quality-2023"),
        ("target price", "xinjiang-target-price"),
    ]
    assert shipped() is shipped()


@pytest.mark.parametrize(
    ("name", "first", "last", "verified"),
    [
        ("futures-2016-17", date(2016, 9, 1), date(2017, 8, 31), True),
        ("table-a", None, None, False),
        ("table-b", None, None, False),
        ("association-2015-11", date(2015, 11, 1), date(2015, 11, 30), False),
    ],
)
def test_schedules_of_chinese_cotton(
    name: str, first: date | None, last: date | None, *, verified: bool
) -> None:
    found = schedule(name)
    assert days(found.head) == (first, last)
    assert is_verified(found.head) is verified
    assert "assumed" in found.head.note.lower()
    assert found.unit is RateUnit.YUAN_PER_TONNE
    assert (found.standards, found.per, found.quantity) == (GB, Per.LOT, Quantity.CONDITIONED)
    assert found.base_rate == 0
    assert (found.share_decimals, found.share_rule) == (2, ShareRule.LARGEST_REMAINDER)
    assert (found.ungraded, found.rounding) == (Ungraded.HOLD, HALF_EVEN)
    rules = {"colour": ShareFactor, "preparation": ShareFactor, "micronaire": MainFactor}
    factors = {each.name: each for each in found.factors}
    for item, (classes, rates) in TABLES[name].items():
        factor = factors.pop(item)
        assert isinstance(factor, rules.get(item, MeanFactor)), item
        assert isinstance(factor, ShareFactor | MeanFactor | MainFactor)
        assert factor.classes.item == item
        assert set(factor.classes.all) == set(classes)
        assert factor.rates == dict(zip(classes, map(Decimal, rates), strict=True))
        assert factor.others is None
        assert not isinstance(factor, MainFactor) or factor.ties is Ties.HOLD
    rest: dict[str, object] = {}
    if name != "association-2015-11":
        rest["foreign_fibre"] = CountFactor(
            "foreign_fibre", "foreign_fibre", free=1, each=Decimal(-200)
        )
    if name == "table-a":
        rest["main_colour"] = BonusFactor("main_colour", "colour", Decimal(100))
    assert factors == rest


def test_length_is_paid_by_the_mean_and_alike_from_30() -> None:
    """27.0 to 27.9 and so on; 30 stands for all above, and below 27 there is no rate."""
    standard = load_standards()["GB1103.1-2012"]
    for name in ("futures-2016-17", "table-a", "table-b"):
        (factor,) = (each for each in schedule(name).factors if each.name == "length")
        assert isinstance(factor, MeanFactor)
        found = value_classes(factor.classes, standard, name)
        names = [found.names[place] if place >= 0 else None for place in found.places[:4000]]
        assert {names[at] for at in (2700, 2790, 2794)} == {"27"}
        assert (names[2796], names[2890], names[2990], names[3000]) == ("28", "28", "29", "30")
        assert {names[at] for at in (3090, 3100, 3200, 3999)} == {"30"}
        assert names[2690] not in factor.rates


def test_base_quality_is_paid_nothing() -> None:
    """3128B, U3, S3, P2: the class of every factor by share, mean or main grade."""
    for name in TABLES:
        found = schedule(name)
        for factor in found.factors:
            if isinstance(factor, ShareFactor | MeanFactor | MainFactor):
                assert factor.rates[found.base_quality[factor.name]] == 0, (name, factor.name)


def test_lots_that_cannot_be_delivered_on_futures() -> None:
    found = {each.name: each for each in schedule("futures-2016-17").refusals}
    assert [(name, each.test) for name, each in found.items()] == [
        ("colour", RefusalTest.ANY_BALE),
        ("length", RefusalTest.MEAN_OUTSIDE),
        ("uniformity", RefusalTest.CLASS),
        ("micronaire", RefusalTest.CLASS),
        ("strength", RefusalTest.CLASS),
        ("trash", RefusalTest.VALUE_ABOVE),
        ("regain", RefusalTest.NOT_MEASURED),
        ("bales", RefusalTest.BALES_OUTSIDE),
    ]
    classes = {name: each.classes.names for name, each in found.items() if each.classes}
    assert classes == {
        "colour": ("51", "32", "13", "23", "33", "14", "24"),
        "uniformity": ("U5",),
        "micronaire": ("C1",),
        "strength": ("S5",),
    }
    assert (found["uniformity"].by, found["micronaire"].by, found["strength"].by) == (
        By.MEAN,
        By.MAIN,
        By.MEAN,
    )
    assert (found["length"].item, found["length"].lower, found["length"].upper) == (
        "length",
        Decimal("27.0"),
        None,
    )
    assert (found["trash"].item, found["trash"].limit) == ("trash", Decimal("3.5"))
    assert (found["regain"].item, found["regain"].limit) == (
        "regain of a single bale",
        Decimal(10),
    )
    assert (found["bales"].lower, found["bales"].upper) == (Decimal(180), Decimal(190))
    assert not any(schedule(name).refusals for name in TABLES if name != "futures-2016-17")


def test_each_schedule_can_price_each_of_its_standards() -> None:
    for name in TABLES:
        found = schedule(name)
        for standard in found.standards:
            assert figures_needed(found, load_standards()[standard])


def test_loan_rates_of_usda() -> None:
    found = schedule("usda-loan-2021")
    assert days(found.head) == (date(2021, 8, 1), date(2023, 7, 31))
    assert is_verified(found.head)
    assert (found.unit, found.unit.currency) == (RateUnit.CENTS_PER_POUND, "USD")
    assert (found.standards, found.per, found.quantity) == (("USDA",), Per.BALE, Quantity.NET)
    assert found.bale_weights
    assert found.base_rate == 0
    by_class, *others = found.factors
    assert isinstance(by_class, TableFactor)
    cells = CLASSES.split()
    expected = {tuple(cells[at : at + 3]): Decimal(cells[at + 3]) for at in range(0, len(cells), 4)}
    assert len(expected) == 71
    assert by_class.rates == expected
    assert [axis.classes.item for axis in by_class.axes] == ["colour", "leaf", "length"]
    assert by_class.axes[2].classes.covers == {"38": ("38", "39", "40", "41", "42", "43", "44")}
    assert [each.name for each in others] == list(BANDS)
    for factor in others:
        assert isinstance(factor, TableFactor)
        (axis,) = factor.axes
        assert (axis.by, axis.classes.item) == (By.BALE, factor.name)
        rates = {
            (band.lower, band.upper): factor.rates[(band.name,)] for band in axis.classes.bands
        }
        assert rates == {ends: Decimal(rate) for ends, rate in BANDS[factor.name].items()}


def test_loan_rates_of_bales() -> None:
    """A bale of 31-3, staple 40, all premiums; the base rate; one below every micronaire."""
    bales = pl.DataFrame(
        {
            "colour_grade": pl.Series([31, 41, 31], dtype=pl.Int8),
            "leaf_grade": pl.Series([3, 4, 3], dtype=pl.Int8),
            "length": pl.Series([125, 106, 125], dtype=pl.Int16),
            "micronaire": pl.Series([400, 450, 260], dtype=pl.Int16),
            "strength": pl.Series([3300, 2700, 3300], dtype=pl.Int16),
            "uniformity": pl.Series([8500, 8200, 8500], dtype=pl.Int16),
        }
    )
    lines = bale_lines(bales, schedule("usda-loan-2021"), load_standards()["USDA"])
    # 56.20 + 0.05 + 0.50 + 0.20, and 52.00 with nothing added.
    assert lines["rate"].to_list() == [5695, 5200, None]
    assert lines["reasons"].to_list() == ["", "", "NO_RATE:micronaire"]


def test_quality_pay_of_the_xpcc() -> None:
    found = rule_set("xpcc-quality-2023")
    assert (found.seasons, found.standards, found.rounding) == ((2023,), GB, HALF_UP)
    assert days(found.head) == (date(2023, 9, 1), date(2024, 8, 31))
    assert is_verified(found.head)
    assert "assumed" in found.head.note
    assert found.scope == {"region": ("兵团",), "cotton_type": ("SAW_GINNED_UPLAND",)}
    unit, regiment = found.payments
    long_and_strong = (
        PayCondition("length", at_least=2900),
        PayCondition("strength", at_least=2900),
    )
    assert unit.conditions == (
        *long_and_strong,
        PayCondition("micronaire", classes=("A", "B2"), by=ConditionBy.MEAN),
    )
    assert (unit.tested_on, unit.paid_on) == (On.UNIT, PaidOn.SEED_COTTON)
    assert unit.rate == FixedRate(Decimal("0.35"), RateUnit.YUAN_PER_KG)
    assert regiment.conditions == long_and_strong
    assert (regiment.tested_on, regiment.paid_on) == (On.REGIMENT, PaidOn.AREA)
    assert regiment.rate == FixedRate(Decimal(25), RateUnit.YUAN_PER_MU)


def test_quality_pay_of_the_region() -> None:
    found = rule_set("region-quality-2021-22")
    assert (found.seasons, found.standards) == ((2021, 2022), GB)
    assert days(found.head) == (date(2021, 9, 1), date(2023, 8, 31))
    assert found.scope == {"region": ("地方",), "cotton_type": ("SAW_GINNED_UPLAND",)}
    assert [
        (each.name, each.conditions[2].classes, each.tested_on, each.paid_on, each.rate)
        for each in found.payments
    ] == [
        (
            f"double_29_{micronaire.lower()}",
            (micronaire,),
            On.UNIT,
            PaidOn.SEED_COTTON,
            ShareOfRate(Decimal(percent), None, RateUnit.YUAN_PER_KG, 2),
        )
        for micronaire, percent in (("A", 30), ("B2", 15))
    ]
    for payment in found.payments:
        assert [each.at_least for each in payment.conditions] == [2900, 2900, None]


def test_target_prices() -> None:
    found = target_price()
    targets = {season: each.target for season, each in found.seasons.items()}
    assert targets == {2014: 19800, 2015: 19100} | dict.fromkeys(range(2016, 2029), 18600)
    share, volume = Cap(None, Decimal(85), None), Cap(Decimal(5_100_000), None, None)
    caps = {season: each.cap for season, each in found.seasons.items()}
    assert caps == (
        dict.fromkeys(range(2014, 2017))
        | dict.fromkeys(range(2017, 2023), share)
        | dict.fromkeys(range(2023, 2029), volume)
    )
    rates = {season: each.rate for season, each in found.seasons.items() if each.rate is not None}
    assert rates == {2022: Decimal("1.93")}
    assert all(each.market is None for each in found.seasons.values())
    window = found.determination
    assert window is not None
    assert (window.first, window.last) == ((9, 1), (11, 30))
    assert window.grades == ("3128", "3129", "2128", "2129")
    assert window.conversion is None
    assert is_verified(found.head)
    assert days(found.head) == (date(2014, 9, 1), None)
    assert found.scope == {"region": ("兵团", "地方")}
