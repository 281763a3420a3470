"""What follows from the entries may be lost: it is done without, written again, and used again."""

from __future__ import annotations

import asyncio
import errno
import logging
import shutil
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import polars as pl
import pytest
from cotton_server.errors import StartError
from cotton_server.ledger import (
    EvidenceDamagedError,
    Ledger,
    LedgerReader,
    SealRefusedError,
    sealed_directory,
)
from cotton_server.registry.bales import BaleStore
from cotton_server.registry.registry import Registry
from cotton_server.sealing import follow
from cotton_server.sealing.files import SealedFileError
from cotton_server.sealing.follow import Follower
from cotton_server.sealing.history import enter, open_history, recover
from cotton_server.sealing.manifest import read_state
from cotton_server.sealing.verify import verify
from polars.exceptions import PanicException

from tests.machine.core import everything
from tests.support.bales import bale
from tests.support.committing import answer, committing
from tests.support.sealing import BALES_MAX, recovered, seal, state_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cotton_server.sealing.records import SealedRange

LOTS = ("65140161077", "65140231077")
RANGE = 9
"""Bales of a sealed range, about."""


async def _write(directory: Path, first: int, last: int) -> None:
    async with committing(directory, resident=1000) as running:
        for number in range(first, last):
            new = [bale(10 * number + row, LOTS[row % 2]) for row in range(5)]
            again = [bale(0, LOTS[0]), bale(1, LOTS[1], length=2700 + number)] if number else []
            await running.stored(number + 1, [*new, *again])
        await answer(await running.register(f"r-{first}", lot_no=LOTS[first % 2]))


def write(directory: Path, first: int, last: int) -> None:
    """Batches of these numbers with readings that differ, and a lot."""
    asyncio.run(_write(directory, first, last))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose entries are sealed in several ranges."""
    directory = tmp_path_factory.mktemp("data")
    for first in range(0, 12, 2):
        write(directory, first, first + 2)
    assert seal(directory, bales=RANGE) > 3
    return directory


@pytest.fixture
def sealed(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "data")


def unsealed(directory: Path) -> Registry:
    """The registry of a copy of the raw entries alone."""
    copy = directory.parent / "plain"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(directory, copy)
    for name in ("state", "readings", "manifests"):
        shutil.rmtree(sealed_directory(copy) / name, ignore_errors=True)
    return recovered(copy, resident=1000)[0]


def flip(path: Path) -> None:
    """Changes a byte and no size."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def cut(path: Path) -> None:
    """Takes the last byte away."""
    path.write_bytes(path.read_bytes()[:-1])


def first_of(pattern: str, damage: Callable[[Path], None]) -> Callable[[Path], None]:
    """Damages the first file."""
    return lambda root: damage(min(root.glob(pattern)))


def last_of(pattern: str, damage: Callable[[Path], None]) -> Callable[[Path], None]:
    """Damages the last file."""
    return lambda root: damage(max(root.glob(pattern)))


def all_of(*names: str) -> Callable[[Path], None]:
    """Loses directories."""

    def lose(root: Path) -> None:
        for name in names:
            shutil.rmtree(root / name)

    return lose


