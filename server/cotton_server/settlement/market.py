"""The market price of lint in a season, determined from the prices that were recorded."""

from __future__ import annotations

from calendar import isleap
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from cotton_server.settlement.target_price import MarketMean

if TYPE_CHECKING:
    from cotton_server.settlement.target_price import Conversion, Determination

_EPOCH: Final = date(1970, 1, 1)
_SEASON_BEGINS: Final = 9
"""Month: what comes before it in the calendar lies in the second year of the season."""


class Lack(Enum):
    """What is missing for a market price or a rate."""

    SEASON = "season"
    DETERMINATION = "determination"
    WINDOW = "window"
    PRICES = "prices"
    CONVERSION = "conversion"
    VOLUME = "volume"
    OUTPUT = "output"
    CAP = "cap"
    DELIVERIES = "deliveries"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something has no value, and in words what to do."""

    lack: Lack
    text: str


@dataclass(frozen=True, slots=True)
class MarketFound:
    """A market price in yuan per tonne of lint, exact; None where `problem` says why.

    `prices` are those that entered it, `by` says in words how.
    """

    price: Fraction | None
    prices: int
    by: str
    problem: Problem | None


def window(determination: Determination, season: int) -> tuple[int, int]:
    """First and last day of the window of a season, in days since 1970; both are in it."""
    first, last = (_day_of(each, season) for each in (determination.first, determination.last))
    return (first - _EPOCH).days, (last - _EPOCH).days


def market_price(determination: Determination, prices: pl.DataFrame, season: int) -> MarketFound:
    """The mean of the prices of the market in the window of a season.

    `prices` has `series` (String), `day` (Int32, days since 1970), `mark` (String), `lot_no`
    (String, "" for a price of the market; others are prices of lots and do not enter), `basis`
    (String, "LINT" or "SEED_COTTON"), `price` (Int64, hundredths of a yuan per tonne) and `volume`
    (Int64, hundredths of a kilogram, 0 where not known), in any order. A mark is of a grade that it
    begins with: "3128B" of "3128".
    """
    first, last = window(determination, season)
    by = _in_words(determination, first, last)
    if first > last:
        return _lacking(
            by, Lack.WINDOW, f"The window ends on {_text(last)}, before it begins on "
            f"{_text(first)}; load a target price with days in order of the season, which begins "
            "in September.",
        )  # fmt: skip
    found = _found(determination, prices, first, last)
    if found.is_empty():
        return _lacking(
            by, Lack.PRICES, f"No market price of {by} is recorded; record prices "
            "(RecordMarketPrices), or load a target price that states the market price.",
        )  # fmt: skip
    rows = found.rows(named=True)
    seed = [row for row in rows if row["basis"] == "SEED_COTTON"]
    conversion = determination.conversion
    if seed and conversion is None:
        return _lacking(
            by, Lack.CONVERSION, f"{len(seed)} prices of {by} are of seed cotton, the first "
            f"{_price_text(seed[0])}, and the target price has no conversion to lint; load one "
            "that has.",
        )  # fmt: skip
    without = [row for row in rows if row["volume"] <= 0]
    by_volume = determination.mean is MarketMean.VOLUME
    if by_volume and without:
        return _lacking(
            by, Lack.VOLUME, f"{len(without)} prices of {by} have no volume, the first "
            f"{_price_text(without[0])}; record them with their volumes as amendments, or load a "
            "target price by days.",
        )  # fmt: skip
    lint = [_of_lint(row, conversion) for row in rows]
    if by_volume:
        weighted = (price * row["volume"] for price, row in zip(lint, rows, strict=True))
        mean = sum(weighted, Fraction(0)) / sum(row["volume"] for row in rows)
    else:
        by_day: defaultdict[int, list[Fraction]] = defaultdict(list)
        for price, row in zip(lint, rows, strict=True):
            by_day[row["day"]].append(price)
        mean = _mean([_mean(day) for day in by_day.values()])
    return MarketFound(mean, len(rows), f"mean by {determination.mean.value} of {by}", None)


def _found(
    determination: Determination, prices: pl.DataFrame, first: int, last: int
) -> pl.DataFrame:
    """The prices of the market that enter, by day and mark."""
    wanted = (
        (pl.col("series") == determination.series)
        & (pl.col("lot_no") == "")
        & pl.col("day").is_between(first, last)
    )
    if determination.grades:
        wanted &= pl.any_horizontal(
            pl.col("mark").str.starts_with(grade) for grade in determination.grades
        )
    return prices.filter(wanted).sort("day", "mark", "basis", "price", "volume")


def _of_lint(row: dict[str, Any], conversion: Conversion | None) -> Fraction:
    """Yuan per tonne of lint."""
    price = Fraction(row["price"], 100)
    if row["basis"] != "SEED_COTTON" or conversion is None:
        return price
    turnout = Fraction(conversion.turnout) / 100
    seed = (1 - turnout) * Fraction(conversion.seed_price) * 1000
    return (price - seed) / turnout + Fraction(conversion.processing)


def _mean(values: list[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def _day_of(day: tuple[int, int], season: int) -> date:
    """The day of the season; 29 February is the last of the month in other years too."""
    month, number = day
    year = season if month >= _SEASON_BEGINS else season + 1
    if day == (2, 29) and not isleap(year):
        number = 28
    return date(year, month, number)


def _in_words(determination: Determination, first: int, last: int) -> str:
    words = f"{determination.series} from {_text(first)} through {_text(last)}"
    if determination.grades:
        words += f", grades {' '.join(determination.grades)}"
    conversion = determination.conversion
    if conversion is not None:
        words += (
            f", seed cotton at turnout {conversion.turnout} %, seed {conversion.seed_price} "
            f"yuan/kg, processing {conversion.processing} yuan/t"
        )
    return words


def _price_text(row: dict[str, Any]) -> str:
    mark = f" of {row['mark']}" if row["mark"] else ""
    return f"that{mark} on {_text(row['day'])}"


def _text(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()


def _lacking(by: str, lack: Lack, text: str) -> MarketFound:
    return MarketFound(None, 0, by, Problem(lack, text))
