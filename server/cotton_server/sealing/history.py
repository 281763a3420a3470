"""The sealed history of a data directory, and a registry that starts from it."""

from __future__ import annotations

import gc
import logging
import time
from bisect import insort
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cotton_server.errors import StartError
from cotton_server.intake.replay import replay
from cotton_server.ledger import GENESIS, Seal, sealed_directory
from cotton_server.registry.image import (
    IMAGE_FORMAT,
    ImageDamagedError,
    ImageFormatError,
    load_image,
)
from cotton_server.sealing.files import STATE, OtherVersionError, SealedFileError
from cotton_server.sealing.key_files import KeyFile, KeyFileError, KnownKeys
from cotton_server.sealing.manifest import (
    PartManifest,
    StateManifest,
    read_part,
    read_state,
    state_directory,
)
from cotton_server.sealing.readings import read_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from cotton_server.intake.replay import Progress
    from cotton_server.ledger import Entry, Ledger, LedgerReader
    from cotton_server.registry.bales import BaleStore
    from cotton_server.registry.key_filter import KeyFilter
    from cotton_server.registry.key_zones import KeyZones
    from cotton_server.registry.registry import Registry
    from cotton_server.sealing.records import SealedRange

_LOG: Final = logging.getLogger(__name__)

REGISTRY: Final = "registry"
STANDING: Final = "standing"
"""The parts of a state: directories below its own."""


class SealedReadings:
    """The rows of a sealed range, read from its files when they are asked for."""

    def __init__(self, root: Path, manifest: PartManifest, *, keeps_keys: bool = False) -> None:
        """Takes the directory of the sealed history, and what the range consists of.

        `keeps_keys`: a file of its keys that is damaged or not there is written again.
        """
        self.manifest = manifest
        self.root = root
        self.key_file = KeyFile(
            root, manifest.first, manifest.last, bytes.fromhex(manifest.digest), manifest.bales
        )
        self._keeps_keys = keeps_keys

    @property
    def first_row(self) -> int:
        """The first of its rows in the store."""
        return self.manifest.first_row

    @property
    def stop_row(self) -> int:
        """The row after its last."""
        return self.manifest.stop_row

    @property
    def bales(self) -> int:
        """How many of the rows are the first of their bale."""
        return self.manifest.bales

    @property
    def path(self) -> Path:
        """One of its files, to name it by."""
        return self.root / next(iter(self.manifest.readings.values())).path

    def zones(self) -> KeyZones:
        """Where the keys lie of those; raises SealedFileError."""
        try:
            return self.key_file.zones()
        except KeyFileError as error:
            return self._keys_again(error).zones

    def filter(self) -> KeyFilter:
        """The hashes of those keys; raises SealedFileError."""
        try:
            return self.key_file.filter()
        except KeyFileError as error:
            known = self._keys_again(error)
        try:
            return self.key_file.filter()
        except KeyFileError:
            return known.filter

    def read(self) -> Mapping[str, npt.NDArray[Any]]:
        """All columns in order of rows; raises SealedFileError."""
        return self._columns(keys_only=False)

    def read_keys(self) -> Mapping[str, npt.NDArray[Any]]:
        """`high`, `low` and `is_first` alone; raises SealedFileError."""
        return self._columns(keys_only=True)

    def renew(self, manifest: PartManifest) -> None:
        """Reads from now on the files that were written again of the range."""
        self.manifest = manifest

    def require_sizes(self) -> None:
        """Raises SealedFileError when a file is not there, or was cut."""
        for file in self.manifest.readings.values():
            file.require_size(self.root)

    def require(self) -> None:
        """Compares the files with their digests; raises SealedFileError."""
        for file in self.manifest.readings.values():
            file.require(self.root)

    def _keys_again(self, error: KeyFileError) -> KnownKeys:
        """What the file of keys should say, out of the readings; raises SealedFileError."""
        _LOG.warning("keys of sealed readings are read from these", extra={"error": str(error)})
        columns = self.read_keys()
        known = KnownKeys.of(columns["high"], columns["low"], columns["is_first"])
        if self._keeps_keys:
            try:
                self.key_file.write(known, top=self.root.parent)
            except OSError as failure:
                _LOG.warning("keys cannot be written", extra={"error": str(failure)})
        return known

    def _columns(self, *, keys_only: bool) -> Mapping[str, npt.NDArray[Any]]:
        """Columns of the very bytes that have the digests, a file in memory at a time."""
        manifest = self.manifest
        files = manifest.readings.values()
        contents = ((self.root / file.path, file.content(self.root)) for file in files)
        return read_columns(contents, manifest.first_row, manifest.stop_row, keys_only=keys_only)


