"""The raw results of the measurements at scale: their shape in memory and in JSON files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.clock import Fed
from benchmarks.machine import Machine
from benchmarks.results import write_lines

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Final = 1
STORED_SUFFIX: Final = "-stored.json"
PROFILE_SUFFIX: Final = "-profile.json"
INDEX_SUFFIX: Final = "-index.json"

NEW: Final = "new"
AGAIN: Final = "again"
SHUFFLED: Final = "shuffled"

PLAIN: Final = "plain"
WATCHED: Final = "watched"
SUNK: Final = "sink"


@dataclass(frozen=True, slots=True)
class Run:
    """One run on a copy of a data directory, in the order in which it was made.

    `kind`: NEW bales, or AGAIN all that are stored, or a SHUFFLED sample of them. `stored`: bales
    stored beforehand. `start_ms`: from the start of the server until it served;
    `started_anonymous_kib` its memory then.
    """

    place: int
    round: int
    kind: str
    stored: int
    streams: int
    messages: int
    bales: int
    start_ms: int
    started_anonymous_kib: int
    disk_bytes: int
    fed: Fed

    @property
    def bales_a_second(self) -> float:
        """Acknowledged bales a second."""
        return self.bales * 1e9 / self.fed.elapsed_ns


@dataclass(frozen=True, slots=True)
class Stored:
    """All runs of one start."""

    measured_on: str
    machine: Machine
    rounds: int
    runs: tuple[Run, ...]

    def of(self, kind: str, stored: int | None = None) -> list[Run]:
        """The runs of a kind, at one level or at all."""
        return [
            run
            for run in self.runs
            if run.kind == kind and (stored is None or run.stored == stored)
        ]

    def levels(self) -> list[int]:
        """Bales stored beforehand, ascending."""
        return sorted({run.stored for run in self.runs})


def write_stored(results: Stored, path: Path) -> None:
    """Writes the JSON file, one line a run."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "measured_on": results.measured_on,
        "machine": asdict(results.machine),
        "rounds": results.rounds,
    }
    write_lines(head, results.runs, path)


def read_stored(path: Path) -> Stored:
    """The results of a file that `write_stored` wrote; ValueError for any other."""
    content = _content(path)
    runs = tuple(Run(**{**run, "fed": Fed(**run["fed"])}) for run in content.pop("runs"))
    return Stored(**{**content, "machine": Machine(**content["machine"]), "runs": runs})


def _content(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content.pop("format", None) != FORMAT:
        raise ValueError(f"{path.name} is not a file of results in format {FORMAT}.")
    return content


@dataclass(frozen=True, slots=True)
class Profiled:
    """One run of the profile: the service PLAIN or WATCHED, or a server that only acknowledges.

    Of a watched one, by stage, `elapsed_ns` and `cpu_ns`, and `spent_ns`: the whole time
    ("elapsed"), and the processor time of both threads ("loop", "committer") and of the process.
    """

    place: int
    round: int
    kind: str
    bales: int
    elapsed_ns: dict[str, int]
    cpu_ns: dict[str, int]
    spent_ns: dict[str, int]
    fed: Fed

    @property
    def bales_a_second(self) -> float:
        """Acknowledged bales a second."""
        return self.bales * 1e9 / self.fed.elapsed_ns


@dataclass(frozen=True, slots=True)
class Profile:
    """All runs of one start, and `limits_ns`: nanoseconds a bale of what the machine can do."""

    measured_on: str
    machine: Machine
    rounds: int
    limits_ns: dict[str, float]
    runs: tuple[Profiled, ...]

    def of(self, kind: str) -> list[Profiled]:
        """The runs of a kind."""
        return [run for run in self.runs if run.kind == kind]


def write_profile(results: Profile, path: Path) -> None:
    """Writes the JSON file, one line a run."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "measured_on": results.measured_on,
        "machine": asdict(results.machine),
        "rounds": results.rounds,
        "limits_ns": results.limits_ns,
    }
    write_lines(head, results.runs, path)


def read_profile(path: Path) -> Profile:
    """The results of a file that `write_profile` wrote; ValueError for any other."""
    content = _content(path)
    runs = tuple(Profiled(**{**run, "fed": Fed(**run["fed"])}) for run in content.pop("runs"))
    return Profile(**{**content, "machine": Machine(**content["machine"]), "runs": runs})


@dataclass(frozen=True, slots=True)
class Indexed:
    """A duplicate index that was built and asked.

    `cold`: all but the last season lie on disk. Bytes of the index, and of the keys that it
    compares with, once built and asked for the last season; `after_bytes` of both, once asked for
    the first as well. `anonymous_kib`: what the process takes more once it is built. `built`: bales
    that were entered in memory, in `build_ns`. By kind of question, `asked` bales, and the
    nanoseconds of each group.
    `skipped`: why it was not built.
    """

    seasons: int
    bales: int
    cold: bool
    index_bytes: int
    resident_bytes: int
    after_bytes: int
    anonymous_kib: int
    disk_bytes: int
    built: int
    build_ns: int
    asked: dict[str, int]
    took_ns: dict[str, list[int]]
    skipped: str

    @classmethod
    def not_built(cls, seasons: int, bales: int, *, cold: bool, skipped: str) -> Indexed:
        """One that was not built, and why."""
        return cls(seasons, bales, cold, 0, 0, 0, 0, 0, 0, 0, {}, {}, skipped)


@dataclass(frozen=True, slots=True)
class Index:
    """All indices of one start."""

    measured_on: str
    machine: Machine
    runs: tuple[Indexed, ...]


def write_index(results: Index, path: Path) -> None:
    """Writes the JSON file, one line an index."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "measured_on": results.measured_on,
        "machine": asdict(results.machine),
    }
    write_lines(head, results.runs, path)


def read_index(path: Path) -> Index:
    """The results of a file that `write_index` wrote; ValueError for any other."""
    content = _content(path)
    runs = tuple(Indexed(**run) for run in content.pop("runs"))
    return Index(**{**content, "machine": Machine(**content["machine"]), "runs": runs})
