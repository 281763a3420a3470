"""Schedules and lots drawn at random: every rule, at the values where it changes its mind."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Final

from cotton_server.grading.shares import ShareRule
from cotton_server.settlement.schedule import (
    Axis,
    BonusFactor,
    By,
    Classes,
    CountFactor,
    Factor,
    MainFactor,
    MeanFactor,
    Per,
    Refusal,
    RefusalTest,
    Schedule,
    ShareFactor,
    TableFactor,
    ThresholdFactor,
    Ties,
    Ungraded,
)
from hypothesis import strategies as st

from tests.grading import oracle as grades
from tests.support.pricing import bale, bands, named, schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.money_oracle import Bale

VALUES: Final[dict[str, list[int | None]]] = {
    "colour_grade": [31, 21, 11, 41, 12, 22, 51, 13, 61, None],
    "preparation": [2, 1, 3, 0, None],
    "foreign_fibre": [0, 1, None],
    "length": [2890, 2905, 2795, 2896, 2900, 3000, 2640, 3210, None],
    "micronaire": [440, 420, 425, 370, 360, 345, 500, 490, None],
    "strength": [2890, 2895, 2905, 2600, 3100, 2595, 2300, None],
    "uniformity": [8290, 8295, 8600, 8000, 7690, None],
}
"""Readings in hundredths, the usual first: at the ends of tiers, half way, absent, not listed."""

USDA_VALUES: Final[dict[str, list[int | None]]] = {
    "colour_grade": [41, 31, 21, 42, 52, 99, None],
    "leaf_grade": [4, 3, 2, 9, None],
    "length": [109, 107, 108, 118, 121, 79, None],
    "micronaire": [440, 345, 355, 490, 495, 530, None],
    "strength": [3000, 2895, 2896, 2540, None],
    "uniformity": [8100, 8295, 8305, 7000, None],
}

_CLASSES: Final = {
    "colour": [
        named("colour", "31", "21", "11", "41", "12", "22", "51"),
        named("colour", "21", "31"),
        named("colour", "light", "31", "11", light=("21", "12", "22")),
    ],
    "preparation": [named("preparation", "P1", "P2", "P3"), named("preparation", "P3", "P2")],
    "length": [
        named("length", "28", "29"),
        named("length", "30", "29", **{"30": ("30", "31", "32")}),
        bands("length", (3000, None), (2900, 2990), (2700, 2890)),
    ],
    "micronaire": [
        named("micronaire", "A", "B", "C2"),
        named("micronaire", "B1", "A", "B"),
        named("micronaire", "C1"),
        named("micronaire", "B", "fine", fine=("B1", "C1")),
        bands("micronaire", (500, None), (350, 360), (None, 340)),
    ],
    "strength": [named("strength", "S1", "S2", "S3"), bands("strength", (2400, 2890))],
    "uniformity": [named("uniformity", "U1", "U2", "U3", "U4", "U5"), named("uniformity", "U2")],
}
"""Classes that join whole tiers, so that counts of bales tell them apart."""

_PARTING: Final = [
    bands("length", (2895, None), (2800, 2890)),
    bands("strength", (None, 2600), (2880, 2900)),
]
"""Bands that part tiers, which only means are in."""

_COUNTED: Final = tuple(_CLASSES)
_MEASURED: Final = ("length", "micronaire", "strength", "uniformity")

RATES: Final = st.integers(-90_000, 90_000).map(lambda cents: Decimal(cents) / 100)
_OTHERS: Final = st.none() | RATES


def counted(items: Sequence[str] = _COUNTED) -> st.SearchStrategy[Classes]:
    """Classes by which bales are counted."""
    return st.sampled_from([each for item in items for each in _CLASSES[item]])


AVERAGED: Final = st.sampled_from(
    [*(each for item in _MEASURED for each in _CLASSES[item]), *_PARTING]
)


def _rates(draw: st.DrawFn, classes: Classes) -> dict[str, Decimal]:
    return {name: draw(RATES) for name in classes.all}


@st.composite
def share_factors(draw: st.DrawFn, name: str) -> Factor:
    classes = draw(counted())
    return ShareFactor(name, classes, _rates(draw, classes), draw(_OTHERS))


@st.composite
def mean_factors(draw: st.DrawFn, name: str) -> Factor:
    classes = draw(AVERAGED)
    return MeanFactor(name, classes, _rates(draw, classes), draw(_OTHERS))


@st.composite
def main_factors(draw: st.DrawFn, name: str) -> Factor:
    ties = draw(st.sampled_from(Ties))
    classes = draw(counted(_MEASURED if ties is Ties.MEAN else _COUNTED))
    return MainFactor(name, classes, _rates(draw, classes), draw(_OTHERS), ties)


@st.composite
def count_factors(draw: st.DrawFn, name: str) -> Factor:
    return CountFactor(name, "foreign_fibre", draw(st.integers(0, 3)), draw(RATES))


@st.composite
def bonus_factors(draw: st.DrawFn, name: str) -> Factor:
    return BonusFactor(name, draw(st.sampled_from(_COUNTED)), draw(RATES))


@st.composite
def threshold_factors(draw: st.DrawFn, name: str) -> Factor:
    at_least = draw(st.sampled_from(["50", "80", "33.33", "66.67", "100", "0"]))
    classes = draw(counted())
    return ThresholdFactor(name, classes, Decimal(at_least), draw(RATES), draw(RATES))


@st.composite
def table_factors(draw: st.DrawFn, name: str) -> Factor:
    axes = tuple(
        draw(
            st.builds(Axis, AVERAGED, st.just(By.MEAN))
            | st.builds(Axis, counted(), st.just(By.MAIN))
        )
        for _ in range(draw(st.integers(1, 2)))
    )
    combinations = product(*(axis.classes.all for axis in axes))
    rates = {each: draw(RATES) for each in combinations if draw(st.integers(0, 3))}
    return TableFactor(name, axes, rates)


FACTORS: Final[tuple[Callable[[str], st.SearchStrategy[Factor]], ...]] = (
    share_factors,
    mean_factors,
    main_factors,
    count_factors,
    bonus_factors,
    threshold_factors,
    table_factors,
)


def refusals(name: str) -> st.SearchStrategy[Refusal]:
    """Rules of every kind by which lots are not deliverable."""
    limits = st.sampled_from(["0", "20", "33.3", "50"]).map(Decimal)
    tests = RefusalTest
    return st.one_of(
        st.builds(Refusal, st.just(name), st.just(tests.ANY_BALE), counted()),
        st.builds(Refusal, st.just(name), st.just(tests.SHARE_ABOVE), counted(), limit=limits),
        st.builds(Refusal, st.just(name), st.just(tests.CLASS), AVERAGED, st.just(By.MEAN)),
        st.builds(Refusal, st.just(name), st.just(tests.CLASS), counted(), st.just(By.MAIN)),
        st.sampled_from(
            [
                Refusal(name, tests.MEAN_OUTSIDE, item="length", lower=Decimal("27.0")),
                Refusal(name, tests.MEAN_OUTSIDE, item="length", upper=Decimal("29.0")),
                Refusal(name, tests.MEAN_OUTSIDE, item="strength", lower=Decimal("26.05")),
                Refusal(name, tests.VALUE_ABOVE, item="trash", limit=Decimal("3.5")),
                Refusal(name, tests.VALUE_ABOVE, item="regain", limit=Decimal("3.5")),
                Refusal(name, tests.BALES_OUTSIDE, lower=Decimal(2), upper=Decimal(5)),
                Refusal(name, tests.NOT_MEASURED, item="regain of a single bale"),
            ]
        ),
    )


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Schedules of lots with one to three factors of any kind and up to two refusals."""
    kinds = draw(st.lists(st.sampled_from(FACTORS), min_size=1, max_size=3))
    return schedule(
        *(draw(kind(f"factor{place}")) for place, kind in enumerate(kinds)),
        refusals=[draw(refusals(f"rule{place}")) for place in range(draw(st.integers(0, 2)))],
        base_rate=draw(st.just(Decimal(0)) | RATES),
        share_decimals=draw(st.sampled_from([None, 1, 2])),
        share_rule=draw(st.sampled_from(ShareRule)),
        ungraded=draw(st.sampled_from(Ungraded)),
    )


