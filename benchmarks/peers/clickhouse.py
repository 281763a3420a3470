"""chDB as a store: a MergeTree ordered by bale, inserted into from Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import chdb
import pyarrow as pa

from benchmarks.measure import size_bytes
from benchmarks.peers.duck import columns_of
from benchmarks.peers.rows import COLUMNS, KEY, Group, TextBook
from benchmarks.peers.stores import Kept

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cotton_server.domain.readings import ReadingTable

_KEY: Final = ", ".join(KEY)


class ChdbStore:
    """One INSERT, and so one new part, a group; nothing is unique, and nothing is synced."""

    def __init__(self, directory: Path) -> None:
        """Makes the tables in a directory."""
        self._directory = directory
        self._connection = chdb.connect(str(directory))
        self._book = TextBook()
        columns = ", ".join(
            f"{name} Int{8 * dtype.itemsize}"
            if name in KEY
            else f"{name} Nullable(Int{8 * dtype.itemsize})"
            for name, dtype in COLUMNS.items()
        )
        self._connection.query("CREATE DATABASE season")
        self._connection.query(
            f"CREATE TABLE season.bale ({columns}) ENGINE = MergeTree ORDER BY ({_KEY})"
        )
        self._connection.query(
            "CREATE TABLE season.text (number Int32, text String)"
            " ENGINE = MergeTree ORDER BY number"
        )

    def append(self, tables: Sequence[ReadingTable]) -> int:
        """Inserts batches; whether a bale is there already is not looked at."""
        group = Group(tables, self._book)
        if group.texts:
            numbers, words = zip(*group.texts, strict=True)
            texts = pa.table({"number": pa.array(numbers, pa.int32()), "text": words})
            self._insert("text", texts)
        self._insert("bale", columns_of(group))
        return len(group)

    def close(self) -> Kept:
        """Counts and closes."""
        bales = int(str(self._connection.query("SELECT count() FROM season.bale", "TSVRaw")))
        self._connection.close()
        return Kept(bales, size_bytes(self._directory), {"version": chdb.__version__})

    def _insert(self, table: str, rows: pa.Table) -> None:
        # Read by name by the table function Python.
        names = ", ".join(rows.column_names)
        self._connection.query(
            f"INSERT INTO season.{table} ({names}) SELECT {names} FROM Python(rows)"  # noqa: S608 - names of ours
        )
