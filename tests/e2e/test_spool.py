"""`cotton send` cut off at any instant, on either side, ends with every bale exactly once."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import pytest
from cotton_client import SyncCottonClient
from cotton_client.cli.exits import Exit
from cotton_client.simulate import Simulation
from cotton_client.spool import directory_of, places, store

from tests.support.sealing import seal
from tests.support.server import ROOT, Servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.server import Server

LOTS = 1080
"""Some 200 000 bales."""

BATCH_BALES = 500
KILLS = 8
RUN_S_MAX = 60
LINE_S_MAX = 20
HEADER = "bale_code,lot_no,length\n"


def command(server: str, *arguments: str | Path) -> list[str]:
    """A command line of `cotton send`."""
    start = [sys.executable, "-m", "cotton_client.cli", "--server", server, "send"]
    return [*start, *map(str, arguments)]


def environment(state: Path) -> dict[str, str]:
    """The environment of a command whose state lies below the test's directory."""
    return {**os.environ, "XDG_STATE_HOME": str(state)}


def line(number: int) -> str:
    """One reading of a file."""
    return f"32651401611141221550000121{number:06d},65140161077,28.2\n"


def newer(number: int) -> str:
    """One reading of another day, of a lot of the next season."""
    return f"32651401711141221550000121{number:06d},65140171077,28.2\n"


def waiting(directory: Path) -> bool:
    """Whether batches wait in a spool; none do in one that is not there."""
    if not (directory / places.FILE_NAME).exists():
        return False
    standing = store.look(directory)
    return standing is not None and bool(standing.waiting_batches)


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A file of simulated readings and how many bales it has."""
    directory = tmp_path_factory.mktemp("season")
    simulation = Simulation(lots=LOTS, seed=7, season=2024, warehouses=1)
    paths = simulation.write(directory)
    (path,) = (each for each in paths if each.name.startswith("readings"))
    return path, simulation.bales


def test_kills_of_client_and_server_leave_every_bale_once(
    servers: Servers, tmp_path: Path, season: tuple[Path, int]
) -> None:
    """SIGKILL at random instants, the same command again: stored once, nothing left."""
    path, bales = season
    dice = random.Random(1)  # noqa: S311 - which instants is all that it decides
    server = servers.start()
    address = server.address
    run = command(address, path, "--warehouse", "W01", "--batch-bales", str(BATCH_BALES), "--json")
    directory = directory_of(tmp_path / "state" / "cotton" / "spool", "W01", address)
    left = 0
    for kill in range(KILLS):
        with subprocess.Popen(
            run,
            env=environment(tmp_path / "state"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as client:
            if kill % 4:
                # Whatever the speed of the machine, three of four kills meet it at work.
                while client.poll() is None and not waiting(directory):
                    time.sleep(0.01)
            if kill % 2:
                time.sleep(dice.uniform(0.0, 0.3))
                server.end(signal.SIGKILL)
                time.sleep(dice.uniform(0.0, 0.2))
                server = servers.start(listen=address)
            time.sleep(dice.uniform(0.0, 0.6))
            client.kill()
        left += waiting(directory)
    assert left, "no kill met a run that had something under way"
    done = subprocess.run(
        run,
        env=environment(tmp_path / "state"),
        capture_output=True,
        text=True,
        check=True,
        timeout=RUN_S_MAX,
    )
    (file,) = json.loads(done.stdout)["files"]
    # First answers again: no bale was met a second time in another batch, and none is missing.
    assert (file["received"], file["created"], file["existing"]) == (bales, bales, 0)
    with SyncCottonClient(address) as client_of_service:
        assert client_of_service.summarise_grades().total.bales == bales
        stored = client_of_service.producer("W01")
        assert (stored.batches, stored.bales_received) == (file["batches"], bales)
    standing = store.look(directory)
    assert standing is not None
    assert (standing.waiting_batches, standing.refused) == (0, ())


class Following:
    """A `cotton send --follow` under way, and the lines of JSON that it prints."""

    def __init__(self, server: Server, directory: Path, state: Path) -> None:
        """Starts it."""
        options = ("--settle", "0.3", "--json", "--pattern", "*.csv")
        self._process = subprocess.Popen(
            command(server.address, "--follow", directory, *options),
            env=environment(state),
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        """It runs."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Ends it if it still runs."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def line(self) -> dict[str, Any]:
        """The next line."""
        return self._lines.get(timeout=LINE_S_MAX)

    def nothing(self, seconds: float) -> bool:
        """Whether no line comes for so long."""
        time.sleep(seconds)
        return self._lines.empty()

    def end(self, number: signal.Signals) -> int:
        """Sends a signal; the exit code."""
        self._process.send_signal(number)
        return self._process.wait(LINE_S_MAX)

    def _read(self) -> None:
        if self._process.stdout is None:
            raise AssertionError("stdout is a pipe")
        with self._process.stdout:
            for text in self._process.stdout:
                self._lines.put(json.loads(text))


@contextmanager
def following(server: Server, directory: Path, state: Path) -> Iterator[Following]:
    """A `cotton send --follow` that is ended in the end."""
    with Following(server, directory, state) as process:
        yield process


def counts(answer: dict[str, Any]) -> tuple[str, int, int, int]:
    """Name of the file, and bales received, created and existing."""
    name = answer["file"].rpartition("/")[2]
    return name, answer["received"], answer["created"], answer["existing"]


