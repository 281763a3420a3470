"""Reads target prices from their TOML text."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from cotton_server.settlement.money_table import PERCENT_MAX, RATE_MAX, read_document
from cotton_server.settlement.target_price import (
    Cap,
    Conversion,
    Determination,
    MarketMean,
    SeasonTarget,
    TargetPrice,
)

if TYPE_CHECKING:
    from cotton_server.settlement.money_table import MoneyTable

KIND: Final = "target price"
SEASONS_MAX: Final = 100
SEASONS: Final = (2000, 2100)

_TONNES_MAX: Final = Decimal(100_000_000)
_PER_KG_MAX: Final = Decimal(1000)
_COMMON_YEAR: Final = 2001
_MONTH_DAY: Final = re.compile(r"([0-9]{2})-([0-9]{2})", re.ASCII)
_FIRST_MONTH: Final = 9
"""Of a season."""


def parse_target_price(text: str, file: str) -> TargetPrice:
    """The target prices that `text` describes; `file` is what errors call it.

    Raises DocumentFileError for what is malformed, missing, mistyped or unknown, for a season that
    is there twice, and for a window that ends before it begins.
    """
    found, _ = read_document(text, file, KIND, _read)
    return found


def _read(root: MoneyTable) -> TargetPrice:
    return TargetPrice(
        head=root.head(),
        scope=root.scope(),
        seasons=_seasons(root),
        determination=_determination(root.table("determination"))
        if "determination" in root
        else None,
        rounding=root.rounding(),
    )


def _seasons(root: MoneyTable) -> dict[int, SeasonTarget]:
    tables = root.tables("seasons")
    if not 0 < len(tables) <= SEASONS_MAX:
        raise root.error("seasons", f"There are {len(tables)}.", f"Write 1 to {SEASONS_MAX}.")
    seasons: dict[int, SeasonTarget] = {}
    for place, table in enumerate(tables, start=1):
        season = _season(table)
        if season.season in seasons:
            raise root.error(
                f"seasons[{place}].season", f"{season.season} is there already.",
                "Write each season once.",
            )  # fmt: skip
        seasons[season.season] = season
    return seasons


def _season(table: MoneyTable) -> SeasonTarget:
    season = SeasonTarget(
        season=table.whole("season", *SEASONS),
        target=_price(table, "target"),
        market=_price(table, "market") if "market" in table else None,
        rate=table.decimal("rate", least=Decimal(0), most=_PER_KG_MAX) if "rate" in table else None,
        cap=_cap(table.table("cap")) if "cap" in table else None,
    )
    table.close()
    return season


def _price(table: MoneyTable, key: str) -> Decimal:
    return table.decimal(key, places=2, least=Decimal(0), most=RATE_MAX)


def _cap(table: MoneyTable) -> Cap:
    if "tonnes" in table:
        cap = Cap(_tonnes(table, "tonnes"), None, None)
    else:
        base = _tonnes(table, "base_tonnes") if "base_tonnes" in table else None
        cap = Cap(None, table.percent("percent"), base)
    table.close()
    return cap


def _tonnes(table: MoneyTable, key: str) -> Decimal:
    return table.decimal(key, places=3, least=Decimal(0), most=_TONNES_MAX)


def _determination(table: MoneyTable) -> Determination:
    first, last = _day_of_season(table, "first"), _day_of_season(table, "last")
    if _order(last) < _order(first):
        raise table.error(
            "last", "It lies before first, in a season from 1 September.", "Exchange the two days."
        )
    determination = Determination(
        series=table.id("series"),
        first=first,
        last=last,
        grades=table.listed("grades") if "grades" in table else (),
        mean=table.choice("mean", MarketMean),
        conversion=_conversion(table.table("conversion")) if "conversion" in table else None,
    )
    table.close()
    return determination


def _day_of_season(table: MoneyTable, key: str) -> tuple[int, int]:
    value = table.text(key)
    found = _MONTH_DAY.fullmatch(value)
    month, day = (0, 0) if found is None else (int(found[1]), int(found[2]))
    try:
        date(_COMMON_YEAR, month, day)
    except ValueError:
        raise table.error(key, f'"{value}" is no day of a year.', 'Write it as "09-01".') from None
    return month, day


def _order(day: tuple[int, int]) -> tuple[bool, int, int]:
    return (day[0] < _FIRST_MONTH, *day)


def _conversion(table: MoneyTable) -> Conversion:
    conversion = Conversion(
        turnout=table.decimal("turnout", least=Decimal(1), most=PERCENT_MAX),
        seed_price=table.decimal("seed_price", least=Decimal(0), most=_PER_KG_MAX),
        processing=table.decimal("processing", least=Decimal(0), most=RATE_MAX),
    )
    table.close()
    return conversion
