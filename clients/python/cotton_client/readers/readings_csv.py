"""Readings in CSV: a header of field names, decimals in the units that the record prints.

Columns, in any order, each at most once:

- `bale_code`, 32 digits; or `usda_bale_id`, 12 digits, with `crop_year`, four digits;
- `lot_no`, 11 digits; needed for bales with a 32-digit code, here or as an option;
- measures with at most two decimals: `length` mm, `uniformity` %, `short_fibre` %, `strength`
  cN/tex, `elongation` %, `micronaire`, `maturity`, `rd` %, `plus_b`, `trash_area` %, `moisture`
  % (USDA bales: length in inches, strength in g/tex);
- whole numbers: `trash_count`, `spinning_consistency`, `colour_grade`,
  `instrument_colour_grade`, `colour_quadrant`, `leaf_grade`, `extraneous_matter`,
  `visual_grade`;
- `preparation` P1, P2 or P3; `foreign_fibre` 0 or 1;
- `standard`, `laboratory`, `instrument`;
- `inspected_at`, ISO 8601; China time where it states no offset;
- `kind` ORIGINAL, REVIEW, SUPERVISORY or CORRECTION; a correction has `supersedes_revision`, the
  revision in force, `reason` (ENTRY_ERROR …), `decided_by`, and a `note` where the reason is OTHER.

An empty value is absent. At least one of the measures or codes must be a column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_client import fields, frames
from cotton_client.frame_amendments import reading_rules
from cotton_client.identifiers import BALE_CODE_DIGITS, LOT_NO_DIGITS, USDA_BALE_ID_DIGITS
from cotton_client.readers import columns as columns_of
from cotton_client.readers import values
from cotton_client.readers.errors import HeaderError
from cotton_client.readers.notices import Reporter
from cotton_client.readers.options import filled
from cotton_client.readers.table import Table, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from cotton_client.readers.notices import Notify
    from cotton_client.readers.options import FileOptions

COLUMNS: Final = (
    "bale_code",
    "usda_bale_id",
    "crop_year",
    "lot_no",
    *fields.VALUE_FIELDS,
    *frames.TEXT_FIELDS,
    "inspected_at",
    "kind",
    *frames.AMENDMENT_COLUMNS,
)
"""Every column that a CSV of readings may have."""

PARSERS: Final[Mapping[str, Callable[[str], int]]] = {
    **dict.fromkeys(fields.HUNDREDTHS_FIELDS, values.parse_hundredths),
    **dict.fromkeys(fields.COUNT_FIELDS, values.parse_whole),
    **dict.fromkeys(fields.CODE_FIELDS, values.parse_whole),
    "preparation": values.parse_preparation,
    "foreign_fibre": values.parse_foreign_fibre,
}
"""How the text of each value field is read."""


def read_readings_csv(
    path: Path,
    options: FileOptions,
    notify: Notify | None,
) -> Iterator[pl.DataFrame]:
    """The readings of a CSV file in order, in frames of READINGS_SCHEMA, a block at a time.

    A last line without line end is told as a notice: a file that was cut off within a value
    reads as well as one that was not. Raises the ReadingFileError tree.
    """
    reporter = Reporter(path, notify)
    for table in read_table(path, COLUMNS):
        _require_columns(table, options)
        if table.cut_off:
            reporter.tell(int(table.lines[-1]), _cut_off(table))
        yield _frame(table, options)


def _cut_off(table: Table) -> str:
    column = table.texts.columns[-1]
    value = table.texts[column][-1]
    return (
        "the last line has no line end: the file may have been cut off; its last value is"
        f" {value if value is not None else 'empty'} ({column})"
    )


def _missing(table: Table, column: str, remedy: str) -> HeaderError:
    return HeaderError(table.path, "is missing from the header", remedy, column=column)


def _require_columns(table: Table, options: FileOptions) -> None:
    if "bale_code" not in table and "usda_bale_id" not in table:
        raise _missing(
            table, "bale_code", "add the 32-digit bale code, or usda_bale_id and crop_year"
        )
    if "usda_bale_id" in table and "crop_year" not in table and options.crop_year is None:
        raise _missing(table, "crop_year", "add it, or state the crop year for the whole file")
    if "bale_code" in table and "lot_no" not in table and options.lot_no is None:
        raise _missing(table, "lot_no", "add it, or state the lot number for the whole file")
    if not any(field in table for field in fields.VALUE_FIELDS):
        raise _missing(table, "micronaire", "add at least one measure or grade")


def _frame(table: Table, options: FileOptions) -> pl.DataFrame:
    columns = {
        "bale_code": table.digits("bale_code", BALE_CODE_DIGITS),
        "usda_bale_id": table.digits("usda_bale_id", USDA_BALE_ID_DIGITS),
        "crop_year": table.parsed("crop_year", values.parse_crop_year, pl.Int32),
        "lot_no": table.digits("lot_no", LOT_NO_DIGITS),
        **{name: table.parsed(name, parse, pl.Int32) for name, parse in PARSERS.items()},
        **{name: table.text(name) for name in frames.TEXT_FIELDS},
        "inspected_at_s": columns_of.seconds(table, "inspected_at"),
        "kind": columns_of.names(table, "kind"),
        **columns_of.amendment(table),
    }
    for name, value in options.texts():
        columns[name], row = filled(columns[name], value)
        if row is not None:
            raise table.refusal(
                row,
                name,
                f"contradicts {value!r}, stated for the whole file",
                "send the file without the option, or correct the line",
            )
    columns["crop_year"] = _crop_years(table, columns, options)
    _require_keys(table, columns)
    columns_of.refuse_broken(table, reading_rules(columns))
    return pl.DataFrame([columns[name].alias(name) for name in frames.READINGS_SCHEMA])


def _first(mask: pl.Series) -> int | None:
    return int(mask.arg_max() or 0) if mask.any() else None


def _crop_years(table: Table, columns: Mapping[str, pl.Series], options: FileOptions) -> pl.Series:
    years, is_usda = columns["crop_year"], columns["usda_bale_id"].is_not_null()
    if options.crop_year is None:
        return years
    row = _first((years != options.crop_year).fill_null(value=False))
    if row is not None:
        raise table.refusal(
            row,
            "crop_year",
            f"contradicts {options.crop_year}, stated for the whole file",
            "send the file without the option, or correct the line",
        )
    stated = pl.repeat(options.crop_year, len(years), dtype=pl.Int32, eager=True)
    return years.zip_with(~(is_usda & years.is_null()), stated)


def _require_keys(table: Table, columns: Mapping[str, pl.Series]) -> None:
    has_code = columns["bale_code"].is_not_null()
    is_usda = columns["usda_bale_id"].is_not_null()
    rules = (
        (
            ~has_code & ~is_usda,
            "bale_code" if "bale_code" in table else "usda_bale_id",
            "the bale has no identifier",
            "state its bale code, or its USDA bale id and crop year",
        ),
        (
            has_code & is_usda,
            "usda_bale_id",
            "stands beside a bale code",
            "leave one of the two empty",
        ),
        (
            is_usda & columns["crop_year"].is_null(),
            "crop_year",
            "the USDA bale has no crop year",
            "state it on the line or for the whole file",
        ),
        (
            ~is_usda & columns["crop_year"].is_not_null(),
            "crop_year",
            "stands beside a bale code, which carries its own date",
            "leave it empty",
        ),
        (
            has_code & columns["lot_no"].is_null(),
            "lot_no",
            "the bale has no lot number",
            "state it on the line or for the whole file",
        ),
    )
    for broken, column, problem, remedy in rules:
        row = _first(broken)
        if row is not None:
            raise table.refusal(row, column, problem, remedy)
