"""Prints sums as figures: means, shares, deviations, each rounded once; many rows at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isqrt
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from cotton_server.grading.lots import grade_lots, tier_of_mean
from cotton_server.grading.rounding import half_even
from cotton_server.grading.shares import share_table
from cotton_server.grading.standard import MEASURE_NAMES
from cotton_server.summary.catalogue import GRADE_TEXTS
from cotton_server.summary.facts import SAMPLED, STATES
from cotton_server.summary.weighted import weighted_means

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cotton_server.grading.definitions import Definition
    from cotton_server.grading.shares import ShareRule
    from cotton_server.grading.standard import CodedItem, Measure, Standard
    from cotton_server.summary.adding import Sums

    TermsOf = Callable[[int, str], Iterable[tuple[int, int, int]]]
    """Of a row and a measure: weight, sum and bales of each lot that counts."""

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_WHOLE: Final = 10_000
_HUNDREDTHS: Final = 1
_TENTHS: Final = 10
_SAFE: Final = 1 << 61


@dataclass(frozen=True, slots=True)
class Values:
    """A figure of many rows; what stands where it is absent means nothing."""

    values: Int64Array
    absent: BoolArray | None = None

    def __getitem__(self, row: int) -> int | None:
        """The figure of one row, None where it is absent."""
        if self.absent is not None and self.absent[row]:
            return None
        return int(self.values[row])


@dataclass(frozen=True, slots=True)
class Printed:
    """Figures by the names of the catalogue, as many values in each as there are rows."""

    rows: int
    figures: dict[str, Values] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)

    def cut(self, first: int, rows: int) -> Printed:
        """Some of the rows."""
        chosen = slice(first, first + rows)
        return Printed(
            rows,
            {
                name: Values(
                    each.values[chosen], None if each.absent is None else each.absent[chosen]
                )
                for name, each in self.figures.items()
            },
            {name: texts[chosen] for name, texts in self.texts.items()},
        )


def print_row(sums: Sums, total: Sums) -> Printed:
    """The figures of rows that are of no standard (`catalogue.row_columns`)."""
    fact = _columns(sums.facts)
    graded, without = fact["bales_graded"], fact["bales_without_standard"]
    bales = graded + without
    of_all = int(total.facts["bales_graded"][0] + total.facts["bales_without_standard"][0])
    zeros = np.zeros(sums.rows, np.int64)
    figures: dict[str, Values] = {
        name: Values(fact[name])
        for name in (
            "lots",
            "lots_unregistered",
            "lots_weighed",
            "lots_with_conditioned_weight",
            "lots_withdrawn",
            "lots_organisation_differs",
            *(f"lots.{state.lower()}" for state in STATES),
            "gins",
            "declared_bales",
        )
    }
    figures["bales"] = Values(bales)
    for name in (
        "bales_unregistered",
        "bales_without_lot",
        "bales_without_standard",
        "bales_withdrawn",
    ):
        figures[name] = Values(fact[name])
    figures["coverage"] = _ratio(fact["bales_of_declared"] * _WHOLE, fact["declared_bales"])
    figures["share_of_total"] = _ratio(bales * _WHOLE, zeros + of_all)
    for name in ("gross", "tare", "net", "conditioned"):
        figures[name] = Values(fact[name])
    figures["conditioned_per_bale"] = _ratio(fact["weighed_conditioned"], fact["weighed_bales"])
    for item in SAMPLED:
        figures[f"{item}.mean_by_lots"] = _ratio(fact[f"{item}.sum"], fact[f"{item}.lots"])
        figures[f"{item}.mean_by_net"] = _ratio(fact[f"{item}.net_sum"], fact[f"{item}.net"])
    return Printed(sums.rows, figures)


def print_figures(
    sums: pl.DataFrame,
    standard: Standard,
    definitions: Sequence[Definition],
    *,
    rule: ShareRule,
    share_decimals: int,
    terms_of: TermsOf | None = None,
) -> Printed:
    """The figures of rows under a standard, or several of its family (`catalogue.grade_columns`).

    `sums` has the figures of cells, a row each. Without `terms_of` weight-weighted means are
    absent. Raises ShareDecimalsError for shares of other than 1 or 2 decimals.
    """
    printer = _Printer(sums, rule, share_decimals)
    printer.colour(standard)
    for item in standard.items.values():
        printer.item(item)
    for name in MEASURE_NAMES:
        printer.measure(standard.measures[name], terms_of)
    for name in ("foreign_fibre.bales", "foreign_fibre.found"):
        printer.copy(name)
    for definition in definitions:
        printer.joint(definition)
    printer.grades(standard)
    return printer.printed


class _Printer:
    """Prints the figures of rows, item by item."""

    def __init__(self, sums: pl.DataFrame, rule: ShareRule, share_decimals: int) -> None:
        self._sums = sums
        self._columns = _columns(sums)
        self._zeros = np.zeros(sums.height, np.int64)
        self._rule = rule
        self._decimals = share_decimals
        self.printed = Printed(sums.height)
        self._figures = self.printed.figures
        self._figures["graded.bales"] = Values(self._columns["bales"])

    def copy(self, name: str) -> None:
        """A figure that is a sum."""
        self._figures[name] = Values(self._columns[name])

    def colour(self, standard: Standard) -> None:
        """Colour grades, their types, and what a chart makes of them."""
        colour = standard.colour
        if colour is None:
            return
        graded = self._columns["colour.bales"]
        self.copy("colour.bales")
        self._figures["colour.ungraded"] = Values(self._columns["bales"] - graded)
        for name in ("colour.by_chart", "chart.bales", "chart.differing"):
            self.copy(name)
        grades = self._counts("colour", [grade.name for grade in colour.grades])
        self._shares("colour", grades)
        types = {
            each.name: self._sum(grades[grade.name] for grade in colour.grades_of(each))
            for each in colour.types
        }
        self._shares("colour_type", types)

    def item(self, item: CodedItem) -> None:
        """The classes of an item that is judged."""
        self.copy(f"{item.name}.bales")
        self._shares(item.name, self._counts(item.name, [each.name for each in item.classes]))

    def measure(self, measure: Measure, terms_of: TermsOf | None) -> None:
        """Means, extremes and deviation of a measure, and its tiers and grades."""
        name = measure.name
        bales, total = self._columns[f"{name}.bales"], self._columns[f"{name}.sum"]
        figures: dict[str, Values] = {
            "bales": Values(bales),
            "sum": Values(total),
            "mean_to_hundredths": _ratio(total, bales, _HUNDREDTHS),
            "mean_to_tenths": _ratio(total, bales, _TENTHS),
            **self._by_weight(name, terms_of),
            **{
                what: Values(self._columns[f"{name}.{what}"], bales == 0) for what in ("min", "max")
            },
            "standard_deviation": _deviation(
                bales, total, self._columns[f"{name}.squares"], measure.resolution
            ),
        }
        self._figures.update({f"{name}.{what}": values for what, values in figures.items()})
        if not measure.tiers:
            return
        tiers = [tier.name for tier in measure.tiers]
        counts, sums = self._counts(name, tiers), self._counts(name, tiers, "sum")
        self._classes(name, counts, sums, measure.resolution)
        if measure.grades:
            tiers_of = {
                grade: [tier.name for tier in measure.tiers if tier.grade == grade]
                for grade in measure.grades
            }
            self._classes(
                f"{name}_grade",
                {grade: self._sum(counts[tier] for tier in own) for grade, own in tiers_of.items()},
                {grade: self._sum(sums[tier] for tier in own) for grade, own in tiers_of.items()},
                measure.resolution,
            )

    def joint(self, definition: Definition) -> None:
        """The bales that meet a definition."""
        item = f"joint.{definition.id}"
        for what in ("bales", "of"):
            self.copy(f"{item}.{what}")
        of = self._columns[f"{item}.of"]
        share = _ratio(self._columns[f"{item}.bales"] * _WHOLE, of)
        self._figures[f"{item}.share"] = Values(np.where(of > 0, share.values, 0))

    def grades(self, standard: Standard) -> None:
        """What each row as a whole is graded as, by the rules for a lot."""
        tier = tier_of_mean(standard.measures["micronaire"])
        graded = grade_lots(self._sums, standard).with_columns(
            # Beside the sums: alone the null of a standard without tiers would be one row.
            self._sums.with_columns(micronaire_tier=tier)["micronaire_tier"]
        )
        for name in GRADE_TEXTS:
            self.printed.texts[name] = graded[name].fill_null("").to_list()

    def _by_weight(self, name: str, terms_of: TermsOf | None) -> dict[str, Values]:
        if terms_of is None:
            absent = Values(self._zeros, np.ones(len(self._zeros), np.bool_))
            return {
                "weighted_mean_to_hundredths": absent,
                "weighted_mean_to_tenths": absent,
                "lots_weighted": Values(self._zeros),
            }
        term, weight, lots, cut = (
            self._columns[f"{name}.{what}"] for what in ("term", "weight", "lots", "cut")
        )

        def mean(resolution: int) -> Values:
            means = weighted_means(term, weight, cut, resolution, lambda row: terms_of(row, name))
            return Values(means, weight == 0)

        return {
            "weighted_mean_to_hundredths": mean(_HUNDREDTHS),
            "weighted_mean_to_tenths": mean(_TENTHS),
            "lots_weighted": Values(lots),
        }

    def _classes(
        self,
        item: str,
        counts: Mapping[str, Int64Array],
        sums: Mapping[str, Int64Array],
        resolution: int,
    ) -> None:
        self._shares(item, counts)
        for name, count in counts.items():
            self._figures[f"{item}.{name}.mean"] = _ratio(sums[name], count, resolution)

    def _shares(self, item: str, counts: Mapping[str, Int64Array]) -> None:
        table = np.stack(list(counts.values()), axis=1)
        shares = share_table(table, rule=self._rule, decimals=self._decimals)
        for place, (name, count) in enumerate(counts.items()):
            self._figures[f"{item}.{name}.bales"] = Values(count)
            self._figures[f"{item}.{name}.share"] = Values(np.ascontiguousarray(shares[:, place]))

    def _counts(
        self, item: str, names: Iterable[str], what: str = "bales"
    ) -> dict[str, Int64Array]:
        return {name: self._columns[f"{item}.{name}.{what}"] for name in names}

    def _sum(self, columns: Iterable[Int64Array]) -> Int64Array:
        total = self._zeros
        for column in columns:
            total = total + column
        return total


def _columns(frame: pl.DataFrame) -> dict[str, Int64Array]:
    """The integer columns of a frame, 0 where null; taken out all at once."""
    numbers = frame.select(pl.selectors.by_dtype(pl.Int64).fill_null(0))
    table = numbers.to_numpy(order="fortran")
    return {name: table[:, place] for place, name in enumerate(numbers.columns)}


def _ratio(numerator: Int64Array, denominator: Int64Array, resolution: int = 1) -> Values:
    """Quotients rounded once to a multiple of `resolution`; absent where the divisor is 0."""
    none = denominator == 0
    divisor = np.where(none, 1, denominator) * resolution
    return Values(half_even(numerator, divisor) * resolution, none if none.any() else None)


def _deviation(
    bales: Int64Array, total: Int64Array, squares: Int64Array, resolution: int
) -> Values:
    """Standard deviation of a sample in hundredths, rounded once, half to even.

    `squares` is in steps of the resolution, and so is all that follows. The variance is exact:
    with m the mean cut off to a whole number, D1 = Σ(x - m) and D2 = Σ(x - m)² stay small, and
    it is (n D2 - D1²) / (n (n - 1)). The root is taken in floating point where that is far enough
    from a half, and in whole numbers where it is not, or where the products are too large.
    """
    none = bales < 2  # noqa: PLR2004 - one bale deviates from nothing
    count = np.where(none, 2, bales)
    steps = np.where(none, 0, total // resolution)
    mean = steps // count
    first = steps - mean * count
    second = np.where(none, 0, squares) - 2 * mean * steps + mean * mean * count
    large = second > _SAFE // count
    numerator = np.where(large, 0, count * second - first * first)
    divisor = count * (count - 1)
    root = resolution * np.sqrt(numerator / divisor)
    rounded = np.rint(root).astype(np.int64)
    near = np.abs(root - np.floor(root) - 0.5) < 1e-6  # noqa: PLR2004 - far above its error
    for row in np.flatnonzero((near | large) & ~none).tolist():
        n, d1, d2 = int(count[row]), int(first[row]), int(second[row])
        rounded[row] = _exact_root(resolution**2 * (n * d2 - d1 * d1), n * (n - 1))
    return Values(rounded, none if none.any() else None)


def _exact_root(numerator: int, denominator: int) -> int:
    """The whole number nearest to the root of a fraction; of two equally near the even one."""
    doubled = isqrt(4 * numerator // denominator)
    whole, odd = divmod(doubled, 2)
    if not odd:
        return whole
    tie = doubled * doubled * denominator == 4 * numerator
    return whole + whole % 2 if tie else whole + 1
