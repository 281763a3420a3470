"""The rate beside bales that are stored, and of bales that are: a fresh server every time."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.errors import BenchmarkError
from benchmarks.feed import Job
from benchmarks.measure import feed, serve, size_bytes, touch_memory_for
from benchmarks.processes import family_cpu_ms, family_memory_kib, serving
from benchmarks.scale.results import AGAIN, NEW, SHUFFLED, Run
from benchmarks.scale.season import Source, joined, prepare
from benchmarks.scrape import scrape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.processes import Serving
from benchmarks.scale.season import Part, Prepared

LEVELS: Final = (0.0, 0.1, 0.5, 1.0)
"""Parts of the season that are stored when the clock starts."""

WINDOW: Final = 16
START_S_MAX: Final = 900
"""A start may go through a whole season."""

_REST_S_MAX: Final = 300
_REST_LOOK_S: Final = 0.7
"""Longer than the service waits before it looks whether there is anything to seal."""
_REST_SHARE: Final = 0.05
"""A server that takes less of a core than this has nothing left to do of what it was sent."""
_SEALING: Final = {"cotton_sealing": "sealing"}
"""1 while the service moves entries into sealed files."""


@dataclass(frozen=True, slots=True)
class Level:
    """A data directory with bales stored, that runs are made on copies of."""

    bales: int
    data: Path


def measure(
    source: Source, rounds: int, directory: Path, told: Callable[[str], None]
) -> tuple[Run, ...]:
    """All runs, in files below `directory`. Raises BenchmarkError."""
    told(f"preparing {source.lots} lots and {source.new_lots} new ones")
    begun = time.monotonic()

    def step(done: int, of: int) -> None:
        if done == of or done % 6 == 0:
            told(f"  {done} of {of} warehouses, {time.monotonic() - begun:.0f} s")

    prepared = prepare(source, step)
    levels = _filled(prepared, directory, told)
    plan = list(_plan(levels, prepared, rounds))
    runs: list[Run] = []
    for place, (round_, kind, level, part) in enumerate(plan, 1):
        try:
            run = _run(place, round_, kind, level, part, directory / f"run-{place}")
        except BenchmarkError as error:
            raise BenchmarkError(f"{kind} beside {level.bales} bales: {error}") from error
        runs.append(run)
        told(
            f"{place:3}/{len(plan)} {kind:9} {run.bales:>9} bales beside {run.stored:>9} stored:"
            f" {run.bales_a_second / 1e6:6.3f} M bales/s, served after {run.start_ms / 1000:.1f} s,"
            f" others' CPU {run.fed.other_cpu_ms} ms in {run.fed.elapsed_ns // 1_000_000} ms"
        )
    return tuple(runs)


def _plan(
    levels: Sequence[Level], prepared: Prepared, rounds: int
) -> Iterator[tuple[int, str, Level, Part]]:
    """New bales at every level, up and down in turn, then what is there already."""
    again = joined(prepared.again)
    for number in range(rounds):
        for level in reversed(levels) if number % 2 else levels:
            yield number + 1, NEW, level, prepared.new
        yield number + 1, AGAIN, levels[-1], again
        yield number + 1, SHUFFLED, levels[-1], prepared.shuffled


def _filled(prepared: Prepared, directory: Path, told: Callable[[str], None]) -> list[Level]:
    """A data directory for every level, each a copy of the one before with more stored."""
    levels: list[Level] = []
    begun = bales = 0
    data: Path | None = None
    # Of few warehouses some are the same.
    for until in sorted({round(share * len(prepared.stored)) for share in LEVELS}):
        kept = directory / f"level-{until}"
        if data is None:
            kept.mkdir()
        else:
            _copy(data, kept)
        if until > begun:
            part = joined(prepared.stored[begun:until])
            bales += part.bales
            with _served(kept, directory / "log") as server:
                fed = feed(_job(server, part, "created", bales))
                rest_s = rested(server)
            told(
                f"  {bales} bales stored at {part.bales * 1e3 / fed.elapsed_ns:.3f} M bales/s,"
                f" at rest after {rest_s:.0f} s, {size_bytes(kept) / bales:.1f} bytes a bale"
            )
        begun, data = until, kept
        levels.append(Level(bales, kept))
    return levels


def _run(place: int, round_: int, kind: str, level: Level, part: Part, directory: Path) -> Run:
    directory.mkdir()
    try:
        data = directory / "data"
        _copy(level.data, data)
        touch_memory_for(part.bales)
        begun = time.monotonic()
        with _served(data, directory / "log") as server:
            start_ms = round((time.monotonic() - begun) * 1000)
            rested(server)
            anonymous_kib = family_memory_kib(server.pid)["RssAnon"]
            stored = level.bales + part.bales if kind == NEW else level.bales
            expected = "created" if kind == NEW else "existing"
            fed = feed(_job(server, part, expected, stored))
        return Run(
            place=place,
            round=round_,
            kind=kind,
            stored=level.bales,
            streams=len(part.streams),
            messages=part.messages,
            bales=part.bales,
            start_ms=start_ms,
            started_anonymous_kib=anonymous_kib,
            disk_bytes=size_bytes(data),
            fed=fed,
        )
    finally:
        shutil.rmtree(directory)


def _job(server: Serving, part: Part, expected: str, stored: int) -> Job:
    return Job(
        address=server.address,
        pid=server.pid,
        metrics=server.metrics,
        streams=part.streams,
        bales=part.bales,
        expected=expected,
        window=WINDOW,
        stored=stored,
    )


@contextmanager
def _served(data: Path, log: Path) -> Iterator[Serving]:
    with serving("the server", serve(data), log, start_s_max=START_S_MAX) as server:
        yield server


def rested(server: Serving) -> float:
    """Waits until a server and what it has started do nothing any more; seconds waited.

    BenchmarkError when it does not come to rest.
    """
    begun = time.monotonic()
    before = family_cpu_ms(server.pid)
    while time.monotonic() - begun < _REST_S_MAX:
        time.sleep(_REST_LOOK_S)
        now = family_cpu_ms(server.pid)
        busy = now - before > _REST_SHARE * _REST_LOOK_S * 1000
        if not busy and not (server.metrics and scrape(server.metrics, _SEALING).get("sealing")):
            return time.monotonic() - begun
        before = now
    raise BenchmarkError(f"The server is still busy {_REST_S_MAX} s after it was sent anything.")


def _copy(data: Path, copy: Path) -> None:
    """A copy that shares the blocks of the original where the file system can."""
    subprocess.run(["/bin/cp", "-a", "--reflink=auto", data, copy], check=True)
