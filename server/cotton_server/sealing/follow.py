"""The follower: replays a ledger beside the server that writes it, and seals what it replayed.

Every entry is decided again and compared with what was decided when it was stored, as at every
start; only then is it sealed. What was written is read back and compared before it counts.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_server.grading.standards import load_standards
from cotton_server.ledger import (
    LedgerDamagedError,
    evidence_path,
    verify_evidence,
    write_evidence,
)
from cotton_server.registry.bales import COLD_BYTES
from cotton_server.registry.image import IMAGE_FORMAT, write_image
from cotton_server.registry.registry import Registry
from cotton_server.sealing.compare import require_same_rows
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
    SealedReadings,
    begin,
    open_history,
    replay_by_range,
)
from cotton_server.sealing.key_files import KnownKeys, key_path
from cotton_server.sealing.lock import SealingLock
from cotton_server.sealing.manifest import (
    STATE_HEAD,
    PartManifest,
    StateManifest,
    part_path,
    state_directory,
)
from cotton_server.sealing.outside import outside
from cotton_server.sealing.readings import frames_by_season, write_readings
from cotton_server.sealing.records import SealedRange
from cotton_server.sealing.sweeping import sweep
from cotton_server.summary.at_revision import LotsAtRevision
from cotton_server.summary.gradings import Gradings
from cotton_server.summary.kept import write_standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from cotton_server.intake.records import ReplayProgress
    from cotton_server.ledger import Entry, LedgerReader, Seal
    from cotton_server.sealing.files import SealedFile

ENTRIES_BYTES_MAX: Final = 256 << 20
"""Payloads that are held until their range is written."""


class Follower:
    """A registry of its own that follows a ledger; for one thread of a process of its own.

    It alone writes sealed files of the data directory until it is closed.
    """

    def __init__(
        self,
        directory: Path,
        ledger: LedgerReader,
        *,
        bales_max: int,
        resident_bales_max: int,
        cold_bytes_max: int = COLD_BYTES,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes what a process before has left away, and starts from what is sealed already.

        `done` is called after every step of work, now and later: a start, entries replayed, a file
        written or compared.
        Raises SealingBusyError while another process seals, StartError, LedgerError, OSError.
        """
        self._directory = directory
        self._ledger = ledger
        self._done = done
        self._lock = SealingLock(directory)
        try:
            history = open_history(directory, ledger)
            done()
            sweep(directory, ledger, history)
            done()
            self._started = begin(
                history,
                partial(Registry, bales_max=bales_max, cold_bytes_max=cold_bytes_max),
                resident_bales_max=resident_bales_max,
            )
        except BaseException:
            self._lock.close()
            raise
        done()
        self.history = self._started.history
        self._registry = self._started.registry
        self._residence = self._started.residence
        self._unsealed_from = self.history.last + 1
        self._rows_from = self.history.stop_row
        self._parts = {part.manifest.first: part for part in self.history.parts}
        self._waiting: list[tuple[int, bytes]] = []
        self._waiting_bytes = 0
        self._digests: dict[int, bytes] = {}

    def close(self) -> None:
        """Lets another process seal."""
        self._lock.close()

    def seal(
        self, until: int, *, bales: int, sealed: Callable[[SealedRange], None]
    ) -> StateManifest | None:
        """Seals up to position `until` in ranges of about as many bales, then keeps the state.

        Of sealed ranges that it passes, what is damaged of readings and manifests is written
        again. `sealed` is told of every range as soon as its files are durable. None where there
        is nothing to seal and the state is there.
        """

        class Progress:
            """Seals whenever enough was replayed."""

            def replay_progress(_self, record: ReplayProgress) -> None:  # noqa: N805 - of both
                """A group was replayed."""
                self._done()
                self._replayed(record.position, until, bales, sealed)

        until = max(until, self.history.last)
        before = self.history.position
        if until <= before:
            return None
        replay_by_range(
            self._watched(self._ledger.verified(before, self.history.digest), until),
            self._started,
            partial(self._pass, sealed=sealed),
            of=until,
            progress=Progress(),
        )
        return self._keep_state(self.history.root)

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
        root, first = self.history.root, self._unsealed_from
        rows = self._rows_from, self._registry.bales.count
        entries = evidence_path(self._directory, first, last)
        try:
            write_evidence(entries, [each for each in self._waiting if each[0] <= last])
            self._done()
            part, found = self._write_part(first, last, rows, described(root, entries))
        except BaseException:
            # On a disk that is full, what is left would keep it so.
            for path in self._files_of(first, last):
                path.unlink(missing_ok=True)
            raise
        sealed(found)
        self._residence.note(part)
        self._unsealed_from, self._rows_from = last + 1, part.stop_row
        self._waiting = [each for each in self._waiting if each[0] > last]
        self._waiting_bytes = sum(len(payload) for _, payload in self._waiting)

    def _pass(self, seal: Seal, *, sealed: Callable[[SealedRange], None]) -> None:
        """Notes a sealed range whose last entry was just replayed, once it is as it should be."""
        part = self._parts.get(seal.first)
        if part is not None and self._residence.note(part):
            return
        first_row = next(
            (each.stop_row for each in self.history.seals if each.last == seal.first - 1), 0
        )
        rows = first_row, self._registry.bales.count
        if rows[1] != seal.stop_row:
            raise LedgerDamagedError(
                seal.first,
                f"the catalogue of seals says that its range ends at row {seal.stop_row}, the"
                f" entries come to row {rows[1]}",
            )
        if part is None:
            path = evidence_path(self._directory, seal.first, seal.last)
            digests = self._ledger.payload_digests(seal.first, seal.last)
            verify_evidence(path, seal.first, digests)
            entries = described(self.history.root, path)
        else:
            entries = part.manifest.entries
        part, found = self._write_part(seal.first, seal.last, rows, entries)
        sealed(found)
        self._residence.note(part)

    def _write_part(
        self, first: int, last: int, rows: tuple[int, int], entries: SealedFile
    ) -> tuple[SealedReadings, SealedRange]:
        """Writes what follows from a range whose last entry was just replayed, and reads it back.

        Raises SealedFileError for what is read back otherwise, OSError.
        """
        root, (first_row, stop_row) = self.history.root, rows
        store, here = self._registry.bales, slice(*rows)
        readings, count = self._write_readings(first, last, first_row, stop_row)
        manifest = PartManifest(
            first=first,
            last=last,
            first_row=first_row,
            stop_row=stop_row,
            bales=count,
            digest=self._digests[last].hex(),
            entries=entries,
            readings=readings,
        )
        part = SealedReadings(root, manifest, keeps_keys=True)
        require_same_rows(part, self._registry)
        if first_row < stop_row:
            known = KnownKeys.of(store.high[here], store.low[here], store.is_first[here])
            part.key_file.write(known, top=self._directory)
        self._done()
        path = part_path(root, first, last)
        write_whole(path, partial(_write, manifest.content()), top=self._directory)
        self._parts[first] = part
        digest = described(root, path).digest
        return part, SealedRange(first, last, stop_row, manifest.digest, digest)

    def _files_of(self, first: int, last: int) -> Iterator[Path]:
        """All files of a range that nobody was told of yet."""
        root = self.history.root
        yield evidence_path(self._directory, first, last)
        yield part_path(root, first, last)
        yield key_path(root, first, last)
        yield from (root / READINGS).glob(f"season=*/{range_name(first, last)}.parquet")

    def _write_readings(
        self, first: int, last: int, first_row: int, stop_row: int
    ) -> tuple[dict[int, SealedFile], int]:
        """Writes the rows of a range by season; how many of them are the first of their bale."""
        found, count = {}, 0
        root = self.history.root
        for season, frame in frames_by_season(self._registry, first_row, stop_row):
            path = root / READINGS / f"season={season}" / f"{range_name(first, last)}.parquet"
            write_whole(path, partial(write_readings, frame), top=self._directory)
            found[season] = described(root, path)
            self._done()
            count += int(frame["is_first"].sum())
        return found, count

    def _keep_state(self, root: Path) -> StateManifest:
        registry = self._registry
        position = registry.revision
        kept: list[StateManifest] = []

        def write(directory: Path) -> None:
            write_image(registry, directory / REGISTRY)
            self._done()
            lots = LotsAtRevision(
                registry,
                Gradings(registry, load_standards()),
                self.history.standing,
                done=self._done,
            )
            write_standing(lots, directory / STANDING, done=self._done)
            self._done()
            facts = lots.all_lots(None).standing.lots
            withdrawn = facts.filter(pl.col("lots_withdrawn") > 0)["lot"].sort().to_list()
            manifests = [self._parts[first].manifest for first in sorted(self._parts)]
            for name, frame in outside(registry, manifests, withdrawn).items():
                frame.write_parquet(directory / name)
            state = StateManifest(
                position=position,
                rows=registry.bales.count,
                digest=self._digests[position].hex(),
                image=IMAGE_FORMAT,
                files=tuple(described(directory, path) for path in files_below(directory)),
            )
            _write(state.content(), directory / STATE_HEAD)
            kept.append(state)

        write_directory(state_directory(root, position), write, top=self._directory)
        (state,) = kept
        return state


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)
