"""Figures that need more than a division: means by weight, deviations, what is withheld."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from cotton.inspection.v1 import summary_pb2
from cotton_server.grading.rollup import combine, roll_up
from cotton_server.grading.shares import ShareRule, share_table
from cotton_server.grading.standards import load_standards
from cotton_server.summary.facts import PLACE
from cotton_server.summary.printing import _deviation
from cotton_server.summary.weighted import weighted_means, with_terms
from cotton_server.summary.withholding import withheld_rows
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.golden.lots import bale_frame
from tests.support import figures_oracle as oracle
from tests.support.bales import LOT, OTHER_LOT, bale
from tests.support.chronicles import Reader
from tests.support.histories import History

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STANDARD = load_standards()["GB1103.1-2012"]

Lot = tuple[int, int, int]
"""Conditioned weight, sum and bales."""


def weighed_lots() -> st.SearchStrategy[list[Lot]]:
    """Lots of likely and of unlikely weights, with means that are close to a half."""
    weight = st.one_of(st.just(1000), st.integers(1, 10**8))
    sums = st.one_of(st.integers(0, 3000), st.sampled_from([1687, 1688, 1690, 1691]))
    return st.lists(
        st.builds(
            lambda w, tens, bales: (w, 10 * tens, bales),
            weight,
            sums,
            st.sampled_from([1, 2, 3, 6, 7, 186, 300]),
        ),
        max_size=8,
    )


def exact_mean(lots: Sequence[Lot], resolution: int) -> int:
    """Weight x mean of each lot over the sum of weights, as a fraction, rounded once."""
    products = sum((Fraction(w * total, bales) for w, total, bales in lots), Fraction(0))
    weight = sum(w for w, _, _ in lots)
    return oracle.half_even(products / weight, resolution) if weight else 0


def mean_of(lots: Sequence[Lot], resolution: int) -> tuple[int, int]:
    """The mean by weight, and how often the lots had to be looked at for it."""
    cells = pl.DataFrame(
        {
            "lot": pl.Series(range(len(lots)), dtype=pl.Int32),
            **{name: pl.Series([1] * len(lots), dtype=pl.Int32) for name in PLACE},
            **{
                f"{name}.{what}": pl.Series([lot[place] for lot in lots], dtype=pl.Int64)
                for name in STANDARD.measures
                for place, what in ((2, "bales"), (1, "sum"))
            },
        }
    )
    weights = pl.DataFrame(
        {
            "lot": cells["lot"],
            **{f"place.{name}": cells[name] for name in PLACE},
            "conditioned": pl.Series([lot[0] for lot in lots], dtype=pl.Int64),
        }
    )
    added = with_terms(cells, weights).select(pl.col("^length.(term|weight|cut)$").sum())
    looked = []

    def terms(row: int) -> Iterator[Lot]:
        looked.append(row)
        yield from lots

    term, weight, cut = (added[f"length.{what}"].to_numpy() for what in ("term", "weight", "cut"))
    (mean,) = weighted_means(term, weight, cut, resolution, terms).tolist()
    return mean, len(looked)


# 6 + 6 bales whose means have thirds: 2812.5 and 2817.5 exactly, of which the even one is printed.
TIE_DOWN: list[Lot] = [(1000, 16870, 6), (1000, 16880, 6)]
TIE_UP: list[Lot] = [(1000, 16900, 6), (1000, 16910, 6)]


@given(weighed_lots(), st.sampled_from([1, 10]))
@example(TIE_DOWN, 1)
@example(TIE_UP, 1)
@settings(max_examples=120)
def test_a_mean_by_weight_is_exact(lots: list[Lot], resolution: int) -> None:
    assert mean_of(lots, resolution)[0] == exact_mean(lots, resolution)


@pytest.mark.parametrize(("lots", "mean"), [(TIE_DOWN, 2812), (TIE_UP, 2818)])
def test_where_the_terms_that_were_cut_off_do_not_settle_it_lots_are_looked_at(
    lots: list[Lot], mean: int
) -> None:
    """Cut off to whole numbers, the terms of the second pair alone would print 2817."""
    assert mean_of(lots, 1) == (mean, 1)
    cut = sum(w * total // bales for w, total, bales in lots)
    alone = oracle.half_even(Fraction(cut, sum(w for w, _, _ in lots)))
    assert alone == (2817 if lots == TIE_UP else 2812)
    assert mean_of([(1000, 16870, 6), (1000, 16890, 6)], 1) == (2813, 0)


def test_the_lots_of_such_a_mean_are_found_in_any_summary() -> None:
    """By no key, by their own, by another, and of last season; the rest of the figures stands."""
    history = History()
    lengths = {LOT: [2810] * 2 + [2820] * 4, OTHER_LOT: [2810, *[2820] * 5]}
    number = 0
    for lot_no, values in lengths.items():
        history.register(lot_no, division="8")
        history.weigh(lot_no, gross=2001, tare=1001, regain=850, trash=250, resolution=10)
        for value in values:
            number += 1
            history.read([bale(number, lot_no, length=value)])
    # 16900 and 16910 over 6 bales each.
    assert [sum(values) for values in lengths.values()] == [16900, 16910]
    reader = Reader(history)
    season, division = summary_pb2.SUMMARY_KEY_SEASON, summary_pb2.SUMMARY_KEY_DIVISION
    for keys in ([], [division], [division, season], [summary_pb2.SUMMARY_KEY_STANDARD]):
        answer = reader.summarise(summary_pb2.SummariseGradesRequest(keys=keys))
        for row in (*answer.rows, answer.total):
            assert row.conditioned == 2000
            assert row.figures.length.weighted_mean_to_hundredths == 2818
            assert row.figures.length.weighted_mean_to_tenths == 2820
            assert row.figures.length.lots_weighted == 2
    beside = reader.summarise(
        summary_pb2.SummariseGradesRequest(
            keys=[summary_pb2.SUMMARY_KEY_LOT],
            filters=[{"key": season, "values": ["2016"]}],  # type: ignore[list-item]  # as a mapping
        )
    )
    means = [row.figures.length.weighted_mean_to_hundredths for row in beside.rows]
    assert means == [2817, 2818]
    assert beside.total.figures.length.weighted_mean_to_hundredths == 2818


def deviation_of(values: Sequence[int], resolution: int = 10) -> int | None:
    """The printed deviation of values in hundredths, from the sums of a cell."""
    steps = [value // resolution for value in values]
    squares = sum(each * each for each in steps)
    return from_sums(len(values), sum(values), squares, resolution)


def from_sums(bales: int, total: int, squares: int, resolution: int) -> int | None:
    """The printed deviation of the sums of a cell."""
    one, two, three = (np.asarray([each], np.int64) for each in (bales, total, squares))
    return _deviation(one, two, three, resolution)[0]


steps_of_ten = st.integers(0, 1000).map(lambda tens: 10 * tens)


@given(st.lists(steps_of_ten, max_size=30) | st.lists(st.sampled_from([2900, 2910]), max_size=60))
@settings(max_examples=150)
def test_a_deviation_is_the_nearest_whole_hundredth(values: list[int]) -> None:
    assert deviation_of(values) == oracle.deviation(values)


@pytest.mark.parametrize(
    ("values", "resolution", "printed"),
    [
        ([], 10, None),
        ([2900], 10, None),
        ([2900, 2900], 10, 0),
        # Variances 12.5 and 112.5; then 0.25, 2.25 and 6.25, whose roots are halves.
        ([0, 5], 5, 4),
        ([0, 15], 5, 11),
        ([0, 1, 1, 1], 1, 0),
        ([0, 3, 3, 3], 1, 2),
        ([0, 5, 5, 5], 1, 2),
    ],
)
def test_deviations_of_which_two_are_equally_near(
    values: list[int], resolution: int, printed: int | None
) -> None:
    assert deviation_of(values, resolution) == printed == oracle.deviation(values)


@pytest.mark.parametrize("count", [2, 10**4, 10**7, 3 * 10**9])
def test_deviations_of_whole_seasons_do_not_overflow(count: int) -> None:
    """Half of the bales at the least value that intake takes, half at the greatest."""
    low, high = 3000, 9500
    squares = count // 2 * ((low // 10) ** 2 + (high // 10) ** 2)
    variance = Fraction(count * (high - low) ** 2, 4 * (count - 1))
    expected = oracle.half_even(Fraction(_root_1e6(variance), 10**6))
    assert from_sums(count, count // 2 * (low + high), squares, 10) == expected


def _root_1e6(value: Fraction) -> int:
    """A million times the root, cut off."""
    return isqrt(value.numerator * 10**12 // value.denominator)


def test_a_cell_of_many_bales_has_the_sum_of_their_squares() -> None:
    """Thousands of bales without a lot in one cell: more than 32 bits hold."""
    count = 5000
    frame = bale_frame(rd=[9000] * count, strength=[3000] * count)
    row = combine(roll_up(frame, STANDARD), []).row(0, named=True)
    assert row["rd.squares"] == 900**2 * count
    assert row["strength.squares"] == 300**2 * count
    assert row["rd.sum"] == 9000 * count


@st.composite
def rows_with_parts(draw: st.DrawFn) -> list[list[int]]:
    """The bales of rows, and of each part of them at most as many."""
    parts = draw(st.integers(0, 3))
    rows = []
    for bales in draw(st.lists(st.integers(0, 12) | st.integers(0, 2000), max_size=10)):
        own = st.just(0) | st.integers(0, bales) | st.just(bales)
        rows.append([bales, *(draw(own) for _ in range(parts))])
    return rows


def decided(rows: list[list[int]], below: int) -> tuple[list[bool], bool]:
    """Which rows are withheld, and whether the total is."""
    bales, *parts = (np.asarray(column, np.int64) for column in zip(*rows, strict=True))
    hidden, total = withheld_rows(bales, parts, below)
    return hidden.tolist(), bool(total)


@given(rows_with_parts().filter(bool), st.integers(0, 40))
@settings(max_examples=300)
def test_what_is_withheld_cannot_be_found_by_subtraction(rows: list[list[int]], below: int) -> None:
    """Neither the bales of a row nor those of a part of it: from the total less what is told."""
    hidden, total = decided(rows, below)
    kept_back = [row for row, each in zip(rows, hidden, strict=True) if each]
    told = [row for row, each in zip(rows, hidden, strict=True) if not each]
    assert all(row[0] == 0 or row[0] >= below for row in told)
    assert all(row[0] for row in kept_back)
    assert kept_back or not total
    for part in range(len(rows[0])):
        beyond = sum(row[part] for row in rows) - sum(row[part] for row in told)
        of_rows = sum(bool(row[part]) for row in kept_back)
        if beyond and not total:
            assert of_rows > 1
            assert beyond >= below
    if total:
        # There is nothing to subtract from, and no more is withheld than has to be.
        assert all(row[0] < below for row in kept_back)
    named = [
        {"all": row[0], **{str(part): count for part, count in enumerate(row[1:])}} for row in rows
    ]
    assert (hidden, total) == oracle.withheld(named, below)


def test_withheld_rows_of_examples() -> None:
    """USDA withholds below 500: one small row takes the smallest other with it."""
    cases: list[tuple[list[list[int]], list[int], bool]] = [
        ([[900], [499], [700], [500]], [1, 3], False),
        ([[900], [300], [300]], [1, 2], False),
        ([[900], [200], [200]], [0, 1, 2], False),
        ([[499], [0]], [0], True),
        ([[499]], [0], True),
        ([[100], [100]], [0, 1], True),
        ([[0], [499]], [1], True),
        ([[0], [500], [900]], [], False),
        # Of the small row ten bales have an item that the smallest other lacks: a third goes too.
        ([[900, 800], [499, 10], [500, 0], [700, 600]], [1, 2, 3], False),
        # Nobody else has it: the total would tell.
        ([[900, 0], [499, 10], [500, 0]], [1], True),
    ]
    for rows, expected, total in cases:
        hidden, total_hidden = decided(rows, 500)
        assert ([place for place, each in enumerate(hidden) if each], total_hidden) == (
            expected,
            total,
        )


@given(
    st.lists(st.lists(st.integers(0, 300), min_size=5, max_size=5), min_size=1, max_size=6),
    st.sampled_from([1, 2]),
)
@settings(max_examples=150)
def test_printed_shares_are_those_of_the_words(table: list[list[int]], decimals: int) -> None:
    """Of a certificate and of a summary; each totals 100 % unless no bale has the item."""
    by_rule = {
        ShareRule.CERTIFICATE: oracle.certificate_shares,
        ShareRule.LARGEST_REMAINDER: oracle.shares,
    }
    for rule, by_words in by_rule.items():
        printed = share_table(np.asarray(table, np.int64), rule=rule, decimals=decimals).tolist()
        assert printed == [by_words(counts, decimals) for counts in table]
        for counts, row in zip(table, printed, strict=True):
            assert sum(row) == (10_000 if any(counts) else 0)
            assert min(row) >= 0
