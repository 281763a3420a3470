"""Kills, failing disks and power failures while a ledger is sealed: no entry is ever another.

Evidence is synced before its seal is entered, so a power failure leaves it as it is.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw
import pytest
from cotton_server.ledger import Ledger, LedgerError, LedgerFailedError, LedgerFullError
from cotton_server.ledger import freeing as freeing_module
from cotton_server.ledger import ledger as ledger_module
from cotton_server.ledger.opening import FILE_NAME
from cotton_server.ledger.seal import SEALED_NAME

from tests.support.entries import entry, read
from tests.support.faulty_disk import faulty_disk
from tests.support.sealed_run import AFTER, BEFORE, STEPS, made
from tests.support.seals import free_all, seal, seal_of, write_evidence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.faulty_disk import FaultyDisk

_ROOT: Final = Path(__file__).parents[2]
ENTRIES: Final = 30


@pytest.fixture(autouse=True)
def gives_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are given back without waiting for quiet, and all of them."""
    monkeypatch.setattr(ledger_module, "_QUIET_S", 0.0)
    monkeypatch.setattr(freeing_module, "_KEPT_BYTES", 0)
    monkeypatch.setattr(freeing_module, "_PAUSE_S", 0.0)


def check_whole(directory: Path, count_min: int) -> None:
    """All entries are there as they were made, and stay so when sealing goes on to its end."""
    entries = read(directory)
    assert len(entries) >= count_min
    assert [each.content for each in entries] == [made(n) for n in range(1, len(entries) + 1)]
    ledger = Ledger(directory)
    sealed = ledger.seals()[-1].last if ledger.seals() else 0
    if sealed < len(entries):
        seal(ledger, directory, len(entries))
    while ledger.free_payloads():
        pass
    assert list(ledger.verified()) == entries
    ledger.close()
    connection = apsw.Connection(str(directory / FILE_NAME))
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    assert not connection.execute("SELECT max(length(payload)) FROM entry").get
    connection.close()
    assert read(directory) == entries


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_between_two_steps_leaves_every_entry(tmp_path: Path, step: str) -> None:
    command = [sys.executable, "-m", "tests.support.sealed_run", str(tmp_path), step]
    ended = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    later = STEPS.index(step) > STEPS.index("some payloads are freed")
    check_whole(tmp_path, BEFORE + AFTER if later else BEFORE)


def work(ledger: Ledger, directory: Path, tell: Callable[[int], None]) -> None:
    """Appends, seals, frees, gives back; tells how many entries are acknowledged, step by step."""
    ledger.append([made(number) for number in range(1, 21)])
    tell(20)
    first = seal_of(ledger, 8)
    write_evidence_of(ledger, directory, first)
    ledger.add_seal(first)
    tell(20)
    while ledger._freeing.free(3):
        tell(20)
    ledger.append([made(number) for number in range(21, ENTRIES + 1)])
    tell(ENTRIES)
    seal(ledger, directory, 25)
    free_all(ledger)
    tell(ENTRIES)
    while ledger._freeing.give_back(10):
        tell(ENTRIES)
    ledger._fold()
    tell(ENTRIES)


@pytest.mark.parametrize("seed", range(4))
def test_a_power_failure_at_any_step_leaves_every_entry(tmp_path: Path, seed: int) -> None:
    """What was freed without a sync may be freed or not, in whatever order sectors were written."""
    draw = random.Random(seed)  # noqa: S311 - reproducible faults
    live = tmp_path / "live"
    live.mkdir()
    left: list[tuple[Path, int]] = []
    with faulty_disk() as disk:
        ledger = Ledger(live, page_bytes=512)

        def fail_power(acknowledged: int) -> None:
            directory = tmp_path / f"{len(left)}"
            directory.mkdir()
            disk.after_power_failure(directory, draw)
            if (live / SEALED_NAME).exists():
                shutil.copytree(live / SEALED_NAME, directory / SEALED_NAME)
            left.append((directory, acknowledged))

        work(ledger, live, fail_power)
        ledger.close()
    assert len(left) > 10
    for directory, acknowledged in left:
        check_whole(directory, acknowledged)


FAULTS: Final[dict[str, Callable[[], apsw.Error]]] = {
    "error": lambda: apsw.IOError("the disk failed"),
    "full": lambda: apsw.FullError("no space left"),
}


@contextmanager
def opened(disk: FaultyDisk, directory: Path) -> Iterator[Ledger | None]:
    """The ledger, closed when the disk is sound again; None where it could not be opened."""
    try:
        ledger = Ledger(directory, page_bytes=512)
    except LedgerError:
        yield None
        return
    yield ledger
    disk.fail_at = None
    ledger.close()


# SQLite goes on cleaning up after an error; what fails there reaches nobody but the log.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("fault", FAULTS)
def test_whichever_call_to_the_disk_fails_every_entry_is_left(tmp_path: Path, fault: str) -> None:
    """Also when it is a call of who frees; after an error nothing is appended any more."""
    fail_at = 1
    while True:
        directory = tmp_path / f"{fail_at}"
        directory.mkdir()
        acknowledged = [0]
        with faulty_disk() as disk:
            disk.error, disk.fail_at = FAULTS[fault], fail_at
            with opened(disk, directory) as ledger:
                if ledger is not None:
                    try:
                        work(ledger, directory, acknowledged.append)
                    except LedgerFailedError:
                        with pytest.raises(LedgerFailedError):
                            ledger.append([entry(99)])
                    except LedgerFullError:
                        pass
            calls = disk.calls
        check_whole(directory, acknowledged[-1])
        shutil.rmtree(directory)
        if calls < fail_at:
            break
        # Every call of opening, and one in seventeen after it: they are alike.
        fail_at += 1 if fail_at < 40 else 17
    assert acknowledged[-1] == ENTRIES
    assert fail_at > 400
