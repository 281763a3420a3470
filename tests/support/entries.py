"""Entries and ledgers for tests, and ways to damage them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import apsw
from cotton_server.ledger import Entry, Ledger, NewEntry
from cotton_server.ledger.entry import GENESIS, chained_digest, payload_digest
from cotton_server.ledger.opening import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def entry(sequence: int | str, payload: bytes | None = None, producer: str = "p") -> NewEntry:
    """An entry under a sequence (a number) or a batch id (a text)."""
    return NewEntry(
        kind="readings",
        contract="cotton.inspection.v1",
        message="cotton.inspection.v1.SubmitReadingsRequest",
        producer=producer,
        sequence=None if isinstance(sequence, str) else sequence,
        batch_id=sequence if isinstance(sequence, str) else None,
        principal="anonymous",
        received_at_us=1_700_000_000_000_000,
        rule_set="intake-3",
        outcomes=f"outcome {sequence}".encode(),
        payload=f"payload {sequence}".encode() if payload is None else payload,
    )


def fill(directory: Path, entries: Sequence[NewEntry], *, page_bytes: int = 512) -> None:
    """Makes a ledger of these entries, folded into its file."""
    ledger = Ledger(directory, page_bytes=page_bytes)
    ledger.append(entries)
    ledger.close()


def read(directory: Path) -> list[Entry]:
    """All entries, verified; opens and closes the ledger."""
    ledger = Ledger(directory)
    try:
        return list(ledger.verified())
    finally:
        ledger.close()


def edit(directory: Path, statement: str, bindings: tuple[Any, ...] = ()) -> None:
    """Changes the file behind the ledger's back."""
    connection = apsw.Connection(str(directory / FILE_NAME))
    connection.execute(statement, bindings)
    connection.close()


def rewrite(directory: Path, change: Callable[[Entry], NewEntry]) -> None:
    """Rewrites every entry and chains the digests anew: only the contents tell."""
    entries = read(directory)
    digest = GENESIS
    for each in entries:
        content = change(each)
        of_payload = payload_digest(content.payload)
        digest = chained_digest(digest, each.position, content, of_payload)
        edit(
            directory,
            "UPDATE entry SET rule_set = ?, message = ?, outcomes = ?, payload = ?,"
            " payload_digest = ?, digest = ? WHERE position = ?",
            (
                content.rule_set,
                content.message,
                content.outcomes,
                content.payload,
                of_payload,
                digest,
                each.position,
            ),
        )


def with_outcomes(position: int, change: Callable[[bytes], bytes]) -> Callable[[Entry], NewEntry]:
    """For `rewrite`: changes what was decided at one position."""

    def changed(each: Entry) -> NewEntry:
        if each.position != position:
            return each.content
        return replace(each.content, outcomes=change(each.content.outcomes))

    return changed