@dataclass(frozen=True, slots=True)
class History:
    """What is sealed of a ledger.

    `seals` follow one another from the first position on. `parts` are the ranges of them whose
    manifests are whole, in order. `state` is the newest one that is whole; without it everything
    is taken from the raw entries.
    """

    root: Path
    parts: tuple[SealedReadings, ...]
    state: StateManifest | None
    seals: tuple[Seal, ...] = ()

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
        return self.seals[-1].last if self.seals else 0

    @property
    def stop_row(self) -> int:
        """The first row of the store that is not sealed."""
        return self.seals[-1].stop_row if self.seals else 0

    @property
    def is_startable(self) -> bool:
        """Whether the next start need not replay what is sealed."""
        return self.state is not None or not self.seals

    @property
    def standing(self) -> Path | None:
        """Where the standing of lots of the state lies."""
        if self.state is None:
            return None
        return state_directory(self.root, self.state.position) / STANDING

    def restore(self, registry: Registry, residence: Residence) -> None:
        """Brings an empty registry to the state.

        Raises StartError where it has no room for the rows; SealedFileError, ImageDamagedError and
        ImageFormatError, after which the registry is of no use.
        """
        if self.state is None:
            return
        if self.state.rows > registry.bales.capacity:
            raise StartError(
                f"The sealed history holds {self.state.rows} readings, and the registry is set to"
                f" hold {registry.bales.capacity} at most. Raise bales_max."
            )
        oldest = self.state.rows - residence.rows_max
        before = [part for part in self.parts if part.manifest.last <= self.state.position]
        registry.bales.expect(sum(part.bales for part in before if part.stop_row > oldest))
        on_disk = [part for part in before if part.stop_row <= oldest]
        residence.add(on_disk, resident=False)
        residence.add(before[len(on_disk) :], resident=True)
        load_image(state_directory(self.root, self.state.position) / REGISTRY, registry)


@dataclass(frozen=True, slots=True)
class Recovered:
    """A registry with what of it is in memory, and the history that it was started from."""

    history: History
    registry: Registry
    residence: Residence


def begin(
    history: History, new_registry: Callable[[], Registry], *, resident_bales_max: int
) -> Recovered:
    """A registry at the state of a history.

    Where a file of the state, or of the readings that come into memory, turns out to be damaged,
    that is told in the log, and the registry is a new one, of a history without a state. Raises
    StartError.
    """
    registry = new_registry()
    residence = Residence(registry.bales, resident_bales_max)
    try:
        history.restore(registry, residence)
    except (SealedFileError, ImageDamagedError, ImageFormatError) as error:
        _LOG.error("the sealed history is damaged", extra={"error": str(error)})
    else:
        return Recovered(history, registry, residence)
    # Their memory is needed again, and columns and their store know each other.
    del registry, residence
    gc.collect()
    registry = new_registry()
    residence = Residence(registry.bales, resident_bales_max)
    return Recovered(replace(history, state=None), registry, residence)


def replay_by_range(
    entries: Iterable[Entry],
    started: Recovered,
    passed: Callable[[Seal], None],
    *,
    of: int,
    progress: Progress | None = None,
) -> None:
    """Replays what comes after a state, and tells of every sealed range at its end.

    Whoever notes ranges then never has more rows in memory than it keeps, and those of one.
    Raises what `replay` and `passed` raise.
    """
    rest = iter(entries)
    for seal in started.history.seals:
        if seal.last > started.history.position:
            replay(_until(rest, seal.last), started.registry, of=of, progress=progress)
            passed(seal)
    replay(rest, started.registry, of=of, progress=progress)


def _until(entries: Iterator[Entry], last: int) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        if entry.position == last:
            return


def recover(
    ledger: Ledger,
    history: History,
    new_registry: Callable[[], Registry],
    *,
    resident_bales_max: int,
    progress: Progress | None = None,
) -> Recovered:
    """A registry at where the ledger ends: the sealed state, then entry by entry.

    Readings of sealed ranges that are damaged stay in memory. Raises StartError, and what `replay`
    raises.
    """
    started = begin(history, new_registry, resident_bales_max=resident_bales_max)
    parts = {part.manifest.last: part for part in history.parts}

    def passed(seal: Seal) -> None:
        part = parts.get(seal.last)
        if part is not None:
            started.residence.note(part)

    entries = ledger.verified(started.history.position, started.history.digest)
    replay_by_range(entries, started, passed, of=ledger.position, progress=progress)
    return started


