"""The file of a spool: batches in order, until they are acknowledged, in SQLite."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Self

import apsw

from cotton_client import errors
from cotton_client.spool.lock import SpoolLock
from cotton_client.spool.places import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

LIMIT_BYTES_DEFAULT: Final = 4 << 30
"""Some 70 million bales as columns: more than two national seasons."""

_APPLICATION_ID: Final = 0x434F5453
_FORMAT: Final = 1
_PAGE_BYTES: Final = 32768
"""Batches are hundreds of kilobytes: fewer, larger pages a batch."""
_SHRINK_PAGES: Final = 64
_ROOM_POLL_S: Final = 0.1
_BUSY_MS_MAX: Final = 5000
"""How long a look waits for a spool that is being opened, closed or made smaller."""
_PLACE: Final = "id, source, file, place, bale_first, bales, batch_id, sequenced, sequence"


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch to be kept: which reading of which file, its place there, and its bytes.

    `source` numbers readings of files: a file that is read twice has two. `readings` is a
    ReadingBatch without identity; `batch_id` follows from it and `place`. A `sequenced`
    batch is sent under the producer's sequence instead, which it gets when it is sent.
    """

    source: int
    file: str
    place: int
    bale_first: int
    bales: int
    batch_id: str
    sequenced: bool
    readings: bytes


