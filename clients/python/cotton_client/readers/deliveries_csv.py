"""Deliveries of seed cotton (籽棉) in CSV, as gins and buyers book them.

Columns, in any order: `season` (crop year, four digits), `delivery_no`, `traceability_unit` and
`weight` (verified net weight in kg, at most two decimals) are required; `region`, `division`,
`regiment`, `gin_code` (5 digits) and `delivered_at` (ISO 8601, China time where it states no
offset) may be left out or empty; a delivery that takes the place of another has
`supersedes_revision`, `reason`, `note`, `decided_by`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_client.account_frames import DELIVERIES_SCHEMA
from cotton_client.frame_amendments import record_rules
from cotton_client.identifiers import GIN_CODE_DIGITS
from cotton_client.readers import values
from cotton_client.readers.columns import (
    amendment,
    file_columns,
    framed,
    joined,
    refuse_broken,
    required,
    seasons,
    seconds,
)
from cotton_client.readers.table import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS: Final = file_columns(DELIVERIES_SCHEMA)
"""Every column that a CSV of deliveries may have."""

_WEIGHT_MAX: Final = 10**9
"""Ten thousand tonnes in hundredths of a kilogram: no delivery weighs more."""


def read_deliveries(path: Path) -> pl.DataFrame:
    """All deliveries of a CSV file, in order, as their frame. Raises the ReadingFileError tree."""
    return joined(read_table(path, COLUMNS), _frame)


def _frame(table: Table) -> pl.DataFrame:
    required(table, "delivery_no", "state the buyer's number of the delivery")
    required(table, "traceability_unit", "state the grower's unit")
    required(table, "weight", "state it in kg")
    weight = partial(values.parse_hundredths, highest=_WEIGHT_MAX)
    columns = {name: table.text(name) for name in COLUMNS}
    columns["season"] = seasons(table)
    columns["gin_code"] = table.digits("gin_code", GIN_CODE_DIGITS)
    columns["weight"] = table.parsed("weight", weight, pl.Int64)
    columns["delivered_at_s"] = seconds(table, "delivered_at")
    columns |= amendment(table)
    refuse_broken(table, record_rules(columns))
    return framed(columns, DELIVERIES_SCHEMA)
