"""Weights of single bales in CSV.

Columns, in any order: `bale` (32 digits, or crop year, a slash and 12 digits) and `net` (at most
two decimals) are required; `unit` is that of the weight, `kg` (also where it is empty) or `lb`; a
weight that takes the place of another has `supersedes_revision`, `reason`, `note`, `decided_by`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_client.account_frames import BALE_WEIGHTS_SCHEMA, bale_weight_rules
from cotton_client.frame_amendments import record_rules
from cotton_client.readers import values
from cotton_client.readers.columns import (
    amendment,
    file_columns,
    framed,
    joined,
    refuse_broken,
    required,
)
from cotton_client.readers.table import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS: Final = file_columns(BALE_WEIGHTS_SCHEMA)
"""Every column that a CSV of weights of bales may have."""

_UNITS: Final = {"kg": "KILOGRAM", "lb": "POUND"}


def read_bale_weights(path: Path) -> pl.DataFrame:
    """All weights of a CSV file, in order, as their frame. Raises the ReadingFileError tree."""
    return joined(read_table(path, COLUMNS), _frame)


def _frame(table: Table) -> pl.DataFrame:
    required(table, "bale", "write the 32 digits of its bar code, or crop year/12 digits")
    required(table, "net", "state it in kg, or in lb with that as its unit")
    columns = {
        "bale": table.text("bale"),
        "net": table.parsed("net", values.parse_hundredths, pl.Int64),
        "unit": _units(table),
        **amendment(table),
    }
    refuse_broken(table, bale_weight_rules(columns))
    refuse_broken(table, record_rules(columns))
    return framed(columns, BALE_WEIGHTS_SCHEMA)


def _units(table: Table) -> pl.Series:
    """The column `unit` by the names of the contract."""
    words = table.text("unit").fill_null("kg").str.to_lowercase()
    unknown = ~words.is_in(list(_UNITS))
    if unknown.any():
        row = int(unknown.arg_max() or 0)
        raise table.refusal(row, "unit", "is no unit of a weight", "write kg or lb")
    return words.replace_strict(_UNITS, return_dtype=pl.String)
