"""Vectors of exact rationals: money before its one rounding.

Numerators and denominators are machine integers as long as bounds that are computed beforehand say
that no result can leave them, else Python integers: nothing ever wraps.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from cotton_server.grading.rounding import half_even
from cotton_server.settlement.document import RoundingMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Int64Array = npt.NDArray[np.int64]
IntArray: TypeAlias = npt.NDArray[Any]
"""Whole numbers: int64, or objects that are Python integers where int64 could overflow."""
Rows: TypeAlias = npt.NDArray[np.intp]

MACHINE_MAX: Final = 1 << 61
"""Greatest magnitude that is kept in int64: twice it and a remainder still fit."""

_COMMON_BITS: Final = 4096
"""Length of a common denominator up to which all groups of a sum share one."""


class Exact:
    """Rationals `num` / `den`, a row each; never changed.

    `num` is an array of int64 or of Python integers; `den` is one positive integer for all rows,
    or an array like `num` of positive ones. Fractions need not be in lowest terms. Arithmetic is
    row by row, between vectors of one length; a Fraction or an integer stands for every row.
    """

    __slots__ = ("den", "num")

    def __init__(self, num: IntArray, den: int | IntArray = 1) -> None:
        """Raises ValueError for a denominator below 1, and for more or fewer than numerators."""
        if isinstance(den, np.ndarray) and den.shape != num.shape:
            raise ValueError(f"{len(den)} denominators stand under {len(num)} numerators.")
        least = den if isinstance(den, int) else min(den.min(initial=1), 1)
        if least <= 0:
            raise ValueError(f"A denominator is {least}; it must be positive.")
        wide = max(_largest(num), _largest(den)) > MACHINE_MAX
        kind = np.dtype(object if wide else np.int64)
        self.num: IntArray = num.astype(kind, copy=False)
        self.den = den if isinstance(den, int) else den.astype(kind, copy=False)

    @classmethod
    def zeros(cls, count: int) -> Exact:
        """`count` rows of 0."""
        return cls(np.zeros(count, np.int64))

    @classmethod
    def full(cls, count: int, value: Fraction) -> Exact:
        """`count` rows of one value."""
        return cls(times(np.ones(count, np.int64), value.numerator), value.denominator)

    @classmethod
    def concatenate(cls, parts: Sequence[Exact]) -> Exact:
        """The rows of all parts, one part after another."""
        num = np.concatenate([np.zeros(0, np.int64), *(part.num for part in parts)])
        first = parts[0].den if parts else 1
        if all(isinstance(part.den, int) and part.den == first for part in parts):
            return cls(num, first)
        return cls(num, np.concatenate([part.denominators() for part in parts]))

    def denominators(self) -> IntArray:
        """The denominator of each row."""
        if isinstance(self.den, int):
            return np.full(len(self.num), self.den, object if _is_wide(self.den) else np.int64)
        return self.den

    def fractions(self) -> list[Fraction]:
        """The rows as fractions in lowest terms."""
        dens = self.denominators().tolist()
        return [Fraction(num, den) for num, den in zip(self.num.tolist(), dens, strict=True)]

    def __len__(self) -> int:
        """How many rows."""
        return len(self.num)

    def __add__(self, other: Exact | Fraction | int) -> Exact:
        """Exact sums, row by row."""
        addend = other if isinstance(other, Exact) else Exact.full(len(self), Fraction(other))
        if len(addend) != len(self):
            raise ValueError(f"{len(addend)} rows cannot be added to {len(self)}.")
        den = _common(self.den, addend.den)
        ours, theirs = (times(each.num, _quotient(den, each.den)) for each in (self, addend))
        return Exact(plus(ours, theirs), den)

    def __sub__(self, other: Exact | Fraction | int) -> Exact:
        """Exact differences, row by row."""
        return self + other * -1

    def __mul__(self, factor: Fraction | int | IntArray) -> Exact:
        """Exact products, row by row."""
        if isinstance(factor, Fraction):
            num = times(self.num, factor.numerator)
            return Exact(num, times(self.den, factor.denominator))
        return Exact(times(self.num, factor), self.den)

    def over(self, divisor: int | IntArray) -> Exact:
        """Each row divided by a whole number of at least 1."""
        if isinstance(divisor, int):
            return Exact(self.num, times(self.den, divisor))
        return Exact(self.num, times(divisor, self.den))

    def take(self, rows: Rows) -> Exact:
        """The rows at these places, in the order of the places."""
        return Exact(self.num[rows], self.den if isinstance(self.den, int) else self.den[rows])

    def rounded(self, decimals: int, mode: RoundingMode) -> Int64Array:
        """Each row rounded once, in units of 10 to the power -`decimals`.

        Raises OverflowError where a result does not fit.
        """
        num, den = times(self.num, 10**decimals), self.den
        if _is_wide(num) or _largest(den) > MACHINE_MAX:
            num = num.astype(object)
        nearest: IntArray
        if mode is RoundingMode.HALF_EVEN:
            nearest = half_even(num, den)
        else:
            # Half way goes away from zero: a premium and its deduction are printed alike.
            magnitude = (2 * abs(num) + den) // (2 * den)
            nearest = np.where(num < 0, -magnitude, magnitude)
        return nearest.astype(np.int64)

    def sum_by(self, groups: Rows, count: int) -> Exact:
        """The exact sum of the rows of each of `count` groups; `groups` has the group of each row.

        A group without rows is 0.
        """
        if isinstance(self.den, int):
            return Exact(sum_by(self.num, groups, count), self.den)
        dens, places = np.unique(self.den, return_inverse=True)
        cells, cell_of = np.unique(groups * len(dens) + places, return_inverse=True)
        sums = sum_by(self.num, cell_of, len(cells))
        group_of, den_of = np.divmod(cells, max(len(dens), 1))
        common = _short_common(dens.tolist())
        if common is None:
            return _summed_in_pairs(sums, dens[den_of], group_of, count)
        factors = np.array([common // den for den in dens.tolist()], object)
        return Exact(sum_by(times(sums, factors[den_of]), group_of, count), common)


def whole_numbers(numbers: Iterable[int]) -> IntArray:
    """An array of integers of any size."""
    listed = list(numbers)
    wide = max(map(abs, listed), default=0) > MACHINE_MAX
    return np.array(listed, object if wide else np.int64)


@overload
def times(numbers: IntArray, factor: int | IntArray) -> IntArray: ...
@overload
def times(numbers: int | IntArray, factor: int) -> int | IntArray: ...
def times(numbers: int | IntArray, factor: int | IntArray) -> int | IntArray:
    """Exact products, a row each."""
    if isinstance(numbers, int):
        return numbers * factor if isinstance(factor, int) else times(factor, numbers)
    if max(_largest(numbers), 1) * max(_largest(factor), 1) <= MACHINE_MAX:
        return numbers * factor
    return numbers.astype(object) * factor


def plus(one: IntArray, other: IntArray) -> IntArray:
    """Exact sums, a row each."""
    if _largest(one) + _largest(other) > MACHINE_MAX:
        one, other = one.astype(object), other.astype(object)
    total: IntArray = one + other
    return total


def dot(columns: Sequence[IntArray], factors: Sequence[int], count: int) -> IntArray:
    """The exact sum of each column times its factor; columns are of `count` rows."""
    total: IntArray = np.zeros(count, np.int64)
    bound = sum(_largest(c) * abs(f) for c, f in zip(columns, factors, strict=True))
    if max(bound, *map(abs, factors), 0) > MACHINE_MAX:
        total = total.astype(object)
        columns = [column.astype(object) for column in columns]
    for column, factor in zip(columns, factors, strict=True):
        if factor:
            total = total + column * factor
    return total


def sum_by(numbers: IntArray, groups: Rows, count: int) -> IntArray:
    """The exact sum of the numbers of each of `count` groups; `groups` has that of each number."""
    largest = _largest(numbers)
    wide = largest * len(numbers) > MACHINE_MAX
    if wide and largest <= MACHINE_MAX:
        # Many numbers of which few are added together seldom need more.
        wide = largest * int(np.bincount(groups).max()) > MACHINE_MAX
    sums: IntArray = np.zeros(count, object if wide else np.int64)
    np.add.at(sums, groups, numbers.astype(sums.dtype, copy=False))
    return sums


def _largest(numbers: int | IntArray) -> int:
    """The greatest magnitude; 0 of none."""
    if isinstance(numbers, int):
        return abs(numbers)
    return max(int(numbers.max(initial=0)), -int(numbers.min(initial=0)))


def _is_wide(numbers: int | IntArray) -> bool:
    """Whether they are not all kept in int64."""
    if isinstance(numbers, int):
        return abs(numbers) > MACHINE_MAX
    return numbers.dtype == object


def _common(one: int | IntArray, other: int | IntArray) -> int | IntArray:
    """The least common multiple of denominators, a row each unless both are of all rows."""
    if isinstance(one, int) and isinstance(other, int):
        return math.lcm(one, other)
    if one is other:
        return one
    if max(_largest(one), 1) * max(_largest(other), 1) > MACHINE_MAX:
        one, other = (np.asarray(each).astype(object) for each in (one, other))
    common: IntArray = np.lcm(one, other)
    return common


def _quotient(multiple: int | IntArray, divisor: int | IntArray) -> int | IntArray:
    """How often the divisor is in its multiple."""
    quotient: int | IntArray = multiple // divisor
    return quotient


def _short_common(dens: Iterable[int]) -> int | None:
    """The least common multiple, None where it is too long to be worth while."""
    common = 1
    for den in dens:
        common = math.lcm(common, den)
        if common.bit_length() > _COMMON_BITS:
            return None
    return common


def _summed_in_pairs(nums: IntArray, dens: IntArray, groups: Rows, count: int) -> Exact:
    """The sum of the fractions of each of `count` groups, whose rows stand together in order.

    Two and two are added, then their sums: so few numbers become long.
    """
    bounds = np.searchsorted(groups, np.arange(count + 1)).tolist()
    pairs = list(zip(nums.tolist(), dens.tolist(), strict=True))
    sums = [_in_pairs(pairs[start:stop]) for start, stop in pairwise(bounds)]
    num, den = (np.array([each[part] for each in sums], object) for part in (0, 1))
    return Exact(num, den)


def _in_pairs(fractions: list[tuple[int, int]]) -> tuple[int, int]:
    if len(fractions) <= 1:
        return fractions[0] if fractions else (0, 1)
    middle = len(fractions) // 2
    (a, b), (c, d) = _in_pairs(fractions[:middle]), _in_pairs(fractions[middle:])
    return a * d + c * b, b * d
