"""Opening the file of a ledger: which SQLite, whose file, what format."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Final

import apsw

from cotton_server.ledger.entry import LEDGER_FORMAT
from cotton_server.ledger.errors import (
    LedgerDamagedError,
    LedgerFailedError,
    LedgerVersionError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME: Final = "ledger.sqlite"
SQLITE_VERSION_MIN: Final = (3, 51, 3)
"""Below this, two connections to one WAL file can lose a commit (the WAL-reset bug)."""

FREED_FORMAT: Final = 2
"""Format of a file in which payloads were freed: who does not know of seals cannot read it.

Until then a file has the format of its entries, and the version of before can go on with it.
"""

APPLICATION_ID: Final = 0x434F5454
"""In the header of the file: it is a ledger of ours."""
_BUSY_MS: Final = 10_000
"""How long a connection waits for another one that holds the file."""
_LOG_KEPT_BYTES: Final = 64 << 20
"""What the write-ahead log keeps of its size after it was folded."""


def require_sqlite() -> None:
    """Raises LedgerVersionError when SQLite is too old."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < SQLITE_VERSION_MIN:
        raise LedgerVersionError(
            f"SQLite {apsw.sqlite_lib_version()} can lose commits; at least"
            f" {'.'.join(map(str, SQLITE_VERSION_MIN))} is needed. Install apsw from its wheel."
        )


def connect(path: Path, page_bytes: int) -> apsw.Connection:
    """The connection that appends; makes the file, or what a file of before has not yet."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(_BUSY_MS)
    # Before anything is written: a file of somebody else stays as it is.
    is_new = _require_own(connection, path)
    connection.execute(f"PRAGMA page_size = {page_bytes:d}")
    if is_new:
        # Freed pages can be given back later, a few at a time; a file that has tables already
        # would have to be rewritten for that, and uses its free pages again instead.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    mode = connection.execute("PRAGMA journal_mode = WAL").get
    if mode != "wal":
        raise LedgerVersionError(
            f"{path} cannot keep a write-ahead log (mode {mode}); use a local file system."
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_KEPT_BYTES:d}")
    path.chmod(0o600)
    with connection:
        if is_new:
            connection.execute(_sql("schema.sql"))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {LEDGER_FORMAT}")
        if is_new or not _has_catalogue(connection):
            connection.execute(_sql("catalogue.sql"))
    return connection


def connect_beside(path: Path) -> apsw.Connection:
    """Another connection to a file that is a ledger of ours already."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(_BUSY_MS)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_KEPT_BYTES:d}")
    return connection


def connect_to_free(path: Path) -> apsw.Connection:
    """A connection whose commits are not synced: what they say is true with or without them.

    The log is one sequence: whoever syncs a later commit syncs these with it, and if power fails
    before, payloads that lie in sealed files lie in the log as well.
    """
    connection = connect_beside(path)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def connect_to_read(path: Path) -> apsw.Connection:
    """A connection that cannot write, to a ledger that a server has opened or has written.

    Raises LedgerVersionError when it is no ledger of ours, apsw.Error when it cannot be opened.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(_BUSY_MS)
    if _require_own(connection, path) or not _has_catalogue(connection):
        raise LedgerVersionError(
            f"{path} is no ledger of this version yet. Start the service on it once."
        )
    return connection


@contextmanager
def errors_of_opening(path: Path) -> Iterator[None]:
    """Raises what goes wrong with opening a ledger for reading as errors of the ledger.

    LedgerVersionError where SQLite is too old, LedgerDamagedError, LedgerFailedError.
    """
    require_sqlite()
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise LedgerDamagedError(1, f"SQLite says: {error}") from error
    except apsw.Error as error:
        raise LedgerFailedError(
            f"{path} cannot be opened for reading: {error}. Correct its owner and mode, or"
            " the name of the directory."
        ) from error


def odd_tables(connection: apsw.Connection) -> list[str]:
    """Names of tables and indices of a ledger that are not as they are made; raises apsw.Error.

    SQLite reads a definition that has changed, as long as it can be understood. A ledger of before
    has no catalogue until it is opened to append.
    """
    with closing(apsw.Connection(":memory:")) as made:
        for name in ("schema.sql", "catalogue.sql"):
            made.execute(_sql(name))
        right = _definitions(made)
    found = _definitions(connection)
    odd = {name for name, each in found.items() if right.get(name) != each}
    return sorted(odd | (right.keys() - found.keys() - {"seal"}))


def _definitions(connection: apsw.Connection) -> dict[str, tuple[str, str, str]]:
    """Kind, table and text of all tables and indices, by name."""
    rows = connection.execute("SELECT name, type, tbl_name, sql FROM sqlite_schema")
    return {str(name): (str(kind), str(table), str(text)) for name, kind, table, text in rows}


def file_size(path: Path) -> int:
    """Size of a file, 0 where there is none, or none any more; raises OSError."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def sync_directory(directory: Path) -> None:
    """Writes the names in a directory out to the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_own(connection: apsw.Connection, path: Path) -> bool:
    """Whether the file is still empty; raises LedgerVersionError when it is no ledger of ours."""
    application = connection.execute("PRAGMA application_id").get
    version = connection.execute("PRAGMA user_version").get
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if tables == 0:
        return True
    if application != APPLICATION_ID:
        raise LedgerVersionError(
            f"{path} is an SQLite file but no ledger. Point --data-dir at another directory."
        )
    if version not in (LEDGER_FORMAT, FREED_FORMAT):
        raise LedgerVersionError(
            f"{path} has ledger format {version}; this version of the service writes"
            f" {LEDGER_FORMAT} and {FREED_FORMAT}. Start the version that wrote it, or a newer one."
        )
    return False


def _has_catalogue(connection: apsw.Connection) -> bool:
    found = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'seal'").get
    return bool(found)


def _sql(name: str) -> str:
    return resources.files("cotton_server.ledger").joinpath(name).read_text("utf-8")
