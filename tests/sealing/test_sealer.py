"""The thread that has the ledger sealed: whatever fails an attempt, it counts it and goes on."""

from __future__ import annotations

import asyncio
import errno
import logging
import subprocess
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest
from cotton_server.ledger import (
    EvidenceDamagedError,
    Ledger,
    LedgerBusyError,
    LedgerFailedError,
    LedgerFullError,
)
from cotton_server.registry.image import ImageDamagedError, ImageFormatError
from cotton_server.registry.registry import Registry
from cotton_server.sealing import sealer as sealer_module
from cotton_server.sealing.history import Residence, open_history, recover
from cotton_server.sealing.sealer import SealBounds, Sealer

from tests.support.bales import bale
from tests.support.committing import committing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cotton_server.sealing.history import History
    from cotton_server.sealing.records import Sealed

BALES_MAX = 5000
WAIT_S_MAX = 60.0


class Observer:
    """Keeps what it is told, in order: whether each attempt succeeded."""

    def __init__(self) -> None:
        """Has heard nothing."""
        self.attempts: list[bool] = []

    def sealed(self, record: Sealed) -> None:
        """Keeps it."""
        self.attempts.append(record.succeeded)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A data directory with some batches."""

    async def write() -> None:
        async with committing(tmp_path) as running:
            for number in range(6):
                await running.stored(number + 1, [bale(10 * number + row) for row in range(5)])

    asyncio.run(write())
    return tmp_path


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that were started."""
    found: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def starting(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        found.append(popen(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(subprocess, "Popen", starting)
    return found


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks and tries again at once."""
    monkeypatch.setattr(sealer_module, "_LOOK_S", 0.02)
    monkeypatch.setattr(sealer_module, "_AGAIN_S", 0.05)


class Running:
    """A sealer on a ledger that nobody else has open."""

    def __init__(self, directory: Path, *, bales: int, after_s: int = 10_000) -> None:
        """Starts it."""
        self.observer = Observer()
        self.ledger = Ledger(directory)
        history = open_history(directory, self.ledger)
        recovered = recover(
            self.ledger, history, partial(Registry, bales_max=BALES_MAX), resident_bales_max=0
        )
        self.registry = recovered.registry
        self.sealer = Sealer(
            directory,
            self.ledger,
            recovered.registry,
            recovered.history,
            recovered.residence,
            SealBounds(bales, after_s, BALES_MAX, 0, 1 << 20),
            self.observer,
        )

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something."""
        until = time.monotonic() + WAIT_S_MAX
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.01)

    def all_is_sealed(self) -> bool:
        """Whether nothing is left to do."""
        freed = self.ledger._freer.execute("SELECT min(length(payload) = 0) FROM entry").get
        return not self.sealer.working and self.sealer.position == self.ledger.position and freed

    def is_alive(self) -> bool:
        """Whether the sealer goes on."""
        return self.sealer._thread.is_alive()


@contextmanager
def sealing(directory: Path, **bounds: int) -> Iterator[Running]:
    """A sealer, closed at the end."""
    running = Running(directory, **{"bales": 20, **bounds})
    try:
        yield running
    finally:
        running.sealer.close()
        assert not running.sealer.working
        running.ledger.close()


def once(error: BaseException, patch: pytest.MonkeyPatch, target: object, name: str) -> list[int]:
    """Has a function fail the first time that it is called; gives what grows by each call."""
    function = getattr(target, name)
    calls: list[int] = []

    def fails(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise error
        return function(*arguments, **options)

    patch.setattr(target, name, fails)
    return calls


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What was told as an error."""
    return [each for each in caplog.records if each.levelno >= logging.ERROR]


FAILURES: dict[str, tuple[Exception, object, str]] = {
    "the disk is full when a seal is entered": (LedgerFullError("full"), Ledger, "add_seal"),
    "another program holds the ledger": (LedgerBusyError("held"), Ledger, "add_seal"),
    "the catalogue cannot be read": (apsw.IOError("I/O error"), sealer_module, "enter"),
    "no process can be started": (OSError(errno.EMFILE, "files"), subprocess, "Popen"),
    "there is no memory": (MemoryError(), sealer_module, "run"),
    "readings cannot be read": (OSError(errno.EIO, "I/O error"), Residence, "note"),
    "the image cannot be read": (
        ImageDamagedError(Path("lots.parquet"), "is cut"),
        sealer_module,
        "move_image",
    ),
    "the image is of another version": (
        ImageFormatError(Path("registry"), 1, 2),
        sealer_module,
        "move_image",
    ),
    "states cannot be listed": (OSError(errno.EIO, "I/O"), sealer_module, "remove_directories"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_an_attempt_that_fails_is_counted_told_and_made_again(
    directory: Path,
    processes: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: str,
) -> None:
    error, target, name = FAILURES[failure]
    once(error, monkeypatch, target, name)
    with sealing(directory) as running:
        running.until(lambda: len(running.observer.attempts) > 1 and running.all_is_sealed())
        assert running.observer.attempts == [False, True]
        assert running.is_alive()
    assert processes
    assert all(each.returncode is not None for each in processes)
    (told,) = errors(caplog)
    assert told.message == "the ledger could not be sealed"
    said = vars(told)
    assert (said["error"], said["remedy"][:8]) == (str(error) or "MemoryError", "No entry")
    # Only of what nobody expects is it told where it came from.
    assert bool(told.exc_info) is isinstance(error, apsw.Error | MemoryError)
    # A start needs nothing but the state.
    assert open_history_of(directory).position == 6


def open_history_of(directory: Path) -> History:
    """What is sealed of a ledger that nobody has open."""
    with closing(Ledger(directory)) as ledger:
        return open_history(directory, ledger)


def test_a_process_that_cannot_be_followed_is_killed_and_reaped_at_once(
    directory: Path, processes: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has more ranges to write, onto a disk that may be full: it writes none of them."""
    monkeypatch.setattr(sealer_module, "_AGAIN_S", 1000.0)
    once(LedgerFullError("full"), monkeypatch, Ledger, "add_seal")
    with sealing(directory, bales=5) as running:
        running.until(lambda: bool(running.observer.attempts))
        (process,) = processes
        assert process.returncode == -9
        running.until(lambda: not running.sealer.working)
        assert running.is_alive()
        assert running.sealer.position == 0


@pytest.mark.parametrize("when", ["it seals", "it frees"])
def test_only_a_ledger_that_failed_ends_sealing(
    directory: Path,
    processes: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    when: str,
) -> None:
    name = "add_seal" if when == "it seals" else "free_payloads"
    once(LedgerFailedError("the disk failed"), monkeypatch, Ledger, name)
    with sealing(directory) as running:
        running.until(lambda: not running.is_alive())
        assert not running.sealer.working
        assert running.observer.attempts == ([False] if when == "it seals" else [])
    assert [each.message for each in errors(caplog)] == ["sealing has ended: the ledger has failed"]
    assert all(each.returncode is not None for each in processes)


@pytest.mark.parametrize(
    "error", [LedgerFullError("full"), LedgerBusyError("held"), MemoryError(), OSError("I/O")]
)
def test_payloads_that_could_not_be_freed_are_freed_later(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    """Without a seal, or a start, in between."""
    with sealing(directory) as running:
        calls = once(error, monkeypatch, Ledger, "free_payloads")
        running.until(running.all_is_sealed)
        assert running.observer.attempts == [True]
    assert len(calls) > 1
    assert [each.message for each in errors(caplog)] == ["payloads could not be freed"]


def test_damaged_evidence_is_not_read_over_and_over(
    directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Payloads are left where they are until the next seal."""
    damage = EvidenceDamagedError(1, directory / "x.parquet", "which is missing")
    with sealing(directory, bales=1000) as running:
        running.until(lambda: not running.sealer.working)
        calls = once(damage, monkeypatch, Ledger, "free_payloads")
        running.sealer._bounds = replace(running.sealer._bounds, bales=20)
        running.until(lambda: bool(calls) and not running.sealer.working)
        time.sleep(0.5)
        assert calls == [1]
        assert running.is_alive()
    assert [each.message for each in errors(caplog)] == ["payloads could not be freed"]


def test_what_was_due_by_its_age_stays_due_when_an_attempt_fails(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(OSError(errno.EMFILE, "files"), monkeypatch, subprocess, "Popen")
    with sealing(directory, bales=1000, after_s=1) as running:
        running.until(lambda: bool(running.observer.attempts))
        running.sealer._bounds = replace(running.sealer._bounds, after_s=10_000)
        running.until(running.all_is_sealed)
        assert running.observer.attempts == [False, True]


PROGRAMS = {
    "says nothing": ("import time; time.sleep(100)", "nothing was heard of it for 1 s"),
    "says more than a pipe holds": (
        "import sys; sys.stderr.write('x' * 1_000_000 + 'why'); sys.exit(1)",
        "xwhy",
    ),
    "says what is no range": ("print('[]')", "argument after ** must be a mapping"),
    "is killed": ("import os; os.kill(os.getpid(), 9)", "too little memory"),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_process_that_fails_is_counted_and_its_reason_told(
    directory: Path,
    tmp_path_factory: pytest.TempPathFactory,
    processes: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    program: str,
) -> None:
    text, said = PROGRAMS[program]
    home = tmp_path_factory.mktemp("programs")
    (home / "another_work.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(home))
    monkeypatch.setattr(sealer_module, "_WORK", "another_work")
    monkeypatch.setattr(sealer_module, "_SILENCE_MAX_S", 1.0)
    with sealing(directory) as running:
        running.until(lambda: len(running.observer.attempts) > 1)
        assert not any(running.observer.attempts)
        assert running.is_alive()
    assert all(each.returncode is not None for each in processes)
    told = errors(caplog)[0]
    assert said in vars(told)["error"]


def test_closing_ends_the_process_and_counts_nothing(
    directory: Path, processes: list[subprocess.Popen[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    with sealing(directory) as running:
        running.until(lambda: bool(processes))
        assert running.sealer.working
    assert running.observer.attempts == []
    assert processes[0].returncode == -9
    assert not errors(caplog)
