"""Runs cases: a fresh server and a fresh client for every run, real server and sink in turn."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from benchmarks.clock import Fed
from benchmarks.errors import BenchmarkError
from benchmarks.feed import Job
from benchmarks.machine import touch_memory
from benchmarks.processes import ROOT, Serving, environment, serving
from benchmarks.results import SERVER, SINK, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from benchmarks.cases import Case
    from benchmarks.data import CaseData

CLIENT_S_MAX: Final = 600
"""A run is meant to take seconds; a client that takes this long hangs."""

MEMORY_TOUCHED_BYTES: Final = 1 << 30
"""Memory asked of the host ahead of a run: more than any run of the default size needs."""

_MEMORY_A_BALE: Final = 1 << 10
"""No more than this for every bale, so that a tiny run is not mostly that."""


def measure(
    prepared: Mapping[Case, CaseData],
    directory: Path,
    *,
    repetitions: int,
    window: int,
    told: Callable[[Run, int], None],
) -> list[Run]:
    """All runs of the cases; `told` gets each with the number of runs in all.

    Every repetition goes through all cases, so that a machine that slows down for a while
    slows all of them; the order of server and sink turns with each repetition. Raises
    BenchmarkError.
    """
    plan = list(_plan(list(prepared), repetitions))
    runs: list[Run] = []
    for place, (repetition, case, target) in enumerate(plan, 1):
        run_directory = directory / f"run-{place}"
        run_directory.mkdir()
        try:
            run = _run(place, repetition, case, target, prepared[case], run_directory, window)
        except BenchmarkError as error:
            raise BenchmarkError(f"{case.name} into the {target}: {error}") from error
        finally:
            shutil.rmtree(run_directory)
        told(run, len(plan))
        runs.append(run)
    return runs


def _plan(cases: list[Case], repetitions: int) -> Iterator[tuple[int, Case, str]]:
    for repetition in range(1, repetitions + 1):
        targets = (SERVER, SINK) if repetition % 2 else (SINK, SERVER)
        for case in cases:
            for target in targets:
                yield repetition, case, target


def _run(
    place: int,
    repetition: int,
    case: Case,
    target: str,
    data: CaseData,
    directory: Path,
    window: int,
) -> Run:
    data_directory = directory / "data"
    data_directory.mkdir()
    memory_mb_a_second = touch_memory_for(data.bales)
    arguments = ["benchmarks.sink"] if target == SINK else serve(data_directory)
    with serving(f"the {target}", arguments, directory / "log") as child:
        job = Job(
            address=child.address,
            pid=child.pid,
            metrics=child.metrics,
            streams=data.streams,
            bales=data.bales,
            expected=_expected(case, child),
            window=window,
        )
        fed = feed(job)
    return Run(
        place=place,
        repetition=repetition,
        case=case,
        target=target,
        messages=data.messages,
        bales=data.bales,
        bytes=data.bytes,
        disk_bytes=size_bytes(data_directory),
        bales_on_disk=data.bales * 2 if case.existing else data.bales,
        memory_mb_a_second=memory_mb_a_second,
        fed=fed,
    )


def serve(data_directory: Path) -> list[str]:
    """The service as it ships on a data directory, for `serving`."""
    return [
        "cotton_client.cli",
        "serve",
        f"--data-dir={data_directory}",
        "--listen=127.0.0.1:0",
        "--metrics-listen=127.0.0.1:0",
        "--log-format=json",
    ]


def _expected(case: Case, child: Serving) -> str:
    if child.metrics is None:
        return ""
    return "existing" if case.existing else "created"


def feed(job: Job, *, client: str = "benchmarks.feed") -> Fed:
    """Runs the client, a module that takes such a job; it is ended in any case."""
    process = subprocess.Popen(
        [sys.executable, "-m", client],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        output, problem = process.communicate(json.dumps(asdict(job)), timeout=CLIENT_S_MAX)
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"the client was not done after {CLIENT_S_MAX} s.") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode:
        raise BenchmarkError(problem.strip() or f"the client ended with {process.returncode}.")
    return Fed(**json.loads(output))


def touch_memory_for(bales: int) -> int:
    """Touches memory ahead of a run of so many bales; million bytes a second."""
    return touch_memory(min(MEMORY_TOUCHED_BYTES, bales * _MEMORY_A_BALE))


def size_bytes(directory: Path) -> int:
    """What the files in a directory, at any depth, hold."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def today() -> str:
    """The date in UTC, "YYYY-MM-DD"."""
    return time.strftime("%Y-%m-%d", time.gmtime())
