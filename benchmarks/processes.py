"""Child processes: started, waited for, always ended; and what the kernel counts of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parent.parent
START_S_MAX: Final = 60
STOP_S_MAX: Final = 60

_POLL_S: Final = 0.01
_LOG_CHARACTERS_SHOWN: Final = 4000
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that serves: its process, its address, and its metrics where it has any."""

    pid: int
    address: str
    metrics: str | None


@contextmanager
def serving(
    name: str, arguments: Sequence[str], log: Path, *, start_s_max: float = START_S_MAX
) -> Iterator[Serving]:
    """Runs `python -m ARGUMENTS` while the context lasts, from when it says it serves.

    The child writes its log to the file `log`, one JSON object a line, with the event
    "serving". Raises BenchmarkError with the end of the log when the child does not get
    there in `start_s_max` seconds, or does not end with status 0 on SIGTERM.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # A group of its own: Ctrl-C comes to the benchmark, which ends the child in order.
            process_group=0,
        )
    try:
        started = _started(name, process, log, start_s_max)
        try:
            yield started
        except BenchmarkError as error:
            ended = process.poll()
            if ended is None:
                raise
            raise _failure(f"{error}\n{name} ended with status {ended}", log) from error
        process.terminate()
        try:
            status = process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            raise _failure(f"{name} did not stop within {STOP_S_MAX} s of SIGTERM", log) from None
        if status:
            raise _failure(f"{name} ended with status {status} on SIGTERM", log)
    finally:
        # With its children: a database that a peer has started would outlive it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def environment() -> dict[str, str]:
    """The variables for a child: without settings of a service that somebody runs here."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COTTON_")}


def logged(log: Path, name: str) -> dict[str, Any]:
    """The last event of a name in a log of JSON lines; BenchmarkError when there is none."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    for line in reversed(lines):
        event = _event(line)
        if event.get("event") == name:
            return event
    raise _failure(f"the event {name!r} is missing", log)


def log_end(log: Path) -> str:
    """The end of a log, to be shown with an error."""
    return log.read_text(encoding="utf-8", errors="replace")[-_LOG_CHARACTERS_SHOWN:].strip()


def _failure(what: str, log: Path) -> BenchmarkError:
    return BenchmarkError(f"{what}. Its log ends with:\n{log_end(log) or '(nothing)'}")


def _started(name: str, process: subprocess.Popen[bytes], log: Path, start_s_max: float) -> Serving:
    deadline = time.monotonic() + start_s_max
    while time.monotonic() < deadline:
        ended = process.poll()
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
            event = _event(line)
            if event.get("event") == "serving":
                metrics = event["metrics"]
                return Serving(process.pid, event["listen"], None if metrics == "off" else metrics)
        if ended is not None:
            raise _failure(f"{name} ended with status {ended} before it served", log)
        time.sleep(_POLL_S)
    raise _failure(f"{name} does not serve after {start_s_max} s", log)


def _event(line: str) -> dict[str, Any]:
    """A line of a log as an event; empty for one that is no JSON or not written to its end."""
    try:
        event = json.loads(line) if line.endswith("\n") else {}
    except json.JSONDecodeError:
        return {}
    return event if isinstance(event, dict) else {}


def cpu_ms(pid: int) -> int:
    """CPU time that a process has taken so far, user and system, in steps of a clock tick."""
    user, system = _times(pid)[:2]
    return (user + system) * 1000 // _TICKS_A_SECOND


def family_cpu_ms(pid: int) -> int:
    """CPU time so far of a process and all below it, those that have ended included."""
    ticks = 0
    for each in family(pid):
        with suppress(FileNotFoundError, ProcessLookupError):  # ended since: counted as a child
            ticks += sum(_times(each))
    return ticks * 1000 // _TICKS_A_SECOND


def family(pid: int) -> list[int]:
    """A process and all that it, or one below it, has started and that still run."""
    children: dict[int, list[int]] = {}
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = int(_stat(int(directory.name))[1])
            children.setdefault(parent, []).append(int(directory.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat that follow the name, from state and parent on."""
    # The name in parentheses may hold anything; what follows it is numbers.
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def _times(pid: int) -> list[int]:
    """Clock ticks of a process: user, system, and both of its children that have ended."""
    return list(map(int, _stat(pid)[11:15]))


def memory_kib(pid: int) -> dict[str, int]:
    """Memory of a process by the kernel's names: VmHWM is the peak, RssAnon anonymous now."""
    found: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name in ("VmHWM", "RssAnon"):
            found[name] = int(value.split()[0])
    return found


def family_memory_kib(pid: int) -> dict[str, int]:
    """As `memory_kib`, added up over a process and all below it; what they share counts often."""
    total = {"VmHWM": 0, "RssAnon": 0}
    for each in family(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            for name, kib in memory_kib(each).items():
                total[name] += kib
    return total


def machine_cpu_ms() -> dict[str, int]:
    """CPU time of the whole machine so far: busy in any process, and withheld by its host."""
    with Path("/proc/stat").open(encoding="utf-8") as stat:
        ticks = [int(text) for text in stat.readline().split()[1:]]
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = ticks[:8]
    busy = user + nice + system + interrupts + soft_interrupts
    return {
        "busy": busy * 1000 // _TICKS_A_SECOND,
        "stolen": stolen * 1000 // _TICKS_A_SECOND,
    }
