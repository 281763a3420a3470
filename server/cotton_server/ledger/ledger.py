"""Entries in SQLite: appended in groups, one sync a group, chained by digest."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import apsw

from cotton_server.ledger.entry import (
    GENESIS,
    LEDGER_FORMAT,
    NewEntry,
    chained_digest,
    payload_digest,
)
from cotton_server.ledger.errors import (
    LedgerBusyError,
    LedgerDamagedError,
    LedgerFailedError,
    LedgerFullError,
)
from cotton_server.ledger.evidence import Evidence
from cotton_server.ledger.freeing import Freeing
from cotton_server.ledger.log_tail import commits_lost
from cotton_server.ledger.opening import (
    FILE_NAME,
    connect,
    connect_beside,
    connect_to_free,
    connect_to_read,
    file_size,
    require_sqlite,
    sync_directory,
)
from cotton_server.ledger.reading import COLUMNS, Reading
from cotton_server.ledger.seal import (
    insert_seal,
    renew_seal,
    require_catalogue,
    require_follows,
    require_same_range,
    sealed_directory,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cotton_server.ledger.entry import Entry, Header
    from cotton_server.ledger.seal import Seal

_LOG: Final = logging.getLogger(__name__)

_FOLD_TRIES: Final = 20
_FOLD_PAUSE_S: Final = 0.1
"""How long a start waits for somebody who reads an old state of the file: 2 seconds."""
_CHECKPOINT_PAGES: Final = 1000
"""Pages of write-ahead log (16 MiB) after which it is folded into the file."""
_AHEAD_IS_LATE: Final = 8
"""How many times as long a log no longer waits for who folds ahead."""
_QUIET_S: Final = 1.0
"""How long nothing was appended when free pages are given back, not kept to be used again."""
_PAGES_GIVEN_BACK: Final = 4096
"""Free pages that are given back in one call (64 MiB)."""


class Ledger:
    """The ledger of one data directory.

    One thread appends, one seals and frees; any thread reads. After LedgerFailedError the object
    refuses to append: what reached the disk is unknown, and only a restart finds out.
    """

    def __init__(self, directory: Path, *, page_bytes: int = 16384) -> None:
        """Opens or creates the ledger; the caller holds the DirectoryLock.

        Raises LedgerVersionError when SQLite is too old or the file is not a ledger of this
        format (which is left as it was), LedgerDamagedError when SQLite cannot read it,
        LedgerFailedError when it cannot be opened.
        """
        require_sqlite()
        self._path = directory / FILE_NAME
        self._failed = False
        self._sync_s = 0.0
        self._log_pages = 0
        self._log_is_long = threading.Event()
        self._ahead: apsw.Connection | None = None
        self._folded_ahead = False
        self._turn = threading.Lock()
        """Held by the one who writes: SQLite would let the other wait by sleeping."""
        self._appended_at_s = time.monotonic()
        self._position, self._digest = 0, GENESIS
        evidence = Evidence(directory)
        _tell_of_lost_commits(self._path)
        try:
            self._writer = connect(self._path, page_bytes)
            self._freer = connect_to_free(self._path)
            self._reading = Reading(connect_to_read(self._path), evidence)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise LedgerDamagedError(1, f"SQLite says: {error}") from error
        except apsw.Error as error:
            raise LedgerFailedError(
                f"{self._path} cannot be opened: {error}. Correct its owner and mode, or end"
                " the other program that holds it."
            ) from error
        try:
            self._position, self._digest = self._reading.head() or (0, GENESIS)
            require_catalogue(self._writer, self._reading.seals())
        except (apsw.Error, UnicodeDecodeError) as error:
            raise LedgerDamagedError(self._first_unreadable(), f"SQLite says: {error}") from error
        # In place of the automatic checkpoint, whose errors nobody would hear.
        for connection in (self._writer, self._freer):
            connection.set_wal_hook(self._note_log)
        self._freeing = Freeing(
            self._freer, evidence, partial(self._write, self._freer), self._settle, self._is_quiet
        )
        # What a failed sync left in the page cache alone would count as stored: write it out.
        for _ in range(_FOLD_TRIES):
            self._fold()
            if self._log_pages == 0:
                break
            time.sleep(_FOLD_PAUSE_S)
        sync_directory(directory)

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
        """Size of the file and its write-ahead log, without what is sealed."""
        return file_size(self._path) + self.log_size_bytes

    @property
    def log_size_bytes(self) -> int:
        """Size of the write-ahead log; it is used again after each checkpoint."""
        return file_size(self._path.with_name(FILE_NAME + "-wal"))

    @property
    def sealed_size_bytes(self) -> int:
        """Size of all sealed files of the data directory."""
        found = os.walk(sealed_directory(self._path.parent))
        return sum(file_size(Path(top, name)) for top, _, names in found for name in names)

    def append(self, entries: Sequence[NewEntry]) -> int:
        """Stores entries in one commit; returns the position of the first of them.

        When this returns, they are on stable storage. Raises LedgerFullError (nothing kept,
        try again later) or LedgerFailedError (stop the process).
        """
        self._require_sound()
        position, digest = self._position, self._digest
        rows: list[tuple[Any, ...]] = []
        for entry in entries:
            position += 1
            of_payload = payload_digest(entry.payload)
            digest = chained_digest(digest, position, entry, of_payload)
            rows.append(_row(position, entry, of_payload, digest))

        def insert() -> None:
            self._writer.executemany(
                f"INSERT INTO entry ({COLUMNS})"  # noqa: S608 - a constant
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

        try:
            self._sync_s = self._write(self._writer, insert)
        except LedgerBusyError as error:
            # Nobody else is to write here, and who waits for an answer has waited long.
            self._failed = True
            raise LedgerFailedError(str(error)) from error
        self._appended_at_s = time.monotonic()
        first = self._position + 1
        self._position, self._digest = position, digest
        return first

    def seals(self) -> list[Seal]:
        """The catalogue of seals, in order; raises LedgerDamagedError."""
        return self._reading.seals()

    def add_seal(self, seal: Seal) -> None:
        """Enters a seal, whose files are durable, into the catalogue, durably.

        Raises SealRefusedError for one that does not follow the last or is of other entries
        (nothing was changed), LedgerFullError, LedgerBusyError, LedgerFailedError.
        """
        before = self.seals()
        entry = self._reading.header("position = ?", (seal.last,))
        require_follows(
            seal, before[-1] if before else None, None if entry is None else entry.digest
        )
        self._write(self._writer, partial(insert_seal, self._writer, seal))

    def renew_seal(self, seal: Seal) -> None:
        """Notes, durably, that what follows from a catalogued range was written again.

        Its evidence never is: `seal` differs from the one of its number in the digest of its
        manifest alone. Raises SealRefusedError for any other (nothing was changed),
        LedgerFullError, LedgerBusyError, LedgerFailedError.
        """
        before = {each.number: each for each in self.seals()}.get(seal.number)
        require_same_range(seal, before)
        if seal != before:
            self._write(self._writer, partial(renew_seal, self._writer, seal))

    def free_payloads(self, entries_max: int = 64) -> int:
        """Frees the payloads of so many sealed entries at most, in order, in short transactions.

        Their evidence is read back before. When none is left and nothing is being appended, free
        pages are given back to the file system instead. Gives how many payloads were freed or
        pages were given back; 0: there is nothing to do for now. Raises LedgerDamagedError for
        evidence that is missing or not what was written (nothing of its seal is freed), and for
        what SQLite cannot read; LedgerFullError, LedgerBusyError (try again later): after these
        the ledger goes on, and what was freed before stays so. Raises LedgerFailedError.
        """
        return self._freeing.free(entries_max) or self._freeing.give_back(_PAGES_GIVEN_BACK)

    def checkpoint(self) -> None:
        """Folds the write-ahead log into the file when it has grown long.

        SQLite would do this inside a commit and keep its errors to itself. Where somebody
        folds ahead, this waits for that and folds only the rest. Raises LedgerFailedError when
        the file could not be written or synced; the entries are in the log, but a disk that
        fails is not trusted with more.
        """
        self._require_sound()
        if self._log_pages < _CHECKPOINT_PAGES:
            return
        if self._waits_for_folding() and self._log_pages < _AHEAD_IS_LATE * _CHECKPOINT_PAGES:
            return
        self._fold_rest()

    def fold_ahead(self, timeout_s: float) -> None:
        """Waits until the log has grown long, and folds most of it beside the one that appends.

        For a thread of its own, which calls it again and again: folding a long log takes tens of
        milliseconds, for which nobody has to wait then. After an error the ledger refuses to
        append.
        """
        if self._ahead is None:
            try:
                self._ahead = connect_beside(self._path)
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

    def _waits_for_folding(self) -> bool:
        """Whether somebody folds ahead and has not yet."""
        return self._ahead is not None and not self._folded_ahead

    def _settle(self) -> bool:
        """Folds the rest of the log where that was folded ahead; whether it is still long.

        For who frees payloads: a long log is not folded while others wait for their turn.
        """
        if self._log_pages >= _CHECKPOINT_PAGES and not self._waits_for_folding():
            self._fold_rest()
        return self._log_pages >= _CHECKPOINT_PAGES

    def _is_quiet(self) -> bool:
        return time.monotonic() - self._appended_at_s >= _QUIET_S

    def _fold_rest(self) -> None:
        with self._turn:
            self._fold()
            self._folded_ahead = False
            self._log_is_long.clear()

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

    def by_sequence(self, producer: str, sequence: int) -> Header | None:
        """The header of the entry that a producer stored under a sequence."""
        return self._reading.header("producer = ? AND sequence = ?", (producer, sequence))

    def by_batch_id(self, producer: str, batch_id: str) -> Header | None:
        """The header of the entry that a producer stored under a batch or request id."""
        return self._reading.header("producer = ? AND batch_id = ?", (producer, batch_id))

    def at(self, position: int) -> Entry | None:
        """The entry at a position; raises LedgerDamagedError for a payload that is not its own."""
        return self._reading.at(position)

    def received_at_us(self, position: int) -> int | None:
        """When the entry at a position was received; its payload is not read for it."""
        return self._reading.received_at_us(position)

    def verified(self, after: int = 0, previous: bytes = GENESIS) -> Iterator[Entry]:
        """The entries after a position in order, each checked: no gap, payload and chain right.

        `previous` is the chained digest at `after`. Ends at `position` as it is when the first is
        asked for. Raises LedgerDamagedError at the first that is not what was written.
        """
        yield from self._reading.verified(after, previous, self._position)

    def close(self) -> None:
        """Folds the write-ahead log into the file and closes it; nobody folds ahead any more."""
        if self._ahead is not None:
            self._ahead.close()
        self._reading.close()
        self._freer.close()
        self._writer.close()

    def _write(self, connection: apsw.Connection, work: Callable[[], None]) -> float:
        """Does something in one transaction; gives the seconds that its commit took.

        Raises LedgerFullError and LedgerBusyError (nothing was kept) or LedgerFailedError.
        """
        with self._turn:
            self._require_sound()
            try:
                self._begin(connection)
                work()
                begun = time.perf_counter()
                connection.execute("COMMIT")
                return time.perf_counter() - begun
            except apsw.FullError as error:
                if _rolled_back(connection):
                    raise LedgerFullError(f"The disk of {self._path.parent} is full.") from error
                self._failed = True
                raise LedgerFailedError(
                    f"The disk is full and what was begun could not be rolled back: {error}."
                ) from error
            except apsw.Error as error:
                # After a failed sync the kernel may have dropped the pages: trying again would
                # acknowledge what is not there.
                self._failed = True
                raise LedgerFailedError(f"Writing {self._path} failed: {error}.") from error

    def _begin(self, connection: apsw.Connection) -> None:
        """Begins a transaction that writes; raises LedgerBusyError, apsw.Error."""
        try:
            connection.execute("BEGIN IMMEDIATE")
        except apsw.BusyError as error:
            raise LedgerBusyError(
                f"Another program holds {self._path} ({error}). End it: nobody but the server may"
                " write there. Nothing was changed."
            ) from error

    def _require_sound(self) -> None:
        if self._failed:
            raise LedgerFailedError("The ledger has failed before; restart the server.")

    def _first_unreadable(self) -> int:
        """The first position that cannot be read; 1 when the file as a whole cannot be."""
        position = 0
        try:
            for entry in self._reading.verified(0, GENESIS, None):
                position = entry.position
        except LedgerDamagedError as damage:
            return damage.position
        except apsw.Error:
            return 1
        return position + 1


def _rolled_back(connection: apsw.Connection) -> bool:
    """Whether nothing of a transaction is left; SQLite may have rolled back by itself."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except apsw.Error:
        return False
    return not connection.in_transaction


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


def _tell_of_lost_commits(path: Path) -> None:
    """Says so where SQLite will do without commits of the log, before it writes over them."""
    with suppress(OSError):  # who opens the file tells
        lost = commits_lost(path)
        if lost:
            _LOG.error("commits of the write-ahead log cannot be read", extra={"commits": lost})
