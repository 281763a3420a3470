"""The sealed history of a data directory, and a registry that starts from it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cotton_server.intake.replay import replay
from cotton_server.ledger import GENESIS, Seal, sealed_directory
from cotton_server.registry.image import IMAGE_FORMAT, load_image
from cotton_server.sealing.files import STATE, SealedFileError
from cotton_server.sealing.manifest import (
    PartManifest,
    StateManifest,
    read_part,
    read_state,
    state_directory,
)
from cotton_server.sealing.readings import read_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from cotton_server.intake.replay import Progress
    from cotton_server.ledger import Ledger, LedgerReader
    from cotton_server.registry.bales import BaleStore
    from cotton_server.registry.registry import Registry
    from cotton_server.registry.sealed import KeyRange
    from cotton_server.sealing.records import SealedRange

_LOG: Final = logging.getLogger(__name__)

REGISTRY: Final = "registry"
STANDING: Final = "standing"
"""The parts of a state: directories below its own."""


class SealedReadings:
    """The rows of a sealed range, read from its files when they are asked for."""

    def __init__(self, root: Path, manifest: PartManifest) -> None:
        """Takes the directory of the sealed history, and what the range consists of."""
        self.manifest = manifest
        self._root = root
        self._lock = threading.Lock()
        self._checked = False

    @property
    def first_row(self) -> int:
        """The first of its rows in the store."""
        return self.manifest.first_row

    @property
    def stop_row(self) -> int:
        """The row after its last."""
        return self.manifest.stop_row

    @property
    def first_position(self) -> int:
        """The first position of the range."""
        return self.manifest.first

    @property
    def last_position(self) -> int:
        """The last position of the range."""
        return self.manifest.last

    @property
    def bales(self) -> int:
        """How many of the rows are the first of their bale."""
        return self.manifest.bales

    @property
    def key_ranges(self) -> Sequence[KeyRange]:
        """Where keys lie that it may have."""
        return self.manifest.key_ranges

    @property
    def path(self) -> Path:
        """One of its files, to name it by."""
        return self._root / next(iter(self.manifest.readings.values())).path

    def read(self) -> Mapping[str, npt.NDArray[Any]]:
        """All columns in order of rows; raises SealedFileError."""
        return self._columns(keys_only=False)

    def read_keys(self) -> Mapping[str, npt.NDArray[Any]]:
        """`high`, `low` and `is_first` alone; raises SealedFileError."""
        return self._columns(keys_only=True)

    def _columns(self, *, keys_only: bool) -> Mapping[str, npt.NDArray[Any]]:
        self.require()
        paths = {season: self._root / file.path for season, file in self.manifest.readings.items()}
        return read_columns(paths, self.first_row, self.stop_row, keys_only=keys_only)

    def require_sizes(self) -> None:
        """Raises SealedFileError when a file is not there, or was cut."""
        for file in self.manifest.readings.values():
            file.require_size(self._root)

    def require(self) -> None:
        """Compares the files with their digests, once; raises SealedFileError."""
        with self._lock:
            if not self._checked:
                for file in self.manifest.readings.values():
                    file.require(self._root)
                self._checked = True


def require_same_rows(part: SealedReadings, store: BaleStore) -> None:
    """Raises SealedFileError when the files of a range do not have the rows that the store has."""
    if part.first_row == part.stop_row:
        return
    here = slice(part.first_row, part.stop_row)
    columns: dict[str, Any] = {
        "high": store.high,
        "low": store.low,
        "position": store.position,
        "batch_row": store.batch_row,
        "kind": store.kind,
        "inspected_at_s": store.inspected_at_s,
        "is_first": store.is_first,
        **store.values,
        **store.references,
    }
    written = part.read()
    for name, column in columns.items():
        if not np.array_equal(written[name], column[here]):
            raise SealedFileError(part.path, f"has other readings than the ledger: {name}")


@dataclass(frozen=True, slots=True)
class History:
    """What is sealed of a ledger.

    `parts` follow one another from the first position on. `state` is the newest one that is whole;
    without it everything is taken from the raw entries.
    """

    root: Path
    parts: tuple[SealedReadings, ...]
    state: StateManifest | None

    @property
    def position(self) -> int:
        """The position of the state, after which entries are replayed; 0 without one."""
        return 0 if self.state is None else self.state.position

    @property
    def digest(self) -> bytes:
        """The chained digest at `position`."""
        return GENESIS if self.state is None else bytes.fromhex(self.state.digest)

    @property
    def last(self) -> int:
        """The last sealed position."""
        return self.parts[-1].manifest.last if self.parts else 0

    @property
    def stop_row(self) -> int:
        """The first row of the store that is not sealed."""
        return self.parts[-1].stop_row if self.parts else 0

    @property
    def standing(self) -> Path | None:
        """Where the standing of lots of the state lies."""
        if self.state is None:
            return None
        return state_directory(self.root, self.state.position) / STANDING

    def restore(self, registry: Registry, residence: Residence) -> None:
        """Brings an empty registry to the state; raises SealedFileError."""
        if self.state is None:
            return
        oldest = self.state.rows - residence.rows_max
        before = [part for part in self.parts if part.manifest.last <= self.state.position]
        registry.bales.expect(sum(part.bales for part in before if part.stop_row > oldest))
        for part in before:
            residence.add(part, resident=part.stop_row > oldest)
        load_image(state_directory(self.root, self.state.position) / REGISTRY, registry)


def recover(
    ledger: Ledger,
    history: History,
    registry: Registry,
    residence: Residence,
    progress: Progress | None = None,
) -> None:
    """Brings an empty registry to where the ledger ends: the sealed state, then entry by entry.

    Raises SealedFileError, and what `replay` raises.
    """
    history.restore(registry, residence)
    entries = ledger.verified(history.position, history.digest)
    replay(entries, registry, of=ledger.position, progress=progress)
    for part in history.parts:
        if part.manifest.last > history.position:
            residence.note(part)


def enter(directory: Path, ledger: Ledger, found: SealedRange, number: int) -> SealedReadings:
    """Enters a range whose files are durable into the catalogue, as the seal of that number.

    Raises SealedFileError, and LedgerError for a range that is not the ledger's next.
    """
    seal = Seal(
        number=number,
        first=found.first,
        last=found.last,
        stop_row=found.stop_row,
        digest=bytes.fromhex(found.digest),
        manifest_digest=bytes.fromhex(found.manifest_digest),
        sealed_at_us=time.time_ns() // 1000,
    )
    part = _part(sealed_directory(directory), seal)
    ledger.add_seal(seal)
    return part


class Residence:
    """Which sealed rows are in memory: those of the newest ranges, up to a number of rows.

    What is older lies on disk until somebody asks for it. One thread changes it.
    """

    def __init__(self, store: BaleStore, rows_max: int) -> None:
        """Takes the store and how many rows stay in memory."""
        self.rows_max = rows_max
        self._store = store
        self._resident: deque[SealedReadings] = deque()

    def add(self, part: SealedReadings, *, resident: bool) -> None:
        """Adds the rows of the next range to a store that does not have them, at a start."""
        self._store.add_sealed(part, resident=resident)
        if resident:
            self._resident.append(part)

    def note(self, part: SealedReadings) -> None:
        """Tells the store that rows which it has lie on disk too, and lets go what is too old.

        What does not lie there as it was written stays in memory.
        """
        try:
            part.require()
        except SealedFileError as error:
            _LOG.error("sealed readings are damaged", extra={"error": str(error)})
            return
        self._store.note_sealed(part)
        self._resident.append(part)
        oldest = self._store.count - self.rows_max
        while self._resident and self._resident[0].stop_row <= oldest:
            self._store.release(self._resident.popleft())


def open_history(directory: Path, ledger: Ledger | LedgerReader) -> History:
    """The sealed history below a data directory, as the catalogue of the ledger has it.

    A state that is missing, damaged or of another version of the service is told in the log and
    done without. Raises SealedFileError for a manifest that is not the catalogued one.
    """
    root = sealed_directory(directory)
    seals = ledger.seals()
    parts = tuple(_part(root, seal) for seal in seals)
    return History(root, parts, _state(root, parts))


def _part(root: Path, seal: Seal) -> SealedReadings:
    return SealedReadings(root, read_part(root, seal.first, seal.last, seal.manifest_digest))


def _state(root: Path, parts: Sequence[SealedReadings]) -> StateManifest | None:
    """The newest state that is whole and of this ledger."""
    for directory in sorted((root / STATE).glob("*"), reverse=True):
        if not directory.name.isdigit():
            continue
        try:
            state = read_state(directory)
            _require_usable(directory, state, parts)
        except SealedFileError as error:
            _LOG.warning("a sealed state is not used", extra={"reason": str(error)})
            continue
        return state
    return None


def _require_usable(directory: Path, state: StateManifest, parts: Sequence[SealedReadings]) -> None:
    """Raises SealedFileError for a state that cannot be started from."""
    before = [part for part in parts if part.manifest.last <= state.position]
    if not before or (
        before[-1].manifest.digest,
        before[-1].stop_row,
        before[-1].manifest.last,
    ) != (
        state.digest,
        state.rows,
        state.position,
    ):
        raise SealedFileError(directory, "is not of this ledger")
    if state.image != IMAGE_FORMAT:
        raise SealedFileError(directory, "was written by another version of the service")
    for file in state.files:
        file.require(directory)
    for part in before:
        part.require_sizes()
