"""Reads files of readings and of records of lots into the frames of `cotton_client.frames`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cotton_client.frames import rebatch
from cotton_client.readers.areas_csv import read_areas as _read_areas
from cotton_client.readers.bale_codes import read_bale_codes
from cotton_client.readers.bale_weights_csv import read_bale_weights as _read_bale_weights
from cotton_client.readers.certificates_csv import read_certificates as _read_certificates
from cotton_client.readers.closures_csv import read_closures as _read_closures
from cotton_client.readers.deliveries_csv import read_deliveries as _read_deliveries
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
from cotton_client.readers.notices import Notice, NoticeList, Notify
from cotton_client.readers.objections_csv import read_objections as _read_objections
from cotton_client.readers.options import FileOptions
from cotton_client.readers.prices_csv import read_prices as _read_prices
from cotton_client.readers.readings_csv import COLUMNS, read_readings_csv
from cotton_client.readers.text import LINE_BYTES_MAX, open_binary, read_blocks
from cotton_client.readers.unit_lots_csv import read_unit_lots as _read_unit_lots
from cotton_client.readers.usda67 import read_usda67
from cotton_client.readers.uster import HEAD_LINES_MAX, read_uster
from cotton_client.readers.uster_layout import LayoutError, parse_header
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
    "Notice",
    "NoticeList",
    "ReadingFileError",
    "UnknownFormatError",
    "UnreadableFileError",
    "ValueInFileError",
    "detect_format",
    "read_areas",
    "read_bale_codes",
    "read_bale_weights",
    "read_certificates",
    "read_closures",
    "read_deliveries",
    "read_lots",
    "read_objections",
    "read_prices",
    "read_readings",
    "read_unit_lots",
    "read_weights",
]

FORMATS: Final[
    Mapping[str, Callable[[Path, FileOptions, Notify | None], Iterator[pl.DataFrame]]]
] = {
    "csv": read_readings_csv,
    "usda67": read_usda67,
    "uster": read_uster,
}
"""The formats of readings by name."""

ROWS_PER_FRAME: Final = 4096

_USDA_LINE: Final = re.compile(r"[0-9]{12}[0-9 ]{8}[^,]*", re.ASCII)


def detect_format(path: str | PathLike[str]) -> str:
    """The name of a file's format, told from its first record; a name ending counts for nothing.

    Raises the ReadingFileError tree.
    """
    path = Path(path)
    if _has_uster_header(path):
        return "uster"
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
                "send CSV with a header, USDA 67-column records or an Uster report, or name the "
                f"format ({', '.join(FORMATS)})",
            )
    raise EmptyFileError(path, "holds no records", "check the export that wrote it")


def _has_uster_header(path: Path) -> bool:
    """Whether the column names of an Uster report stand among the first lines."""
    for block in read_blocks(path, LINE_BYTES_MAX, bytewise=True):
        for line in block.text.split("\n", HEAD_LINES_MAX)[:HEAD_LINES_MAX]:
            try:
                if parse_header(line) is not None:
                    return True
            except LayoutError:
                # The column names of a report, and wrong: its reader says what is.
                return True
        break
    return False


def read_readings(
    path: str | PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 (the word of the field)
    lot_no: str | None = None,
    laboratory: str | None = None,
    standard: str | None = None,
    crop_year: int | None = None,
    bale_codes: str | PathLike[str] | None = None,
    strength_unit: str | None = None,
    instrument_colour_is_grade: bool = False,
    on_notice: Notify | None = None,
    rows_per_frame: int = ROWS_PER_FRAME,
) -> Iterator[pl.DataFrame]:
    """The readings of a file in order, in readings frames of `rows_per_frame` rows.

    `format`: "csv", "usda67", "uster" or None to tell it from the file. `lot_no`, `laboratory`,
    `standard`, `crop_year` hold for lines that do not state them; a line that states another
    value is refused. Of Uster reports alone: `bale_codes`, a CSV of the bales of the sample
    numbers (`readers.bale_codes`); `strength_unit`, "cN/tex" or "g/tex", where the report states
    none; `instrument_colour_is_grade`, where the instrument works by the colour chart of the
    bales' standard. `on_notice` is called with every oddity that was read all the same, in the
    thread that asks for the frames. Memory is bounded whatever the size of the file. A frame is
    given out before the lines after it are checked.

    Raises, on the call: ValueError (IdentifierError) for options that cannot be right; the
    ReadingFileError tree for a file that is missing, empty or of no known format, and for all
    that is wrong with the file of bale codes. While
    iterating: the ReadingFileError tree, with line, column and value.
    """
    path = Path(path)
    options = FileOptions(
        lot_no=lot_no,
        laboratory=laboratory,
        standard=standard,
        crop_year=crop_year,
        bale_codes=None if bale_codes is None else read_bale_codes(Path(bale_codes)),
        strength_unit=strength_unit,
        instrument_colour_is_grade=instrument_colour_is_grade,
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
    return rebatch(FORMATS[format](path, options, on_notice), rows_per_frame)


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


def read_closures(path: str | PathLike[str]) -> pl.DataFrame:
    """All closures of a CSV file (columns: `readers.closures_csv`) as a closures frame, in order.

    Raises the ReadingFileError tree.
    """
    return _read_closures(Path(path))


def read_certificates(path: str | PathLike[str]) -> pl.DataFrame:
    """All certificates of a CSV file (columns: `readers.certificates_csv`) as their frame.

    Raises the ReadingFileError tree.
    """
    return _read_certificates(Path(path))


def read_objections(path: str | PathLike[str]) -> pl.DataFrame:
    """All objections of a CSV file (columns: `readers.objections_csv`) as their frame, in order.

    Raises the ReadingFileError tree.
    """
    return _read_objections(Path(path))


def read_unit_lots(path: str | PathLike[str]) -> pl.DataFrame:
    """All lots of units of a CSV file (columns: `readers.unit_lots_csv`) as their frame, in order.

    Raises the ReadingFileError tree.
    """
    return _read_unit_lots(Path(path))


def read_deliveries(path: str | PathLike[str]) -> pl.DataFrame:
    """All deliveries of a CSV file (columns: `readers.deliveries_csv`) as their frame, in order.

    Raises the ReadingFileError tree.
    """
    return _read_deliveries(Path(path))


def read_areas(path: str | PathLike[str]) -> pl.DataFrame:
    """All areas of a CSV file (columns: `readers.areas_csv`) as an areas frame, in order.

    Raises the ReadingFileError tree.
    """
    return _read_areas(Path(path))


def read_prices(path: str | PathLike[str]) -> pl.DataFrame:
    """All prices of a CSV file (columns: `readers.prices_csv`) as a prices frame, in order.

    Raises the ReadingFileError tree.
    """
    return _read_prices(Path(path))


def read_bale_weights(path: str | PathLike[str]) -> pl.DataFrame:
    """All weights of bales of a CSV file (columns: `readers.bale_weights_csv`) as their frame.

    Raises the ReadingFileError tree.
    """
    return _read_bale_weights(Path(path))