def test_a_directory_is_followed(servers: Servers, tmp_path: Path) -> None:
    """New, growing and unreadable files; a restart reports none of what it knows."""
    server = servers.start()
    directory = tmp_path / "instrument"
    directory.mkdir()
    growing, bad, other = (directory / f"{name}.csv" for name in ("growing", "bad", "other"))
    growing.write_text(HEADER + line(0) + line(1))
    (directory / "notes.txt").write_text("no readings")
    with following(server, directory, tmp_path / "state") as follower:
        assert counts(follower.line()) == ("growing.csv", 2, 2, 0)
        bad.write_text(HEADER + "no bale,65140161077,28.2\n")
        told = follower.line()
        assert (counts(told)[0], told["error"]["reason"]) == ("bad.csv", "INVALID_FILE")
        with growing.open("a") as file:
            file.write(line(2))
        assert counts(follower.line()) == ("growing.csv", 3, 1, 2)
        bad.write_text(HEADER + line(3))
        told = follower.line()
        assert (counts(told), told["error"]) == (("bad.csv", 1, 1, 0), None)
        assert follower.nothing(2.0)
        assert follower.end(signal.SIGTERM) == 0
    growing.touch()
    with following(server, directory, tmp_path / "state") as follower:
        assert follower.nothing(2.5)
        other.write_text(HEADER + line(4))
        assert counts(follower.line()) == ("other.csv", 1, 1, 0)
        assert follower.end(signal.SIGINT) == 0
    with SyncCottonClient(server.address) as client:
        assert client.summarise_grades().total.bales == 5


def test_a_follower_outlives_its_server(servers: Servers, tmp_path: Path) -> None:
    """Files written while the server is away are sent when it is back."""
    server = servers.start()
    directory = tmp_path / "instrument"
    directory.mkdir()
    with following(server, directory, tmp_path / "state") as follower:
        (directory / "a.csv").write_text(HEADER + line(0))
        assert counts(follower.line()) == ("a.csv", 1, 1, 0)
        server.end(signal.SIGKILL)
        (directory / "b.csv").write_text(HEADER + line(1))
        assert follower.nothing(3.0)
        servers.start(listen=server.address)
        assert counts(follower.line()) == ("b.csv", 1, 1, 0)
        assert follower.end(signal.SIGTERM) == 0


def test_a_follower_that_is_killed_loses_nothing(servers: Servers, tmp_path: Path) -> None:
    """What was spooled while the server was away is sent by the next run, file or no file."""
    server = servers.start()
    server.end(signal.SIGKILL)
    directory, state = tmp_path / "instrument", tmp_path / "state"
    directory.mkdir()
    (directory / "a.csv").write_text(HEADER + line(0) + line(1))
    with following(server, directory, state):
        deadline = time.monotonic() + LINE_S_MAX
        while not any(map(waiting, places.directories(state / "cotton" / "spool"))):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    (directory / "a.csv").unlink()
    servers.start(listen=server.address)
    with following(server, directory, state) as follower:
        assert counts(follower.line()) == ("a.csv", 2, 2, 0)
        assert follower.end(signal.SIGTERM) == 0


def ran(state: Path, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Runs `cotton` with JSON: its exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "cotton_client.cli", *map(str, arguments), "--json"],
        env=environment(state),
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_S_MAX,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("options", [(), ("--sequenced",)])
def test_a_batch_that_needs_a_damaged_file_is_kept_and_holds_up_no_other(
    servers: Servers, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """It stays in the spool with its reason, and is sent again once the file was put back."""
    state = tmp_path / "state"
    old, mixed = tmp_path / "old.csv", tmp_path / "mixed.csv"
    old.write_text(HEADER + "".join(line(number) for number in range(8)))
    server = servers.start(seal_bales=0)
    to = ("--server", server.address)
    assert ran(state, *to, "send", old)[0] == 0
    server.end()
    seal(servers.data_dir)
    damaged = {
        path: path.read_bytes() for path in (servers.data_dir / "sealed").rglob("season=*/*")
    }
    assert damaged
    for path, content in damaged.items():
        path.write_bytes(content[:-1] + b"?")
    servers.start(listen=server.address, seal_bales=0, resident_bales_max=0)

    lines = [newer(1), newer(2), line(3), newer(3), newer(4), newer(5)]
    mixed.write_text(HEADER + "".join(lines))
    code, sent = ran(state, *to, "send", mixed, "--batch-bales", "2", *options)
    (file,), (refused,) = sent["files"], sent["refused"]
    assert code == Exit.REFUSED
    assert (file["received"], file["created"]) == (4, 4)
    assert (refused["bale_first"], refused["bales"]) == (3, 2)
    assert refused["reason"] == "STORAGE_DAMAGED"
    assert "cotton fsck" in refused["remedy"]

    code, again = ran(state, *to, "spool", "retry")
    assert (code, [each["reason"] for each in again["refused"]]) == (4, ["STORAGE_DAMAGED"])
    for path, content in damaged.items():
        path.write_bytes(content)
    code, again = ran(state, *to, "spool", "retry")
    (file,) = again["files"]
    assert (code, again["refused"]) == (0, [])
    assert (file["received"], file["created"], file["existing"]) == (2, 1, 1)
    with SyncCottonClient(server.address) as client:
        assert client.summarise_grades().total.bales == 8 + 5
    (directory,) = places.directories(state / "cotton" / "spool")
    standing = store.look(directory)
    assert standing is not None
    assert (standing.waiting_batches, standing.refused) == (0, ())
