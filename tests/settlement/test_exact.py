"""Exact vectors against plain fractions, with numbers small and of any size."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Final

import numpy as np
import pytest
from cotton_server.settlement.document import RoundingMode
from cotton_server.settlement.exact import MACHINE_MAX, Exact, dot, plus, sum_by, times
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support import money_oracle as oracle

EVEN, UP = RoundingMode.HALF_EVEN, RoundingMode.HALF_UP

SMALL = st.integers(-(10**6), 10**6)
ANY = st.one_of(SMALL, st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-(10**30), 10**30))
DIVISORS = st.one_of(st.integers(1, 400), st.integers(1, 2**63 - 1), st.integers(1, 10**30))
ROWS = st.lists(st.tuples(ANY, DIVISORS), max_size=12)

EDGES: Final = [(MACHINE_MAX, 1), (-MACHINE_MAX, 3), (MACHINE_MAX + 1, 7), (2**63 - 1, 2**63 - 1)]


def vector(rows: list[tuple[int, int]], *, wide: bool = False) -> Exact:
    """Rows of numerators and denominators; `wide` keeps them as Python integers from the start."""
    try:
        nums, dens = (np.array([row[part] for row in rows], np.int64) for part in (0, 1))
    except OverflowError:
        wide = True
    if wide:
        nums, dens = (np.array([row[part] for row in rows], object) for part in (0, 1))
    return Exact(nums, dens)


def fractions(rows: list[tuple[int, int]]) -> list[Fraction]:
    return [Fraction(*row) for row in rows]


@given(ROWS, ANY, DIVISORS)
@example(EDGES, 2**62, 2**62)
@example([], 1, 2**63)
def test_arithmetic_is_that_of_fractions(
    rows: list[tuple[int, int]], factor: int, divisor: int
) -> None:
    ours, plain = vector(rows), fractions(rows)
    other, others = vector(rows[::-1]), plain[::-1]
    ratio = Fraction(factor, divisor)
    assert ours.fractions() == plain
    assert (ours + other).fractions() == [a + b for a, b in zip(plain, others, strict=True)]
    assert (ours - other).fractions() == [a - b for a, b in zip(plain, others, strict=True)]
    assert (ours + ratio).fractions() == [each + ratio for each in plain]
    assert (ours * ratio).fractions() == [each * ratio for each in plain]
    assert (ours * factor).fractions() == [each * factor for each in plain]
    assert (ours * other.num).fractions() == [
        each * row[0] for each, row in zip(plain, rows[::-1], strict=True)
    ]
    assert ours.over(divisor).fractions() == [each / divisor for each in plain]
    assert ours.over(other.denominators()).fractions() == [
        each / row[1] for each, row in zip(plain, rows[::-1], strict=True)
    ]
    assert Exact.full(len(rows), ratio).fractions() == [ratio] * len(rows)
    assert Exact.concatenate([ours, other, Exact.full(2, ratio)]).fractions() == [
        *plain, *others, ratio, ratio,
    ]  # fmt: skip
    backwards = np.arange(len(rows))[::-1]
    assert ours.take(backwards).fractions() == others


@given(
    st.lists(st.tuples(st.integers(-(10**8), 10**8), st.integers(1, 400)), max_size=12),
    st.integers(0, 4),
    st.sampled_from(RoundingMode),
)
def test_a_row_is_rounded_once_and_alike_on_every_path(
    rows: list[tuple[int, int]], decimals: int, mode: RoundingMode
) -> None:
    """By the long division of decimals; nearer than half a unit, and the same in wide integers."""
    found = vector(rows).rounded(decimals, mode).tolist()
    assert vector(rows, wide=True).rounded(decimals, mode).tolist() == found
    # Three times as much above and below: numbers that int64 does not hold.
    assert (vector(rows) * 3**50).over(3**50).rounded(decimals, mode).tolist() == found
    assert found == [oracle.printed(each, decimals, mode) for each in fractions(rows)]
    unit = Fraction(1, 10**decimals)
    for printed, exact in zip(found, fractions(rows), strict=True):
        assert abs(printed * unit - exact) <= unit / 2


@pytest.mark.parametrize("mode", [EVEN, UP])
@pytest.mark.parametrize("factor", [1, 10**20])
def test_what_lies_half_way(mode: RoundingMode, factor: int) -> None:
    """Half even: to the even neighbour. Half up: away from zero, whatever the sign."""
    halves = [-25, -15, -5, -4, -6, 0, 4, 5, 6, 15, 25]
    found = (Exact(np.array(halves), 1000) * factor).over(factor).rounded(2, mode).tolist()
    with localcontext(rounding=ROUND_HALF_EVEN if mode is EVEN else ROUND_HALF_UP):
        expected = [
            int(Decimal(each).scaleb(-3).quantize(Decimal("0.01")) * 100) for each in halves
        ]
    assert found == expected
    assert expected[:3] == ([-2, -2, 0] if mode is EVEN else [-3, -2, -1])


def test_a_rounded_amount_that_is_too_large_is_refused() -> None:
    """It is never cut off."""
    assert (Exact.full(1, Fraction(2**62)) * 2 - 1).rounded(0, EVEN).tolist() == [2**63 - 1]
    with pytest.raises(OverflowError):
        (Exact.full(1, Fraction(2**62)) * 2).rounded(0, EVEN)


@given(ROWS, st.lists(st.integers(0, 3), min_size=12, max_size=12))
@example(EDGES * 3, [0] * 12)
@example([(2**60, 1)] * 12, [0, 1, 2] * 4)
def test_sums_by_group_are_exact(rows: list[tuple[int, int]], drawn: list[int]) -> None:
    """Whatever the denominators; a group without rows is 0; the groups add up to the whole."""
    groups = np.array(drawn[: len(rows)], np.intp)
    expected = [Fraction(0)] * 5
    for group, each in zip(drawn, fractions(rows), strict=False):
        expected[group] += each
    assert vector(rows).sum_by(groups, 5).fractions() == expected
    one_denominator = Exact(vector(rows).num, 7).sum_by(groups, 5).fractions()
    assert sum(one_denominator) == Fraction(sum(row[0] for row in rows), 7)
    assert vector(rows).sum_by(0 * groups, 1).fractions() == [sum(expected)]


def test_sums_with_more_denominators_than_have_a_short_common_one() -> None:
    """Weights of lots are nearly all different."""
    count = 700
    dens = 4_000_001 + 2 * np.arange(count)
    groups = np.arange(count) % 3
    expected = [
        sum((Fraction(1, den) for den in dens[groups == group].tolist()), start=Fraction(0))
        for group in range(4)
    ]
    found = Exact(np.ones(count, np.int64), dens).sum_by(groups, 4)
    assert found.fractions() == expected
    assert found.rounded(9, EVEN).tolist() == [oracle.printed(e, 9, EVEN) for e in expected]


@given(
    st.lists(st.tuples(ANY, ANY, st.integers(0, 2)), max_size=9),
    st.lists(ANY, min_size=2, max_size=2),
)
@example([(2**61, 1, 0)] * 9, [2**61, 2**62])
@example([(2**60, 2**60, 0), (2**60, 2**60, 1)], [1, 1])
@example([(0, 2**61 + 1, 0)], [0, 0])
@example([], [2**62, 1])
def test_whole_numbers_never_wrap(rows: list[tuple[int, int, int]], factors: list[int]) -> None:
    groups = np.array([row[2] for row in rows], np.intp)
    one, other = (vector([(row[part], 1) for row in rows]).num for part in (0, 1))
    assert plus(one, other).tolist() == [a + b for a, b, _ in rows]
    assert times(one, other).tolist() == [a * b for a, b, _ in rows]
    assert dot([one, other], factors, len(rows)).tolist() == [
        a * factors[0] + b * factors[1] for a, b, _ in rows
    ]
    assert sum_by(one, groups, 3).tolist() == [
        sum(row[0] for row in rows if row[2] == group) for group in range(3)
    ]


def test_small_numbers_stay_machine_integers() -> None:
    """What needed Python integers on its way comes back."""
    ones = Exact.full(3, Fraction(1, 3))
    assert ones.num.dtype == np.int64
    assert (ones * 10**30).num.dtype == object
    assert (ones * 10**30 - Fraction(10**30, 3) + Fraction(1, 3)).num.dtype == np.int64
    # Few of many large numbers are added together.
    assert sum_by(np.full(1000, 2**53), np.arange(1000) % 100, 100).dtype == np.int64


def test_vectors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="A denominator is 0"):
        Exact(np.ones(2, np.int64), 0)
    with pytest.raises(ValueError, match="A denominator is -3"):
        Exact(np.ones(2, np.int64), np.array([1, -3]))
    with pytest.raises(ValueError, match="1 denominators stand under 2 numerators"):
        Exact(np.ones(2, np.int64), np.ones(1, np.int64))
    with pytest.raises(ValueError, match="3 rows cannot be added to 2"):
        Exact.zeros(2) + Exact.zeros(3)
