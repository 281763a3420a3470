"""Seals: ranges of the ledger that also lie in files that never change, and where those lie."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cotton_server.ledger.errors import LedgerDamagedError, SealRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import apsw

SEALED_NAME: Final = "sealed"
"""The directory, in the data directory, of everything that is sealed."""

_EVIDENCE_NAME: Final = "entries"
_COLUMNS: Final = "number, first, last, stop_row, digest, manifest_digest, sealed_at_us"
_TYPES: Final = (int, int, int, int, bytes, bytes, int)
_DIGEST_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Seal:
    """Positions `first` to `last` of the ledger lie in files whose manifest has a digest.

    Seals are numbered from 1 and follow one another without gap from position 1. `stop_row` is
    the number of rows that the store has after the entry at `last`, `digest` the chained digest
    of that entry, `sealed_at_us` in microseconds since 1970 UTC.
    """

    number: int
    first: int
    last: int
    stop_row: int
    digest: bytes
    manifest_digest: bytes
    sealed_at_us: int


def sealed_directory(data_dir: Path) -> Path:
    """Where the sealed files of a data directory lie."""
    return data_dir / SEALED_NAME


def evidence_directory(data_dir: Path) -> Path:
    """Where the payloads of sealed entries of a data directory lie."""
    return sealed_directory(data_dir) / _EVIDENCE_NAME


def evidence_path(data_dir: Path, first: int, last: int) -> Path:
    """The file of the payloads of the entries at positions `first` to `last`."""
    return evidence_directory(data_dir) / f"{first:010d}-{last:010d}.parquet"


def read_seals(connection: apsw.Connection) -> list[Seal]:
    """All seals of the catalogue, in order."""
    rows: list[tuple[Any, ...]] = connection.execute(
        f"SELECT {_COLUMNS} FROM seal ORDER BY number"  # noqa: S608 - a constant
    ).fetchall()
    for row in rows:
        # SQLite enforces the types of columns when it writes, not when it reads.
        if not all(isinstance(value, kind) for value, kind in zip(row, _TYPES, strict=True)):
            raise LedgerDamagedError(
                1, "the catalogue of seals does not hold what it is declared to hold"
            )
    return [Seal(*row) for row in rows]


def next_to_free(connection: apsw.Connection) -> tuple[Seal, int] | None:
    """The first seal of which payloads are not freed yet, and the first position of them."""
    row: tuple[Any, ...] | None = connection.execute(
        f"SELECT {_COLUMNS}, freed FROM seal"  # noqa: S608 - a constant
        " WHERE freed < last ORDER BY number LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    *values, freed = row
    seal = Seal(*values)
    return seal, max(seal.first, freed + 1)


def note_freed(connection: apsw.Connection, seal: Seal, last: int) -> None:
    """Notes that payloads up to a position of a seal are freed, in the same transaction."""
    connection.execute("UPDATE seal SET freed = ? WHERE number = ?", (last, seal.number))


def insert_seal(connection: apsw.Connection, seal: Seal) -> None:
    """Enters a seal into the catalogue; its transaction is the caller's."""
    connection.execute(
        f"INSERT INTO seal ({_COLUMNS}, freed)"  # noqa: S608 - a constant
        " VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        (
            seal.number,
            seal.first,
            seal.last,
            seal.stop_row,
            seal.digest,
            seal.manifest_digest,
            seal.sealed_at_us,
        ),
    )


def renew_seal(connection: apsw.Connection, seal: Seal) -> None:
    """Notes the manifest that a seal has now; its transaction is the caller's."""
    connection.execute(
        "UPDATE seal SET manifest_digest = ? WHERE number = ?", (seal.manifest_digest, seal.number)
    )


def require_same_range(seal: Seal, before: Seal | None) -> None:
    """Raises SealRefusedError unless a seal is one of the catalogue but for its manifest.

    `before` is the one that the catalogue has under its number.
    """
    if before is None or replace(seal, manifest_digest=before.manifest_digest) != before:
        raise SealRefusedError(
            f"Seal {seal.number} was written again as positions {seal.first} to {seal.last} up to"
            f" row {seal.stop_row} with the chained digest {seal.digest.hex()}; the catalogue has"
            f" {before}."
        )
    if len(seal.manifest_digest) != _DIGEST_BYTES:
        raise SealRefusedError(
            f"Seal {seal.number} was written again with a manifest digest of"
            f" {len(seal.manifest_digest)} bytes; it takes {_DIGEST_BYTES}."
        )


def require_follows(seal: Seal, before: Seal | None, digest: bytes | None) -> None:
    """Raises SealRefusedError unless a seal continues the one before and fits the ledger.

    `digest` is that of the entry at its last position, None when there is no such entry.
    """
    number, first, row = (1, 1, 0) if before is None else _next(before)
    if (seal.number, seal.first) != (number, first):
        raise SealRefusedError(
            f"Seal {seal.number} from position {seal.first} on came where seal {number} from"
            f" position {first} on was expected."
        )
    if seal.last < seal.first or digest is None:
        raise SealRefusedError(
            f"Seal {seal.number} ends at position {seal.last}, where the ledger has no entry"
            f" that comes at or after position {first}."
        )
    if seal.digest != digest:
        raise SealRefusedError(
            f"Seal {seal.number} is of other entries: its chained digest at position"
            f" {seal.last} is {seal.digest.hex()}, the ledger has {digest.hex()}."
        )
    if seal.stop_row < row or len(seal.manifest_digest) != _DIGEST_BYTES:
        raise SealRefusedError(
            f"Seal {seal.number} ends at row {seal.stop_row} and has a manifest digest of"
            f" {len(seal.manifest_digest)} bytes; it takes row {row} or a later one, and"
            f" {_DIGEST_BYTES} bytes."
        )


def require_catalogue(connection: apsw.Connection, seals: Sequence[Seal]) -> None:
    """Raises LedgerDamagedError where the catalogue does not fit itself or the entries."""
    before: Seal | None = None
    for seal in seals:
        digest = connection.execute("SELECT digest FROM entry WHERE position = ?", (seal.last,)).get
        try:
            require_follows(seal, before, digest)
        except SealRefusedError as error:
            position = 1 if before is None else before.last + 1
            raise LedgerDamagedError(position, f"the catalogue of seals says: {error}") from error
        before = seal


def seal_of(seals: Sequence[Seal], position: int) -> Seal | None:
    """The seal of consecutive ones that covers a position."""
    place = bisect_left(seals, position, key=lambda seal: seal.last)
    if place == len(seals) or position < seals[place].first:
        return None
    return seals[place]


def _next(before: Seal) -> tuple[int, int, int]:
    """Number, first position and least row of the seal after another."""
    return before.number + 1, before.last + 1, before.stop_row
