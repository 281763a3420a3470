"""A data directory gone through from its first byte: raw entries, decisions, sealed files."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cotton_server.intake.replay import replay
from cotton_server.ledger import LedgerReader
from cotton_server.registry.image import write_image
from cotton_server.registry.registry import Registry
from cotton_server.sealing.files import SealedFileError, described, files_below
from cotton_server.sealing.history import (
    REGISTRY,
    History,
    Residence,
    open_history,
    require_same_rows,
)
from cotton_server.sealing.manifest import state_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cotton_server.intake.records import ReplayProgress
    from cotton_server.ledger import Entry


@dataclass(frozen=True, slots=True)
class Verified:
    """What was gone through and found to be as it was written.

    `digest` is the chained digest of the last entry in hex: two ledgers with the same digest hold
    the same entries. `state` is the position of the state that was compared, 0 without one.
    """

    entries: int
    bales: int
    sealed_ranges: int
    sealed_entries: int
    state: int
    digest: str


def verify(
    directory: Path,
    *,
    bales_max: int,
    resident_bales_max: int,
    told: Callable[[int, int], None],
) -> Verified:
    """Reads every entry of a ledger, decides it again, and compares what is sealed with it.

    Also of a directory that a server writes: up to what it had when this began. `told` gets
    entries done and all there are. Raises LedgerError for what is not as it was written,
    ReplayDiffersError for what this version decides otherwise, SealedFileError for what is sealed
    and is not what the entries come to.
    """
    with closing(LedgerReader(directory)) as ledger:
        of, digest = ledger.position, ledger.digest
        history = open_history(directory, ledger)
        registry = Registry(bales_max=bales_max)
        residence = Residence(registry.bales, resident_bales_max)
        waiting = list(history.parts)

        class Progress:
            """Compares every range as soon as its readings are there."""

            def replay_progress(self, record: ReplayProgress) -> None:
                """A group was replayed."""
                while waiting and waiting[0].manifest.last <= record.position:
                    part = waiting.pop(0)
                    part.manifest.entries.require(history.root)
                    part.require()
                    require_same_rows(part, registry.bales)
                    residence.note(part)
                told(record.position, of)

        entries = ledger.verified()
        for stop in (history.position, of):
            if registry.revision < stop:
                replay(_until(entries, stop), registry, of=of, progress=Progress())
            if history.state is not None and stop == history.position == registry.revision:
                _require_same_state(history, registry)
        return Verified(
            entries=of,
            bales=len(registry.bales.index),
            sealed_ranges=len(history.parts),
            sealed_entries=history.last,
            state=history.position,
            digest=digest.hex(),
        )


def _until(entries: Iterable[Entry], last: int) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        if entry.position == last:
            return


def _require_same_state(history: History, registry: Registry) -> None:
    """Raises SealedFileError when the state holds another registry than the entries come to."""
    if history.state is None:
        raise AssertionError("there is a state to compare")
    directory = state_directory(history.root, history.state.position) / REGISTRY
    with TemporaryDirectory() as made:
        again = Path(made) / REGISTRY
        write_image(registry, again)
        files = [described(again, each) for each in files_below(again)]
    stored = {file.path: file.digest for file in history.state.files}
    for file in files:
        if stored.get(f"{REGISTRY}/{file.path}") != file.digest:
            raise SealedFileError(directory / file.path, "is not what the ledger comes to")
