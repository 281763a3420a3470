"""What the follower seals, and what it refuses to: nothing that it did not find to be so."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import polars as pl
import pytest
from cotton_server.intake.replay import ReplayDiffersError
from cotton_server.ledger import sealed_directory
from cotton_server.registry.image import IMAGE_FORMAT
from cotton_server.sealing import follow, history
from cotton_server.sealing.files import SealedFileError
from cotton_server.sealing.manifest import read_state

from tests.machine.core import everything
from tests.support.bales import Bale, bale, usda_bale
from tests.support.broken import without_duplicate_check
from tests.support.committing import answer, committing
from tests.support.sealing import recovered, seal, state_of

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.registry.registry import Registry

LOTS = ("65140161077", "65140171078")


def batch(number: int) -> list[Bale]:
    """New bales of two seasons, a repeat, a reading that differs, a USDA bale."""
    new = [bale(10 * number + row, LOTS[row % 2]) for row in range(5)]
    again = [bale(0, LOTS[0]), bale(1, LOTS[1], length=2700 + number)] if number else []
    return [*new, *again, usda_bale(number)]


async def _write(directory: Path, first: int, last: int) -> None:
    async with committing(directory, resident=1000) as running:
        for number in range(first, last):
            await running.stored(number + 1, batch(number))
        await answer(await running.register(f"r-{first}", lot_no=LOTS[first % 2]))


def write(directory: Path, first: int, last: int) -> None:
    """Batches of these numbers, and a lot."""
    asyncio.run(_write(directory, first, last))


def unsealed(directory: Path) -> Registry:
    """The registry of a copy of the raw entries alone."""
    copy = directory.parent / f"{directory.name}-plain"
    shutil.copytree(directory, copy, dirs_exist_ok=True)
    shutil.rmtree(sealed_directory(copy) / "state", ignore_errors=True)
    return recovered(copy, resident=1000)[0]


def test_seals_follow_one_another_and_each_start_is_from_the_newest_state(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    parts = 0
    for first in (0, 4, 8):
        write(directory, first, first + 4)
        number = seal(directory, bales=9)
        assert number > parts
        parts = number
        registry, past = recovered(directory, resident=10)
        assert past.position == registry.revision == past.last
        assert everything(registry) == everything(unsealed(directory))
    assert [part.first_row for part in past.parts[1:]] == [
        part.stop_row for part in past.parts[:-1]
    ]
    # What comes after a seal is replayed on top of it.
    write(directory, 12, 14)
    registry, past = recovered(directory)
    assert past.position < registry.revision
    assert everything(registry) == everything(unsealed(directory))


def test_readings_by_season_have_what_the_store_has(tmp_path: Path) -> None:
    write(tmp_path, 0, 6)
    seal(tmp_path, bales=1000)
    registry, past = recovered(tmp_path)
    (part,) = past.parts
    assert set(part.manifest.readings) == {2016, 2017, 2021}
    frames = {
        season: pl.read_parquet(past.root / file.path)
        for season, file in part.manifest.readings.items()
    }
    together = pl.concat(frames.values()).sort("row")
    assert together["row"].to_list() == list(range(registry.bales.count))
    assert set(frames[2016]["lot_no"]) == {LOTS[0]}
    assert frames[2021]["lot_no"].unique().to_list() == [""]
    # Readings that differ from the first of their bale are kept.
    assert together["is_first"].to_list().count(False) == 5
    length = together.filter(pl.col("lot_no") != "")["length"]
    assert sorted(set(length)) == [2701, 2702, 2703, 2704, 2705, 2820]


def test_a_file_that_was_not_written_right_is_not_told_of(tmp_path: Path) -> None:
    write(tmp_path, 0, 3)

    def wrong(frame: pl.DataFrame, path: Path) -> None:
        frame.with_columns(pl.col("strength") + 1).write_parquet(path)

    with patch.object(follow, "write_readings", wrong), pytest.raises(SealedFileError):
        seal(tmp_path)
    assert recovered(tmp_path)[1].parts == ()
    assert seal(tmp_path) > 0


def test_without_the_comparison_it_would_be(tmp_path: Path) -> None:
    """The build that does not compare what it wrote seals it; its starts answer wrong."""
    write(tmp_path, 0, 3)
    right = everything(recovered(tmp_path)[0])

    def wrong(frame: pl.DataFrame, path: Path) -> None:
        frame.with_columns(pl.col("strength") + 1).write_parquet(path)

    def trusting(*_: Any) -> None:
        """Compares nothing."""

    with (
        patch.object(follow, "write_readings", wrong),
        patch.object(follow, "require_same_rows", trusting),
    ):
        assert seal(tmp_path) > 0
    assert everything(recovered(tmp_path)[0]) != right


def test_what_is_decided_otherwise_now_is_not_sealed(tmp_path: Path) -> None:
    write(tmp_path, 0, 3)
    with without_duplicate_check(), pytest.raises(ReplayDiffersError):
        seal(tmp_path, bales=1000)
    assert recovered(tmp_path)[1].parts == ()


@pytest.mark.parametrize("damage", ["flip", "lose", "format", "cut readings"])
def test_a_state_that_is_not_whole_is_done_without(tmp_path: Path, damage: str) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    write(directory, 0, 5)
    seal(directory)
    right = everything(unsealed(directory))
    _, past = recovered(directory)
    state = state_of(past)
    assert read_state(state).image == IMAGE_FORMAT
    file = state / "registry" / "changes.parquet"
    if damage == "flip":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(bytes(content))
    elif damage == "lose":
        file.unlink()
    elif damage == "cut readings":
        past.parts[0].path.write_bytes(past.parts[0].path.read_bytes()[:-1])
    newer = patch.object(history, "IMAGE_FORMAT", IMAGE_FORMAT + 1) if damage == "format" else None
    if newer is not None:
        newer.start()
    try:
        registry, again = recovered(directory)
    finally:
        if newer is not None:
            newer.stop()
    assert again.position == 0
    assert everything(registry) == right
