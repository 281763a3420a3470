"""Lots in CSV, as their gins book them in.

Columns, in any order, only `lot_no` required: `lot_no` (11 digits), `gin_code` (5 digits),
`gin_name`, `warehouse`, `region`, `division`, `regiment`, `county`, `cotton_type`
(SAW_GINNED_UPLAND …), `picking_mode` (HAND, MACHINE), `channel` (WAREHOUSE …),
`traceability_unit`, `origin`, `agency`, `declared_bales`, `gate_in_at` (ISO 8601, China time
where it states no offset), `standard`, `quality_certificate_no`, `production_line` (1 digit);
and for a registration that takes the place of another `supersedes_revision`, `reason`, `note`,
`decided_by`. An empty value is absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton_client.frame_amendments import one_of, record_rules
from cotton_client.identifiers import GIN_CODE_DIGITS
from cotton_client.lot_frames import ENUM_NAMES, LOTS_SCHEMA
from cotton_client.readers.columns import (
    amendment,
    bales,
    file_columns,
    framed,
    joined,
    lot_numbers,
    names,
    refuse_broken,
    seconds,
)
from cotton_client.readers.table import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

COLUMNS: Final = file_columns(LOTS_SCHEMA)
"""Every column that a CSV of lots may have."""

_PRODUCTION_LINE_DIGITS: Final = 1


def read_lots(path: Path) -> pl.DataFrame:
    """All lots of a CSV file, in order, as a lots frame. Raises the ReadingFileError tree."""
    return joined(read_table(path, COLUMNS), _frame)


def _frame(table: Table) -> pl.DataFrame:
    columns = {name: table.text(name) for name in COLUMNS}
    columns["lot_no"] = lot_numbers(table)
    columns["gin_code"] = table.digits("gin_code", GIN_CODE_DIGITS)
    columns["production_line"] = table.digits("production_line", _PRODUCTION_LINE_DIGITS)
    columns |= {name: names(table, name) for name in ENUM_NAMES}
    columns["declared_bales"] = bales(table, "declared_bales")
    columns["gate_in_at_s"] = seconds(table, "gate_in_at")
    columns |= amendment(table)
    refuse_broken(table, [one_of(columns[name], name, known) for name, known in ENUM_NAMES.items()])
    refuse_broken(table, record_rules(columns))
    return framed(columns, LOTS_SCHEMA)
