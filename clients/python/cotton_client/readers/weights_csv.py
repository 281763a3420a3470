"""Lot weights in CSV, as the on-site agency (在库机构) weighed and sampled.

Columns, in any order: `lot_no` (11 digits), `gross`, `tare` in kg and `resolution` in kg (to
which the conditioned weight is stated: 0.1 or 1) are required; `regain`, `trash` in %,
`truck_gross`, `truck_tare` in kg, `scale`, `operator`, `weighed_at` (ISO 8601, China time where
it states no offset) and `weight_certificate_no` may be left out or empty; a weight that takes the
place of another has `supersedes_revision`, `reason`, `note`, `decided_by`. Decimals: at most two.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_client.frame_amendments import record_rules
from cotton_client.lot_frames import WEIGHTS_SCHEMA
from cotton_client.readers import values
from cotton_client.readers.columns import (
    amendment,
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

COLUMNS: Final = file_columns(WEIGHTS_SCHEMA)
"""Every column that a CSV of weights may have."""

_REQUIRED: Final = ("gross", "tare", "resolution")
_RESOLUTIONS: Final = (10, 100)
_WEIGHT_MAX: Final = 10**11
"""A thousand tonnes in hundredths of a kilogram: no lot weighs more."""


def read_weights(path: Path) -> pl.DataFrame:
    """All weights of a CSV file, in order, as a weights frame. Raises the ReadingFileError tree."""
    return joined(read_table(path, COLUMNS), _frame)


def _resolution(text: str) -> int:
    resolution = values.parse_hundredths(text)
    if resolution not in _RESOLUTIONS:
        raise values.ValueTextError("is no resolution of a weight", "write 0.1 or 1")
    return resolution


def _frame(table: Table) -> pl.DataFrame:
    for column in _REQUIRED:
        required(table, column, "state it in kg")
    weight = partial(values.parse_hundredths, highest=_WEIGHT_MAX)
    columns = {
        "lot_no": lot_numbers(table),
        **{
            name: table.parsed(name, weight, pl.Int64)
            for name in ("gross", "tare", "truck_gross", "truck_tare")
        },
        **{
            name: table.parsed(name, values.parse_hundredths, pl.Int32)
            for name in ("regain", "trash")
        },
        "resolution": table.parsed("resolution", _resolution, pl.Int32),
        **{name: table.text(name) for name in ("scale", "operator", "weight_certificate_no")},
        "weighed_at_s": seconds(table, "weighed_at"),
        **amendment(table),
    }
    refuse_broken(table, record_rules(columns))
    return framed(columns, WEIGHTS_SCHEMA)
