"""Certificate numbers of lots in CSV, as they are issued.

Columns, in any order: `lot_no` (11 digits) and, on every line, `quality_certificate_no`,
`weight_certificate_no` or both; `issued_at` (ISO 8601, China time where it states no offset) may
be left out or empty; a record that takes the place of another has `supersedes_revision`,
`reason`, `note`, `decided_by`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton_client.frame_amendments import record_rules
from cotton_client.lot_frames import CERTIFICATES_SCHEMA, certificate_rules
from cotton_client.readers.columns import (
    amendment,
    file_columns,
    framed,
    joined,
    lot_numbers,
    refuse_broken,
    seconds,
)
from cotton_client.readers.table import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

COLUMNS: Final = file_columns(CERTIFICATES_SCHEMA)
"""Every column that a CSV of certificates may have."""


def read_certificates(path: Path) -> pl.DataFrame:
    """All certificates of a CSV file, in order, as their frame. Raises ReadingFileError."""
    return joined(read_table(path, COLUMNS), _frame)


def _frame(table: Table) -> pl.DataFrame:
    columns = {
        "lot_no": lot_numbers(table),
        "quality_certificate_no": table.text("quality_certificate_no"),
        "weight_certificate_no": table.text("weight_certificate_no"),
        "issued_at_s": seconds(table, "issued_at"),
        **amendment(table),
    }
    refuse_broken(table, certificate_rules(columns))
    refuse_broken(table, record_rules(columns))
    return framed(columns, CERTIFICATES_SCHEMA)
