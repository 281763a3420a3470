"""Seals that were cut short leave nothing that counts twice, and no two processes seal at once."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import polars as pl
import pytest
from cotton_server.ledger import LedgerReader, evidence_directory, names, sealed_directory
from cotton_server.ledger.opening import FILE_NAME
from cotton_server.sealing import follow, lock
from cotton_server.sealing.files import write_whole
from cotton_server.sealing.follow import Follower
from cotton_server.sealing.lock import SealingBusyError, SealingLock
from cotton_server.sealing.sweeping import SET_ASIDE

from tests.support.bales import bale
from tests.support.committing import committing
from tests.support.sealing import BALES_MAX, recovered, seal

if TYPE_CHECKING:
    from cotton_server.sealing.records import SealedRange

LOTS = ("65140161077", "65140231077")


class KilledError(BaseException):
    """Stands for the end of the process."""


async def _write(directory: Path, first: int, last: int, bales_from: int) -> None:
    async with committing(directory) as running:
        for number in range(first, last):
            start = bales_from + 10 * number
            bales = [bale(start + row, LOTS[row % 2]) for row in range(5)]
            await running.stored(number + 1, bales)


def write(directory: Path, first: int, last: int, *, bales_from: int = 0) -> None:
    """Batches of these numbers, of two seasons."""
    asyncio.run(_write(directory, first, last, bales_from))


def kill_a_seal(directory: Path) -> None:
    """Seals all there is, and is gone when the files are durable and not catalogued yet."""

    def sealed(_: SealedRange) -> None:
        raise KilledError

    with (
        closing(LedgerReader(directory)) as reader,
        closing(Follower(directory, reader, bales_max=BALES_MAX, resident_bales_max=0)) as follower,
        pytest.raises(KilledError),
    ):
        follower.seal(reader.position, bales=10_000, sealed=sealed)


def files(directory: Path) -> list[str]:
    """All that lies below the directory of the sealed history but states."""
    root = sealed_directory(directory)
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and not path.is_relative_to(root / "state")
    )


def require_all_once(directory: Path) -> None:
    """Every row and every payload lies in one file, as other programs read them."""
    root = sealed_directory(directory)
    rows = pl.scan_parquet(root / "readings/**/*.parquet").select("row").collect()["row"]
    registry, past = recovered(directory)
    assert rows.sort().to_list() == list(range(registry.bales.count))
    entries = pl.read_parquet(root / "entries/*.parquet")["position"]
    assert entries.sort().to_list() == list(range(1, registry.revision + 1))
    assert len([*(root / "manifests").iterdir()]) == len(past.seals)


def test_what_a_killed_seal_wrote_does_not_count_twice(tmp_path: Path) -> None:
    write(tmp_path, 0, 4)
    seal(tmp_path, bales=1000)
    write(tmp_path, 4, 7)
    kill_a_seal(tmp_path)
    assert any("0000000005-0000000007" in each for each in files(tmp_path))
    (sealed_directory(tmp_path) / "readings" / "x.1.partial").write_bytes(b"half")
    (sealed_directory(tmp_path) / "state" / "0000000007.1.partial").mkdir()
    write(tmp_path, 7, 9)
    seal(tmp_path, bales=1000)
    require_all_once(tmp_path)
    assert not [*sealed_directory(tmp_path).rglob("*.partial")]


def test_a_build_that_does_not_sweep_counts_twice(tmp_path: Path) -> None:
    write(tmp_path, 0, 4)
    kill_a_seal(tmp_path)
    write(tmp_path, 4, 7)
    with patch.object(follow, "sweep", lambda *_: None):
        seal(tmp_path, bales=1000)
    with pytest.raises(AssertionError):
        require_all_once(tmp_path)


@pytest.mark.parametrize("step", ["write_evidence", "write_readings", "require_same_rows"])
def test_a_seal_that_fails_leaves_nothing(tmp_path: Path, step: str) -> None:
    write(tmp_path, 0, 3)
    seal(tmp_path, bales=1000)
    write(tmp_path, 3, 6)
    before = files(tmp_path)
    right: Any = getattr(follow, step)

    def full(*arguments: Any) -> None:
        right(*arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    with patch.object(follow, step, full), pytest.raises(OSError, match="space"):
        seal(tmp_path, bales=1000)
    assert files(tmp_path) == before
    seal(tmp_path, bales=1000)
    require_all_once(tmp_path)


def test_evidence_that_the_ledger_does_not_have_is_set_aside(tmp_path: Path) -> None:
    """A ledger from before was put back: the files of later entries may be all there is of them."""
    directory = tmp_path / "data"
    directory.mkdir()
    write(directory, 0, 3)
    seal(directory, bales=1000)
    shutil.copy(directory / FILE_NAME, tmp_path)
    write(directory, 3, 6)
    seal(directory, bales=1000)
    root = sealed_directory(directory)
    later = evidence_directory(directory) / "0000000004-0000000006.parquet"
    content = later.read_bytes()
    shutil.rmtree(root / "state")
    shutil.copy(tmp_path / FILE_NAME, directory)
    write(directory, 3, 4, bales_from=1000)
    seal(directory, bales=1000)
    assert (root / SET_ASIDE / later.name).read_bytes() == content
    assert not later.exists()
    require_all_once(directory)
    # It stays there, whatever comes.
    write(directory, 4, 7)
    seal(directory, bales=1000)
    assert (root / SET_ASIDE / later.name).read_bytes() == content
    require_all_once(directory)


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, 0, 3)
    seal(tmp_path, bales=1000)
    root = sealed_directory(tmp_path)
    others = [root / "readings/season=2016/notes.parquet", root / "manifests/notes.json"]
    for path in others:
        path.write_bytes(b"mine")
    write(tmp_path, 3, 6)
    seal(tmp_path, bales=1000)
    assert [path.read_bytes() for path in others] == [b"mine", b"mine"]


def test_nobody_sweeps_while_another_seals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of a server that was killed may go on for a moment."""
    write(tmp_path, 0, 3)
    kill_a_seal(tmp_path)
    before = files(tmp_path)
    monkeypatch.setattr(lock, "_WAIT_S", 0.2)
    with closing(SealingLock(tmp_path)), pytest.raises(SealingBusyError, match="holds"):
        seal(tmp_path)
    assert files(tmp_path) == before
    monkeypatch.setattr(lock, "_WAIT_S", 30.0)
    held = SealingLock(tmp_path)
    ends = threading.Timer(0.3, held.close)
    ends.start()
    assert seal(tmp_path) > 0
    ends.join()
    require_all_once(tmp_path)


def test_names_are_durable_also_of_directories_that_a_process_before_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have ended between making one and syncing its name."""
    season = sealed_directory(tmp_path) / "readings" / "season=2016"
    season.mkdir(parents=True)
    synced: list[Path] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    write_whole(season / "a.parquet", lambda path: path.touch(), top=tmp_path)
    above = [season, season.parent, sealed_directory(tmp_path), tmp_path]
    assert set(synced) >= set(above)
    synced.clear()
    # Once is enough for those above; a new one is synced, and the one that it is in.
    write_whole(season / "b.parquet", lambda path: path.touch(), top=tmp_path)
    assert set(synced) & set(above) == {season}
    synced.clear()
    other = season.with_name("season=2017")
    write_whole(other / "a.parquet", lambda path: path.touch(), top=tmp_path)
    assert set(synced) & {*above, other} == {other, season.parent}
    assert other in names._durable
