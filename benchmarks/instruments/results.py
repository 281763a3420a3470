"""The raw results of the instruments: their shape in memory and in a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.instruments.figures import Figures, Latency
from benchmarks.instruments.loads import Load, Plan
from benchmarks.machine import Machine
from benchmarks.results import write_lines

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Final = 1
SUFFIX: Final = "-instruments.json"

_LATENCIES: Final = ("server", "durable", "client", "late", "inward", "outward")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one load, in the order in which it was made.

    CPU times are those of the measured seconds: of the server, of all generators, of the
    backfill, and of everything else on the machine; `stolen_cpu_ms` its host withheld.
    """

    place: int
    repetition: int
    load: Load
    figures: Figures
    server_cpu_ms: int
    generators_cpu_ms: int
    backfill_cpu_ms: int
    other_cpu_ms: int
    stolen_cpu_ms: int
    backfill_bales: int
    server_rss_peak_kib: int


@dataclass(frozen=True, slots=True)
class Results:
    """All runs of one start of the benchmark, and how they were made."""

    measured_on: str
    machine: Machine
    repetitions: int
    plan: Plan
    runs: tuple[Run, ...]

    def of(self, load: Load) -> list[Run]:
        """The runs of a load."""
        return [run for run in self.runs if run.load == load]

    def loads(self) -> list[Load]:
        """The loads: alone by rate, then those beside a backfill by rate."""
        found = {run.load for run in self.runs}
        return sorted(found, key=lambda load: (load.backfill, load.readings_a_second))


def write(results: Results, path: Path) -> None:
    """Writes the JSON file, one line a run."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "measured_on": results.measured_on,
        "machine": asdict(results.machine),
        "repetitions": results.repetitions,
        "plan": asdict(results.plan),
    }
    write_lines(head, results.runs, path)


def read(path: Path) -> Results:
    """The results of a file that `write` wrote; ValueError for any other."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content.pop("format", None) != FORMAT:
        raise ValueError(f"{path.name} is not a file of results in format {FORMAT}.")
    runs = tuple(
        Run(**run | {"load": Load(**run["load"]), "figures": _figures(run["figures"])})
        for run in content.pop("runs")
    )
    machine, plan = Machine(**content.pop("machine")), Plan(**content.pop("plan"))
    return Results(**content, machine=machine, plan=plan, runs=runs)


def _figures(fields: dict[str, Any]) -> Figures:
    latencies = {name: Latency(**fields[name]) for name in _LATENCIES}
    return Figures(**fields | latencies | {"backlog": tuple(fields["backlog"])})
