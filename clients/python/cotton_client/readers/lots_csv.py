"""Lots in CSV, as their gins book them in.

Columns, in any order, only `lot_no` required: `lot_no` (11 digits), `gin_code` (5 digits),
`gin_name`, `warehouse`, `region`, `division`, `regiment`, `county`, `cotton_type`
(SAW_GINNED_UPLAND …), `picking_mode` (HAND, MACHINE), `channel` (WAREHOUSE …),
`traceability_unit`, `origin`, `agency`, `declared_bales`, `gate_in_at` (ISO 8601, China time
where it states no offset), `standard`, `quality_certificate_no`. An empty value is absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_client import frames
from cotton_client.identifiers import LOT_NO_DIGITS
from cotton_client.readers import values
from cotton_client.readers.errors import HeaderError
from cotton_client.readers.table import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS: Final = tuple(
    "gate_in_at" if name == "gate_in_at_s" else name for name in frames.LOTS_SCHEMA
)
"""Every column that a CSV of lots may have."""

_GIN_CODE_DIGITS: Final = 5


def read_lots(path: Path) -> pl.DataFrame:
    """All lots of a CSV file, in order, as a lots frame. Raises the ReadingFileError tree."""
    return pl.concat([_frame(table) for table in read_table(path, COLUMNS)])


def required_digits(table: Table, column: str, digits: int) -> pl.Series:
    """A column of identifiers that every record must have."""
    if column not in table:
        raise HeaderError(table.path, "is missing from the header", "add it", column=column)
    texts = table.digits(column, digits)
    if texts.null_count():
        row = int(texts.is_null().arg_max() or 0)
        raise table.refusal(row, column, "is empty", f"state its {digits} digits")
    return texts


def _enum(table: Table, column: str) -> pl.Series:
    names = frames.ENUM_NAMES[column]
    texts = table.text(column).str.to_uppercase()
    unknown = ~texts.is_in(names).fill_null(value=True)
    if unknown.any():
        row = int(unknown.arg_max() or 0)
        raise table.refusal(row, column, "is not known", f"write one of {', '.join(names)}")
    return texts


def _declared(text: str) -> int:
    bales = values.parse_whole(text)
    if bales < 0:
        raise values.ValueTextError("is negative", "state the number of bales")
    return bales


def _frame(table: Table) -> pl.DataFrame:
    columns = {name: table.text(name) for name in COLUMNS}
    columns["lot_no"] = required_digits(table, "lot_no", LOT_NO_DIGITS)
    columns["gin_code"] = table.digits("gin_code", _GIN_CODE_DIGITS)
    columns |= {name: _enum(table, name) for name in frames.ENUM_NAMES}
    columns["declared_bales"] = table.parsed("declared_bales", _declared, pl.Int64)
    columns["gate_in_at_s"] = table.parsed(
        "gate_in_at", values.parse_seconds, pl.Int64, "gate_in_at_s"
    )
    return pl.DataFrame([columns[name].alias(name) for name in frames.LOTS_SCHEMA])
