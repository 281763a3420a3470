"""Entries of a ledger for somebody who looks: found by their headers, shown whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import apsw

from cotton_server.ledger.entry import GENESIS
from cotton_server.ledger.errors import LedgerDamagedError
from cotton_server.ledger.evidence import Evidence
from cotton_server.ledger.opening import FILE_NAME, connect_to_read, errors_of_opening
from cotton_server.ledger.reading import Reading
from cotton_server.ledger.seal import seal_of

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.ledger.entry import Entry
    from cotton_server.ledger.seal import Seal

_LISTED: Final = (
    "position, kind, message, producer, sequence, batch_id, principal, received_at_us, rule_set,"
    " payload_digest, digest, outcomes"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry without its payload. `received_at_us` is in microseconds since 1970 UTC."""

    position: int
    kind: str
    message: str
    producer: str
    sequence: int | None
    batch_id: str | None
    principal: str
    received_at_us: int
    rule_set: str
    payload_digest: bytes
    digest: bytes
    outcomes: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are looked for; what is None does not matter.

    Positions and times (microseconds since 1970 UTC) are both ends included.
    """

    first: int = 1
    last: int | None = None
    producer: str | None = None
    kind: str | None = None
    since_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry whole, and checked: its payload, its header, and its place in the chain.

    `previous` is the chained digest before it; `seal` covers it, where it is sealed.
    """

    entry: Entry
    previous: bytes
    seal: Seal | None


class Inspection:
    """Reads one ledger, and needs no lock on the directory; for one thread."""

    def __init__(self, directory: Path) -> None:
        """Opens the ledger; raises LedgerVersionError, LedgerFailedError, LedgerDamagedError."""
        path = directory / FILE_NAME
        with errors_of_opening(path):
            self._connection = connect_to_read(path)
        self._reading = Reading(self._connection, Evidence(directory))

    def close(self) -> None:
        """Closes the ledger."""
        self._reading.close()

    def position(self) -> int:
        """Position of the last entry, 0 where there is none; raises LedgerDamagedError."""
        try:
            head = self._reading.head()
        except apsw.Error as error:
            raise LedgerDamagedError(1, f"SQLite says: {error}") from error
        return head[0] if head else 0

    def listed(self, wanted: Wanted, count_max: int, *, newest: bool) -> list[Listed]:
        """So many entries at most, in order: the first ones, or the newest ones.

        Payloads are not read. Raises LedgerDamagedError.
        """
        conditions: dict[str, object] = {
            "position >= ?": wanted.first,
            "position <= ?": wanted.last,
            "producer = ?": wanted.producer,
            "kind = ?": wanted.kind,
            "received_at_us >= ?": wanted.since_us,
            "received_at_us <= ?": wanted.until_us,
        }
        given = {text: value for text, value in conditions.items() if value is not None}
        order = "DESC" if newest else "ASC"
        try:
            rows: list[tuple[Any, ...]] = self._connection.execute(
                f"SELECT {_LISTED} FROM entry WHERE {' AND '.join(given)}"  # noqa: S608 - constants
                f" ORDER BY position {order} LIMIT ?",
                (*given.values(), count_max),
            ).fetchall()
        except (apsw.Error, UnicodeDecodeError) as error:
            raise LedgerDamagedError(wanted.first, f"SQLite says: {error}") from error
        return [Listed(*row) for row in (reversed(rows) if newest else rows)]

    def shown(self, position: int) -> Shown | None:
        """The entry at a position, checked; None where there is none. Raises LedgerDamagedError."""
        if not 0 < position <= self.position():
            return None
        try:
            before = self._reading.header("position = ?", (position - 1,))
        except apsw.Error as error:
            raise LedgerDamagedError(position - 1, f"SQLite says: {error}") from error
        if before is None and position > 1:
            raise LedgerDamagedError(position - 1, "there is no such entry")
        previous = GENESIS if before is None else before.digest
        for entry in self._reading.verified(position - 1, previous, position):
            return Shown(entry, previous, seal_of(self._reading.seals(), position))
        return None
