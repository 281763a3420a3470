"""Ledgers of which ranges are sealed, for tests."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cotton_server.ledger import Seal, evidence_path, write_evidence

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.ledger import Ledger


def seal_of(ledger: Ledger, last: int) -> Seal:
    """The seal that follows those of a ledger and ends at a position."""
    seals = ledger.seals()
    first = seals[-1].last + 1 if seals else 1
    entry = ledger.at(last)
    assert entry is not None
    manifest = hashlib.sha256(f"manifest {first} {last}".encode()).digest()
    return Seal(len(seals) + 1, first, last, last * 10, entry.digest, manifest, 1_700_000_000)


def write_evidence_of(ledger: Ledger, directory: Path, seal: Seal) -> Path:
    """Writes the file of payloads of a seal."""
    found = [ledger.at(position) for position in range(seal.first, seal.last + 1)]
    path = evidence_path(directory, seal.first, seal.last)
    write_evidence(path, [(each.position, each.content.payload) for each in found if each])
    return path


def seal(ledger: Ledger, directory: Path, last: int) -> Seal:
    """Seals the entries of a ledger up to a position."""
    made = seal_of(ledger, last)
    write_evidence_of(ledger, directory, made)
    ledger.add_seal(made)
    return made


def free_all(ledger: Ledger) -> int:
    """Frees all payloads that can be; how many."""
    freed = 0
    while count := ledger._freeing.free(64):
        freed += count
    return freed