READINGS = "readings/season=2016/*.parquet"
MANIFESTS = "manifests/*.json"
DAMAGE: dict[str, Callable[[Path], None]] = {
    "the newest readings have another byte": last_of(READINGS, flip),
    "the oldest readings are missing": first_of(READINGS, Path.unlink),
    "the newest readings are missing": last_of(READINGS, Path.unlink),
    "the oldest readings are cut": first_of(READINGS, cut),
    "the oldest manifest is missing": first_of(MANIFESTS, Path.unlink),
    "the newest manifest has another byte": last_of(MANIFESTS, flip),
    "all manifests are missing": all_of("manifests"),
    "all readings are missing": all_of("readings"),
    "all but the entries are missing": all_of("readings", "manifests", "state"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_done_without_and_heals(sealed: Path, damage: str) -> None:
    right = everything(unsealed(sealed))
    DAMAGE[damage](sealed_directory(sealed))
    registry, past = recovered(sealed, resident=RANGE)
    assert everything(registry) == right
    assert past.position < registry.revision
    # The next seal, of what came in and of nothing new at all.
    write(sealed, 12, 14)
    right = everything(unsealed(sealed))
    for _ in range(2):
        seal(sealed, bales=1000)
        registry, past = recovered(sealed, resident=RANGE)
        assert everything(registry) == right
        assert past.position == past.last == registry.revision
        assert len(past.parts) == len(past.seals)
    verify(sealed, bales_max=BALES_MAX, resident_bales_max=0, told=lambda *_: None)


def test_the_remedy_that_is_printed_heals_old_readings(sealed: Path) -> None:
    """Those that no start reads: somebody moves the state away, as the error says."""
    _, past = recovered(sealed)
    flip(past.parts[0].path)
    with pytest.raises(SealedFileError, match="move the directory state"):
        past.parts[0].read()
    shutil.rmtree(sealed_directory(sealed) / "state")
    registry, past = recovered(sealed)
    assert past.position == 0
    assert registry.bales.resident_bytes
    seal(sealed, bales=RANGE)
    registry, past = recovered(sealed)
    assert past.position == registry.revision
    assert len(past.parts[0].read()["high"]) == past.parts[0].stop_row


def test_a_build_that_only_notes_never_heals(sealed: Path) -> None:
    last_of(READINGS, flip)(sealed_directory(sealed))
    write(sealed, 12, 14)

    def noted(self: Follower, one: Any, **_: Any) -> None:
        self._residence.note(self._parts[one.first])

    with patch.object(Follower, "_pass", noted):
        seal(sealed, bales=1000)
    assert recovered(sealed, resident=1000)[1].position == 0


def test_files_that_are_written_again_otherwise_are_catalogued(
    sealed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another release of a library may write the same readings in other bytes."""
    before = recovered(sealed)[1].seals
    first_of(READINGS, Path.unlink)(sealed_directory(sealed))
    write(sealed, 12, 13)

    def otherwise(frame: pl.DataFrame, path: Path) -> None:
        frame.write_parquet(path, compression="lz4")

    with patch.object(follow, "write_readings", otherwise), caplog.at_level(logging.WARNING):
        seal(sealed, bales=1000)
    (told,) = [each for each in caplog.records if "written again" in each.message]
    registry, past = recovered(sealed, resident=1000)
    assert past.position == registry.revision
    after = past.seals[: len(before)]
    assert [one == other for one, other in zip(before, after, strict=True)].count(False) == 1
    assert told.__dict__["manifest_before"] == before[0].manifest_digest.hex()
    assert told.__dict__["manifest"] == after[0].manifest_digest.hex()
    assert before[0].sealed_at_us == after[0].sealed_at_us


def test_a_seal_is_renewed_in_its_manifest_alone(sealed: Path) -> None:
    with closing(Ledger(sealed)) as ledger:
        before = ledger.seals()
        for other in (
            replace(before[1], stop_row=before[1].stop_row + 1),
            replace(before[1], last=before[1].last + 1),
            replace(before[1], digest=bytes(32)),
            replace(before[1], number=len(before) + 1),
            replace(before[1], manifest_digest=b"short"),
        ):
            with pytest.raises(SealRefusedError, match="written again"):
                ledger.renew_seal(other)
        assert ledger.seals() == before


@pytest.mark.parametrize("free", [False, True])
def test_a_manifest_is_not_made_of_damaged_evidence(tmp_path: Path, free: bool) -> None:
    """Whether the payloads are read from it by then, or still lie in the ledger as well."""
    write(tmp_path, 0, 3)
    seal(tmp_path, free=free)
    root = sealed_directory(tmp_path)
    first_of(MANIFESTS, Path.unlink)(root)
    evidence = min((root / "entries").iterdir())
    content = evidence.read_bytes()
    cut(evidence)
    with pytest.raises(EvidenceDamagedError):
        seal(tmp_path)
    assert len([*root.glob(MANIFESTS)]) == len(catalogue(tmp_path)) - 1
    evidence.write_bytes(content)
    seal(tmp_path)
    assert len([*root.glob(MANIFESTS)]) == len(catalogue(tmp_path))


def catalogue(directory: Path) -> list[Any]:
    """The catalogue of seals."""
    with closing(Ledger(directory)) as ledger:
        return list(ledger.seals())


def test_each_time_readings_are_read_their_bytes_are_compared(sealed: Path) -> None:
    part = recovered(sealed)[1].parts[0]
    part.require()
    right = part.read()
    content = part.path.read_bytes()
    flip(part.path)
    for read in (part.read, part.read_keys, part.require):
        with pytest.raises(SealedFileError, match="digest"):
            read()
    part.path.write_bytes(content + b"more")
    with pytest.raises(SealedFileError, match="digest"):
        part.read()
    part.path.write_bytes(content)
    assert part.read().keys() == right.keys()


def test_what_is_read_has_the_digest_not_what_lies_there_a_moment_later(sealed: Path) -> None:
    """Somebody writes over a file between its digest and its columns."""
    part = recovered(sealed)[1].parts[0]
    right = part.read()["length"].tolist()
    read: Any = pl.read_parquet

    def overwritten(source: Any, **kwargs: Any) -> pl.DataFrame:
        flip(part.path)
        frame: pl.DataFrame = read(source, **kwargs)
        flip(part.path)
        return frame

    with patch.object(pl, "read_parquet", overwritten):
        assert part.read()["length"].tolist() == right


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "Input/output error"), PanicException("boom")], ids=str
)
def test_readings_that_cannot_be_read_say_so(sealed: Path, error: BaseException) -> None:
    part = recovered(sealed)[1].parts[0]
    where = (Path, "open") if isinstance(error, OSError) else (pl, "read_parquet")
    with patch.object(*where, side_effect=error):
        with pytest.raises(SealedFileError, match=r"season=\d+.* cannot be read"):
            part.read()
        if isinstance(error, OSError):
            with pytest.raises(SealedFileError, match="cannot be read"):
                part.require()


def test_a_start_on_a_disk_that_fails_goes_on_from_the_entries(sealed: Path) -> None:
    right = everything(unsealed(sealed))
    opened = Path.open

    def failing(self: Path, *arguments: Any, **kwargs: Any) -> Any:
        if self.suffix == ".parquet" and "season=" in str(self):
            raise OSError(errno.EIO, "Input/output error")
        return opened(self, *arguments, **kwargs)

    with patch.object(Path, "open", failing):
        registry, past = recovered(sealed, resident=1000)
        assert past.position == 0
        assert everything(registry) == right


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": 1}',
        b'{"format": 2}',
        b'{"format": 1, "position": "8", "rows": 1, "digest": "", "image": 1, "files": []}',
        b'{"format": 1, "position": true, "rows": 1, "digest": "", "image": 1, "files": []}',
        b'{"format": 1, "position": 8, "rows": 1, "digest": "", "image": 1, "files": [{"a": 1}]}',
        b'{"format": 1, "position": 8, "rows": 1, "digest": "", "image": 1, "files": 5}',
        b'{"format": 1, "position": 8, "rows": 1, "digest": 7, "image": 1, "files": []}',
    ],
)
def test_a_head_of_a_state_that_is_none_is_done_without(sealed: Path, content: bytes) -> None:
    state = state_of(recovered(sealed)[1])
    (state / "state.json").write_bytes(content)
    with pytest.raises(SealedFileError, match=r"manifest|format"):
        read_state(state)
    assert recovered(sealed)[1].position == 0


def test_a_registry_that_is_too_small_for_what_is_sealed_is_refused(sealed: Path) -> None:
    with closing(Ledger(sealed)) as ledger:
        history = open_history(sealed, ledger)
        assert history.state is not None
        too_few = partial(Registry, bales_max=history.state.rows - 1)
        with pytest.raises(StartError, match="Raise bales_max"):
            recover(ledger, history, too_few, resident_bales_max=0)


def test_a_server_lets_go_of_readings_that_were_written_again(sealed: Path) -> None:
    """It kept them in memory, for they were damaged, and reads them on disk from then on."""
    first_of(READINGS, flip)(sealed_directory(sealed))
    shutil.rmtree(sealed_directory(sealed) / "state")
    with closing(Ledger(sealed)) as ledger:
        started = recover(
            ledger,
            open_history(sealed, ledger),
            partial(Registry, bales_max=BALES_MAX),
            resident_bales_max=RANGE,
        )
        store, parts = started.registry.bales, started.history.parts
        right = everything(started.registry)
        assert parts[0] not in store._cold.parts
        assert parts[1] in store._cold.parts

        def sealed_again(found: SealedRange) -> None:
            started.residence.note(enter(sealed, ledger, found))

        with (
            closing(LedgerReader(sealed)) as reader,
            closing(
                Follower(sealed, reader, bales_max=BALES_MAX, resident_bales_max=RANGE)
            ) as follower,
        ):
            follower.seal(ledger.position, bales=RANGE, sealed=sealed_again)
        assert store._cold.parts[0].first_row == 0
        assert everything(started.registry) == right
        # Readings on disk that are damaged later and written again otherwise are read as they are.
        last = {part.first_row: part for part in store._cold.parts}[parts[1].first_row]
        assert last is parts[1]
        parts[1].path.write_bytes(b"")
        shutil.rmtree(sealed_directory(sealed) / "state")

        def otherwise(frame: pl.DataFrame, path: Path) -> None:
            frame.write_parquet(path, compression="lz4")

        with (
            patch.object(follow, "write_readings", otherwise),
            closing(LedgerReader(sealed)) as reader,
            closing(
                Follower(sealed, reader, bales_max=BALES_MAX, resident_bales_max=RANGE)
            ) as follower,
        ):
            follower.seal(ledger.position, bales=RANGE, sealed=sealed_again)
        assert len(parts[1].read()["high"]) == parts[1].stop_row - parts[1].first_row


@pytest.fixture
def rows_in_memory(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows that are in memory after every group that is replayed."""
    peaks: list[int] = []
    append = BaleStore.append

    def noted(self: BaleStore, bales: Any) -> None:
        append(self, bales)
        on_disk = sum(part.stop_row - part.first_row for part in self._cold.parts)
        peaks.append(self.count - on_disk)

    monkeypatch.setattr(BaleStore, "append", noted)
    return peaks


@pytest.mark.parametrize("lost", [False, True])
def test_a_replay_of_everything_needs_no_more_memory_than_a_start(
    sealed: Path, rows_in_memory: list[int], lost: bool
) -> None:
    _, past = recovered(sealed)
    rows = past.stop_row
    largest = max(part.stop_row - part.first_row for part in past.parts)
    # What stays, rounded up to whole ranges, and the range that is being replayed.
    bound = RANGE + 2 * largest
    assert rows > 2 * bound
    rows_in_memory.clear()
    shutil.rmtree(sealed_directory(sealed) / "state")
    if lost:
        all_of("readings", "manifests")(sealed_directory(sealed))
    registry, past = recovered(sealed, resident=RANGE)
    assert past.position == 0
    assert registry.revision == past.last
    if not lost:
        # Where nothing is on disk a start keeps all; the process that seals writes it again.
        assert max(rows_in_memory) <= bound
    rows_in_memory.clear()
    seal(sealed, bales=RANGE)
    assert max(rows_in_memory) <= bound
    assert recovered(sealed)[1].position == registry.revision
