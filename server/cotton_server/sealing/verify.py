"""A data directory gone through from its first byte: raw entries, decisions, sealed files."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from cotton_server.ledger import LedgerReader, sealed_directory
from cotton_server.registry.registry import Registry
from cotton_server.sealing.compare import (
    require_same_entries,
    require_same_keys,
    require_same_manifest,
    require_same_rows,
)
from cotton_server.sealing.files import OtherVersionError, SealedFileError, files_below
from cotton_server.sealing.history import (
    History,
    Recovered,
    Residence,
    open_part,
    replay_by_range,
)
from cotton_server.sealing.key_files import key_path
from cotton_server.sealing.manifest import STATE_HEAD, part_path, state_directory
from cotton_server.sealing.states import require_same_state, stored_states, usable_states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from cotton_server.intake.records import ReplayProgress
    from cotton_server.ledger import Entry, Seal
    from cotton_server.sealing.history import SealedReadings
    from cotton_server.sealing.manifest import StateManifest


@dataclass(frozen=True, slots=True)
class Verified:
    """What was gone through and found to be as it was written.

    `digest` is the chained digest of the last entry in hex: two ledgers with the same digest hold
    the same entries. `state` is the position of the newest state that was compared, 0 without one;
    `states_gone` are those of states that a server took away before they were, `states_of_others`
    those of states of which not all could be compared, as another version of the service wrote
    them. `strays` are files that no seal names, below the directory of the sealed history.
    """

    entries: int
    bales: int
    sealed_ranges: int
    sealed_entries: int
    state: int
    states_gone: tuple[int, ...]
    states_of_others: tuple[int, ...]
    strays: tuple[str, ...]
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
    and is not what the entries come to, or cannot be compared.
    """
    root = sealed_directory(directory)
    with closing(LedgerReader(directory)) as ledger:
        of, digest = ledger.position, ledger.digest
        seals = tuple(seal for seal in ledger.seals() if seal.last <= of)
        parts = tuple(_opened(root, seal) for seal in seals)
        registry = Registry(bales_max=bales_max)
        comparison = _Comparison(root, parts, registry, resident_bales_max)
        history = History(root, parts, None, seals)

        class Progress:
            """Tells how far it is."""

            def replay_progress(self, record: ReplayProgress) -> None:
                """A group was replayed."""
                told(record.position, of)

        replay_by_range(
            comparison.noted(ledger.verified()),
            Recovered(history, registry, comparison.residence),
            comparison.passed,
            of=of,
            progress=Progress(),
        )
        return Verified(
            entries=of,
            bales=len(registry.bales.index),
            sealed_ranges=len(parts),
            sealed_entries=history.last,
            state=max(comparison.compared, default=0),
            states_gone=tuple(comparison.gone),
            states_of_others=tuple(sorted(comparison.others)),
            strays=_strays(root, ledger),
            digest=digest.hex(),
        )


class _ManifestOfOtherError(SealedFileError):
    """The manifest of a range is of another version: what it names cannot be compared."""

    _remedy: ClassVar[str] = (
        "Nothing is known to be damaged. Verify with the version that wrote it; or start the server"
        " of this one, which takes the range from the raw entries and writes its manifest anew, and"
        " verify again."
    )


def _opened(root: Path, seal: Seal) -> SealedReadings:
    """The range of a seal; raises SealedFileError."""
    try:
        return open_part(root, seal)
    except OtherVersionError as error:
        raise _ManifestOfOtherError(error.path, "is of another version of the service") from error


class _Comparison:
    """Compares every range, and the states, as soon as the registry is at their last position."""

    def __init__(
        self,
        root: Path,
        parts: tuple[SealedReadings, ...],
        registry: Registry,
        resident_bales_max: int,
    ) -> None:
        """Reads the states through; raises SealedFileError."""
        self.residence = Residence(registry.bales, resident_bales_max)
        self.compared: list[int] = []
        self.gone: list[int] = []
        self._root, self._parts, self._registry = root, parts, registry
        stored = usable_states(root, parts)
        self.others = stored.others
        self._states = {state.position: state for state in stored.states}
        self._last = parts[-1].manifest.last if parts else 0
        self._done = 0
        self._payloads: list[bytes] = []
        self._digest = b""

    def noted(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The entries, of which those of the next range are needed when it is compared."""
        for entry in entries:
            if entry.position <= self._last:
                self._payloads.append(entry.payload_digest)
                self._digest = entry.digest
            yield entry

    def passed(self, seal: Seal) -> None:
        """Compares the range of a seal, at whose end the registry is, and the state there."""
        part = self._parts[self._done]
        before = self._parts[self._done - 1].manifest if self._done else None
        require_same_manifest(part, seal, self._registry, before, self._digest)
        require_same_entries(part, self._payloads)
        require_same_rows(part, self._registry)
        require_same_keys(part, self._registry)
        self.residence.note(part)
        self._payloads.clear()
        self._done += 1
        state = self._states.get(seal.last)
        if state is not None:
            self._compare_state(state)

    def _compare_state(self, state: StateManifest) -> None:
        try:
            there = require_same_state(self._root, state, self._parts, self._registry)
        except OtherVersionError:
            self.others.append(state.position)
        else:
            (self.compared if there else self.gone).append(state.position)


def _strays(root: Path, ledger: LedgerReader) -> tuple[str, ...]:
    """The files that neither a seal nor a state names, also none that was made meanwhile."""
    files = files_below(root)
    seals = ledger.seals()
    named: set[Path] = set()
    for seal in seals:
        manifest = _opened(root, seal).manifest
        named.add(part_path(root, seal.first, seal.last))
        named.add(key_path(root, seal.first, seal.last))
        named.update(root / file.path for file in (manifest.entries, *manifest.readings.values()))
    stored = stored_states(root, seals[-1].last if seals else 0)
    for state in stored.states:
        directory = state_directory(root, state.position)
        named.add(directory / STATE_HEAD)
        named.update(directory / file.path for file in state.files)
    for position in stored.others:
        # What it names, only the version that wrote it can say.
        named.update(files_below(state_directory(root, position)))
    return tuple(
        str(path.relative_to(root)) for path in files if path not in named and path.exists()
    )
