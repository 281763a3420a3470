"""Reading entries: wherever their payloads lie, they come whole, and checked."""

from __future__ import annotations

import hashlib
import threading
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

import apsw

from cotton_server.ledger.entry import (
    LEDGER_FORMAT,
    Entry,
    Header,
    NewEntry,
    chained_digest,
    payload_digest,
)
from cotton_server.ledger.errors import EvidenceDamagedError, LedgerDamagedError
from cotton_server.ledger.evidence import require_digest
from cotton_server.ledger.seal import read_seals, seal_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton_server.ledger.evidence import Evidence
    from cotton_server.ledger.seal import Seal

HEADER_COLUMNS: Final = (
    "position, format, kind, contract, message, producer, sequence, batch_id, principal,"
    " received_at_us, rule_set, payload_digest, digest, outcomes"
)
COLUMNS: Final = f"{HEADER_COLUMNS}, payload"
_TYPES: Final[tuple[type | tuple[type, ...], ...]] = (
    *(int, int, str, str, str, str, (int, NoneType), (str, NoneType), str),
    *(int, str, bytes, bytes, bytes, bytes),
)
"""What the columns hold; SQLite enforces it when it writes, not when it reads."""
_ENTRY: Final = f"SELECT {COLUMNS}, position <= (SELECT max(freed) FROM seal) FROM entry"  # noqa: S608 - constants
"""One statement, one state of the file: a payload is freed together with the note that it is."""
_HEADER: Final = (
    "SELECT position, kind, received_at_us, outcomes, payload_digest, digest FROM entry"
)
_READ_ENTRIES_MAX: Final = 256
_READ_BYTES: Final = 2 << 20
"""How much is read at once: entries may be megabytes or a few bytes long."""
_NOTHING: Final = hashlib.sha256(b"").digest()
"""The digest of a payload that is empty because it was received so."""


class Reading:
    """What is read of a ledger through one connection; any thread may."""

    def __init__(self, connection: apsw.Connection, evidence: Evidence) -> None:
        """The connection is this object's from now on."""
        self._connection = connection
        self._evidence = evidence
        self._lock = threading.Lock()
        self._seals: Sequence[Seal] = ()

    def seals(self) -> list[Seal]:
        """The catalogue as it stands now, in order; raises LedgerDamagedError."""
        with self._lock:
            self._seals = read_seals(self._connection)
            return list(self._seals)

    def head(self) -> tuple[int, bytes] | None:
        """Position and chained digest of the last entry; None when there is none."""
        with self._lock:
            return self._connection.execute(
                "SELECT position, digest FROM entry ORDER BY position DESC LIMIT 1"
            ).fetchone()

    def at(self, position: int) -> Entry | None:
        """The entry at a position; raises LedgerDamagedError for a payload that is not its own."""
        rows = self._some_rows(position - 1, 1)
        if not rows or rows[0][0] != position:
            return None
        entry, seal = self._entry(rows[0])
        self._require_payload(entry, seal)
        return entry

    def header(self, condition: str, bindings: tuple[Any, ...]) -> Header | None:
        """The header of the one entry of which a condition is true."""
        with self._lock:
            row = self._connection.execute(f"{_HEADER} WHERE {condition}", bindings).fetchone()
        return None if row is None else Header(*row)

    def received_at_us(self, position: int) -> int | None:
        """When the entry at a position was received."""
        header = self.header("position = ?", (position,))
        return None if header is None else header.received_at_us

    def verified(self, after: int, previous: bytes, last: int | None) -> Iterator[Entry]:
        """The entries after a position, whose chained digest is `previous`, each checked.

        Up to `last`, or to the end. Raises LedgerDamagedError at the first that is not what was
        written, or that is not there.
        """
        position = after
        for row in self._rows(after, last):
            entry, seal = self._entry(row)
            position += 1
            self._verify(entry, position, previous, seal)
            previous = entry.digest
            yield entry
        if last is not None and position != last:
            raise LedgerDamagedError(
                position + 1, f"{last} entries were counted, {position} were found"
            )

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def _rows(self, position: int, last: int | None) -> Iterator[tuple[Any, ...]]:
        """Rows after a position in order, a few megabytes at a time; raises LedgerDamagedError."""
        while last is None or position < last:
            try:
                count = self._rows_at_once(position)
                rows = self._some_rows(
                    position, count if last is None else min(count, last - position)
                )
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
        with self._lock:
            sizes: list[tuple[Any, ...]] = self._connection.execute(
                "SELECT length(payload) + length(outcomes) FROM entry WHERE position > ?"
                " ORDER BY position LIMIT ?",
                (position, _READ_ENTRIES_MAX),
            ).fetchall()
        size = count = 0
        for (each,) in sizes:
            size += each or 0
            if count and size > _READ_BYTES:
                break
            count += 1
        return max(count, 1)

    def _some_rows(self, position: int, count: int) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(
                f"{_ENTRY} WHERE position > ? ORDER BY position LIMIT ?", (position, count)
            ).fetchall()

    def _entry(self, row: tuple[Any, ...]) -> tuple[Entry, Seal | None]:
        """An entry whole, and the seal from whose file its payload comes, if it does."""
        *values, freed = row
        if not all(isinstance(value, kind) for value, kind in zip(values, _TYPES, strict=True)):
            raise LedgerDamagedError(row[0], "a column does not hold what it is declared to hold")
        (position, form, kind, contract, message, producer, sequence, batch_id, principal) = row[:9]
        (received_at_us, rule_set, of_payload, digest, outcomes, payload) = values[9:]
        seal = None
        if freed and not payload and of_payload != _NOTHING:
            seal = self._seal_of(position)
            payload = self._evidence.payload(seal, position)
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
        return Entry(position, form, content, of_payload, digest), seal

    def _seal_of(self, position: int) -> Seal:
        """The seal of an entry whose payload was freed."""
        seal = seal_of(self._seals, position) or seal_of(self.seals(), position)
        if seal is None:
            raise LedgerDamagedError(position, "its payload was freed, and no seal covers it")
        return seal

    def _verify(self, entry: Entry, position: int, previous: bytes, seal: Seal | None) -> None:
        if entry.position != position:
            raise LedgerDamagedError(position, f"the next entry stored is {entry.position}")
        if entry.format != LEDGER_FORMAT:
            raise LedgerDamagedError(position, f"it says that it has format {entry.format}")
        self._require_payload(entry, seal)
        if chained_digest(previous, position, entry.content, entry.payload_digest) != entry.digest:
            raise LedgerDamagedError(
                position, "the header or the chain of digests is not as written"
            )

    def _require_payload(self, entry: Entry, seal: Seal | None) -> None:
        """Raises LedgerDamagedError for a payload that does not have the digest of its entry."""
        payload, digest = entry.content.payload, entry.payload_digest
        if seal is not None:
            try:
                require_digest(payload, digest, entry.position, self._evidence.path(seal))
            except EvidenceDamagedError:
                self._evidence.forget(seal)
                raise
        elif payload_digest(payload) != digest:
            raise LedgerDamagedError(
                entry.position, "the payload does not have the digest it was stored with"
            )
