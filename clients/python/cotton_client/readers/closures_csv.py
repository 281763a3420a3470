"""Closures of lots in CSV: what the laboratory counted in and tested when it had finished.

Columns, in any order: `lot_no` (11 digits), `bales_received` and `bales_tested` (whole numbers)
are required; `laboratory` and `closed_at` (ISO 8601, China time where it states no offset) may be
left out or empty; a closure that takes the place of another has `supersedes_revision`, `reason`,
`note`, `decided_by`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton_client.frame_amendments import record_rules
from cotton_client.lot_frames import CLOSURES_SCHEMA
from cotton_client.readers.columns import (
    amendment,
    bales,
    file_columns,
    framed,
    joined,
    lot_numbers,
    refuse_broken,
    required,
    seconds,
)
from cotton_client.readers.table import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

COLUMNS: Final = file_columns(CLOSURES_SCHEMA)
"""Every column that a CSV of closures may have."""

_COUNTS: Final = ("bales_received", "bales_tested")


def read_closures(path: Path) -> pl.DataFrame:
    """All closures of a CSV file, in order, as a closures frame. Raises ReadingFileError."""
    return joined(read_table(path, COLUMNS), _frame)


def _frame(table: Table) -> pl.DataFrame:
    for column in _COUNTS:
        required(table, column, "state the number of bales, 0 where there are none")
    columns = {
        "lot_no": lot_numbers(table),
        "laboratory": table.text("laboratory"),
        **{name: bales(table, name) for name in _COUNTS},
        "closed_at_s": seconds(table, "closed_at"),
        **amendment(table),
    }
    refuse_broken(table, record_rules(columns))
    return framed(columns, CLOSURES_SCHEMA)
