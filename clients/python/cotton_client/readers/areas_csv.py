"""Areas that traceability units planted in CSV.

Columns, in any order: `season` (crop year, four digits), `traceability_unit` and `area` (in mu, 亩,
at most two decimals) are required; `region`, `division` and `regiment` may be left out or empty; an
area that takes the place of another has `supersedes_revision`, `reason`, `note`, `decided_by`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_client.account_frames import AREAS_SCHEMA
from cotton_client.frame_amendments import record_rules
from cotton_client.readers import values
from cotton_client.readers.columns import (
    amendment,
    file_columns,
    framed,
    joined,
    refuse_broken,
    required,
    seasons,
)
from cotton_client.readers.table import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS: Final = file_columns(AREAS_SCHEMA)
"""Every column that a CSV of areas may have."""

_AREA_MAX: Final = 10**10
"""A hundred million mu in hundredths: more than all cotton of the country."""


def read_areas(path: Path) -> pl.DataFrame:
    """All areas of a CSV file, in order, as an areas frame. Raises the ReadingFileError tree."""
    return joined(read_table(path, COLUMNS), _frame)


def _frame(table: Table) -> pl.DataFrame:
    required(table, "traceability_unit", "state the unit that planted it")
    required(table, "area", "state it in mu")
    area = partial(values.parse_hundredths, highest=_AREA_MAX)
    columns = {name: table.text(name) for name in COLUMNS}
    columns["season"] = seasons(table)
    columns["area"] = table.parsed("area", area, pl.Int64)
    columns |= amendment(table)
    refuse_broken(table, record_rules(columns))
    return framed(columns, AREAS_SCHEMA)
