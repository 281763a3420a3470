"""Published rates on lots worked out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from cotton_server.grading.lots import mean
from cotton_server.settlement.bales import bale_lines

from tests.support.pricing import (
    FUTURES,
    LOAN,
    STANDARD,
    TABLE_A,
    USDA,
    bale,
    document,
    frame_of,
    priced,
    printed,
    reasons,
    sums_of,
)

if TYPE_CHECKING:
    from tests.support.money_oracle import Bale

BASE: Final = {
    "colour_grade": 31, "length": 2850, "micronaire": 440, "strength": 2800, "uniformity": 8150,
    "preparation": 2, "foreign_fibre": 0,
}  # fmt: skip
"""A bale of base quality: 3128B, S3, U3, P2."""


def lot(counts: dict[int, int], **values: int) -> list[Bale]:
    """So many bales of each colour grade, else of base quality."""
    return [
        bale(**{**BASE, "colour_grade": colour, **values})
        for colour, count in counts.items()
        for _ in range(count)
    ]


TWO_COLOURS: Final = lot({31: 136, 21: 50})


@pytest.mark.parametrize(
    ("name", "share_decimals", "amount"),
    # 50 of 186 are 26.88 %, and 26.881... %.
    [(FUTURES, 2, 8064), (FUTURES, 1, 8070), (FUTURES, None, 8065),
     (TABLE_A, 2, 4032), (TABLE_A, None, 4032)],
)  # fmt: skip
def test_shares_enter_as_printed_or_exactly(
    name: str, share_decimals: int | None, amount: int
) -> None:
    by = document(name, share_decimals=share_decimals)
    found = priced([TWO_COLOURS], by, [(150, 800)])
    assert printed(found, "colour", by) == amount
    assert reasons(found) == set()
    assert found.without_rate.tolist() == [False]


@pytest.mark.parametrize(
    ("counts", "colour", "bonus"),
    [
        ({31: 136, 21: 50}, None, 0),  # 73 %
        ({21: 186}, "21", 10000),
        ({21: 160, 31: 40}, "21", 10000),  # exactly 80 %
        ({21: 159, 31: 41}, None, 0),
        ({21: 160, 41: 40}, None, 0),  # 41 is no neighbour of 21
    ],
)
def test_the_bonus_of_table_a_asks_for_a_main_colour(
    counts: dict[int, int], colour: str | None, bonus: int
) -> None:
    by = document(TABLE_A)
    found = priced([lot(counts)], by)
    assert found.classes["main_colour"].to_list() == [colour]
    assert printed(found, "main_colour", by) == bonus


@pytest.mark.parametrize(("found_in", "amount"), [(0, 0), (1, 0), (2, -20000), (5, -80000)])
def test_the_first_bale_with_foreign_fibre_is_free(found_in: int, amount: int) -> None:
    by = document(FUTURES)
    bales = lot({31: 186 - found_in}) + lot({31: found_in}, foreign_fibre=1)
    assert printed(priced([bales], by), "foreign_fibre", by) == amount


@pytest.mark.parametrize(
    ("lengths", "rounded", "level", "amount"),
    [
        ([2890, 2900], 2900, "29", 30000),  # 28.95: half way, to the even tenth, which is 29.0
        ([2880, 2890], 2880, "28", 0),  # 28.85: half way, to the even tenth, which is 28.8
        ([2890] * 3 + [2900] * 2, 2890, "28", 0),  # 28.94
        ([2890] * 2 + [2900] * 3, 2900, "29", 30000),  # 28.96
        ([2895], 2900, "29", 30000),  # a reading is rounded before it enters
        ([2894, 2894, 2906], 2900, "29", 30000),  # of 28.9, 28.9, 29.1: 28.97
    ],
)
def test_a_mean_is_rounded_once_before_its_class(
    lengths: list[int], rounded: int, level: str, amount: int
) -> None:
    by = document(FUTURES)
    bales = [bale(**{**BASE, "length": each}) for each in lengths]
    sums = sums_of([bales], by)
    measure = STANDARD.measures["length"]
    assert sums.select(mean(measure, measure.resolution)).item() == rounded
    found = priced([bales], by)
    assert found.classes["length"].to_list() == [level]
    assert printed(found, "length", by) == amount


def test_a_lot_of_base_quality_is_paid_nothing() -> None:
    for name in (FUTURES, TABLE_A):
        by = document(name)
        found = priced([lot({31: 186})], by, [(150, 800)])
        assert reasons(found) == set()
        premium = {factor: printed(found, factor, by) for factor in found.factors}
        # 186 of 186 bales are of one colour: that is a main colour grade.
        assert premium.pop("main_colour", 10000) == 10000
        assert set(premium.values()) == {0}


def test_a_lot_is_paid_by_every_factor_of_futures() -> None:
    """186 bales: 136 of 31 and 50 of 21, length 29.1, strength 31.0, uniformity 77.0, A, P1."""
    by = document(FUTURES)
    bales = [
        {**each, "length": 2910, "strength": 3100, "uniformity": 7700, "micronaire": 400,
                "preparation": 1}
        for each in TWO_COLOURS
    ]  # fmt: skip
    found = priced([bales], by, [(350, 1000)])
    assert [printed(found, each.name, by) for each in by.factors] == [
        8064, 30000, 20000, 50000, -30000, 20000, 0,
    ]  # fmt: skip
    assert found.rate.rounded(2, by.rounding.mode).tolist() == [98064]
    assert {name: texts[0] for name, texts in found.classes.items()} == {
        "colour": None, "length": "29", "micronaire": "A", "strength": "S1", "uniformity": "U4",
        "preparation": None, "foreign_fibre": None,
    }  # fmt: skip
    assert reasons(found) == set()


@pytest.mark.parametrize(
    ("changes", "trash", "rule"),
    [
        ({"colour_grade": 51}, 150, "colour"),
        ({"length": 2690}, 150, "length"),
        ({"uniformity": 7690}, 150, "uniformity"),
        ({"micronaire": 340}, 150, "micronaire"),
        ({"strength": 2390}, 150, "strength"),
        ({}, 351, "trash"),
    ],
)
def test_what_futures_do_not_take(changes: dict[str, int], trash: int, rule: str) -> None:
    bales = lot({31: 186})
    # One bale of that colour is enough; of the rest the lot as a whole is judged.
    of = 1 if rule == "colour" else len(bales)
    changed = [{**each, **changes} for each in bales[:of]] + bales[of:]
    told = reasons(priced([changed], document(FUTURES), [(trash, 800)]))
    assert f"NOT_DELIVERABLE:{rule}" in told
    assert {each for each in told if each.startswith("NOT_D")} == {f"NOT_DELIVERABLE:{rule}"}


@pytest.mark.parametrize(("bales", "refused"), [(179, True), (180, False), (190, False),
                                               (191, True)])  # fmt: skip
def test_futures_take_lots_of_185_bales_give_or_take_five(bales: int, refused: bool) -> None:
    told = reasons(priced([lot({31: bales})], document(FUTURES), [(150, 800)]))
    assert told == ({"NOT_DELIVERABLE:bales"} if refused else set())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # Colour, leaf, length in 0.01 in, micronaire, strength, uniformity; cents a pound.
        ((41, 4, 109, 450, 3000, 8100), [5265, 0, 25, 0, 5290]),
        ((31, 3, 112, 400, 2950, 8350), [5565, 5, 5, 10, 5585]),
        ((21, 2, 122, 450, 2800, 8100), [5690, 0, 0, 0, 5690]),  # staple 39 counts as 38
        ((41, 4, 106, 450, 2800, 8100), [5200, 0, 0, 0, 5200]),  # the base: 41-4-34
        ((51, 7, 109, 520, 2590, 7890), [4580, -235, -270, -60, 4015]),
    ],
)
def test_loan_rates_of_bales_add_up(values: tuple[int, ...], expected: list[int]) -> None:
    names = ("colour_grade", "leaf_grade", "length", "micronaire", "strength", "uniformity")
    by = document(LOAN)
    lines = bale_lines(
        frame_of([bale(**dict(zip(names, values, strict=True)))], [0]), by, USDA
    ).row(0, named=True)
    columns = [*(f"factor.{factor.name}" for factor in by.factors), "rate"]
    assert [lines[column] for column in columns] == expected
    assert not lines["reasons"]


def test_a_bale_out_of_the_table_has_no_rate() -> None:
    """41-7-35 is not in the table of loan rates."""
    out = bale(colour_grade=41, leaf_grade=7, length=109, micronaire=450, strength=3000,
               uniformity=8100)  # fmt: skip
    line = bale_lines(frame_of([out], [0]), document(LOAN), USDA).row(0, named=True)
    assert line["class.class"] == "41 7 35"
    assert line["factor.class"] is None
    assert line["factor.strength"] == 25
    assert line["rate"] is None
    assert line["reasons"] == "NO_RATE:class"
