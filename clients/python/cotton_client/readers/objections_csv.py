"""Objections (异议) of owners to the results of lots in CSV, as raised and as decided.

Columns, in any order: `lot_no` (11 digits), `objection_no` and `raised_at` (ISO 8601, China time
where it states no offset) are required; `raised_by` and `note` may be left out or empty; a
decided objection repeats its values and has `decision` (UPHELD, DISMISSED), `decided_by` and
`decided_at`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton_client.lot_frames import OBJECTIONS_SCHEMA, objection_rules
from cotton_client.readers.columns import (
    file_columns,
    framed,
    joined,
    lot_numbers,
    names,
    refuse_broken,
    required,
    seconds,
)
from cotton_client.readers.table import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

COLUMNS: Final = file_columns(OBJECTIONS_SCHEMA)
"""Every column that a CSV of objections may have."""

_TEXTS: Final = ("objection_no", "raised_by", "decided_by", "note")


def read_objections(path: Path) -> pl.DataFrame:
    """All objections of a CSV file, in order, as an objections frame. Raises ReadingFileError."""
    return joined(read_table(path, COLUMNS), _frame)


def _frame(table: Table) -> pl.DataFrame:
    required(table, "objection_no", "state the office's own reference")
    required(table, "raised_at", "state when the objection was raised")
    columns = {
        "lot_no": lot_numbers(table),
        **{name: table.text(name) for name in _TEXTS},
        "raised_at_s": seconds(table, "raised_at"),
        "decision": names(table, "decision"),
        "decided_at_s": seconds(table, "decided_at"),
    }
    refuse_broken(table, objection_rules(columns))
    return framed(columns, OBJECTIONS_SCHEMA)
