"""Reads files of readings, lots and weights into the frames of `cotton_client.frames`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cotton_client.frames import rebatch
from cotton_client.readers.errors import (
    EmptyFileError,
    EncodingError,
    HeaderError,
    LineError,
    ReadingFileError,
    UnknownFormatError,
    UnreadableFileError,
    ValueInFileError,
)
from cotton_client.readers.lots_csv import read_lots as _read_lots
from cotton_client.readers.options import FileOptions
from cotton_client.readers.readings_csv import COLUMNS, read_readings_csv
from cotton_client.readers.text import LINE_BYTES_MAX, open_binary, read_blocks
from cotton_client.readers.usda67 import read_usda67
from cotton_client.readers.weights_csv import read_weights as _read_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from os import PathLike

    import polars as pl

__all__ = [
    "FORMATS",
    "EmptyFileError",
    "EncodingError",
    "HeaderError",
    "LineError",
    "ReadingFileError",
    "UnknownFormatError",
    "UnreadableFileError",
    "ValueInFileError",
    "detect_format",
    "read_lots",
    "read_readings",
    "read_weights",
]

FORMATS: Final[Mapping[str, Callable[[Path, FileOptions], Iterator[pl.DataFrame]]]] = {
    "csv": read_readings_csv,
    "usda67": read_usda67,
}
"""The formats of readings by name."""

ROWS_PER_FRAME: Final = 4096

_USDA_LINE: Final = re.compile(r"[0-9]{12}[0-9 ]{8}[^,]*", re.ASCII)


def detect_format(path: str | PathLike[str]) -> str:
    """The name of a file's format, told from its first record; a name ending counts for nothing.

    Raises the ReadingFileError tree.
    """
    path = Path(path)
    for block in read_blocks(path, LINE_BYTES_MAX):
        for line in block.text.split("\n"):
            if not line.strip() or line.startswith("#"):
                continue
            if _USDA_LINE.fullmatch(line):
                return "usda67"
            names = {name.strip().strip('"') for name in line.split(",")}
            if names & set(COLUMNS) or "," in line:
                return "csv"
            raise UnknownFormatError(
                path,
                "begins like no known format",
                f"send CSV with a header or USDA 67-column records, or name the format "
                f"({', '.join(FORMATS)})",
            )
    raise EmptyFileError(path, "holds no records", "check the export that wrote it")


def read_readings(
    path: str | PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 (the word of the field)
    lot_no: str | None = None,
    laboratory: str | None = None,
    standard: str | None = None,
    crop_year: int | None = None,
    rows_per_frame: int = ROWS_PER_FRAME,
) -> Iterator[pl.DataFrame]:
    """The readings of a file in order, in readings frames of `rows_per_frame` rows.

    `format`: "csv", "usda67" or None to tell it from the file. `lot_no`, `laboratory`,
    `standard`, `crop_year` hold for lines that do not state them; a line that states another
    value is refused. Memory is bounded whatever the size of the file. A frame is given out
    before the lines after it are checked.

    Raises, on the call: ValueError (IdentifierError) for options that cannot be right; the
    ReadingFileError tree for a file that is missing, empty or of no known format. While
    iterating: the ReadingFileError tree, with line, column and value.
    """
    path = Path(path)
    options = FileOptions(
        lot_no=lot_no, laboratory=laboratory, standard=standard, crop_year=crop_year
    )
    if rows_per_frame < 1:
        raise ValueError(f"rows_per_frame must be at least 1, not {rows_per_frame}")
    if format is not None and format not in FORMATS:
        raise UnknownFormatError(
            path, f"cannot be read as {format!r}", f"name one of {', '.join(FORMATS)}"
        )
    if format is None:
        format = detect_format(path)  # noqa: A001 (as above)
    else:
        open_binary(path).close()
    return rebatch(FORMATS[format](path, options), rows_per_frame)


def read_lots(path: str | PathLike[str]) -> pl.DataFrame:
    """All lots of a CSV file (columns: see `readers.lots_csv`) as a lots frame, in order.

    Raises the ReadingFileError tree.
    """
    return _read_lots(Path(path))


def read_weights(path: str | PathLike[str]) -> pl.DataFrame:
    """All weights of a CSV file (columns: see `readers.weights_csv`) as a weights frame, in order.

    Raises the ReadingFileError tree.
    """
    return _read_weights(Path(path))
