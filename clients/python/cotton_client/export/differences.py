"""Differences between two runs as a file: CSV, Parquet or Excel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl
import xlsxwriter

from cotton_client import errors
from cotton_client.export.drafts import check_free, drafts
from cotton_client.export.workbook import check_fits

if TYPE_CHECKING:
    from pathlib import Path

    from cotton.inspection.v1 import settlement_pb2

    from cotton_client.render.json_parts import Json

COLUMNS: Final = ("table", "line", "column", "before", "after")
"""The columns of the file; those of values are texts in real units."""

_SUFFIXES: Final = (".csv", ".parquet", ".xlsx")
_TEXT_MAX: Final = 32_767
_ROWS_AT_ONCE: Final = 100_000


class DifferenceFile:
    """A file of differences, which is there as a whole or not at all."""

    def __init__(self, path: Path, *, force: bool) -> None:
        """Raises ConfigurationError for a file that cannot be written, before anything is asked."""
        if path.suffix.lower() not in _SUFFIXES:
            raise errors.ConfigurationError(
                f"The ending of {path} does not say what is to be written.",
                remedy=f"Give a name that ends with {', '.join(_SUFFIXES)}.",
            )
        check_free([path], force=force)
        self._path = path
        self._force = force
        self._rows: list[tuple[str | None, ...]] = []
        self._frames: list[pl.DataFrame] = []

    def add(self, difference: Json) -> None:
        """Takes one difference."""
        self._rows.append(tuple(difference[name] for name in COLUMNS))
        if len(self._rows) == _ROWS_AT_ONCE:
            self._pack()

    def write(self, first: settlement_pb2.CompareRunsResponse) -> None:
        """Writes all of them; `first` is the message that names the runs."""
        self._pack()
        frame = pl.concat(self._frames)
        said = {
            "before": f"{first.before.run.id} {first.before.run.digest}",
            "after": f"{first.after.run.id} {first.after.run.digest}",
        }
        suffix = self._path.suffix.lower()
        if suffix == ".xlsx":
            check_fits(frame.height + 1, len(COLUMNS))
        with drafts([self._path], force=self._force) as (draft,):
            if suffix == ".csv":
                frame.write_csv(draft)
            elif suffix == ".parquet":
                frame.write_parquet(draft, metadata=said)
            else:
                _write_excel(draft, frame, said)

    def _pack(self) -> None:
        """Rows as columns, which take a tenth of the room."""
        schema = dict.fromkeys(COLUMNS, pl.String())
        self._frames.append(pl.DataFrame(self._rows, schema=schema, orient="row"))
        self._rows = []


def _write_excel(path: Path, frame: pl.DataFrame, said: dict[str, str]) -> None:
    """A sheet of differences, and one that names the runs; texts stay texts."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        _write_rows(book.add_worksheet("Differences 差异"), [COLUMNS, *frame.rows()])
        _write_rows(book.add_worksheet("About 说明"), list(said.items()))


def _write_rows(sheet: Any, rows: list[tuple[str | None, ...]]) -> None:
    for place, row in enumerate(rows):
        for column, text in enumerate(row):
            if text is not None:
                sheet.write_string(place, column, text[:_TEXT_MAX])
    sheet.freeze_panes(1, 0)