@dataclass(frozen=True, slots=True)
class SpooledBatch:
    """A batch of the spool, and what refused it; `readings` is empty where it is only listed."""

    id: int
    source: int
    file: str
    place: int
    bale_first: int
    bales: int
    batch_id: str
    sequenced: bool
    sequence: int | None
    readings: bytes = b""
    refused_at_s: int = 0
    reason: str = ""
    message: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was when all of it had been sent: what tells that it has changed since."""

    name: str
    size: int
    mtime_ns: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Standing:
    """What a spool holds."""

    server: str
    producer_id: str
    waiting_batches: int
    waiting_bales: int
    refused: tuple[SpooledBatch, ...]


class Spool:
    """The spool of one producer for one server; use it as a context manager.

    What `append` returned from is on stable storage. Any thread may call it; one process
    at a time opens it. Every method raises SpoolError when the disk or the file fails.
    """

    def __init__(
        self,
        directory: Path,
        *,
        server: str,
        producer_id: str,
        limit_bytes: int = LIMIT_BYTES_DEFAULT,
    ) -> None:
        """Opens or makes the spool.

        Raises SpoolBusy when another process has it, SpoolError for one that belongs to
        another server or producer, or that cannot be read.
        """
        self.directory = directory
        self.server = server
        self.producer_id = producer_id
        self.limit_bytes = limit_bytes
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._changed = threading.Condition()
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = SpoolLock(directory)
        try:
            with _failures(directory):
                self._writer = _connect(directory)
                self._reader = _read_only(directory)
                self._claim()
                [(size, last)] = _rows(
                    self._writer,
                    "SELECT coalesce(sum(length(readings)), 0), coalesce(max(source), 0)"
                    " FROM batch",
                )
        except BaseException:
            self._lock.close()
            raise
        self._bytes = int(size)
        self._source_last = int(last)

    def __enter__(self) -> Self:
        """The open spool."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes it."""
        self.close()

    @property
    def bytes(self) -> int:
        """Bytes of the batches that it holds."""
        return self._bytes

    def close(self) -> None:
        """Gives the file and the lock free; a spool that is empty gives back its room."""
        try:
            with _failures(self.directory), self._writing, self._reading:
                self._reader.close()
                [(pages,)] = _rows(self._writer, "PRAGMA page_count")
                if not self._bytes and pages > _SHRINK_PAGES:
                    self._writer.execute("VACUUM")
                self._writer.close()
        finally:
            self._lock.close()

    def require_server(self, server: str) -> None:
        """Raises SpoolError unless this is the server that the spool is for."""
        if server != self.server:
            raise _of_another(self.directory, self.server, self.producer_id)

    def new_source(self) -> int:
        """A number for one more reading of a file."""
        self._source_last += 1
        return self._source_last

    def append(self, batches: Sequence[NewBatch]) -> None:
        """Keeps batches after all others, in one transaction; when this returns, durably."""
        with _failures(self.directory), self._writing, _transaction(self._writer):
            self._writer.executemany(
                "INSERT INTO batch (source, file, place, bale_first, bales, batch_id, sequenced,"
                " readings) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        *(each.source, each.file, each.place, each.bale_first, each.bales),
                        *(each.batch_id, int(each.sequenced), each.readings),
                    )
                    for each in batches
                ],
            )
        self._grow(sum(len(each.readings) for each in batches))

    def wait_for_room(self, stopped: threading.Event) -> bool:
        """Waits until the spool is below its limit; False when `stopped` comes first.

        Raises SpoolFull when refused batches alone fill it.
        """
        while self._bytes >= self.limit_bytes and not stopped.is_set():
            with _failures(self.directory), self._reading:
                [(refused,)] = _rows(
                    self._reader,
                    "SELECT coalesce(sum(length(readings)), 0) FROM batch"
                    " WHERE refused_at_s IS NOT NULL",
                )
            if refused >= self.limit_bytes:
                raise errors.SpoolFull(
                    f"The spool {self.directory} holds {refused} bytes of refused batches,"
                    f" its limit is {self.limit_bytes}."
                )
            with self._changed:
                self._changed.wait(_ROOM_POLL_S)
        return not stopped.is_set()

    def waiting(self, after: int, batches_max: int) -> list[SpooledBatch]:
        """The next batches to be sent, in order, whose ids are above `after`."""
        with _failures(self.directory), self._reading:
            rows = _rows(
                self._reader,
                f"SELECT {_PLACE}, readings FROM batch WHERE id > ? AND refused_at_s IS NULL"  # noqa: S608 - constants
                " ORDER BY id LIMIT ?",
                (after, batches_max),
            )
        return [_batch(row[:-1], readings=row[-1]) for row in rows]

    def number(self, sequences: Mapping[int, int]) -> None:
        """Records under which sequence each batch, named by its id, is about to be sent."""
        with _failures(self.directory), self._writing, _transaction(self._writer):
            self._writer.executemany(
                "UPDATE batch SET sequence = ? WHERE id = ?",
                [(sequence, batch) for batch, sequence in sequences.items()],
            )

    def forget(self, batches: Sequence[tuple[int, str]]) -> None:
        """Deletes acknowledged batches, given by id and batch id.

        A refused batch of the same content is deleted too: that content is stored now.
        """
        gone = 0
        with _failures(self.directory), self._writing, _transaction(self._writer):
            for number, batch_id in batches:
                for (size,) in _rows(
                    self._writer,
                    "DELETE FROM batch WHERE id = ?"
                    " OR (batch_id = ? AND refused_at_s IS NOT NULL) RETURNING length(readings)",
                    (number, batch_id),
                ):
                    gone += size
        self._grow(-gone)

    def set_aside(self, batch: int, error: errors.CottonError) -> None:
        """Keeps a refused batch with its error, out of the way of the others.

        An earlier refusal of the same content gives place to this one.
        """
        gone = 0
        with _failures(self.directory), self._writing, _transaction(self._writer):
            for (size,) in _rows(
                self._writer,
                "DELETE FROM batch WHERE refused_at_s IS NOT NULL AND id <> ?1 AND batch_id ="
                " (SELECT batch_id FROM batch WHERE id = ?1) RETURNING length(readings)",
                (batch,),
            ):
                gone += size
            self._writer.execute(
                "UPDATE batch SET refused_at_s = ?, reason = ?, message = ?, remedy = ?,"
                " sequence = NULL WHERE id = ?",
                (int(time.time()), error.reason, error.message, error.remedy, batch),
            )
        self._grow(-gone)

    def retry(self, batch: int | None = None) -> int:
        """Lets refused batches, or one, wait to be sent again; how many there were."""
        with _failures(self.directory), self._writing, _transaction(self._writer):
            changed = _rows(
                self._writer,
                "UPDATE batch SET refused_at_s = NULL, reason = NULL, message = NULL, remedy = NULL"
                " WHERE refused_at_s IS NOT NULL AND (?1 IS NULL OR id = ?1) RETURNING id",
                (batch,),
            )
        return len(changed)

    def drop(self, batch: int) -> SpooledBatch | None:
        """Deletes a refused batch for good and gives what it was; None when there is none."""
        with _failures(self.directory), self._writing, _transaction(self._writer):
            rows = _rows(
                self._writer,
                f"DELETE FROM batch WHERE id = ? AND refused_at_s IS NOT NULL"  # noqa: S608 - constants
                f" RETURNING {_PLACE}, readings",
                (batch,),
            )
        for row in rows:
            self._grow(-len(row[-1]))
            return _batch(row[:-1], readings=row[-1])
        return None

    def standing(self) -> Standing:
        """What it holds now."""
        standing = look(self.directory)
        if standing is None:
            raise errors.SpoolError(f"The spool {self.directory} is gone.")
        return standing

    def remembered(self, name: str) -> FileState | None:
        """A file as it was when it had been sent; None for one that never was."""
        with _failures(self.directory), self._reading:
            rows = _rows(
                self._reader,
                "SELECT name, size, mtime_ns, digest FROM file WHERE name = ?",
                (name,),
            )
        return FileState(*rows[0]) if rows else None

    def remember(self, file: FileState) -> None:
        """Records durably that all of a file has been sent."""
        with _failures(self.directory), self._writing, _transaction(self._writer):
            self._writer.execute(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)",
                (file.name, file.size, file.mtime_ns, file.digest),
            )

    def _grow(self, size: int) -> None:
        """Counts bytes that came or went, and tells who waits for room."""
        with self._changed:
            self._bytes += size
            self._changed.notify_all()

    def _claim(self) -> None:
        """Records whose spool this is when it is new; refuses another's."""
        with _transaction(self._writer):
            owners = _rows(self._writer, "SELECT server, producer FROM spool")
            if not owners:
                owners = [(self.server, self.producer_id)]
                self._writer.execute("INSERT INTO spool VALUES (?, ?)", owners[0])
        if owners != [(self.server, self.producer_id)]:
            raise _of_another(self.directory, *owners[0])


