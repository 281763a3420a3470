"""From rates per unit to the money of lines: exact, and each figure printed once."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from cotton_server.settlement.document import MoneyFrom, RateUnit
from cotton_server.settlement.exact import Exact
from cotton_server.summary.printing import Values

if TYPE_CHECKING:
    from cotton_server.runs.pricing import Rated
    from cotton_server.runs.table import BoolArray, Int64Array
    from cotton_server.settlement.schedule import Schedule

KG_PER_POUND: Final = Fraction(45_359_237, 100_000_000)

MONEY_PER_KG: Final = {
    RateUnit.YUAN_PER_TONNE: Fraction(1, 1000),
    RateUnit.YUAN_PER_KG: Fraction(1),
    RateUnit.CENTS_PER_POUND: 1 / (KG_PER_POUND * 100),
}
"""What a rate of one unit comes to in money for a kilogram."""

QUANTITY_DECIMALS: Final = 2


@dataclass(frozen=True, slots=True)
class Weighed:
    """Kilograms of lines, 0 where `there` says that nothing is known."""

    kilograms: Exact
    there: BoolArray


@dataclass(frozen=True, slots=True)
class Amounts:
    """Figures of lines by the names of their columns, and the exact sums' terms of some of them.

    The terms are of payable lines, 0 for others.
    """

    figures: dict[str, Values]
    exact: dict[str, Exact]


def amounts(
    schedule: Schedule,
    rated: Rated,
    weighed: Weighed,
    payable: BoolArray,
    *,
    base_price: int | None,
    absolute: bool,
    sold: Values,
) -> Amounts:
    """What lines come to.

    `base_price` and `sold` are in hundredths of the schedule's unit; `absolute` says whether rates
    and base price together are prices.
    """
    rounding = schedule.rounding
    mode, price, money = rounding.mode, rounding.price_decimals, rounding.money_decimals
    rows = len(payable)
    figures: dict[str, Values] = {}
    printed_sum = np.full(rows, _rounded(Fraction(schedule.base_rate), schedule), np.int64)
    for name, factor in rated.factors.items():
        printed = factor.rounded(price, mode)
        printed_sum += np.where(rated.factor_there[name], printed, 0)
        figures[f"factor.{name}"] = Values(printed, _or_none(~rated.factor_there[name]))
    no_rate = ~rated.there
    premium = _Price(rated.rate, schedule)
    figures["factors_sum"] = Values(printed_sum, _or_none(no_rate))
    figures["premium"] = Values(premium.printed, _or_none(no_rate))
    base = None if base_price is None else Fraction(base_price, 100)
    figures["base_price"] = Values(
        np.full(rows, base_price or 0, np.int64), None if base is not None else np.ones(rows, bool)
    )
    whole = _Price(rated.rate + (base or Fraction(0)), schedule)
    no_price = no_rate if absolute else np.ones(rows, np.bool_)
    figures["price"] = Values(whole.printed, _or_none(no_price))
    exact = {"quantity": _counted(weighed.kilograms, payable)}
    for name, each, absent in (
        ("premium_amount", premium, no_rate),
        ("amount", whole, no_price),
    ):
        absent_amount = absent | ~weighed.there
        of_all = each.money(weighed.kilograms)
        figures[name] = Values(of_all.rounded(money, mode), _or_none(absent_amount))
        exact[name] = _counted(of_all, payable & ~absent_amount)
    # A rate that is a price by itself is nothing that a sale could be reduced by.
    states_price = absolute and base is None
    was_sold = rated.there & _there(sold) & (not states_price)
    figures["sold_price"] = sold
    at_base = Exact.full(rows, base or Fraction(0))
    net = Exact(np.where(was_sold, sold.values, 0), 100) - _counted(rated.rate, was_sold)
    equivalent = net + _counted(at_base, ~was_sold)
    has_equivalent = was_sold if base is None else was_sold | ~_there(sold)
    figures["equivalent_price"] = Values(equivalent.rounded(price, mode), _or_none(~has_equivalent))
    counted = payable & has_equivalent
    exact["equivalent_amount"] = _counted(
        _Price(equivalent, schedule).exact_money(weighed.kilograms), counted
    )
    exact["equivalent_quantity"] = _counted(weighed.kilograms, counted)
    return Amounts(figures, exact)


class _Price:
    """A price per unit of the schedule, and how it is printed."""

    def __init__(self, exact: Exact, schedule: Schedule) -> None:
        rounding = schedule.rounding
        self._exact = exact
        self._schedule = schedule
        self.printed: Int64Array = exact.rounded(rounding.price_decimals, rounding.mode)

    def money(self, kilograms: Exact) -> Exact:
        """What it comes to, of the price that the schedule says: exact or as printed."""
        rounding = self._schedule.rounding
        if rounding.money_from is MoneyFrom.EXACT:
            return self.exact_money(kilograms)
        printed = Exact(self.printed, 10**rounding.price_decimals)
        return product(printed, kilograms) * MONEY_PER_KG[self._schedule.unit]

    def exact_money(self, kilograms: Exact) -> Exact:
        """What the exact price comes to."""
        return product(self._exact, kilograms) * MONEY_PER_KG[self._schedule.unit]


def product(one: Exact, other: Exact) -> Exact:
    """Exact products, row by row."""
    return (one * other.num).over(other.den)


def quotient(one: Exact, other: Exact) -> Exact:
    """Exact quotients of what is not negative, row by row; where the divisor is 0 it is 1."""
    return (one * other.den).over(np.where(other.num == 0, 1, other.num))


def _counted(exact: Exact, rows: BoolArray) -> Exact:
    """The values of some rows, 0 elsewhere."""
    return Exact(np.where(rows, exact.num, 0), exact.den)


def _there(values: Values) -> BoolArray:
    if values.absent is None:
        return np.ones(len(values.values), np.bool_)
    there: BoolArray = ~values.absent
    return there


def _or_none(absent: BoolArray) -> BoolArray | None:
    return absent if absent.any() else None


def _rounded(value: Fraction, schedule: Schedule) -> int:
    rounding = schedule.rounding
    return int(Exact.full(1, value).rounded(rounding.price_decimals, rounding.mode)[0])
