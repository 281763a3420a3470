"""Cells of lots that lie on disk until a question needs them."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_server.errors import DamagedError
from cotton_server.summary.standing import Cells

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CELLS_BYTES_MAX: Final = 512 << 20
"""Memory for cells that were read: two national seasons, which are often asked for together."""


class KeptStandingError(DamagedError):
    """A file of a standing cannot be read, or is not what was written."""

    def __init__(self, path: Path, what: str) -> None:
        """Takes the file and what is wrong with it."""
        super().__init__(
            f"{path} {what}. Start the server again: where its standing of lots is damaged, it"
            " computes the figures from the readings."
        )
        self.path = path


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file by its name in its directory, with its size in bytes and its SHA-256 in hex."""

    name: str
    size: int
    digest: str


class OpenFile:
    """A file that can be read as it was, also after its name is gone."""

    def __init__(self, directory: Path, file: KeptFile) -> None:
        """Opens the file; raises KeptStandingError."""
        self.file = file
        self._path = directory / file.name
        try:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise KeptStandingError(self._path, f"cannot be opened: {error.strerror}") from error
        weakref.finalize(self, os.close, self._descriptor)

    def content(self) -> bytes:
        """What is in it; raises KeptStandingError where that is not what was written."""
        try:
            content = os.pread(self._descriptor, self.file.size + 1, 0)
        except OSError as error:
            raise KeptStandingError(self._path, f"cannot be read: {error.strerror}") from error
        if sha256(content).hexdigest() != self.file.digest:
            raise KeptStandingError(self._path, "does not have the digest it was written with")
        return content

    def frame(self, like: pl.DataFrame) -> pl.DataFrame:
        """The frame in it, which has the columns of another; raises KeptStandingError."""
        try:
            frame = pl.read_parquet(self.content())
        except pl.exceptions.PolarsError as error:
            raise KeptStandingError(self._path, f"is no frame: {error}") from error
        if frame.schema != like.schema:
            raise KeptStandingError(self._path, "has other columns than this version writes")
        return frame


class CellCache:
    """Frames that were read, those asked for last; for any number of threads."""

    def __init__(self, bytes_max: int = CELLS_BYTES_MAX) -> None:
        """Takes the bytes that it may hold; of more it keeps the one asked for last."""
        self.size_bytes = 0
        self._bytes_max = bytes_max
        self._frames: OrderedDict[str, tuple[pl.DataFrame, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, file: OpenFile, like: pl.DataFrame) -> pl.DataFrame:
        """The frame in a file; of several that ask at once one reads it."""
        name = file.file.name
        with self._lock:
            known = self._frames.get(name)
            if known is not None:
                self._frames.move_to_end(name)
                return known[0]
            frame = file.frame(like)
            size = int(frame.estimated_size())
            self._frames[name] = frame, size
            self.size_bytes += size
            while self.size_bytes > self._bytes_max and len(self._frames) > 1:
                _, (_, size) = self._frames.popitem(last=False)
                self.size_bytes -= size
            return frame


class KeptCells(Cells):
    """The cells of the lots of one season, each standard's read when it is asked for."""

    def __init__(
        self,
        files: Mapping[str, OpenFile],
        no_cells: Mapping[str, pl.DataFrame],
        cache: CellCache,
    ) -> None:
        """Takes the files by standard, cells of no lots for the others, and what keeps frames."""
        super().__init__(no_cells)
        self.files = files
        self._cache = cache

    def __getitem__(self, standard: str) -> pl.DataFrame:
        """The cells under a standard; raises KeptStandingError where their file is damaged."""
        nothing = super().__getitem__(standard)
        file = self.files.get(standard)
        return nothing if file is None else self._cache.get(file, nothing)

    def has(self, standard: str) -> bool:
        """Whether there are cells under a standard; reads none."""
        return standard in self.files

    @property
    def size_bytes(self) -> int:
        """None: what was read is bounded by what keeps it."""
        return 0
