"""DuckDB as a store: a table with a unique key, inserted into from Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from benchmarks.peers.rows import COLUMNS, KEY, Group, TextBook
from benchmarks.peers.stores import Kept

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from cotton_server.domain.readings import ReadingTable

_FILE: Final = "bales.duckdb"
_TYPES: Final = {2: "SMALLINT", 4: "INTEGER", 8: "BIGINT"}
"""By bytes."""


def columns_of(group: Group) -> pa.Table:
    """A group as a table of Arrow, null where absent."""
    return pa.table(
        {
            name: pa.array(column, mask=group.absent.get(name))
            for name, column in group.columns.items()
        }
    )


def declared(dtype: np.dtype[np.signedinteger]) -> str:
    """The type of a column in SQL."""
    return _TYPES[dtype.itemsize]


class DuckStore:
    """One transaction a group; DuckDB syncs its log at each commit.

    A bale that is there already is left as it is.
    """

    def __init__(self, directory: Path) -> None:
        """Makes the file and its tables."""
        self._path = directory / _FILE
        self._connection = duckdb.connect(str(self._path))
        self._book = TextBook()
        columns = ", ".join(f"{name} {declared(dtype)}" for name, dtype in COLUMNS.items())
        self._connection.execute(f"CREATE TABLE bale ({columns}, PRIMARY KEY ({', '.join(KEY)}))")
        self._connection.execute("CREATE TABLE text (number INTEGER PRIMARY KEY, text VARCHAR)")

    def append(self, tables: Sequence[ReadingTable]) -> int:
        """Stores batches, committed when this returns; how many bales were not there before."""
        group = Group(tables, self._book)
        self._connection.execute("BEGIN")
        if group.texts:
            numbers, texts = zip(*group.texts, strict=True)
            self._connection.register("texts", pa.table({"number": numbers, "text": texts}))
            self._connection.execute("INSERT INTO text SELECT number, text FROM texts")
        self._connection.register("bales", columns_of(group))
        answer = self._connection.execute("INSERT OR IGNORE INTO bale BY NAME SELECT * FROM bales")
        (created,) = answer.fetchone()
        self._connection.execute("COMMIT")
        return int(created)

    def close(self) -> Kept:
        """Counts, folds the log into the file, and closes it."""
        (bales,) = self._connection.execute("SELECT count(*) FROM bale").fetchone()
        (threads,) = self._connection.execute("SELECT current_setting('threads')").fetchone()
        self._connection.close()
        about = {"version": duckdb.__version__, "threads": str(threads)}
        return Kept(int(bales), self._path.stat().st_size, about)
