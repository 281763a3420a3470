"""An entry of the ledger: the exact bytes received, and a header that says what they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

LEDGER_FORMAT: Final = 1
"""Version of the header and of the digest below."""

GENESIS: Final = bytes(32)
"""The digest before the first entry."""

_NOT_THERE: Final = b"\xff" * 8
"""The length of a part that is not there: no part is as long."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What is appended.

    `kind` sorts entries for their reader, `message` is the full name of the protobuf message
    that `payload` is, `contract` the version of the contract. `sequence` or `batch_id` is what
    makes the entry the same when it is sent again. `rule_set` decided it, `outcomes` is what
    was decided, in the reader's encoding.
    """

    kind: str
    contract: str
    message: str
    producer: str
    sequence: int | None
    batch_id: str | None
    principal: str
    received_at_us: int
    rule_set: str
    outcomes: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored entry: what was appended, where, and the digests."""

    position: int
    format: int
    content: NewEntry
    payload_digest: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What an entry is known by and was answered with: all without reading its payload."""

    position: int
    kind: str
    received_at_us: int
    outcomes: bytes
    payload_digest: bytes
    digest: bytes


def payload_digest(payload: bytes) -> bytes:
    """SHA-256 of the exact bytes received."""
    return hashlib.sha256(payload).digest()


def chained_digest(previous: bytes, position: int, entry: NewEntry, payload: bytes) -> bytes:
    """SHA-256 over the digest before, the whole header, and the digest of the payload.

    Every part is preceded by its length, a part that is not there has the length 2**64 - 1:
    so no two headers give the same bytes. `payload` is the payload's digest: the chain can be
    checked where the payload lies elsewhere.
    """
    parts = (
        previous,
        str(position).encode(),
        str(LEDGER_FORMAT).encode(),
        entry.kind.encode(),
        entry.contract.encode(),
        entry.message.encode(),
        entry.producer.encode(),
        None if entry.sequence is None else str(entry.sequence).encode(),
        None if entry.batch_id is None else entry.batch_id.encode(),
        entry.principal.encode(),
        str(entry.received_at_us).encode(),
        entry.rule_set.encode(),
        entry.outcomes,
        payload,
    )
    digest = hashlib.sha256()
    for part in parts:
        if part is None:
            digest.update(_NOT_THERE)
            continue
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
