"""The raw results of a run: their shape in memory and in a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final, TypeVar

from benchmarks.cases import Case
from benchmarks.clock import Fed
from benchmarks.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from _typeshed import DataclassInstance

FORMAT: Final = 1
SERVER: Final = "server"
SINK: Final = "sink"

_Run = TypeVar("_Run")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one case into one target, in the order in which it was made.

    `messages`, `bales` and `bytes` were sent while the clock ran. `disk_bytes` is the data
    directory after the server stopped; `bales_on_disk` the bales in it, those sent before
    the clock included. `memory_mb_a_second`: how fast memory came ahead of the run.
    """

    place: int
    repetition: int
    case: Case
    target: str
    messages: int
    bales: int
    bytes: int
    disk_bytes: int
    bales_on_disk: int
    memory_mb_a_second: int
    fed: Fed

    @property
    def bales_a_second(self) -> float:
        """Acknowledged bales a second."""
        return self.bales * 1e9 / self.fed.elapsed_ns

    @property
    def megabytes_a_second(self) -> float:
        """Million bytes of messages a second."""
        return self.bytes * 1e3 / self.fed.elapsed_ns

    @property
    def messages_a_second(self) -> float:
        """Acknowledged messages a second."""
        return self.messages * 1e9 / self.fed.elapsed_ns


@dataclass(frozen=True, slots=True)
class Results:
    """All runs of one start of the benchmark, and how they were made."""

    measured_on: str
    machine: Machine
    repetitions: int
    window: int
    runs: tuple[Run, ...]

    def of(self, case: Case, target: str) -> list[Run]:
        """The runs of a case into a target."""
        return [run for run in self.runs if run.case == case and run.target == target]

    def cases(self) -> list[Case]:
        """The cases, in the order in which they were measured."""
        return list(dict.fromkeys(run.case for run in self.runs))


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest of repeated runs."""

    median: float
    least: float
    greatest: float


def spread(runs: Sequence[_Run], figure: Callable[[_Run], float]) -> Spread:
    """The spread of a figure over runs; there must be at least one."""
    figures = [figure(run) for run in runs]
    return Spread(median(figures), min(figures), max(figures))


def write(results: Results, path: Path) -> None:
    """Writes the JSON file, one line a run."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "measured_on": results.measured_on,
        "machine": asdict(results.machine),
        "repetitions": results.repetitions,
        "window": results.window,
    }
    write_lines(head, results.runs, path)


def write_lines(head: dict[str, Any], runs: Sequence[DataclassInstance], path: Path) -> None:
    """Writes a JSON file of a head, a line a field, and of runs, a line each."""
    fields = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    lines = ",\n".join(f"    {json.dumps(asdict(run))}" for run in runs)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "{\n" + ",\n".join(fields) + ',\n  "runs": [\n' + lines + "\n  ]\n}\n", encoding="utf-8"
    )


def read(path: Path) -> Results:
    """The results of a file that `write` wrote; ValueError for any other."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content.pop("format", None) != FORMAT:
        raise ValueError(f"{path.name} is not a file of results in format {FORMAT}.")
    runs = tuple(
        Run(**{**run, "case": Case(**run["case"]), "fed": Fed(**run["fed"])})
        for run in content.pop("runs")
    )
    return Results(**{**content, "machine": Machine(**content["machine"]), "runs": runs})
