"""Prices in CSV: of the market on a day, and those that lots were sold at.

Columns, in any order: `series` (who quotes it), `day` (YYYY-MM-DD, China time), `basis` (LINT,
SEED_COTTON) and `price` are required; `unit` is that of the price, `yuan/t` (also where it is
empty) or `yuan/kg`; `mark` (quality, such as 3128B), `lot_no` (11 digits, of a lot that was sold)
and `volume` (traded, in kg) may be left out or empty; a price that takes the place of another has
`supersedes_revision`, `reason`, `note`, `decided_by`. A price in yuan per tonne has at most two
decimals, one in yuan per kilogram at most five: no more can be kept.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_client.account_frames import PRICES_SCHEMA, price_rules
from cotton_client.frame_amendments import record_rules
from cotton_client.identifiers import LOT_NO_DIGITS
from cotton_client.readers import values
from cotton_client.readers.columns import (
    amendment,
    file_columns,
    framed,
    joined,
    names,
    refuse_broken,
    required,
)
from cotton_client.readers.table import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS: Final = (*file_columns(PRICES_SCHEMA), "unit")
"""Every column that a CSV of prices may have."""

PER_TONNE: Final = "yuan/t"
PER_KILOGRAM: Final = "yuan/kg"

_PRICE_MAX: Final = 10**9
"""Ten million yuan per tonne in hundredths: no cotton costs more."""
_KILOGRAM_DECIMALS: Final = 5
"""A hundredth of a yuan per tonne is a hundred-thousandth of one per kilogram."""
_VOLUME_MAX: Final = 10**12
"""Ten million tonnes in hundredths of a kilogram: more than a season of the country."""


def read_prices(path: Path) -> pl.DataFrame:
    """All prices of a CSV file, in order, as a prices frame. Raises the ReadingFileError tree."""
    return joined(read_table(path, COLUMNS), _frame)


def _frame(table: Table) -> pl.DataFrame:
    required(table, "series", "name who quotes it, such as xinjiang-purchase")
    required(table, "day", "state it such as 2024-10-05")
    required(table, "basis", "write LINT or SEED_COTTON")
    required(table, "price", f"state it in {PER_TONNE}, or in {PER_KILOGRAM} with that as its unit")
    volume = partial(values.parse_hundredths, highest=_VOLUME_MAX)
    columns = {name: table.text(name) for name in ("series", "day", "mark")}
    columns["lot_no"] = table.digits("lot_no", LOT_NO_DIGITS)
    columns["basis"] = names(table, "basis")
    columns["price"] = _prices(table)
    columns["volume"] = table.parsed("volume", volume, pl.Int64)
    columns |= amendment(table)
    refuse_broken(table, price_rules(columns))
    refuse_broken(table, record_rules(columns))
    return framed(columns, PRICES_SCHEMA)


def _prices(table: Table) -> pl.Series:
    """The column `price` in hundredths of a yuan per tonne, each by its unit."""
    of_unit = table.parsed("unit", _kilograms, pl.Int64).fill_null(1000)
    parsers = {
        1000: partial(values.parse_hundredths, highest=_PRICE_MAX),
        1: partial(values.parse_decimal, decimals=_KILOGRAM_DECIMALS, highest=_PRICE_MAX),
    }
    prices = pl.repeat(None, len(of_unit), dtype=pl.Int64, eager=True)
    for kilograms, parse in parsers.items():
        own = of_unit == kilograms
        prices = table.parsed("price", parse, pl.Int64, where=own).zip_with(own, prices)
    return prices


def _kilograms(text: str) -> int:
    """The kilograms that a unit of price is for."""
    units = {PER_TONNE: 1000, PER_KILOGRAM: 1}
    if text.lower() not in units:
        raise values.ValueTextError("is no unit of a price", f"write {' or '.join(units)}")
    return units[text.lower()]
