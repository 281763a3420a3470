"""A process that is heard: however it ends, it is gone, and what it said of why is told."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from cotton_server.sealing import process as process_module
from cotton_server.sealing.process import ProcessFailedError, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENDS_S_MAX = 20.0


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes of a test, each of which must have been reaped, and soon."""
    found: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def starting(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        found.append(popen(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(subprocess, "Popen", starting)
    begun = time.monotonic()
    yield found
    assert found
    assert all(each.returncode is not None for each in found)
    assert all(
        pipe.closed for each in found for pipe in (each.stdin, each.stdout, each.stderr) if pipe
    )
    assert time.monotonic() - begun < ENDS_S_MAX


def ran(
    program: str,
    heard: Callable[[str], None] = lambda _: None,
    stop: threading.Event | None = None,
    silence_max_s: float = 30.0,
) -> None:
    """Runs a program of Python's."""
    run(
        [sys.executable, "-c", program],
        heard,
        stop or threading.Event(),
        silence_max_s=silence_max_s,
        environment=os.environ,
    )


def test_lines_are_heard_whole_and_in_order() -> None:
    program = """
import os, time
for part in (b"on", b"e\\n\\ntwo", b"\\nthr\\xc3", b"\\xa9e\\n"):
    os.write(1, part)
    time.sleep(0.1)
"""
    lines: list[str] = []
    ran(program, lines.append)
    assert lines == ["one", "two", "thrée"]


def test_one_that_says_a_lot_of_what_is_wrong_ends() -> None:
    """More than a pipe holds, while nothing is read from the other: the end of it is told."""
    program = """
import sys
sys.stderr.write("x" * 1_000_000 + "the reason")
sys.stderr.flush()
print("a line")
sys.exit(1)
"""
    lines: list[str] = []
    with pytest.raises(ProcessFailedError, match="xthe reason") as failed:
        ran(program, lines.append)
    assert len(str(failed.value)) <= process_module._TAIL_BYTES
    assert lines == ["a line"]


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise SystemExit(3)", "it ended with 3"),
        ("import os; os.kill(os.getpid(), 9)", "too little memory.*resident_bales_max"),
        ("import os; os.kill(os.getpid(), 15)", "ended by signal 15"),
        ("print('x' * 1_000_000)", "lines of more than"),
    ],
)
def test_why_it_failed_is_said(program: str, said: str) -> None:
    with pytest.raises(ProcessFailedError, match=said):
        ran(program)


@pytest.mark.parametrize(
    "program",
    [
        "import time; time.sleep(100)",
        "import os, time; os.write(1, b'a line without end'); time.sleep(100)",
        "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(100)",
    ],
)
def test_one_that_says_nothing_is_ended(program: str) -> None:
    with pytest.raises(ProcessFailedError, match=r"nothing was heard of it for 1 s"):
        ran(program, silence_max_s=1.0)


def test_one_that_closed_its_pipes_and_goes_on_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "_END_S", 0.5)
    with pytest.raises(ProcessFailedError, match="had not ended"):
        ran("import os, time; os.close(1); os.close(2); time.sleep(100)")


def test_one_that_says_now_and_then_that_it_is_at_work_is_not() -> None:
    program = "import os, time; [(time.sleep(0.2), os.write(1, b'\\n')) for _ in range(12)]"
    ran(program, silence_max_s=1.5)


def test_the_time_that_hearing_takes_is_no_silence() -> None:
    program = "import os, time; os.write(1, b'one\\n'); time.sleep(0.2); os.write(1, b'two\\n')"
    lines: list[str] = []

    def slowly(line: str) -> None:
        time.sleep(1.2)
        lines.append(line)

    ran(program, slowly, silence_max_s=1.0)
    assert lines == ["one", "two"]


def test_it_is_ended_when_told_to_stop() -> None:
    stop = threading.Event()
    ran("import time; print('up', flush=True); time.sleep(100)", lambda _: stop.set(), stop)


def test_it_is_ended_when_who_hears_it_fails() -> None:
    def full(_: str) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        ran("import time; print('up', flush=True); time.sleep(100)", full)
