"""Evidence: the payloads of a seal, exactly as they were received, in a file that never changes.

A Parquet file with the columns `position` (UInt32, consecutive) and `payload` (Binary), in row
groups of a few megabytes that are read one by one. What a payload must be is said by its digest
in the ledger, not here.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, cast

import polars as pl
from polars.exceptions import PanicException, PolarsError

from cotton_server.ledger.errors import EvidenceDamagedError
from cotton_server.ledger.names import make_directories, sync_names
from cotton_server.ledger.seal import evidence_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from cotton_server.ledger.seal import Seal

CACHE_BYTES_MAX: Final = 64 << 20
"""Payloads that are kept decoded, of whichever row groups were asked for last."""

_SCHEMA: Final = pl.Schema({"position": pl.UInt32, "payload": pl.Binary})
_ROWS_KEY: Final = "rows_per_group"
_FORMAT_KEY: Final = "evidence_format"
_FORMAT: Final = "1"
_COMPRESSION_LEVEL: Final = 3
_FRAME_BYTES: Final = 8 << 20
"""Payloads that are gathered before they become a part of the table."""
_GROUP_BYTES: Final = 4 << 20
"""A row group is decoded whole for one payload of it."""
_GROUP_ROWS_MAX: Final = 4096
_GROUPS_MAX: Final = 2048
"""All are listed in each file, and the list is read with every row group."""
_BELOW_DATA_DIR: Final = 2
"""Directories between a file of evidence and its data directory."""
_UNREADABLE: Final = (PolarsError, PanicException, OSError, ValueError)
"""What reading something that is no sound Parquet file may raise."""


def write_evidence(path: Path, entries: Iterable[tuple[int, bytes]]) -> None:
    """Writes payloads with their positions, which are consecutive, to a file that is then durable.

    What was at `path` is replaced at once or not at all. About twice the size of the payloads
    is held in memory. Raises ValueError for no entries or positions with a gap, OSError.
    """
    table, sizes = _table(entries)
    rows = _rows_per_group(sizes)
    data_dir = path.parents[_BELOW_DATA_DIR]
    make_directories(path.parent, data_dir)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - with a mode that open() cannot give
            table.write_parquet(
                file,
                compression="zstd",
                compression_level=_COMPRESSION_LEVEL,
                row_group_size=rows,
                metadata={_FORMAT_KEY: _FORMAT, _ROWS_KEY: str(rows)},
            )
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_names(path.parent, data_dir)


class EvidenceFile:
    """One file of payloads, whose list of row groups is read once."""

    def __init__(self, path: Path, first: int, last: int) -> None:
        """Raises EvidenceDamagedError when the file cannot be read, or is of another form."""
        self.path, self.first, self.last = path, first, last
        try:
            about = pl.read_parquet_metadata(path)
            written, rows = about.get(_FORMAT_KEY), int(about.get(_ROWS_KEY, "0"))
        except FileNotFoundError:
            raise EvidenceDamagedError(first, path, "which is missing") from None
        except _UNREADABLE as error:
            raise EvidenceDamagedError(
                first, path, f"which cannot be read: {_said(error)}"
            ) from error
        if written != _FORMAT or not 0 < rows <= _GROUP_ROWS_MAX * _GROUPS_MAX:
            raise EvidenceDamagedError(
                first, path, f"which says that it has format {written}, {rows} rows a group"
            )
        self.rows = rows

    def group(self, number: int) -> pl.Series:
        """The payloads (Binary) of a row group, counted from 0; raises EvidenceDamagedError."""
        start = self.first + number * self.rows
        count = min(self.rows, self.last + 1 - start)
        try:
            table = (
                pl.scan_parquet(self.path, glob=False).slice(number * self.rows, count).collect()
            )
            positions: list[int] = table["position"].to_list()
            payloads = table["payload"]
        except _UNREADABLE as error:
            raise EvidenceDamagedError(
                start, self.path, f"which cannot be read: {_said(error)}"
            ) from error
        sound = table.schema == _SCHEMA and payloads.null_count() == 0
        if not sound or positions != list(range(start, start + count)):
            raise EvidenceDamagedError(
                start, self.path, "which does not hold the entries that its name says"
            )
        return payloads

    def payloads(self) -> Iterator[tuple[int, bytes]]:
        """All payloads with their positions, in order, a row group at a time."""
        for start in range(self.first, self.last + 1, self.rows):
            yield from enumerate(self.group((start - self.first) // self.rows).to_list(), start)


def verify_evidence(path: Path, first: int, digests: Sequence[bytes]) -> None:
    """Reads a file back: raises EvidenceDamagedError unless it holds what has these digests.

    They are the SHA-256 of the payloads from position `first` on, as the ledger has them.
    """
    file = EvidenceFile(path, first, first + len(digests) - 1)
    for (position, payload), digest in zip(file.payloads(), digests, strict=True):
        require_digest(payload, digest, position, path)


def require_digest(payload: bytes, digest: bytes, position: int, path: Path) -> None:
    """Raises EvidenceDamagedError unless a payload from a file is the one that was received."""
    if hashlib.sha256(payload).digest() != digest:
        raise EvidenceDamagedError(
            position, path, "where it does not have the digest it was stored with"
        )


class Evidence:
    """The payloads of all seals of a data directory; any thread reads."""

    def __init__(self, data_dir: Path, *, cache_bytes_max: int = CACHE_BYTES_MAX) -> None:
        """Reads nothing until asked."""
        self._data_dir = data_dir
        self._cache_bytes_max = cache_bytes_max
        self._cache_bytes = 0
        self._lock = threading.Lock()
        self._files: dict[int, EvidenceFile] = {}
        self._groups: OrderedDict[tuple[int, int], tuple[pl.Series, int]] = OrderedDict()

    def path(self, seal: Seal) -> Path:
        """The file of a seal."""
        return evidence_path(self._data_dir, seal.first, seal.last)

    def payload(self, seal: Seal, position: int) -> bytes:
        """The payload of an entry that a seal covers, as it lies in the file.

        Its row group is decoded and kept for those that follow. Raises EvidenceDamagedError
        where it cannot be read; whether it is the one received is said by its digest.
        """
        file = self._file(seal)
        number, place = divmod(position - seal.first, file.rows)
        key = seal.number, number
        with self._lock:
            kept = self._groups.get(key)
            if kept is not None:
                self._groups.move_to_end(key)
                return cast("bytes", kept[0][place])
        payloads = file.group(number)
        self._keep(key, payloads)
        return cast("bytes", payloads[place])

    def forget(self, seal: Seal) -> None:
        """Reads the file of a seal anew from now on: it may have been replaced by a sound one."""
        with self._lock:
            self._files.pop(seal.number, None)
            for key in [each for each in self._groups if each[0] == seal.number]:
                self._drop(key)

    def _file(self, seal: Seal) -> EvidenceFile:
        file = self._files.get(seal.number)
        if file is None:
            file = EvidenceFile(self.path(seal), seal.first, seal.last)
            with self._lock:
                self._files[seal.number] = file
        return file

    def _keep(self, key: tuple[int, int], payloads: pl.Series) -> None:
        size = int(payloads.estimated_size())
        with self._lock:
            if key in self._groups:  # another thread was as fast
                return
            self._groups[key] = payloads, size
            self._cache_bytes += size
            # The group read last stays, however large: the next entry is most likely in it.
            while self._cache_bytes > self._cache_bytes_max and len(self._groups) > 1:
                self._drop(next(iter(self._groups)))

    def _drop(self, key: tuple[int, int]) -> None:
        _, size = self._groups.pop(key)
        self._cache_bytes -= size


def _table(entries: Iterable[tuple[int, bytes]]) -> tuple[pl.DataFrame, list[int]]:
    """The table of a file, in parts, and the sizes of its payloads."""
    parts: list[pl.DataFrame] = []
    positions: list[int] = []
    payloads: list[bytes] = []
    sizes: list[int] = []
    expected: int | None = None
    waiting = 0
    for position, payload in entries:
        if expected not in (None, position):
            raise ValueError(f"position {position} came where {expected} was expected")
        expected = position + 1
        positions.append(position)
        payloads.append(payload)
        sizes.append(len(payload))
        waiting += len(payload)
        if waiting >= _FRAME_BYTES:
            parts.append(_part(positions, payloads))
            positions, payloads, waiting = [], [], 0
    if positions:
        parts.append(_part(positions, payloads))
    if not parts:
        raise ValueError("no entries")
    return pl.concat(parts, rechunk=False), sizes


def _part(positions: list[int], payloads: list[bytes]) -> pl.DataFrame:
    return pl.DataFrame({"position": positions, "payload": payloads}, schema=_SCHEMA)


def _rows_per_group(sizes: Sequence[int]) -> int:
    """Rows of every group: a power of two, so that none is large and there are not too many."""
    rows = 1
    while rows * _GROUPS_MAX < len(sizes):
        rows *= 2
    while rows < min(_GROUP_ROWS_MAX, len(sizes)):
        more = rows * 2
        largest = max(sum(sizes[start : start + more]) for start in range(0, len(sizes), more))
        if largest > _GROUP_BYTES:
            break
        rows = more
    return rows


def _said(error: BaseException) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
