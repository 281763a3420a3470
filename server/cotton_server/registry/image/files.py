"""Files of an image: tables in Parquet, equal bytes for equal tables, and what may be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
from polars.exceptions import PanicException, PolarsError

from cotton_server.errors import DamagedError, StartError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_COMPRESSION_LEVEL: Final = 3


class ImageFormatError(StartError):
    """An image of the registry was written by another version of the program."""

    def __init__(self, directory: Path, found: object, expected: int) -> None:
        """Takes where the image lies, its format and the one that this version reads."""
        super().__init__(
            f"The image of the registry in {directory} has format {found}, this version reads"
            f" {expected}. Move it away: the registry is then built from the entries of the ledger."
        )


class ImageDamagedError(DamagedError, StartError):
    """A file of an image is not there, or is not what was written."""

    def __init__(self, path: Path, what: str) -> None:
        """Takes the file and what is wrong with it."""
        super().__init__(
            f"{path} {what}. Restore it from a backup, or move the image away: the registry is then"
            " built from the entries of the ledger."
        )
        self.path = path


def write_table(path: Path, frame: pl.DataFrame) -> None:
    """Writes a table."""
    frame.write_parquet(
        path, compression="zstd", compression_level=_COMPRESSION_LEVEL, statistics=False
    )


def read_table(
    path: Path, schema: pl.Schema, *, rows: int | None = None, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """The table of a file, of which `rows` are expected and perhaps only some columns wanted.

    Raises ImageDamagedError where it is another than was written.
    """
    try:
        frame = pl.read_parquet(path, columns=None if columns is None else list(columns))
    except (OSError, PolarsError, PanicException) as error:
        raise ImageDamagedError(path, f"cannot be read: {error}") from error
    wanted = schema if columns is None else pl.Schema({name: schema[name] for name in columns})
    if frame.schema != wanted:
        raise ImageDamagedError(path, f"has the columns {dict(frame.schema)}, not {dict(wanted)}")
    if rows is not None and frame.height != rows:
        raise ImageDamagedError(path, f"has {frame.height} rows, {rows} were written")
    return frame
