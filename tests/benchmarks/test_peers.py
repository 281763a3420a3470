"""The race with other stores, tiny: each keeps what it is sent, and the page is made of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import psycopg
import pytest
from cotton.inspection.v1 import readings_pb2
from cotton_server.intake.decode import BatchLimits, decode

from benchmarks import page
from benchmarks.errors import BenchmarkError
from benchmarks.peers import cluster, report, results
from benchmarks.peers.clickhouse import ChdbStore
from benchmarks.peers.duck import DuckStore
from benchmarks.peers.plan import PEERS, SERVICE
from benchmarks.peers.postgres import PlainStore, StagedStore
from benchmarks.peers.rows import Group, TextBook
from benchmarks.peers.server import STORES
from benchmarks.peers.stores import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.domain.readings import ReadingTable

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that everybody may pass through: pytest's own lets nobody else in."""
    with tempfile.TemporaryDirectory(prefix="peers-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
def staged(directory: Path) -> Iterator[StagedStore]:
    """PostgreSQL with a table beside, ended in any case."""
    store = StagedStore(directory)
    yield store
    store._connection.close()
    store._stack.close()


@pytest.fixture
def plain(directory: Path) -> Iterator[PlainStore]:
    """PostgreSQL by COPY alone, ended in any case."""
    store = PlainStore(directory)
    yield store
    store._connection.close()
    store._stack.close()


def readings(first: int, count: int) -> ReadingTable:
    """Bales of neighbouring codes; every other has no length, and none has a strength."""
    rows = [
        readings_pb2.Reading(
            bale_code=f"6500124100124100{first + number:016}",
            lot_no=f"65001241{number % 2:03}",
            laboratory="LAB-01",
            instrument=f"HVI-{number % 3}",
            inspected_at_s=1_730_000_000 + number,
            micronaire=430,
            length=2800 + number if number % 2 else None,
        )
        for number in range(count)
    ]
    batch = readings_pb2.ReadingBatch(rows=readings_pb2.ReadingRows(readings=rows))
    return decode(batch, BatchLimits(1000))


def test_texts_are_numbered_once_and_told_once() -> None:
    book = TextBook()
    first, second = Group([readings(0, 4)], book), Group([readings(4, 4)], book)
    assert first.columns["lot_no"].tolist() == second.columns["lot_no"].tolist() == [1, 2, 1, 2]
    assert [text for _, text in first.texts][:2] == ["65001241000", "65001241001"]
    assert second.texts == []


def test_duckdb_leaves_out_what_it_has(tmp_path: Path) -> None:
    store = DuckStore(tmp_path)
    assert store.append([readings(0, 10), readings(10, 10)]) == 20
    assert store.append([readings(15, 10)]) == 5
    kept = store.close()
    assert kept.bales == 25
    assert kept.disk_bytes > 0
    with duckdb.connect(str(tmp_path / "bales.duckdb")) as connection:
        asked = "SELECT count(length), count(strength), min(length), count(*) FROM bale"
        assert connection.execute(asked).fetchone() == (13, 0, 2801, 25)
        asked = "SELECT DISTINCT text FROM bale JOIN text ON number = instrument ORDER BY text"
        assert connection.execute(asked).fetchall() == [("HVI-0",), ("HVI-1",), ("HVI-2",)]


def test_chdb_stores_again_what_it_has(tmp_path: Path) -> None:
    store = ChdbStore(tmp_path / "chdb")
    assert store.append([readings(0, 10)]) == 10
    assert store.append([readings(5, 10)]) == 10
    assert store.close().bales == 20


def test_memory_keeps_everything(tmp_path: Path) -> None:
    store = Memory(tmp_path)
    assert store.append([readings(0, 10)]) == store.append([readings(0, 10)]) == 10
    assert (store.close().bales, store.close().disk_bytes) == (20, 0)


def test_postgresql_is_made_and_leaves_out_what_it_has(staged: StagedStore) -> None:
    """Nulls survive the binary format; the server ends with the store."""
    store, address = staged, staged.address
    assert store.append([readings(0, 10), readings(10, 10)]) == 20
    assert store.append([readings(15, 10)]) == 5
    with psycopg.connect(address) as connection:
        asked = "SELECT count(length), count(strength), min(length), max(low) - min(low) FROM bale"
        assert connection.execute(asked).fetchone() == (13, 0, 2801, 24)
        asked = "SELECT DISTINCT text FROM bale JOIN text ON number = instrument ORDER BY text"
        assert connection.execute(asked).fetchall() == [("HVI-0",), ("HVI-1",), ("HVI-2",)]
        for name, value in (("fsync", "on"), ("synchronous_commit", "on")):
            assert connection.execute(f"SHOW {name}").fetchone() == (value,)
    kept = store.close()
    assert kept.bales == 25
    assert kept.about["synchronous_commit"] == "on"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(address)


def test_copy_alone_refuses_a_group_with_a_known_bale(plain: PlainStore) -> None:
    assert plain.append([readings(0, 10)]) == 10
    with pytest.raises(psycopg.errors.UniqueViolation):
        plain.append([readings(9, 10)])
    assert plain.append([readings(10, 10)]) == 10
    assert plain.close().bales == 20


def test_postgresql_that_is_not_there_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PLACES", ())
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BenchmarkError, match="apt-get install postgresql-15"):
        cluster.programs()


@pytest.mark.skipif(os.geteuid() != 0, reason="everybody but root is PostgreSQL's own account")
def test_a_directory_that_nobody_else_may_enter_is_said_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with (
        pytest.raises(BenchmarkError, match="chmod o\\+x"),
        cluster.cluster(tmp_path),
    ):
        pass


def test_every_peer_has_a_store() -> None:
    assert {peer.store for peer in PEERS if peer.store} == {*STORES}
    for module, kind in STORES.values():
        assert hasattr(import_module(f"benchmarks.peers.{module}"), kind)


def test_a_tiny_race_is_run_and_shown(directory: Path) -> None:
    """They take the same stream, and what they took becomes a page."""
    peers = ("PostgreSQL", "Arrow Flight")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.peers",
            "--lots=30",
            "--rounds=1",
            *(f"--peer={name}" for name in peers),
            f"--directory={directory / 'scratch'}",
            f"--output={directory / 'results'}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list((directory / "scratch").iterdir()) == []
    (path,) = (directory / "results").iterdir()
    found = results.read(path)
    assert {run.who for run in found.runs} == {SERVICE, *peers}
    assert len({run.bales for run in found.runs}) == 1
    assert found.message_sizes == [4096, 8192]
    assert all(len(found.of(who, size)) == 1 for who in (SERVICE, *peers) for size in (4096, 8192))
    assert found.about["PostgreSQL"]["synchronous_commit"] == "on"
    assert all(run.fed.server_cpu_ms for run in found.of_any("PostgreSQL"))
    assert "binary COPY into a temporary table" in report.text(found)
    page.rewrite(directory)
    shown = (directory / page.PAGE).read_text("utf-8")
    assert "## Bulk beside other stores" in shown
    assert "![Rates of service and peers](peers.svg)" in shown
    assert (directory / "peers.svg").read_text("utf-8").startswith("<svg")
