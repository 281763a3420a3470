"""Entries in SQLite: appended in groups, one sync a group, chained by digest."""

from __future__ import annotations

import os
import threading
import time
from importlib import resources
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, cast

import apsw

from cotton_server.ledger.entry import (
    GENESIS,
    LEDGER_FORMAT,
    Entry,
    NewEntry,
    chained_digest,
    payload_digest,
)
from cotton_server.ledger.errors import (
    LedgerDamagedError,
    LedgerFailedError,
    LedgerFullError,
    LedgerVersionError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FILE_NAME: Final = "ledger.sqlite"
SQLITE_VERSION_MIN: Final = (3, 51, 3)
"""Below this, two connections to one WAL file can lose a commit (the WAL-reset bug)."""

_APPLICATION_ID: Final = 0x434F5454
_COLUMNS: Final = (
    "position, format, kind, contract, message, producer, sequence, batch_id, principal,"
    " received_at_us, rule_set, payload_digest, digest, outcomes, payload"
)
_TYPES: Final[tuple[type | tuple[type, ...], ...]] = (
    *(int, int, str, str, str, str, (int, NoneType), (str, NoneType), str),
    *(int, str, bytes, bytes, bytes, bytes),
)
"""What the columns hold; SQLite enforces it when it writes, not when it reads."""
_READ_ENTRIES_MAX: Final = 256
_READ_BYTES: Final = 2 << 20
"""How much is read at once: entries may be megabytes or a few bytes long."""
_FOLD_TRIES: Final = 20
_FOLD_PAUSE_S: Final = 0.1
"""How long a start waits for somebody who reads an old state of the file: 2 seconds."""
_LOG_KEPT_BYTES: Final = 64 << 20
"""What the write-ahead log keeps of its size after it was folded."""
_CHECKPOINT_PAGES: Final = 1000
"""Pages of write-ahead log (16 MiB) after which it is folded into the file."""
_AHEAD_IS_LATE: Final = 8
"""How many times as long a log no longer waits for who folds ahead."""


class Ledger:
    """The ledger of one data directory.

    One thread appends; any thread reads. After LedgerFailedError the object refuses to append:
    what reached the disk is unknown, and only a restart finds out.
    """

    def __init__(self, directory: Path, *, page_bytes: int = 16384) -> None:
        """Opens or creates the ledger; the caller holds the DirectoryLock.

        Raises LedgerVersionError when SQLite is too old or the file is not a ledger of this
        format (which is left as it was), LedgerDamagedError when SQLite cannot read it,
        LedgerFailedError when it cannot be opened.
        """
        _require_sqlite()
        self._path = directory / FILE_NAME
        self._failed = False
        self._sync_s = 0.0
        self._log_pages = 0
        self._log_is_long = threading.Event()
        self._ahead: apsw.Connection | None = None
        self._folded_ahead = False
        self._read_lock = threading.Lock()
        self._position, self._digest = 0, GENESIS
        try:
            self._writer = _connect(self._path, page_bytes)
            self._reader = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise LedgerDamagedError(1, f"SQLite says: {error}") from error
        except apsw.Error as error:
            raise LedgerFailedError(
                f"{self._path} cannot be opened: {error}. Correct its owner and mode, or end"
                " the other program that holds it."
            ) from error
        try:
            self._position, self._digest = self._head()
        except apsw.Error as error:
            raise LedgerDamagedError(self._first_unreadable(), f"SQLite says: {error}") from error
        # In place of the automatic checkpoint, whose errors nobody would hear.
        self._writer.set_wal_hook(self._note_log)
        # What a failed sync left in the page cache alone would count as stored: write it out.
        for _ in range(_FOLD_TRIES):
            self._fold()
            if self._log_pages == 0:
                break
            time.sleep(_FOLD_PAUSE_S)
        _sync_directory(directory)

    @property
    def position(self) -> int:
        """Position of the last durable entry; 0 when there is none."""
        return self._position

    @property
    def digest(self) -> bytes:
        """Chained digest of the last durable entry."""
        return self._digest

    @property
    def sync_s(self) -> float:
        """Seconds that the last commit took to write its log and sync it."""
        return self._sync_s

    @property
    def size_bytes(self) -> int:
        """Size of the file and its write-ahead log."""
        return _size(self._path) + self.log_size_bytes

    @property
    def log_size_bytes(self) -> int:
        """Size of the write-ahead log; it is used again after each checkpoint."""
        return _size(self._path.with_name(FILE_NAME + "-wal"))

    def append(self, entries: Sequence[NewEntry]) -> int:
        """Stores entries in one commit; returns the position of the first of them.

        When this returns, they are on stable storage. Raises LedgerFullError (nothing kept,
        try again later) or LedgerFailedError (stop the process).
        """
        if self._failed:
            raise LedgerFailedError("The ledger has failed before; restart the server.")
        position, digest = self._position, self._digest
        rows: list[tuple[Any, ...]] = []
        for entry in entries:
            position += 1
            of_payload = payload_digest(entry.payload)
            digest = chained_digest(digest, position, entry, of_payload)
            rows.append(_row(position, entry, of_payload, digest))
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany(
                f"INSERT INTO entry ({_COLUMNS})"  # noqa: S608 - a constant
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            begun = time.perf_counter()
            self._writer.execute("COMMIT")
            self._sync_s = time.perf_counter() - begun
        except apsw.FullError as error:
            if self._rolled_back():
                raise LedgerFullError(f"The disk of {self._path.parent} is full.") from error
            self._failed = True
            raise LedgerFailedError(
                f"The disk is full and the group could not be rolled back: {error}."
            ) from error
        except apsw.Error as error:
            # After a failed sync the kernel may have dropped the pages: trying again would
            # acknowledge what is not there.
            self._failed = True
            raise LedgerFailedError(f"Writing {self._path} failed: {error}.") from error
        first = self._position + 1
        self._position, self._digest = position, digest
        return first

    def checkpoint(self) -> None:
        """Folds the write-ahead log into the file when it has grown long.

        SQLite would do this inside a commit and keep its errors to itself. Where somebody
        folds ahead, this waits for that and folds only the rest. Raises LedgerFailedError when
        the file could not be written or synced; the entries are in the log, but a disk that
        fails is not trusted with more.
        """
        if self._failed:
            raise LedgerFailedError("The ledger has failed before; restart the server.")
        if self._log_pages < _CHECKPOINT_PAGES:
            return
        waits = self._ahead is not None and not self._folded_ahead
        if waits and self._log_pages < _AHEAD_IS_LATE * _CHECKPOINT_PAGES:
            return
        self._fold()
        self._folded_ahead = False
        self._log_is_long.clear()

    def fold_ahead(self, timeout_s: float) -> None:
        """Waits until the log has grown long, and folds most of it beside the one that appends.

        For a thread of its own, which calls it again and again: folding a long log takes tens of
        milliseconds, for which nobody has to wait then. After an error the ledger refuses to
        append.
        """
        if self._ahead is None:
            try:
                self._ahead = _connect_beside(self._path)
            except apsw.Error:
                self._failed = True
                raise
        if not self._log_is_long.wait(timeout_s):
            return
        self._log_is_long.clear()
        try:
            self._ahead.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (apsw.FullError, apsw.BusyError, apsw.LockedError):
            return
        except apsw.Error:
            self._failed = True
            raise
        # Who appends may have folded meanwhile, and does not look again. Looking after saying
        # so, and not before, leaves no moment in which it could do that unseen.
        self._folded_ahead = True
        if self._log_pages < _CHECKPOINT_PAGES:
            self._folded_ahead = False

    def _fold(self) -> None:
        try:
            pages, folded = self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (apsw.FullError, apsw.BusyError, apsw.LockedError):
            return  # the log goes on growing and is folded at the next chance
        except apsw.Error as error:
            self._failed = True
            raise LedgerFailedError(f"Writing {self._path} failed: {error}.") from error
        # Somebody who reads an old state keeps the rest of the log in use.
        self._log_pages = pages - folded

    def _note_log(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._log_pages = pages
        if pages >= _CHECKPOINT_PAGES and not self._folded_ahead:
            self._log_is_long.set()
        return apsw.SQLITE_OK

    def by_sequence(self, producer: str, sequence: int) -> Entry | None:
        """The entry that a producer stored under a sequence."""
        return self._one("producer = ? AND sequence = ?", (producer, sequence))

    def by_batch_id(self, producer: str, batch_id: str) -> Entry | None:
        """The entry that a producer stored under a batch or request id."""
        return self._one("producer = ? AND batch_id = ?", (producer, batch_id))

    def at(self, position: int) -> Entry | None:
        """The entry at a position."""
        return self._one("position = ?", (position,))

    def received_at_us(self, position: int) -> int | None:
        """When the entry at a position was received; its payload is not read for it."""
        with self._read_lock:
            row = self._reader.execute(
                "SELECT received_at_us FROM entry WHERE position = ?", (position,)
            ).fetchone()
        return None if row is None else cast("int", row[0])

    def verified(self, previous: bytes = GENESIS) -> Iterator[Entry]:
        """All entries in order, each checked: no gap, digest of payload and chain right.

        Raises LedgerDamagedError at the first that is not what was written.
        """
        position = 0
        for row in self._rows():
            entry = _entry(row)
            position += 1
            _verify(entry, position, previous)
            previous = entry.digest
            yield entry
        if position != self._position:
            raise LedgerDamagedError(
                position + 1, f"{self._position} entries were counted, {position} were found"
            )

    def close(self) -> None:
        """Folds the write-ahead log into the file and closes it; nobody folds ahead any more."""
        if self._ahead is not None:
            self._ahead.close()
        self._reader.close()
        self._writer.close()

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        """All rows in order, a few megabytes at a time; raises LedgerDamagedError."""
        position = 0
        while True:
            try:
                rows = self._some_rows(position, self._rows_at_once(position))
            except (apsw.Error, UnicodeDecodeError):
                try:  # one alone, to say exactly where
                    rows = self._some_rows(position, 1)
                except (apsw.Error, UnicodeDecodeError) as error:
                    raise LedgerDamagedError(position + 1, f"SQLite says: {error}") from error
            if not rows:
                return
            yield from rows
            position += len(rows)

    def _rows_at_once(self, position: int) -> int:
        """How many of the next rows are read together; their sizes are read without them."""
        with self._read_lock:
            sizes = self._reader.execute(
                "SELECT length(payload) + length(outcomes) FROM entry WHERE position > ?"
                " ORDER BY position LIMIT ?",
                (position, _READ_ENTRIES_MAX),
            ).fetchall()
        size = count = 0
        for (each,) in sizes:
            size += cast("int | None", each) or 0
            if count and size > _READ_BYTES:
                break
            count += 1
        return max(count, 1)

    def _some_rows(self, position: int, count: int) -> list[tuple[Any, ...]]:
        with self._read_lock:
            return self._reader.execute(
                f"SELECT {_COLUMNS} FROM entry WHERE position > ?"  # noqa: S608 - a constant
                " ORDER BY position LIMIT ?",
                (position, count),
            ).fetchall()

    def _one(self, condition: str, bindings: tuple[Any, ...]) -> Entry | None:
        with self._read_lock:
            row = self._reader.execute(
                f"SELECT {_COLUMNS} FROM entry WHERE {condition}",  # noqa: S608 - constants
                bindings,
            ).fetchone()
        return None if row is None else _entry(row)

    def _rolled_back(self) -> bool:
        """Whether nothing of the group is left; SQLite may have rolled back by itself."""
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except apsw.Error:
            return False
        return not self._writer.in_transaction

    def _first_unreadable(self) -> int:
        """The first position that cannot be read; 1 when the file as a whole cannot be."""
        position = 0
        try:
            for entry in self.verified():
                position = entry.position
        except LedgerDamagedError as damage:
            return damage.position
        return position + 1

    def _head(self) -> tuple[int, bytes]:
        row = self._writer.execute(
            "SELECT position, digest FROM entry ORDER BY position DESC LIMIT 1"
        ).fetchone()
        return (0, GENESIS) if row is None else (row[0], row[1])


def _require_sqlite() -> None:
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < SQLITE_VERSION_MIN:
        raise LedgerVersionError(
            f"SQLite {apsw.sqlite_lib_version()} can lose commits; at least"
            f" {'.'.join(map(str, SQLITE_VERSION_MIN))} is needed. Install apsw from its wheel."
        )


def _connect(path: Path, page_bytes: int) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(10_000)
    # Before anything is written: a file of somebody else stays as it is.
    is_new = _require_own(connection, path)
    connection.execute(f"PRAGMA page_size = {page_bytes:d}")
    mode = connection.execute("PRAGMA journal_mode = WAL").get
    if mode != "wal":
        raise LedgerVersionError(
            f"{path} cannot keep a write-ahead log (mode {mode}); use a local file system."
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_KEPT_BYTES:d}")
    path.chmod(0o600)
    if is_new:
        schema = resources.files("cotton_server.ledger").joinpath("schema.sql").read_text("utf-8")
        with connection:
            connection.execute(schema)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {LEDGER_FORMAT}")
    return connection


def _connect_beside(path: Path) -> apsw.Connection:
    """Another connection to a file that is a ledger of ours already."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _require_own(connection: apsw.Connection, path: Path) -> bool:
    """Whether the file is still empty; raises LedgerVersionError when it is no ledger of ours."""
    application = connection.execute("PRAGMA application_id").get
    version = connection.execute("PRAGMA user_version").get
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if tables == 0:
        return True
    if application != _APPLICATION_ID:
        raise LedgerVersionError(
            f"{path} is an SQLite file but no ledger. Point --data-dir at another directory."
        )
    if version != LEDGER_FORMAT:
        raise LedgerVersionError(
            f"{path} has ledger format {version}; this version of the service writes"
            f" {LEDGER_FORMAT}. Start the version that wrote it, or a newer one."
        )
    return False


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _row(position: int, entry: NewEntry, of_payload: bytes, digest: bytes) -> tuple[Any, ...]:
    return (
        position,
        LEDGER_FORMAT,
        entry.kind,
        entry.contract,
        entry.message,
        entry.producer,
        entry.sequence,
        entry.batch_id,
        entry.principal,
        entry.received_at_us,
        entry.rule_set,
        of_payload,
        digest,
        entry.outcomes,
        entry.payload,
    )


def _entry(row: tuple[Any, ...]) -> Entry:
    if not all(isinstance(value, kind) for value, kind in zip(row, _TYPES, strict=True)):
        raise LedgerDamagedError(row[0], "a column does not hold what it is declared to hold")
    (position, form, kind, contract, message, producer, sequence, batch_id, principal) = row[:9]
    (received_at_us, rule_set, of_payload, digest, outcomes, payload) = row[9:]
    content = NewEntry(
        kind,
        contract,
        message,
        producer,
        sequence,
        batch_id,
        principal,
        received_at_us,
        rule_set,
        outcomes,
        payload,
    )
    return Entry(position, form, content, of_payload, digest)


def _verify(entry: Entry, position: int, previous: bytes) -> None:
    if entry.position != position:
        raise LedgerDamagedError(position, f"the next entry stored is {entry.position}")
    if entry.format != LEDGER_FORMAT:
        raise LedgerDamagedError(position, f"it says that it has format {entry.format}")
    if payload_digest(entry.content.payload) != entry.payload_digest:
        raise LedgerDamagedError(
            position, "the payload does not have the digest it was stored with"
        )
    if chained_digest(previous, position, entry.content, entry.payload_digest) != entry.digest:
        raise LedgerDamagedError(position, "the header or the chain of digests is not as written")
