"""Who seals for a server, watched from outside, and how far a ledger is sealed."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import apsw

from benchmarks.errors import BenchmarkError
from benchmarks.processes import cpu_ms, family, family_cpu_ms, memory_kib
from benchmarks.scrape import scrape

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.processes import Serving

SEALED_S_MAX: Final = 900
"""How long sealing may take; what takes longer hangs."""

_LOOK_S: Final = 0.2
_STEADY_S: Final = 1.0
_QUIET_S: Final = 1.5
"""More than it takes a server to see that there is something to seal."""
_NAMES: Final = {
    "cotton_registry_bales": "bales",
    "cotton_registry_resident_bytes": "readings_bytes",
    "cotton_seals_total": "seals",
}


@dataclass(frozen=True, slots=True)
class SoFar:
    """How far a ledger is sealed: ranges, their rows, and those whose raw entries are freed."""

    ranges: int
    rows: int
    rows_freed: int


def sealed(data: Path) -> SoFar:
    """What the catalogue in a data directory says, also while a server writes to it."""
    ledger = data / "ledger.sqlite"
    if not ledger.exists():
        return SoFar(0, 0, 0)
    connection = apsw.Connection(str(ledger), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        found = connection.execute(
            "SELECT count(*), coalesce(max(stop_row), 0),"
            " coalesce(max(stop_row) FILTER (WHERE freed >= last), 0) FROM seal"
        ).get
    finally:
        connection.close()
    return SoFar(*found)


def metrics(server: Serving) -> dict[str, float]:
    """What a server says of its readings: `bales`, and `readings_bytes` in memory."""
    if server.metrics is None:
        raise AssertionError("the server was started with metrics")
    found = scrape(server.metrics, _NAMES)
    if found.get("seals_failed"):
        raise BenchmarkError("The server could not seal; see its log.")
    return found


@dataclass(slots=True)
class _Process:
    from_ns: int
    until_ns: int
    peak_kib: int


class Watch:
    """Watches the processes that seal for a server, from when it is made."""

    def __init__(self, server: Serving, data: Path) -> None:
        """Takes the server and what it seals."""
        self._server = server
        self._data = data
        self._begun_ns = time.perf_counter_ns()
        self._processes: dict[int, _Process] = {}

    async def until_sealed(self, rows: int) -> None:
        """Waits until so many rows are sealed, and their raw entries freed.

        Raises BenchmarkError when that does not come.
        """
        while True:
            self._look()
            so_far = sealed(self._data)
            if so_far.rows_freed >= rows:
                return
            # A server that fails to seal says so.
            await asyncio.to_thread(metrics, self._server)
            if self.elapsed_ms > SEALED_S_MAX * 1000:
                raise BenchmarkError(f"After {SEALED_S_MAX} s {so_far} of {rows} rows are sealed.")
            await asyncio.sleep(_LOOK_S)

    @property
    def elapsed_ms(self) -> int:
        """Since it was made."""
        return (time.perf_counter_ns() - self._begun_ns) // 1_000_000

    @property
    def processes(self) -> int:
        """How many have sealed."""
        return len(self._processes)

    @property
    def running_ms(self) -> int:
        """How long they ran, in steps of how often is looked."""
        spans = (each.until_ns - each.from_ns for each in self._processes.values())
        return sum(spans) // 1_000_000

    @property
    def cpu_ms(self) -> int:
        """What they took of the processor: all that the server has started."""
        return family_cpu_ms(self._server.pid) - cpu_ms(self._server.pid)

    @property
    def peak_kib(self) -> int:
        """The most memory that one of them held, shared pages included."""
        return max((each.peak_kib for each in self._processes.values()), default=0)

    def _look(self) -> None:
        now_ns = time.perf_counter_ns()
        for pid in family(self._server.pid)[1:]:
            with suppress(FileNotFoundError, ProcessLookupError):
                one = self._processes.setdefault(pid, _Process(now_ns, now_ns, 0))
                one.until_ns = now_ns
                one.peak_kib = memory_kib(pid).get("VmHWM", one.peak_kib)


async def until_quiet(server: Serving) -> None:
    """Waits until nobody seals for a server, and nobody begins to; raises BenchmarkError."""
    begun_s = quiet_s = time.monotonic()
    while time.monotonic() - quiet_s < _QUIET_S:
        if len(family(server.pid)) > 1:
            quiet_s = time.monotonic()
            if quiet_s - begun_s > SEALED_S_MAX:
                raise BenchmarkError(f"The server still seals after {SEALED_S_MAX} s.")
        await asyncio.sleep(_LOOK_S)


async def until_given_back(data: Path) -> None:
    """Waits until the ledger file of a server that is quiet gives no more pages back."""
    free, since_s = _free_pages(data), time.monotonic()
    while time.monotonic() - since_s < _QUIET_S:
        await asyncio.sleep(_LOOK_S)
        if (left := _free_pages(data)) != free:
            free, since_s = left, time.monotonic()


def _free_pages(data: Path) -> int:
    connection = apsw.Connection(str(data / "ledger.sqlite"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(connection.execute("PRAGMA freelist_count").get)
    finally:
        connection.close()


async def resident_since(server: Serving) -> int:
    """When the memory of readings stopped to grow, in ns of `time.perf_counter_ns`.

    Found when it has not grown for a second.
    """
    size, since_ns = 0.0, time.perf_counter_ns()
    while (time.perf_counter_ns() - since_ns) / 1e9 < _STEADY_S:
        now_ns = time.perf_counter_ns()
        found = (await asyncio.to_thread(metrics, server)).get("readings_bytes", 0.0)
        if found > size:
            size, since_ns = found, now_ns
        await asyncio.sleep(_LOOK_S)
    return since_ns
