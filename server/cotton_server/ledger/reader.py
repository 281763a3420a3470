"""The ledger of a data directory as another process reads it, beside the server that appends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw

from cotton_server.ledger.entry import GENESIS
from cotton_server.ledger.errors import LedgerDamagedError
from cotton_server.ledger.evidence import Evidence
from cotton_server.ledger.opening import FILE_NAME, connect_to_read, errors_of_opening
from cotton_server.ledger.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cotton_server.ledger.entry import Entry
    from cotton_server.ledger.seal import Seal


class LedgerReader:
    """Reads and never writes, and needs no lock on the directory; for one thread.

    It reads a few megabytes at a time, so that the server's log is folded meanwhile. Entries
    never change, so all it reads belongs together, whatever is appended or freed between.
    """

    def __init__(self, directory: Path) -> None:
        """Opens the ledger as it stands now.

        Raises LedgerVersionError, LedgerFailedError when it cannot be opened, LedgerDamagedError.
        """
        path = directory / FILE_NAME
        with errors_of_opening(path):
            connection = connect_to_read(path)
        self._reading = Reading(connection, Evidence(directory))
        self._position, self._digest = 0, GENESIS
        try:
            self.refresh()
        except BaseException:
            self.close()
            raise

    @property
    def position(self) -> int:
        """Position of the last entry when this was opened or refreshed; 0 when there was none."""
        return self._position

    @property
    def digest(self) -> bytes:
        """Chained digest of that entry."""
        return self._digest

    def refresh(self) -> int:
        """Looks again where the ledger ends, and gives its position; raises LedgerDamagedError."""
        try:
            head = self._reading.head()
        except apsw.Error as error:
            raise LedgerDamagedError(self._position + 1, f"SQLite says: {error}") from error
        if head is not None:
            self._position, self._digest = head
        return self._position

    def seals(self) -> list[Seal]:
        """The catalogue of seals as it stands now, in order; raises LedgerDamagedError."""
        return self._reading.seals()

    def payload_digests(self, first: int, last: int) -> list[bytes]:
        """SHA-256 of the payloads at positions `first` to `last`, of those that are there.

        Raises LedgerDamagedError.
        """
        try:
            headers = (
                self._reading.header("position = ?", (position,))
                for position in range(first, min(last, self._position) + 1)
            )
            return [each.payload_digest for each in headers if each is not None]
        except apsw.Error as error:
            raise LedgerDamagedError(first, f"SQLite says: {error}") from error

    def verified(self, after: int = 0, previous: bytes = GENESIS) -> Iterator[Entry]:
        """The entries after a position in order, each checked, up to `position`.

        `previous` is the chained digest at `after`. Raises LedgerDamagedError.
        """
        return self._reading.verified(after, previous, self._position)

    def close(self) -> None:
        """Closes the connection."""
        self._reading.close()