@st.composite
def lots(
    draw: st.DrawFn, values: dict[str, list[int | None]] = VALUES, most: int = 6
) -> list[Bale]:
    """A lot of one to `most` bales, each item with few different values, so that many agree."""
    count = draw(st.integers(1, most))
    columns = {}
    for item, all_values in values.items():
        few = draw(st.lists(st.sampled_from(all_values), min_size=1, max_size=3))
        column = st.lists(st.sampled_from(few), min_size=count, max_size=count)
        columns[item] = draw(column)
    return [bale(**{item: columns[item][row] for item in columns}) for row in range(count)]


SAMPLED: Final = st.tuples(st.sampled_from([350, 351, None]), st.sampled_from([800, 349, None]))
"""Trash and regain of a lot, in hundredths of a percent."""


@st.composite
def usda_schedules(draw: st.DrawFn) -> Schedule:
    """Schedules of bales: tables of one axis and of three."""
    colours, leaves = (named("colour", "41", "31", "21", "42"), named("leaf", "4", "3"))
    staples = named("length", "34", "35", "38", **{"38": ("38", "39", "40")})
    single = [
        bands("micronaire", (350, 490), (500, None)),
        bands("strength", (2900, None), (2550, 2890)),
        bands("uniformity", (None, 8290), (8300, 8390)),
        leaves,
    ]
    tables = [(colours, leaves, staples), *((each,) for each in draw(st.permutations(single))[:2])]
    factors = []
    for place, table in enumerate(tables):
        axes = tuple(Axis(classes, By.BALE) for classes in table)
        combinations = product(*(classes.all for classes in table))
        missing = draw(st.sampled_from([0, 0, 5]))
        rates = {
            each: draw(RATES)
            for each in combinations
            if not missing or draw(st.integers(0, missing))
        }
        factors.append(TableFactor(f"table{place}", axes, rates))
    return schedule(
        *factors,
        per=Per.BALE,
        standards=(grades.USDA,),
        base_rate=draw(st.just(Decimal(0)) | RATES),
        bale_weights=draw(st.booleans()),
    )
