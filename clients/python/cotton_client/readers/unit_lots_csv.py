"""Lots of traceability units (追溯单元) in CSV.

Columns, in any order: `lot_no` (11 digits) and `traceability_unit` are required, the latter empty
where the lot belongs to no unit, whatever its registration says; a record that takes the place of
another has `supersedes_revision`, `reason`, `note`, `decided_by`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton_client.frame_amendments import record_rules
from cotton_client.lot_frames import UNIT_LOTS_SCHEMA
from cotton_client.readers.columns import (
    amendment,
    file_columns,
    framed,
    in_header,
    joined,
    lot_numbers,
    refuse_broken,
)
from cotton_client.readers.table import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

COLUMNS: Final = file_columns(UNIT_LOTS_SCHEMA)
"""Every column that a CSV of lots of units may have."""


def read_unit_lots(path: Path) -> pl.DataFrame:
    """All records of a CSV file, in order, as their frame. Raises the ReadingFileError tree."""
    return joined(read_table(path, COLUMNS), _frame)


def _frame(table: Table) -> pl.DataFrame:
    in_header(table, "traceability_unit")
    columns = {
        "lot_no": lot_numbers(table),
        "traceability_unit": table.text("traceability_unit"),
        **amendment(table),
    }
    refuse_broken(table, record_rules(columns))
    return framed(columns, UNIT_LOTS_SCHEMA)