def enter(directory: Path, ledger: Ledger, found: SealedRange) -> SealedReadings:
    """Enters a range whose files are durable into the catalogue: the next, or one written again.

    Raises SealedFileError, and LedgerError for a range that is neither.
    """
    seals = ledger.seals()
    before = next((each for each in seals if each.first == found.first), None)
    seal = Seal(
        number=len(seals) + 1 if before is None else before.number,
        first=found.first,
        last=found.last,
        stop_row=found.stop_row,
        digest=bytes.fromhex(found.digest),
        manifest_digest=bytes.fromhex(found.manifest_digest),
        sealed_at_us=time.time_ns() // 1000 if before is None else before.sealed_at_us,
    )
    part = open_part(sealed_directory(directory), seal, keeps_keys=True)
    if before is None:
        ledger.add_seal(seal)
        return part
    ledger.renew_seal(seal)
    _LOG.warning(
        "sealed readings were written again",
        extra={
            "first": seal.first,
            "last": seal.last,
            "manifest_before": before.manifest_digest.hex(),
            "manifest": found.manifest_digest,
        },
    )
    return part


class Residence:
    """Which sealed rows are in memory: those of the newest ranges, up to a number of rows.

    What is older lies on disk until somebody asks for it. One thread changes it.
    """

    def __init__(self, store: BaleStore, rows_max: int) -> None:
        """Takes the store and how many rows stay in memory."""
        self.rows_max = rows_max
        self._store = store
        self._parts: dict[int, SealedReadings] = {}
        """All parts that the store knows of, by their first rows."""
        self._resident: list[SealedReadings] = []
        """Those in memory, in order of rows."""

    def add(self, parts: Sequence[SealedReadings], *, resident: bool) -> None:
        """Adds the rows of the next ranges to a store that does not have them, at a start."""
        self._store.add_sealed(*parts, resident=resident)
        added = [part for part in parts if part.first_row < part.stop_row]
        self._parts |= {part.first_row: part for part in added}
        if resident:
            self._resident += added

    def note(self, part: SealedReadings) -> bool:
        """Tells the store that rows which it has lie on disk too, and lets go what is too old.

        Also where they were written again. What does not lie there as it was written stays in
        memory, which is told in the log; False then. So do older rows whose keys cannot be read,
        which are tried again with the next range.
        """
        try:
            part.require()
        except SealedFileError as error:
            _LOG.error("sealed readings are damaged", extra={"error": str(error)})
            return False
        if part.first_row == part.stop_row:
            return True
        known = self._parts.setdefault(part.first_row, part)
        if known is part:
            self._store.note_sealed(part)
            insort(self._resident, part, key=lambda each: each.first_row)
        else:
            known.renew(part.manifest)
        oldest = self._store.count - self.rows_max
        for each in [each for each in self._resident if each.stop_row <= oldest]:
            try:
                self._store.release(each)
            except SealedFileError as error:
                _LOG.error(
                    "sealed readings stay in memory: their keys cannot be read",
                    extra={"error": str(error)},
                )
            else:
                self._resident.remove(each)
        return True


def open_history(directory: Path, ledger: Ledger | LedgerReader) -> History:
    """The sealed history below a data directory, as the catalogue of the ledger has it.

    Manifests that are damaged, and a state that is missing, damaged or of another version of the
    service, are told in the log and done without.
    """
    root = sealed_directory(directory)
    seals = tuple(ledger.seals())
    parts: list[SealedReadings] = []
    for seal in seals:
        try:
            parts.append(open_part(root, seal, keeps_keys=True))
        except SealedFileError as error:
            _LOG.error("a sealed manifest is damaged", extra={"error": str(error)})
    # A state is of ranges from the first on, none of which may be missing.
    pairs = zip(parts, seals, strict=False)
    before = [part for part, seal in pairs if part.manifest.last == seal.last]
    return History(root, tuple(parts), _state(root, before), seals)


def open_part(root: Path, seal: Seal, *, keeps_keys: bool = False) -> SealedReadings:
    """The range of a seal; raises SealedFileError for a manifest that is not the catalogued one."""
    manifest = read_part(root, seal.first, seal.last, seal.manifest_digest)
    return SealedReadings(root, manifest, keeps_keys=keeps_keys)


def _state(root: Path, parts: Sequence[SealedReadings]) -> StateManifest | None:
    """The newest state that is whole and of this ledger."""
    for directory in sorted((root / STATE).glob("*"), reverse=True):
        if not directory.name.isdigit():
            continue
        try:
            state = read_state(directory)
            require_usable(directory, state, parts)
        except SealedFileError as error:
            _LOG.warning("a sealed state is not used", extra={"error": str(error)})
            continue
        return state
    return None


def require_usable(directory: Path, state: StateManifest, parts: Sequence[SealedReadings]) -> None:
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
        raise OtherVersionError(directory, "was written by another version of the service")
    for file in state.files:
        file.require(directory)
    for part in before:
        part.require_sizes()
