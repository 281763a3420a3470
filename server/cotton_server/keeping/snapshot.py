"""The ledger at one transaction, copied by SQLite's own means beside the server that appends."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Self

import apsw

from cotton_server.keeping.copying import PIECE_BYTES
from cotton_server.ledger import (
    GENESIS,
    LedgerDamagedError,
    LedgerFailedError,
)
from cotton_server.ledger.opening import FILE_NAME, connect_to_read, errors_of_opening
from cotton_server.ledger.seal import read_seals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class LedgerSnapshot:
    """A transaction that reads: what it sees stays the same until it is closed; for one thread.

    Who appends does not wait for it; the write-ahead log is not used again from its beginning
    meanwhile, and so grows by what is appended.
    """

    def __init__(self, data_dir: Path) -> None:
        """Begins the transaction.

        Raises LedgerVersionError, LedgerFailedError when the file cannot be opened, and
        LedgerDamagedError.
        """
        path = data_dir / FILE_NAME
        with errors_of_opening(path):
            self._connection = connect_to_read(path)
            self._connection.execute("BEGIN")
            head = self._connection.execute(
                "SELECT position, digest FROM entry ORDER BY position DESC LIMIT 1"
            ).fetchone()
            self.form: int = self._connection.execute("PRAGMA user_version").get
        self.position: int = head[0] if head else 0
        self.digest: bytes = head[1] if head else GENESIS
        self.seals = read_seals(self._connection)

    def __enter__(self) -> Self:
        """The transaction has begun."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Ends the transaction."""
        self._connection.close()

    def copy(self, target: Path, told: Callable[[int, int], None]) -> None:
        """Writes the ledger as it is seen to a file that is then durable, but for its name.

        `told` gets pages done and all there are. The copy has no write-ahead log, so it is read
        without writing anything beside it. Raises LedgerFailedError when it cannot be written,
        LedgerDamagedError when the ledger cannot be read, OSError.
        """
        try:
            self._copy(target, told)
        except apsw.CorruptError as error:
            raise LedgerDamagedError(1, f"SQLite says: {error}") from error
        except apsw.FullError as error:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
        except apsw.Error as error:
            raise LedgerFailedError(f"{target} cannot be written: {error}.") from error

    def _copy(self, target: Path, told: Callable[[int, int], None]) -> None:
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        copied = apsw.Connection(str(target))
        try:
            page_bytes = self._connection.execute("PRAGMA page_size").get
            copied.execute(f"PRAGMA page_size = {page_bytes:d}")
            # Until it is whole it counts for nothing; it is synced piece by piece below.
            copied.execute("PRAGMA synchronous = OFF")
            copied.execute("PRAGMA journal_mode = OFF")
            with copied.backup("main", self._connection, "main") as backup:
                while not backup.done:
                    backup.step(max(PIECE_BYTES // page_bytes, 1))
                    os.fdatasync(descriptor)
                    told(backup.page_count - backup.remaining, backup.page_count)
        finally:
            copied.close()
        # The mode of the log stands in the file, which came with it.
        copied = apsw.Connection(str(target))
        try:
            copied.execute("PRAGMA journal_mode = DELETE")
        finally:
            copied.close()
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
