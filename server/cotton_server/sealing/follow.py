"""The follower: replays a ledger beside the server that writes it, and seals what it replayed.

Every entry is decided again and compared with what was decided when it was stored, as at every
start; only then is it sealed. What was written is read back and compared before it counts.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from cotton_server.grading.standards import load_standards
from cotton_server.intake.replay import replay
from cotton_server.ledger import evidence_path, write_evidence
from cotton_server.registry.image import IMAGE_FORMAT, write_image
from cotton_server.registry.registry import Registry
from cotton_server.registry.sealed import key_ranges
from cotton_server.sealing.files import (
    READINGS,
    described,
    files_below,
    range_name,
    write_directory,
    write_whole,
)
from cotton_server.sealing.history import (
    REGISTRY,
    STANDING,
    Residence,
    SealedReadings,
    open_history,
    require_same_rows,
)
from cotton_server.sealing.manifest import (
    STATE_HEAD,
    PartManifest,
    StateManifest,
    part_path,
    state_directory,
)
from cotton_server.sealing.readings import frames_by_season, write_readings
from cotton_server.sealing.records import SealedRange
from cotton_server.summary.at_revision import LotsAtRevision
from cotton_server.summary.gradings import Gradings
from cotton_server.summary.kept import write_standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from cotton_server.intake.records import ReplayProgress
    from cotton_server.ledger import Entry, LedgerReader
    from cotton_server.sealing.files import SealedFile

ENTRIES_BYTES_MAX: Final = 256 << 20
"""Payloads that are held until their range is written."""


class Follower:
    """A registry of its own that follows a ledger; for one thread of a process of its own."""

    def __init__(
        self, directory: Path, ledger: LedgerReader, *, bales_max: int, resident_bales_max: int
    ) -> None:
        """Starts from what is sealed already."""
        self._directory = directory
        self._ledger = ledger
        self.history = open_history(directory, ledger)
        self._registry = Registry(bales_max=bales_max)
        self._residence = Residence(self._registry.bales, resident_bales_max)
        self.history.restore(self._registry, self._residence)
        self._unsealed_from = self.history.last + 1
        self._rows_from = self.history.stop_row
        self._waiting: list[tuple[int, bytes]] = []
        self._waiting_bytes = 0
        self._digests: dict[int, bytes] = {}

    def seal(
        self, until: int, *, bales: int, sealed: Callable[[SealedRange], None]
    ) -> StateManifest | None:
        """Seals up to position `until` in ranges of about as many bales, then keeps the state.

        `sealed` is told of every range as soon as its files are durable. None where there is
        nothing to seal and the state is there.
        """
        registry, root = self._registry, self.history.root
        known = {part.manifest.last: part for part in self.history.parts}

        class Progress:
            """Seals whenever enough was replayed."""

            def replay_progress(_self, record: ReplayProgress) -> None:  # noqa: N805 - of both
                """A group was replayed."""
                self._replayed(record.position, until, bales, sealed)

        before = self.history.position
        if until <= before:
            return None
        replay(
            self._watched(self._ledger.verified(before, self.history.digest), until),
            registry,
            of=until,
            progress=Progress(),
        )
        for part in known.values():
            if part.manifest.last > before:
                self._residence.note(part)
        return self._keep_state(root)

    def _watched(self, entries: Iterable[Entry], until: int) -> Iterator[Entry]:
        """The entries up to a position; those that are not sealed are held until they are."""
        for entry in entries:
            if entry.position >= self._unsealed_from:
                payload = entry.content.payload
                self._waiting.append((entry.position, payload))
                self._waiting_bytes += len(payload)
            self._digests[entry.position] = entry.digest
            yield entry
            if entry.position == until:
                return

    def _replayed(
        self,
        position: int,
        until: int,
        bales: int,
        sealed: Callable[[SealedRange], None],
    ) -> None:
        if position >= self._unsealed_from and (
            position == until
            or self._registry.bales.count - self._rows_from >= bales
            or self._waiting_bytes >= ENTRIES_BYTES_MAX
        ):
            self._seal_part(position, sealed)
        # Only digests of what is still to come, and of the state, are needed.
        self._digests = {key: each for key, each in self._digests.items() if key >= position}

    def _seal_part(self, last: int, sealed: Callable[[SealedRange], None]) -> None:
        registry, root = self._registry, self.history.root
        first, first_row, stop_row = self._unsealed_from, self._rows_from, registry.bales.count
        entries = evidence_path(self._directory, first, last)
        write_evidence(entries, [each for each in self._waiting if each[0] <= last])
        store = registry.bales
        here = slice(first_row, stop_row)
        readings, count = self._write_readings(first, last, first_row, stop_row)
        manifest = PartManifest(
            first=first,
            last=last,
            first_row=first_row,
            stop_row=stop_row,
            bales=count,
            digest=self._digests[last].hex(),
            key_ranges=tuple(key_ranges(store.high[here], store.low[here])),
            entries=described(root, entries),
            readings=readings,
        )
        part = SealedReadings(root, manifest)
        require_same_rows(part, registry.bales)
        path = part_path(root, first, last)
        write_whole(path, partial(_write, manifest.content()))
        sealed(SealedRange(first, last, stop_row, manifest.digest, described(root, path).digest))
        self._residence.note(part)
        self._unsealed_from, self._rows_from = last + 1, stop_row
        self._waiting = [each for each in self._waiting if each[0] > last]
        self._waiting_bytes = sum(len(payload) for _, payload in self._waiting)

    def _write_readings(
        self, first: int, last: int, first_row: int, stop_row: int
    ) -> tuple[dict[int, SealedFile], int]:
        """Writes the rows of a range by season; how many of them are the first of their bale."""
        found, count = {}, 0
        root = self.history.root
        for season, frame in frames_by_season(self._registry, first_row, stop_row):
            path = root / READINGS / f"season={season}" / f"{range_name(first, last)}.parquet"
            write_whole(path, partial(write_readings, frame))
            found[season] = described(root, path)
            count += int(frame["is_first"].sum())
        return found, count

    def _keep_state(self, root: Path) -> StateManifest:
        registry = self._registry
        position = registry.revision
        kept: list[StateManifest] = []

        def write(directory: Path) -> None:
            write_image(registry, directory / REGISTRY)
            lots = LotsAtRevision(
                registry, Gradings(registry, load_standards()), self.history.standing
            )
            write_standing(lots, directory / STANDING)
            state = StateManifest(
                position=position,
                rows=registry.bales.count,
                digest=self._digests[position].hex(),
                image=IMAGE_FORMAT,
                files=tuple(described(directory, path) for path in files_below(directory)),
            )
            _write(state.content(), directory / STATE_HEAD)
            kept.append(state)

        write_directory(state_directory(root, position), write)
        (state,) = kept
        return state


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)
