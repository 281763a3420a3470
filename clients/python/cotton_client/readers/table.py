"""CSV files as tables of text columns that know their line numbers.

The format: UTF-8, values separated by commas, one record a line, a value in double quotes
where it holds a comma or a quote; lines that begin with "#" may stand before the header.
"""

from __future__ import annotations

import csv
import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cotton_client import identifiers
from cotton_client.readers.errors import EmptyFileError, HeaderError, LineError, ValueInFileError
from cotton_client.readers.text import BLOCK_BYTES, read_blocks
from cotton_client.readers.values import ValueTextError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Table:
    """Records of one block of a file.

    `texts`: String columns as in the file, stripped, null where empty. `lines`: int64, the
    line of each record. `cut_off`: the last record is the file's last line, and that has no
    line end.
    """

    path: Path
    texts: pl.DataFrame
    lines: np.ndarray
    cut_off: bool = False

    def __contains__(self, column: str) -> bool:
        """Whether the file has the column."""
        return column in self.texts.columns

    def refusal(self, row: int, column: str, problem: str, remedy: str) -> ValueInFileError:
        """The error for one value."""
        value = self.texts[column][row] if column in self else None
        return ValueInFileError(
            self.path, problem, remedy, line=int(self.lines[row]), column=column, value=value
        )

    def text(self, column: str) -> pl.Series:
        """A column as it stands; all null when the file does not have it."""
        if column in self:
            return self.texts[column]
        return pl.repeat(None, self.texts.height, dtype=pl.String, eager=True).alias(column)

    def parsed(
        self,
        column: str,
        parse: Callable[[str], int],
        dtype: type[pl.Int32 | pl.Int64],
        name: str | None = None,
        *,
        where: pl.Series | None = None,
    ) -> pl.Series:
        """A column as integers, each distinct text parsed once; null where it is empty.

        `name` is the resulting column's. With `where` (Boolean) only those records are parsed,
        and the others null. Raises ValueInFileError for the first text that `parse` refuses.
        """
        texts = self.text(column)
        if where is not None:
            nothing = pl.repeat(None, len(texts), dtype=pl.String, eager=True)
            texts = texts.zip_with(where, nothing)
        target = name or column
        if texts.null_count() == len(texts):
            return pl.repeat(None, len(texts), dtype=dtype, eager=True).alias(target)
        distinct = texts.unique(maintain_order=True).drop_nulls()
        numbers = []
        for text in distinct:
            try:
                numbers.append(parse(text))
            except ValueTextError as error:
                row = int((texts == text).arg_max() or 0)
                raise self.refusal(row, column, error.problem, error.remedy) from error
        mapped = texts.replace_strict(distinct, pl.Series(numbers, dtype=dtype), return_dtype=dtype)
        return mapped.alias(target)

    def digits(self, column: str, digits: int) -> pl.Series:
        """A column of identifiers; ValueInFileError where one is not exactly `digits` digits."""
        texts = self.text(column)
        present = texts.drop_nulls()
        _, wrong = identifiers.digit_matrix(present, digits)
        if wrong is not None:
            row = int(texts.is_not_null().arg_true()[wrong])
            text = texts[row]
            remedy = "write it as printed, without spaces"
            if "e" in text.lower() or "." in text:
                remedy = "a spreadsheet has rounded it: format the column as text and export again"
            raise self.refusal(row, column, f"is not {digits} digits", remedy)
        return texts


def read_table(
    path: Path, known: Collection[str], *, block_bytes: int = BLOCK_BYTES
) -> Iterator[Table]:
    """The records of a CSV file in order, a block at a time, at least one record in all.

    `known`: the columns that the file may have. Raises the errors of `read_blocks`, and
    HeaderError, LineError, EmptyFileError.
    """
    header: list[str] | None = None
    records = 0
    for block in read_blocks(path, block_bytes):
        text, first_line = block.text, block.first_line
        if header is None:
            found = _header(path, text, first_line)
            if found is None:
                continue
            header, header_line, text, first_line = found
            _check_header(path, header, header_line, known)
        table = _records(path, header, text, first_line)
        records += table.texts.height
        if table.texts.height:
            last = int(table.lines[-1]) == first_line + text.count("\n") - 1
            yield replace(table, cut_off=block.cut_off and last)
    if not records:
        raise EmptyFileError(path, "holds no records", "check the export that wrote it")


def _header(path: Path, text: str, first_line: int) -> tuple[list[str], int, str, int] | None:
    """The names, their line, the text after them and its first line; None when not yet there."""
    line_no = first_line
    while text:
        line, _, text = text.partition("\n")
        if line.strip() and not line.startswith("#"):
            return _split(path, line, line_no), line_no, text, line_no + 1
        line_no += 1
    return None


def _check_header(path: Path, header: Sequence[str], line: int, known: Collection[str]) -> None:
    for place, name in enumerate(header):
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise HeaderError(
                path,
                "is not a known column",
                f"{hint}Rename or remove it; known are {', '.join(known)}",
                line=line,
                column=str(place + 1),
                value=name,
            )
        if name in header[:place]:
            raise HeaderError(
                path, "is there twice", "remove one", line=line, column=str(place + 1), value=name
            )


def _split(path: Path, line: str, line_no: int) -> list[str]:
    try:
        return [value.strip() for value in next(csv.reader([line], strict=True))]
    except csv.Error as error:
        raise LineError(
            path,
            f"has quotes that cannot be read ({error})",
            "double a quote inside quotes, and end every value on its line",
            line=line_no,
        ) from error


def _records(path: Path, header: list[str], text: str, first_line: int) -> Table:
    lines = pl.Series("line", text.split("\n")[:-1], dtype=pl.String)
    numbers = np.arange(first_line, first_line + len(lines), dtype=np.int64)
    blank = lines.str.strip_chars() == ""
    if blank.any():
        lines, numbers = lines.filter(~blank), numbers[~blank.to_numpy()]
    if not len(lines):
        return Table(path, pl.DataFrame(schema=dict.fromkeys(header, pl.String)), numbers)
    # Quotes are rare: without them every comma separates, and polars splits the block at once.
    split = _quoted if '"' in text else _plain
    texts = split(path, header, lines, numbers)
    stripped = pl.all().str.strip_chars()
    return Table(path, texts.select(pl.when(stripped != "").then(stripped)), numbers)


def _wrong_width(path: Path, values: int, header: Sequence[str], line: int) -> LineError:
    return LineError(
        path,
        f"has {values} values, the header has {len(header)}",
        "check for missing or extra commas; put a value with a comma in double quotes",
        line=line,
    )


def _plain(path: Path, header: list[str], lines: pl.Series, numbers: np.ndarray) -> pl.DataFrame:
    values = lines.str.count_matches(",", literal=True) + 1
    wrong = values != len(header)
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise _wrong_width(path, int(values[row]), header, int(numbers[row]))
    joined: str = lines.str.join("\n").item()
    return pl.read_csv(
        joined.encode(),
        has_header=False,
        new_columns=header,
        quote_char=None,
        infer_schema=False,
    )


def _quoted(path: Path, header: list[str], lines: pl.Series, numbers: np.ndarray) -> pl.DataFrame:
    rows = []
    for line, number in zip(lines, numbers.tolist(), strict=True):
        row = _split(path, line, number)
        if len(row) != len(header):
            raise _wrong_width(path, len(row), header, number)
        rows.append(row)
    columns = zip(header, zip(*rows, strict=True), strict=True)
    return pl.DataFrame([pl.Series(name, values, dtype=pl.String) for name, values in columns])
