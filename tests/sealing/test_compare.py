"""Readings on disk and the store that they were written from: what differs is named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from cotton_server.sealing.compare import require_same_rows, require_same_table
from cotton_server.sealing.files import SealedFileError, described
from cotton_server.sealing.history import SealedReadings

from tests.support.lying import otherwise
from tests.support.sealed_story import tell_sealed
from tests.support.sealing import recovered

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.registry.registry import Registry


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Registry, tuple[SealedReadings, ...]]:
    """A registry, and the ranges that are sealed of it."""
    directory = tmp_path_factory.mktemp("data")
    tell_sealed(directory)
    registry, past = recovered(directory, resident=1000)
    return registry, past.parts


def test_what_was_written_is_the_same(
    told: tuple[Registry, tuple[SealedReadings, ...]],
) -> None:
    registry, parts = told
    assert len(parts) == 3
    for part in parts:
        require_same_rows(part, registry)


def test_readings_of_the_range_before_are_not(
    told: tuple[Registry, tuple[SealedReadings, ...]],
) -> None:
    registry, (first, second, *_) = told
    mixed = SealedReadings(first.root, replace(second.manifest, readings=first.manifest.readings))
    with pytest.raises(SealedFileError, match="for the readings of 2016, which lie in"):
        require_same_rows(mixed, registry)


def test_what_is_read_back_otherwise_is_named(
    told: tuple[Registry, tuple[SealedReadings, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where files have what the frames have: a start reads them as columns of the store."""
    registry, (part, *_) = told
    columns = part.read()
    wrong = {**columns, "high": columns["high"] + np.uint64(1)}
    monkeypatch.setattr(SealedReadings, "read", lambda _: wrong)
    with pytest.raises(SealedFileError, match="read back otherwise than it was written: high"):
        require_same_rows(part, registry)


FRAME = pl.DataFrame(
    {
        "row": pl.Series([7, 8, 9], dtype=pl.UInt32),
        "length": pl.Series([2800, None, 2900], dtype=pl.Int16),
        "lot_no": ["a", "a", ""],
        "at": [[1], [], [2, 3]],
        "is": [True, False, None],
        "blob": [b"a" * 200, b"", None],
    }
)


@pytest.mark.parametrize("column", FRAME.columns)
def test_a_value_that_is_another_is_named(tmp_path: Path, column: str) -> None:
    path = tmp_path / "t.parquet"
    changed = otherwise(FRAME[column])
    assert changed is not None
    FRAME.with_columns(changed).write_parquet(path)
    with pytest.raises(SealedFileError) as refused:
        require_same_table(tmp_path, described(tmp_path, path), FRAME, key="row")
    said = str(refused.value)
    assert f"{path} has another value than the entries come to: {column} at row 7" in said
    assert len(said) - len(str(path)) < 600


def test_absent_is_not_zero(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    FRAME.with_columns(pl.col("length").fill_null(0)).write_parquet(path)
    with pytest.raises(SealedFileError, match="length at row 8 is 0, they come to None"):
        require_same_table(tmp_path, described(tmp_path, path), FRAME, key="row")


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (FRAME[:2], "has 2 rows, the entries come to 3"),
        (FRAME.drop("at"), "has the columns"),
        (FRAME.with_columns(pl.col("length").cast(pl.Int32)), "has the columns"),
        (FRAME.select(reversed(FRAME.columns)), "has the columns"),
    ],
)
def test_another_shape_is_named(tmp_path: Path, frame: pl.DataFrame, said: str) -> None:
    path = tmp_path / "t.parquet"
    frame.write_parquet(path)
    with pytest.raises(SealedFileError, match=said):
        require_same_table(tmp_path, described(tmp_path, path), FRAME)


def test_the_same_in_other_bytes_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    FRAME.write_parquet(path, compression="uncompressed", row_group_size=1)
    require_same_table(tmp_path, described(tmp_path, path), FRAME, key="row")


def test_what_is_no_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(SealedFileError, match="cannot be read"):
        require_same_table(tmp_path, described(tmp_path, path), FRAME)
