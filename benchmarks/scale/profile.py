"""Where the time of one batch goes: the service watched, watched and unwatched in turn."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.cases import Case
from benchmarks.data import prepare, read_messages
from benchmarks.feed import Job
from benchmarks.measure import feed, serve, touch_memory_for
from benchmarks.processes import serving
from benchmarks.scale.limits import limits_ns
from benchmarks.scale.results import PLAIN, SUNK, WATCHED, Profiled
from benchmarks.scale.stages import GRPC, STAGES, WAIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.data import CaseData

CASE: Final = Case("columns", 4096, streams=8)
"""So many streams keep groups of 4 MiB full."""

WINDOW: Final = 16


def measure(
    bales: int, rounds: int, directory: Path, told: Callable[[str], None]
) -> tuple[dict[str, float], tuple[Profiled, ...]]:
    """The limits in nanoseconds a bale, and all runs. Raises BenchmarkError."""
    data = prepare(CASE, bales, directory)
    told(f"prepared {data.bales} bales in {data.messages} messages on {CASE.streams} streams")
    messages = [each for stream in data.streams for each in read_messages(Path(stream.timed))]
    limits = limits_ns(messages, data.bales, directory)
    runs: list[Profiled] = []
    kinds = (PLAIN, WATCHED, SUNK)
    for number in range(rounds):
        for kind in reversed(kinds) if number % 2 else kinds:
            run = _run(len(runs) + 1, number + 1, kind, data, directory / f"run-{len(runs)}")
            runs.append(run)
            told(
                f"{run.place:3}/{rounds * len(kinds)} {kind:8}"
                f" {run.bales_a_second / 1e6:7.3f} M bales/s"
            )
    return limits, tuple(runs)


def _run(place: int, round_: int, kind: str, data: CaseData, directory: Path) -> Profiled:
    kept, noted = directory / "data", directory / "noted.json"
    kept.mkdir(parents=True)
    touch_memory_for(data.bales)
    arguments = ["benchmarks.sink"] if kind == SUNK else serve(kept)
    if kind == WATCHED:
        arguments = ["benchmarks.scale.observed", str(noted), *arguments[1:]]
    try:
        with serving(f"the {kind} server", arguments, directory / "log") as child:
            fed = feed(
                Job(
                    address=child.address,
                    pid=child.pid,
                    metrics=child.metrics,
                    streams=data.streams,
                    bales=data.bales,
                    expected="" if kind == SUNK else "created",
                    window=WINDOW,
                )
            )
        found = json.loads(noted.read_text(encoding="utf-8")) if kind == WATCHED else {}
    finally:
        shutil.rmtree(directory)
    elapsed, cpu = found.get("elapsed_ns", {}), found.get("cpu_ns", {})
    spent = found.get("spent_ns", {})
    if found:
        # The loop does nothing else beside: what it takes that is not decoding is gRPC's.
        cpu[GRPC] = elapsed[GRPC] = spent["loop"] - cpu["decode"]
        # Both were measured as one; what is more than the writing lasted was the commit's.
        cpu["sync"] = max(cpu["write"] - elapsed["write"], 0)
        cpu["write"] -= cpu["sync"]
        committing = sum(elapsed.get(stage.key, 0) for stage in STAGES if stage.thread != "loop")
        elapsed[WAIT] = max(spent["elapsed"] - committing, 0)
    return Profiled(place, round_, kind, data.bales, elapsed, cpu, spent, fed)
