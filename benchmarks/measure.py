"""Runs cases: a fresh server and a fresh client for every run, real server and sink in turn."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from benchmarks.errors import BenchmarkError
from benchmarks.feed import Fed, Job
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
    memory_mb_a_second = touch_memory(MEMORY_TOUCHED_BYTES)
    arguments = _arguments(target, data_directory)
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
        fed = _feed(job)
    return Run(
        place=place,
        repetition=repetition,
        case=case,
        target=target,
        messages=data.messages,
        bales=data.bales,
        bytes=data.bytes,
        disk_bytes=sum(path.stat().st_size for path in data_directory.iterdir()),
        bales_on_disk=data.bales * 2 if case.existing else data.bales,
        memory_mb_a_second=memory_mb_a_second,
        fed=fed,
    )


def _arguments(target: str, data_directory: Path) -> list[str]:
    if target == SINK:
        return ["benchmarks.sink"]
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


def _feed(job: Job) -> Fed:
    """Runs the client; it is ended in any case."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.feed"],
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


def today() -> str:
    """The date in UTC, "YYYY-MM-DD"."""
    return time.strftime("%Y-%m-%d", time.gmtime())
