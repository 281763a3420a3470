"""The lines of frozen runs on disk, so that they need not be computed anew.

Derived content: a directory a run, named by its digest, that may be deleted at any time. Beside
the tables (Parquet, with what totals are sums of) it has the manifest, whose SHA-256 is the digest,
and the SHA-256 of every file. What is read is checked against both: nothing damaged is told.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
from dataclasses import asdict
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from cotton.inspection.v1 import settlement_pb2

from cotton_server.runs.canonical import Canonical, table_line
from cotton_server.runs.settlement import Settlement
from cotton_server.runs.table import LINE_KEYS, Table
from cotton_server.settlement.exact import Exact
from cotton_server.summary.catalogue import Column
from cotton_server.summary.printing import Values

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cotton_server.runs.table import Int64Array
    from cotton_server.runs.terms import Terms

_LOG: Final = logging.getLogger(__name__)

ARCHIVE_NAME: Final = "runs"
"""The directory of archived runs, below that of the data."""

_MANIFEST: Final = "manifest.txt"
_HEADER: Final = "header.bin"
_COLUMNS: Final = "columns.json"
_SUMS: Final = "SHA256SUMS"
_PARTIAL: Final = ".partial"


class Archive:
    """Settlements by digest below a directory; one process writes, and any thread of it."""

    def __init__(self, directory: Path) -> None:
        """Takes the directory, which is made when something is first written."""
        self._directory = directory
        self._lock = threading.Lock()

    def write(self, settlement: Settlement) -> None:
        """Keeps a settlement; a disk that cannot take it is logged, and nothing else happens."""
        try:
            with self._lock:
                self._write(settlement)
        except OSError as error:
            _LOG.warning(
                "a run could not be archived; it is computed anew when it is asked for",
                extra={"directory": str(self._directory), "error": str(error)},
            )

    def read(self, digest: str, terms: Terms) -> Settlement | None:
        """The settlement of a digest; None where it is not there, or not what it was."""
        files = self._files(digest)
        if files is None:
            return None
        try:
            return _settlement(files, digest, terms)
        except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
            # Another version of the service may have written other columns.
            _LOG.warning(
                "an archived run cannot be read; it is computed anew",
                extra={"digest": digest, "error": str(error)},
            )
            return None

    def manifest(self, digest: str) -> str:
        """The manifest of a run, "" where it is not there; its SHA-256 is the digest."""
        try:
            content = (self._directory / digest / _MANIFEST).read_bytes()
        except OSError:
            return ""
        return content.decode() if sha256(content).hexdigest() == digest else ""

    def _files(self, digest: str) -> Mapping[str, bytes] | None:
        """The files of a run by name, each as it was written."""
        directory = self._directory / digest
        try:
            sums = (directory / _SUMS).read_text(encoding="ascii", errors="replace")
            files = {}
            for line in sums.splitlines():
                wanted, _, name = line.partition("  ")
                content = (directory / name).read_bytes()
                if sha256(content).hexdigest() != wanted:
                    _LOG.warning(
                        "an archived run is damaged; it is computed anew",
                        extra={"digest": digest, "file": name},
                    )
                    return None
                files[name] = content
        except FileNotFoundError:
            return None
        except OSError as error:
            _LOG.warning(
                "an archived run cannot be read; it is computed anew",
                extra={"digest": digest, "error": str(error)},
            )
            return None
        return files

    def _write(self, settlement: Settlement) -> None:
        kept = settlement.canonical()
        columns = {
            name: [asdict(column) for column in table.columns]
            for name, table in settlement.tables.items()
        }
        files = {
            _MANIFEST: kept.manifest.encode(),
            _HEADER: settlement.told().SerializeToString(deterministic=True),
            _COLUMNS: json.dumps(columns, ensure_ascii=False).encode(),
        }
        for name, table in settlement.tables.items():
            parquet = BytesIO()
            _frame(table).write_parquet(parquet)
            files[f"{name}.parquet"] = parquet.getvalue()
        sums = "".join(
            f"{sha256(content).hexdigest()}  {name}\n" for name, content in files.items()
        )
        files[_SUMS] = sums.encode()
        partial = self._directory / f"{kept.digest}{_PARTIAL}"
        directory = self._directory / kept.digest
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700, parents=True)
        for name, content in files.items():
            (partial / name).write_bytes(content)
        # What is there was asked for and is not what it was, or it would not be written again.
        shutil.rmtree(directory, ignore_errors=True)
        partial.rename(directory)


def _frame(table: Table) -> pl.DataFrame:
    columns = [texts.alias(f"text.{name}") for name, texts in table.texts.items()]
    for name, values in table.figures.items():
        figures = pl.Series(values.values)
        if values.absent is not None:
            there = pl.Series(~values.absent)
            figures = pl.select(pl.when(there).then(figures)).to_series()
        columns.append(figures.alias(f"figure.{name}"))
    for name, exact in table.exact.items():
        columns.append(_numbers(exact.num).alias(f"num.{name}"))
        columns.append(_numbers(exact.denominators()).alias(f"den.{name}"))
    return pl.DataFrame(columns)


def _numbers(numbers: Any) -> pl.Series:
    """Whole numbers; as texts where they are longer than a machine's."""
    if numbers.dtype == object:
        return pl.Series([str(number) for number in numbers.tolist()], dtype=pl.String)
    return pl.Series(numbers)


def _settlement(files: Mapping[str, bytes], digest: str, terms: Terms) -> Settlement | None:
    """The settlement in files, None where it is not that of the digest."""
    manifest = files[_MANIFEST].decode()
    if sha256(files[_MANIFEST]).hexdigest() != digest:
        return None
    columns = json.loads(files[_COLUMNS])
    tables = {
        name: _table(name, columns[name], pl.read_parquet(BytesIO(files[f"{name}.parquet"])))
        for name in LINE_KEYS
        if name in columns
    }
    said = set(manifest.splitlines())
    for table in tables.values():
        if table_line(table) not in said:
            return None
    header = settlement_pb2.SettlementHeader.FromString(files[_HEADER])
    header.digest = ""
    return Settlement(terms, header, tables, known=Canonical(manifest, digest))


def _table(name: str, columns: list[dict[str, Any]], frame: pl.DataFrame) -> Table:
    made = tuple(
        Column(**{**column, "standards": tuple(column["standards"])}) for column in columns
    )
    texts, figures, exact = {}, {}, {}
    for column in frame.columns:
        kind, _, of = column.partition(".")
        if kind == "text":
            texts[of] = frame[column]
        elif kind == "figure":
            absent = frame[column].is_null().to_numpy() if frame[column].null_count() else None
            figures[of] = Values(frame[column].fill_null(0).to_numpy(), absent)
        elif kind == "num":
            exact[of] = Exact(_whole(frame[column]), _whole(frame[f"den.{of}"]))
    return Table(name, frame.height, made, texts, figures, exact)


def _whole(numbers: pl.Series) -> Int64Array:
    if numbers.dtype == pl.String:
        return np.array([int(number) for number in numbers.to_list()], object)
    return numbers.to_numpy()
