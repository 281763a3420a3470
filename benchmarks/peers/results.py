"""The raw results of the race with peers: their shape in memory and in a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.clock import Fed
from benchmarks.machine import Machine
from benchmarks.results import write_lines

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Final = 2
SUFFIX: Final = "-peers.json"


@dataclass(frozen=True, slots=True)
class Run:
    """One run into the service or a peer, in the order in which it was made.

    A message had up to `message_bales`. `messages`, `bales` and `bytes` were sent while the clock
    ran; `disk_bytes` is what the bales take on disk after the server has ended, 0 where they were
    kept in memory.
    """

    place: int
    round: int
    who: str
    message_bales: int
    messages: int
    bales: int
    bytes: int
    disk_bytes: int
    fed: Fed

    @property
    def bales_a_second(self) -> float:
        """Acknowledged bales a second."""
        return self.bales * 1e9 / self.fed.elapsed_ns


@dataclass(frozen=True, slots=True)
class Results:
    """All runs of one start, and version and settings of every peer."""

    measured_on: str
    machine: Machine
    rounds: int
    about: dict[str, dict[str, str]]
    runs: tuple[Run, ...]

    @property
    def message_sizes(self) -> list[int]:
        """Bales of the messages of each race, ascending."""
        return sorted({run.message_bales for run in self.runs})

    def of(self, who: str, message_bales: int) -> list[Run]:
        """The runs into somebody with messages of a size."""
        return [run for run in self.runs if (run.who, run.message_bales) == (who, message_bales)]

    def of_any(self, who: str) -> list[Run]:
        """All runs into somebody."""
        return [run for run in self.runs if run.who == who]


def write(results: Results, path: Path) -> None:
    """Writes the JSON file, one line a run."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "measured_on": results.measured_on,
        "machine": asdict(results.machine),
        "rounds": results.rounds,
        "about": results.about,
    }
    write_lines(head, results.runs, path)


def read(path: Path) -> Results:
    """The results of a file that `write` wrote; ValueError for any other."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content.pop("format", None) != FORMAT:
        raise ValueError(f"{path.name} is not a file of results in format {FORMAT}.")
    runs = tuple(Run(**{**run, "fed": Fed(**run["fed"])}) for run in content.pop("runs"))
    return Results(**{**content, "machine": Machine(**content["machine"]), "runs": runs})
