"""Lot weights in CSV, as the on-site agency (在库机构) weighed and sampled.

Columns, in any order: `lot_no` (11 digits), `gross`, `tare` in kg and `resolution` in kg (to
which the conditioned weight is stated: 0.1 or 1) are required; `regain`, `trash` in %,
`truck_gross`, `truck_tare` in kg, `scale`, `operator`, `weighed_at` (ISO 8601, China time where
it states no offset) and `weight_certificate_no` may be left out or empty. Decimals: at most two.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_client import frames
from cotton_client.identifiers import LOT_NO_DIGITS
from cotton_client.readers import values
from cotton_client.readers.errors import HeaderError
from cotton_client.readers.lots_csv import required_digits
from cotton_client.readers.table import Table, read_table

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS: Final = tuple(
    "weighed_at" if name == "weighed_at_s" else name for name in frames.WEIGHTS_SCHEMA
)
"""Every column that a CSV of weights may have."""

_REQUIRED: Final = ("gross", "tare", "resolution")
_RESOLUTIONS: Final = (10, 100)
_WEIGHT_MAX: Final = 10**11
"""A thousand tonnes in hundredths of a kilogram: no lot weighs more."""


def read_weights(path: Path) -> pl.DataFrame:
    """All weights of a CSV file, in order, as a weights frame. Raises the ReadingFileError tree."""
    return pl.concat([_frame(table) for table in read_table(path, COLUMNS)])


def _resolution(text: str) -> int:
    resolution = values.parse_hundredths(text)
    if resolution not in _RESOLUTIONS:
        raise values.ValueTextError("is no resolution of a weight", "write 0.1 or 1")
    return resolution


def _required(table: Table, column: str) -> None:
    if column not in table:
        raise HeaderError(table.path, "is missing from the header", "add it", column=column)
    empty = table.text(column).is_null()
    if empty.any():
        raise table.refusal(int(empty.arg_max() or 0), column, "is empty", "state it in kg")


def _frame(table: Table) -> pl.DataFrame:
    for column in _REQUIRED:
        _required(table, column)
    weight = partial(values.parse_hundredths, highest=_WEIGHT_MAX)
    columns = {
        "lot_no": required_digits(table, "lot_no", LOT_NO_DIGITS),
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
        "weighed_at_s": table.parsed("weighed_at", values.parse_seconds, pl.Int64, "weighed_at_s"),
    }
    return pl.DataFrame([columns[name].alias(name) for name in frames.WEIGHTS_SCHEMA])
