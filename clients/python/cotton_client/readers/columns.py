"""Columns that several CSV files of records have: identifiers, names, counts, amendments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_client.identifiers import LOT_NO_DIGITS
from cotton_client.lot_frames import BALES_MAX
from cotton_client.readers import values
from cotton_client.readers.errors import HeaderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cotton_client.frame_rules import RowRule
    from cotton_client.readers.table import Table

REVISION_MAX: Final = 2**63 - 1


def file_columns(schema: pl.Schema) -> tuple[str, ...]:
    """The columns of the CSV of a frame: times are written as times, not as seconds."""
    return tuple(name.removesuffix("_s") if name.endswith("_at_s") else name for name in schema)


def in_header(table: Table, column: str) -> None:
    """Raises HeaderError where a column is missing."""
    if column not in table:
        raise HeaderError(table.path, "is missing from the header", "add it", column=column)


def required(table: Table, column: str, remedy: str) -> None:
    """Raises HeaderError or ValueInFileError where a column or one of its values is missing."""
    in_header(table, column)
    empty = table.text(column).is_null()
    if empty.any():
        raise table.refusal(int(empty.arg_max() or 0), column, "is empty", remedy)


def lot_numbers(table: Table) -> pl.Series:
    """The column `lot_no`, which every record must have."""
    required(table, "lot_no", f"state its {LOT_NO_DIGITS} digits")
    return table.digits("lot_no", LOT_NO_DIGITS)


def seasons(table: Table) -> pl.Series:
    """The column `season`, which every record must have: crop years."""
    required(table, "season", "state its crop year, such as 2024")
    return table.parsed("season", values.parse_crop_year, pl.Int32)


def names(table: Table, column: str) -> pl.Series:
    """A column of names of an enum, in capitals; which ones there are is for `refuse_broken`."""
    return table.text(column).str.to_uppercase()


def seconds(table: Table, column: str) -> pl.Series:
    """A column of times as the frame's column `<column>_s`."""
    return table.parsed(column, values.parse_seconds, pl.Int64, f"{column}_s")


def _parse_bales(text: str) -> int:
    number = values.parse_whole(text, BALES_MAX)
    if number < 0:
        raise values.ValueTextError("is negative", "state the number of bales")
    return number


def bales(table: Table, column: str) -> pl.Series:
    """A column of numbers of bales."""
    return table.parsed(column, _parse_bales, pl.Int64)


def _parse_revision(text: str) -> int:
    return values.parse_whole(text, REVISION_MAX)


def amendment(table: Table) -> dict[str, pl.Series]:
    """The columns of an amendment; the rules of `frame_amendments` are still to be held to."""
    return {
        "supersedes_revision": table.parsed("supersedes_revision", _parse_revision, pl.Int64),
        "reason": names(table, "reason"),
        "note": table.text("note"),
        "decided_by": table.text("decided_by"),
    }


def refuse_broken(table: Table, rules: Iterable[RowRule]) -> None:
    """Raises ValueInFileError for the first record that breaks the first broken rule.

    A rule about a column of the frame is told of the column of the file that it came from.
    """
    for rule in rules:
        if rule.broken.any():
            row = int(rule.broken.arg_max() or 0)
            column = rule.column.removesuffix("_s")
            raise table.refusal(row, column, rule.problem, rule.remedy)


def framed(columns: Mapping[str, pl.Series], schema: pl.Schema) -> pl.DataFrame:
    """The columns as a frame of the schema, in its order."""
    return pl.DataFrame([columns[name].alias(name) for name in schema])


def joined(tables: Iterable[Table], frame: Callable[[Table], pl.DataFrame]) -> pl.DataFrame:
    """The frame of all blocks of a file, in order."""
    return pl.concat([frame(table) for table in tables])
