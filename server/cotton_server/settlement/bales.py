"""Prices bales one by one (USDA), by look-up tables, and adds them up by lot."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.grading.bales import CHART_COLOUR
from cotton_server.grading.standard import CODED_COLUMNS
from cotton_server.settlement.classes import (
    NO_CLASS,
    PricingError,
    code_classes,
    names_at,
    value_classes,
)
from cotton_server.settlement.exact import Exact, plus, sum_by, times, whole_numbers
from cotton_server.settlement.factors import combined_places, joined_names, table_of
from cotton_server.settlement.priced import Priced, reason_texts
from cotton_server.settlement.schedule import TableFactor

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.classes import ValueClasses
    from cotton_server.settlement.exact import Int64Array, IntArray, Rows
    from cotton_server.settlement.priced import BoolArray
    from cotton_server.settlement.schedule import Schedule

    Places = npt.NDArray[np.intp]

NET: Final = "net"
"""The column of what a bale weighs by itself (Int64, null where not known), in any unit."""

WITHOUT_RATE: Final = "BALES_WITHOUT_RATE"

_ABSENT: Final = -1
"""What an absent value is looked up by: the last entry of a table."""


def values_needed(schedule: Schedule) -> tuple[str, ...]:
    """The value fields of bales that a schedule per bale reads."""
    items = dict.fromkeys(
        axis.classes.item
        for factor in schedule.factors
        if isinstance(factor, TableFactor)
        for axis in factor.axes
    )
    return tuple(_column(item) for item in items)


@dataclass(frozen=True, slots=True)
class _Axis:
    """How the class of a bale along one axis is looked up."""

    item: str
    column: str
    classes: ValueClasses

    def absent(self, bales: pl.DataFrame) -> BoolArray:
        """The bales that have no value at all."""
        values = bales[self.column]
        if self.column == "colour_grade" and CHART_COLOUR in bales.columns:
            values = values.zip_with(values.is_not_null(), bales[CHART_COLOUR])
        return values.is_null().to_numpy()

    def places(self, bales: pl.DataFrame) -> npt.NDArray[np.int16]:
        """The class of each bale; of colour the official grade, else that of the chart."""
        found = self.classes.places[_codes(bales, self.column)]
        if self.column == "colour_grade" and CHART_COLOUR in bales.columns:
            charted = self.classes.places[_codes(bales, CHART_COLOUR)]
            found = np.where(found == NO_CLASS, charted, found)
        return found


class _Looked:
    """A factor as a table of whole rates by combination of classes."""

    def __init__(self, factor: TableFactor, standard: Standard) -> None:
        self.name = factor.name
        self.axes = [
            _Axis(item, _column(item), _classes_of(factor, place, standard))
            for place, item in enumerate(axis.classes.item for axis in factor.axes)
        ]
        rates, at = table_of(factor, [axis.classes.names for axis in self.axes])
        self.scale = rates.scale
        self.rates: IntArray = whole_numbers(rate or 0 for rate in rates.scaled)[at]
        self.known: BoolArray = np.array([rate is not None for rate in rates.scaled])[at]

    def combined(self, bales: pl.DataFrame) -> Places:
        """The combination of classes of each bale."""
        return combined_places(
            [axis.places(bales) for axis in self.axes],
            [len(axis.classes.names) for axis in self.axes],
        )


class BalePrices:
    """Sums of what bales are paid, by lot; bales come in portions."""

    def __init__(self, schedule: Schedule, standard: Standard) -> None:
        """Raises PricingError where the standard lacks what the schedule asks for."""
        self._schedule = schedule
        self._factors = _factors(schedule, standard)
        self._bales = _Sums()
        self._without = _Sums()
        self._weighed = _Sums()
        self._weight = _Sums()
        self._missing = {each.name: _Sums() for each in self._factors}
        self._rates = {each.name: _Sums() for each in self._factors}
        self._by_weight = {each.name: _Sums() for each in self._factors}

    def add(self, bales: pl.DataFrame) -> None:
        """Adds bales: `lot` (Int32) and the columns of `values_needed`, Int8 and Int16.

        CHART_COLOUR and NET where they are known. Bales of a lot may come in any portions; those
        that stand together are added up together.
        """
        if bales.is_empty():
            return
        lots = bales["lot"].to_numpy().astype(np.intp)
        known = np.ones(bales.height, np.bool_)
        weights = self._weights(bales)
        for each in self._factors:
            combined = each.combined(bales)
            rates, there = each.rates[combined], each.known[combined]
            self._rates[each.name].add(lots, rates)
            if not there.all():
                self._missing[each.name].add(lots, ~there)
                known &= there
            if weights is not None:
                self._by_weight[each.name].add(lots, times(rates, weights))
        self._bales.add(lots, np.ones(bales.height, np.int64))
        if not known.all():
            self._without.add(lots, ~known)
        if weights is not None:
            self._weighed.add(lots, weights > 0)
            self._weight.add(lots, weights)

    def priced(self, lots: pl.Series) -> Priced:
        """The means of what the bales of lots are paid, in the order of these (Int32).

        By the bales' own weights where the schedule says so and every bale of the lot has one, else
        by bales. A lot with a bale without a rate is held, and has none.
        """
        numbers = lots.to_numpy()
        bales = self._bales.of(numbers)
        by_weight = (self._weighed.of(numbers) == bales) & (bales > 0)
        divisor = np.where(by_weight, self._weight.of(numbers), bales)
        divisor = np.where(divisor == 0, 1, divisor)
        without = self._without.of(numbers)
        factors, absent = {}, {}
        rate = Exact.full(len(numbers), Fraction(self._schedule.base_rate))
        for each in self._factors:
            by_bales = self._rates[each.name].of(numbers)
            total = np.where(by_weight, self._by_weight[each.name].of(numbers), by_bales)
            missing = (self._missing[each.name].of(numbers) > 0) | (bales == 0)
            total = np.where(missing, 0, total)
            factors[each.name] = Exact(total, each.scale).over(divisor)
            absent[each.name] = missing
            rate += factors[each.name]
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(numbers))
        held = {WITHOUT_RATE: without > 0} if without.any() else {}
        return Priced(
            dict.fromkeys(factors, nothing),
            factors,
            absent,
            rate,
            held,
            {WITHOUT_RATE: without.astype(np.int64)} if held else {},
        )

    def _weights(self, bales: pl.DataFrame) -> Int64Array | None:
        if not self._schedule.bale_weights or NET not in bales.columns:
            return None
        return bales[NET].fill_null(0).to_numpy()


def bale_lines(bales: pl.DataFrame, schedule: Schedule, standard: Standard) -> pl.DataFrame:
    """What each bale is paid, in the order of the rows, printed once by the schedule's rounding.

    Columns: `class.<factor>` (String, the classes of all axes), `factor.<factor>` and `rate`
    (Int64, null where there is none), `reasons` (String, "" where a rate stands).
    """
    rounding = schedule.rounding
    columns: list[pl.Series] = []
    held: dict[str, BoolArray] = {}
    rate = Exact.full(bales.height, Fraction(schedule.base_rate))
    unpaid = np.zeros(bales.height, np.bool_)
    for each in _factors(schedule, standard):
        combined = each.combined(bales)
        amount, known = Exact(each.rates[combined], each.scale), each.known[combined]
        texts = joined_names(
            [names_at(axis.classes.names, axis.places(bales)) for axis in each.axes]
        )
        columns.append(texts.alias(f"class.{each.name}"))
        columns.append(_printed(f"factor.{each.name}", amount, known, schedule))
        rate += amount
        unpaid |= ~known
        for axis in each.axes:
            absent = axis.absent(bales)
            if absent.any():
                held[f"NO_VALUE:{axis.item}"] = absent
                known |= absent
        if not known.all():
            held[f"NO_RATE:{each.name}"] = ~known
    whole = pl.Series("rate", rate.rounded(rounding.price_decimals, rounding.mode))
    columns.append(whole.set(pl.Series(unpaid), None))
    none = pl.Series([""], dtype=pl.String).new_from_index(0, bales.height)
    reasons = reason_texts(held, {}) if held else none
    return pl.DataFrame([*columns, reasons.alias("reasons")])


def _printed(name: str, amount: Exact, known: BoolArray, schedule: Schedule) -> pl.Series:
    rounding = schedule.rounding
    values = pl.Series(name, amount.rounded(rounding.price_decimals, rounding.mode))
    return values.set(pl.Series(~known), None)


class _Sums:
    """Exact sums by number of lot."""

    def __init__(self) -> None:
        self._sums: IntArray = np.zeros(0, np.int64)

    def add(self, lots: Rows, numbers: IntArray | BoolArray) -> None:
        """Adds a number a row."""
        if numbers.dtype == np.bool_:
            numbers = numbers.astype(np.int64)
        size = max(int(lots.max()) + 1, len(self._sums))
        before = np.concatenate([self._sums, np.zeros(size - len(self._sums), np.int64)])
        self._sums = plus(before, sum_by(numbers, lots, size))

    def of(self, lots: npt.NDArray[np.int32]) -> IntArray:
        """The sum of each lot, 0 for one of which nothing came."""
        there = lots < len(self._sums)
        found: IntArray = np.where(
            there, self._sums[np.where(there, lots, 0)] if there.any() else 0, 0
        )
        return found


def _factors(schedule: Schedule, standard: Standard) -> list[_Looked]:
    tables = [each for each in schedule.factors if isinstance(each, TableFactor)]
    if len(tables) < len(schedule.factors):
        raise PricingError(schedule.head.id, "A schedule of bales has tables of bales only.")
    return [_Looked(factor, standard) for factor in tables]


def _classes_of(factor: TableFactor, place: int, standard: Standard) -> ValueClasses:
    classes = factor.axes[place].classes
    if classes.item in standard.measures:
        return value_classes(classes, standard, factor.name)
    return code_classes(classes, standard, factor.name)


def _column(item: str) -> str:
    """The value field of a reading that has an item."""
    return "colour_grade" if item == "colour" else CODED_COLUMNS.get(item, item)


def _codes(bales: pl.DataFrame, column: str) -> npt.NDArray[np.intp]:
    """Values as places of a look-up table, the last where there is none."""
    values: Sequence[int] | npt.NDArray[np.intp]
    values = bales[column].fill_null(_ABSENT).to_numpy()
    return values.astype(np.intp)
