"""Freeing the payloads of sealed entries: their bytes lie in evidence, and need not lie twice.

A few megabytes at a time, so that who appends never waits for long; and only what was read back
from its file and has the digest that it was received with.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import apsw

from cotton_server.ledger.errors import LedgerBusyError, LedgerDamagedError
from cotton_server.ledger.evidence import verify_evidence
from cotton_server.ledger.opening import FREED_FORMAT
from cotton_server.ledger.reading import HEADER_COLUMNS
from cotton_server.ledger.seal import next_to_free, note_freed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cotton_server.ledger.evidence import Evidence
    from cotton_server.ledger.seal import Seal

_STEP_BYTES: Final = 4 << 20
_STEP_ENTRIES: Final = 256
"""Payloads that are freed in one transaction, by their bytes and their number."""
_STEP_PAGES: Final = 64
"""Pages that are given back in one transaction; each may have to be moved."""
_KEPT_BYTES: Final = 16 << 20
"""Free pages that the file keeps, to be used again."""
_PAUSE_S: Final = 0.001
"""Least time between two transactions, in which who appends gets its turn."""
_LONG_LOG_PAUSE_S: Final = 0.02
"""The same while the write-ahead log is long: whoever folds it must get ahead."""


class Freeing:
    """What one thread does to free payloads, on a connection of its own.

    Its methods raise what `write` raises; LedgerBusyError where another program holds the file, and
    LedgerDamagedError where SQLite cannot read it or evidence is not what was written.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        evidence: Evidence,
        write: Callable[[Callable[[], None]], object],
        settle: Callable[[], bool],
        is_quiet: Callable[[], bool],
    ) -> None:
        """Takes what runs something in a transaction, and who says how the ledger fares.

        `settle` folds the log where it is its turn, and says whether it is still long; `is_quiet`
        says whether nothing is being appended.
        """
        self._connection = connection
        self._evidence = evidence
        self._write = write
        self._settle = settle
        self._is_quiet = is_quiet
        self._read_back = 0
        """The number of the seal whose evidence was read back last."""
        self._can_give_back = connection.execute("PRAGMA auto_vacuum").get != 0
        self._pages_kept = _KEPT_BYTES // connection.execute("PRAGMA page_size").get

    def free(self, entries_max: int) -> int:
        """Frees so many payloads at most, and gives how many it freed; 0: none is left."""
        freed = 0
        while freed < entries_max:
            with _reading(1):
                found = next_to_free(self._connection)
            if found is None:
                break
            seal, first = found
            if self._read_back != seal.number:
                self._verify(seal)
            last = self._last_of_step(first, min(seal.last, first + entries_max - freed - 1))
            self._paced(partial(self._free, seal, first, last))
            freed += last + 1 - first
        return freed

    def give_back(self, pages_max: int) -> int:
        """Gives free pages back to the file system, and how many it gave back.

        None of a file that cannot, of those that are kept, or while something is appended, which
        uses them again.
        """
        given = 0
        while self._can_give_back and given < pages_max and self._is_quiet():
            with _reading(1):
                free = self._connection.execute("PRAGMA freelist_count").get
            pages = min(free - self._pages_kept, pages_max - given, _STEP_PAGES)
            if pages <= 0:
                break
            self._paced(partial(self._give_back, pages))
            given += pages
        return given

    def _verify(self, seal: Seal) -> None:
        """Reads the evidence of a seal back; raises LedgerDamagedError."""
        with _reading(seal.first):
            digests: list[tuple[Any, ...]] = self._connection.execute(
                "SELECT payload_digest FROM entry WHERE position BETWEEN ? AND ? ORDER BY position",
                (seal.first, seal.last),
            ).fetchall()
        if len(digests) != seal.last + 1 - seal.first:
            raise LedgerDamagedError(
                seal.first, f"entries of seal {seal.number} are missing; {len(digests)} are left"
            )
        verify_evidence(self._evidence.path(seal), seal.first, [each for (each,) in digests])
        self._read_back = seal.number

    def _last_of_step(self, first: int, last: int) -> int:
        """Up to where payloads from a position on are freed together; they are read for it.

        Freeing a page means reading it: it is in memory then when others wait for that.
        """
        with _reading(first):
            sizes: list[tuple[Any, ...]] = self._connection.execute(
                "SELECT length(payload) FROM entry WHERE position BETWEEN ? AND ? ORDER BY position"
                " LIMIT ?",
                (first, last, _STEP_ENTRIES),
            ).fetchall()
        size = count = 0
        for (each,) in sizes:
            size += each
            if count and size > _STEP_BYTES:
                break
            count += 1
        with _reading(first):
            self._connection.execute(
                "SELECT count(*) FROM entry WHERE position BETWEEN ? AND ? AND payload = x'00'",
                (first, first + count - 1),
            ).fetchall()
        return first + count - 1

    def _free(self, seal: Seal, first: int, last: int) -> None:
        headers = self._connection.execute(
            f"SELECT {HEADER_COLUMNS} FROM entry"  # noqa: S608 - a constant
            " WHERE position BETWEEN ? AND ? ORDER BY position",
            (first, last),
        ).fetchall()
        # Rows that become short in their places would keep a page each: taken out and put back,
        # they share one.
        self._connection.execute("DELETE FROM entry WHERE position BETWEEN ? AND ?", (first, last))
        self._connection.executemany(
            f"INSERT INTO entry ({HEADER_COLUMNS}, payload)"  # noqa: S608 - a constant
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, x'')",
            headers,
        )
        note_freed(self._connection, seal, last)
        if seal.number == 1:
            self._connection.execute(f"PRAGMA user_version = {FREED_FORMAT}")

    def _give_back(self, pages: int) -> None:
        self._connection.execute(f"PRAGMA incremental_vacuum({pages:d})").fetchall()

    def _paced(self, work: Callable[[], None]) -> None:
        """Does something in a transaction, then leaves as much time to others as it took."""
        begun = time.perf_counter()
        self._write(work)
        pause_s = max(time.perf_counter() - begun, _PAUSE_S)
        time.sleep(max(pause_s, _LONG_LOG_PAUSE_S) if self._settle() else pause_s)


@contextmanager
def _reading(position: int) -> Iterator[None]:
    """Has what is read outside a transaction fail with errors of the ledger.

    `position` is the first that is in doubt where SQLite cannot read it.
    """
    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as error:
        raise LedgerBusyError(
            f"Another program holds the ledger file ({error}). End it, or wait until it has done;"
            " nothing was changed."
        ) from error
    except apsw.Error as error:
        raise LedgerDamagedError(position, f"SQLite says: {error}") from error