def look(directory: Path) -> Standing | None:
    """What a spool holds, whether or not a process sends from it.

    None for one whose making was cut off: nothing was ever in it.
    """
    with _failures(directory):
        connection = _read_only(directory)
        try:
            standing = _standing(connection) if _made(connection) else None
        finally:
            connection.close()
    return standing


def _made(connection: apsw.Connection) -> bool:
    """Whether the making of a spool has come to its end."""
    tables = _rows(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'spool'")
    return bool(tables) and bool(_rows(connection, "SELECT 1 FROM spool"))


def _standing(connection: apsw.Connection) -> Standing:
    """Whose spool it is and what it holds, in one consistent look."""
    with _transaction(connection, "BEGIN"):
        [(server, producer)] = _rows(connection, "SELECT server, producer FROM spool")
        [(batches, bales)] = _rows(
            connection,
            "SELECT count(*), coalesce(sum(bales), 0) FROM batch WHERE refused_at_s IS NULL",
        )
        rows = _rows(
            connection,
            f"SELECT {_PLACE}, refused_at_s, reason, message, remedy FROM batch"  # noqa: S608 - constants
            " WHERE refused_at_s IS NOT NULL ORDER BY id",
        )
    refused = tuple(
        _batch(row[:-4], refused_at_s=row[-4], reason=row[-3], message=row[-2], remedy=row[-1])
        for row in rows
    )
    return Standing(server, producer, batches, bales, refused)


def _batch(place: Sequence[Any], **rest: Any) -> SpooledBatch:
    """A batch of the columns of _PLACE and what else is known of it."""
    number, source, file, index, bale_first, bales, batch_id, sequenced, sequence = place
    return SpooledBatch(
        *(number, source, file, index, bale_first, bales, batch_id),
        sequenced=bool(sequenced),
        sequence=sequence,
        **rest,
    )


def _rows(connection: apsw.Connection, statement: str, values: Sequence[Any] = ()) -> list[Any]:
    """All rows of a statement."""
    return connection.execute(statement, values).fetchall()


def _connect(directory: Path) -> apsw.Connection:
    """The one connection that writes, the file made where there is none."""
    connection = apsw.Connection(str(directory / FILE_NAME))
    connection.set_busy_timeout(_BUSY_MS_MAX)
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    [(found,)] = _rows(connection, "PRAGMA application_id")
    [(form,)] = _rows(connection, "PRAGMA user_version")
    [(tables,)] = _rows(connection, "SELECT count(*) FROM sqlite_schema")
    if (tables or found or form) and (found, form) != (_APPLICATION_ID, _FORMAT):
        raise errors.SpoolError(
            f"{directory / FILE_NAME} is not a spool of this version.",
            remedy="Name another directory with --spool, or use the version that made it.",
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if not tables:
        schema = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
        with _transaction(connection):
            connection.execute(schema)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
    return connection


def _read_only(directory: Path) -> apsw.Connection:
    """A connection that changes nothing."""
    connection = apsw.Connection(str(directory / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(_BUSY_MS_MAX)
    return connection


def _of_another(directory: Path, server: str, producer_id: str) -> errors.SpoolError:
    """What is wrong with a spool that belongs elsewhere."""
    return errors.SpoolError(
        f"The spool {directory} holds what producer {producer_id} sends to {server}.",
        reason="SPOOL_OF_ANOTHER",
        remedy="Send to that server as that producer, or name another directory with --spool.",
        metadata={"spool": str(directory), "server": server, "producer": producer_id},
    )


@contextmanager
def _transaction(connection: apsw.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All or nothing; after some failures, a full disk among them, SQLite has undone it already."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _failures(directory: Path) -> Iterator[None]:
    """SQLite's errors as errors of the spool."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise errors.SpoolError(
            f"The spool {directory} is damaged: {error}.",
            reason="SPOOL_DAMAGED",
            remedy="Move the directory away and send its files again: nothing is counted twice.",
        ) from error
    except apsw.FullError as error:
        raise errors.SpoolError(
            f"There is no space left for the spool {directory}.",
            remedy="Free disk space, or name another directory with --spool.",
        ) from error
    except apsw.Error as error:
        raise errors.SpoolError(f"The spool {directory} failed: {error}.") from error
