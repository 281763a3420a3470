"""Sealing without a process of its own: what is in a ledger sealed in small ranges, at once."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from cotton_server.ledger import Ledger, LedgerReader
from cotton_server.registry.registry import Registry
from cotton_server.sealing.follow import Follower
from cotton_server.sealing.history import enter, open_history, recover
from cotton_server.sealing.manifest import state_directory

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.sealing.history import History
    from cotton_server.sealing.records import SealedRange

BALES_MAX = 5000


def seal(directory: Path, *, bales: int = 3, until: int | None = None, free: bool = True) -> int:
    """Seals a ledger that nobody has open, up to a position; how many ranges it has then."""
    with closing(Ledger(directory)) as ledger:

        def sealed(found: SealedRange) -> None:
            enter(directory, ledger, found)

        with (
            closing(LedgerReader(directory)) as reader,
            closing(
                Follower(directory, reader, bales_max=BALES_MAX, resident_bales_max=bales)
            ) as follower,
        ):
            follower.seal(ledger.position if until is None else until, bales=bales, sealed=sealed)
        while free and ledger.free_payloads(2):
            pass
        return len(ledger.seals())


def recovered(directory: Path, *, resident: int = 0) -> tuple[Registry, History]:
    """A registry brought to where a ledger ends, with as many sealed rows in memory."""
    with closing(Ledger(directory)) as ledger:
        history = open_history(directory, ledger)
        found = recover(
            ledger, history, partial(Registry, bales_max=BALES_MAX), resident_bales_max=resident
        )
        return found.registry, found.history


def state_of(history: History) -> Path:
    """The directory of the state that a history starts from."""
    return state_directory(history.root, history.position)
