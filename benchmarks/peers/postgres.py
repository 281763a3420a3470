"""PostgreSQL as a store: binary COPY, the bale code as primary key, synchronous commit."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import psycopg

from benchmarks.peers.cluster import SETTINGS, cluster
from benchmarks.peers.rows import COLUMNS, KEY, Group, TextBook
from benchmarks.peers.stores import Kept

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt
    from cotton_server.domain.readings import ReadingTable

_TYPES: Final = {2: "smallint", 4: "integer", 8: "bigint"}
"""By bytes."""

_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_NULL: Final = -1


def encoded(group: Group) -> bytes:
    """A group in the binary format of COPY, its columns in their order.

    Every value is preceded by its length, so rows without nulls are equally long: they are
    written as one array.
    """
    fields: list[tuple[str, str]] = [("count", ">i2")]
    places: dict[str, int] = {}
    place = 2
    for name, column in group.columns.items():
        fields += [(f"{name} length", ">i4"), (name, f">i{column.itemsize}")]
        places[name] = place + 4
        place += 4 + column.itemsize
    rows: npt.NDArray[Any] = np.empty(len(group), np.dtype(fields))
    rows["count"] = len(group.columns)
    for name, column in group.columns.items():
        rows[f"{name} length"] = column.itemsize
        rows[name] = column
    if not group.absent:
        return _HEAD + rows.tobytes() + _END
    wide = rows.view(np.uint8).reshape(len(group), -1)
    kept = np.ones(wide.shape, np.bool_)
    for name, absent in group.absent.items():
        rows[f"{name} length"][absent] = _NULL
        place = places[name]
        kept[absent, place : place + group.columns[name].itemsize] = False
    return _HEAD + wide[kept].tobytes() + _END


class _Postgres:
    """A cluster of its own with the table of bales, and a connection to it."""

    def __init__(self, directory: Path) -> None:
        """Makes the cluster and its tables; nothing of it outlives `close`."""
        self._stack = ExitStack()
        self._cluster = self._stack.enter_context(cluster(directory))
        self._connection = psycopg.connect(self._cluster.address)
        self._book = TextBook()
        columns = ", ".join(f"{name} {_TYPES[of.itemsize]}" for name, of in COLUMNS.items())
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE bale ({columns}, PRIMARY KEY ({', '.join(KEY)}))")
            cursor.execute("CREATE TABLE text (number integer PRIMARY KEY, text text NOT NULL)")

    @property
    def address(self) -> str:
        """What others connect by while it runs."""
        return self._cluster.address

    def close(self) -> Kept:
        """Counts, and ends the cluster."""
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT count(*), pg_total_relation_size('bale') FROM bale")
            bales, disk_bytes = cursor.fetchone() or (0, 0)
        self._connection.close()
        self._stack.close()
        about = {"version": self._cluster.version, **SETTINGS}
        return Kept(int(bales), int(disk_bytes), about)

    def _texts(self, cursor: psycopg.Cursor[Any], group: Group) -> None:
        if group.texts:
            with cursor.copy("COPY text FROM STDIN") as copy:
                for row in group.texts:
                    copy.write_row(row)

    def _copy(self, cursor: psycopg.Cursor[Any], table: str, group: Group) -> None:
        names = ", ".join(group.columns)
        with cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT binary)") as copy:
            copy.write(encoded(group))


class StagedStore(_Postgres):
    """Every group by COPY into a temporary table, and from there what the table does not have.

    So a bale that comes again is left as it is, as the service's duplicate check does it.
    """

    def __init__(self, directory: Path) -> None:
        """Makes the cluster, its tables, and the temporary one, which is not logged."""
        super().__init__(directory)
        with self._connection.transaction():
            self._connection.execute(
                "CREATE TEMPORARY TABLE incoming (LIKE bale) ON COMMIT DELETE ROWS"
            )

    def append(self, tables: Sequence[ReadingTable]) -> int:
        """Stores batches, committed when this returns; how many bales were not there before."""
        group = Group(tables, self._book)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            self._texts(cursor, group)
            self._copy(cursor, "incoming", group)
            cursor.execute("INSERT INTO bale SELECT * FROM incoming ON CONFLICT DO NOTHING")
            return int(cursor.rowcount)


class PlainStore(_Postgres):
    """Every group by COPY straight into the table: the fastest way, for new bales alone.

    One bale that is there already makes the whole group an error.
    """

    def append(self, tables: Sequence[ReadingTable]) -> int:
        """Stores batches, committed when this returns; psycopg.Error unless all bales are new."""
        group = Group(tables, self._book)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            self._texts(cursor, group)
            self._copy(cursor, "bale", group)
        return len(group)
