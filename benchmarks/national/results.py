"""The raw results of a national season: their shape in memory and in a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from benchmarks.machine import Machine
from benchmarks.national.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

FORMAT: Final = 2
_FORMATS: Final = (1, FORMAT)
"""Those that are read: 1 has nothing of answers under load, nor of sealed history."""
SUFFIX: Final = "-national.json"

SERVICE: Final = "service"
BEFOREHAND: Final = ", lots added up before"
"""Behind the name of a peer that reads the lots, which have been added up, not the bales."""

IDLE: Final = "idle"
"""Asked again and again of a service that does nothing else."""
FIRST: Final = "first"
"""The first answer after everything up to a level has arrived."""
FRESH: Final = "fresh"
"""The first answer after one batch."""
AT_REVISION: Final = "revision"
AT_INSTANT: Final = "instant"
ALL_CLOSED: Final = "all closed"
"""As of a revision since which every lot has been closed."""
CHART_LOADED: Final = "chart"
"""The first answer after a colour chart was loaded."""
OTHER_CHART: Final = "other chart, not asked before"
OTHER_CHART_KEPT: Final = "other chart"
"""Asked shortly before under the other chart, when the service keeps the answer's lots."""
"""As of a revision that had other charts."""
BESIDE: Final = "beside"
"""A season beside the one before it."""
SCANNED: Final = "scanned"
"""Certificates of all lots."""
SETTLED: Final = "settled"
"""The first settlement after a change: nothing of it was computed before."""
SETTLED_KEPT: Final = "settled, kept"
"""The same terms at the same revision asked for again, when the service keeps the settlement."""
FROZEN: Final = "frozen"
"""A run stored after its trial, whose lines the service keeps: checked, archived, acknowledged."""
VERIFIED: Final = "verified"
"""A run computed anew, digest and all."""
SETTLED_UNDER_LOAD: Final = "settlement, totals by division"
"""What is asked under load of settlement, among questions of summaries."""
TAKEN_IN: Final = "taken in, nothing sealed"
SUMMARISED: Final = "the same, summarised"
UNSEALED_STARTED: Final = "started, and summarised, while it is sealed"
SEALING: Final = "while all of it is sealed"
SEALED: Final = "sealed"
RESTARTED: Final = "sealed, started anew"
RESTARTED_SUMMARISED: Final = "the same, summarised"
RESTARTED_SETTLED: Final = "the same, settled by bale"
ANOTHER: Final = "another season beside it, sealed"
ANOTHER_RESTARTED: Final = "both, started anew"
ANOTHER_SETTLED: Final = "both, the older one settled by bale"
"""Stages of the measurement of sealed history."""
STARTED: Final = "started"
"""The first answer after a start."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question asked one or several times, all under the same conditions.

    `condition`: one of the names above. `bales` are those stored, `revision` that of the answer.
    Times are of each answer: in the server, from receipt to the bytes of the answer, and at the
    client until it was decoded. `server_us` is empty of methods whose time the server does not
    tell.
    """

    condition: str
    question: str
    method: str
    of_lots: bool
    bales: int
    revision: int
    rows: int
    size_bytes: int
    server_us: tuple[int, ...]
    client_us: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Raced:
    """A question that service and peers were asked in turn, with times of each round.

    `values`: how many figures of each peer were compared with the service's, all equal. A peer that
    was asked in two ways stands there by two names.
    """

    question: str
    bales: int
    rows: int
    values: dict[str, int]
    took_us: dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Level:
    """The service when it held so many bales of the season.

    Memory is anonymous and resident: before the first answer, and after all questions. CPU times
    are those since the level before: `other_cpu_ms` of processes that have nothing to do with the
    benchmark, `stolen_cpu_ms` withheld by the host.
    """

    lots: int
    bales: int
    revision: int
    readings_ms: int
    anonymous_kib: int
    anonymous_answered_kib: int
    ledger_bytes: int
    tables_bytes: int
    elapsed_ms: int
    other_cpu_ms: int
    stolen_cpu_ms: int


@dataclass(frozen=True, slots=True)
class Start:
    """A start of the service on the ledger: until it serves, and what it takes then."""

    bales: int
    revision: int
    serving_ms: int
    anonymous_kib: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """So many askers at once about a season, for a time, while readings of another one come or not.

    `asked_bales` are those of the season; `bales` of both seasons were stored when it began.
    `sent`: whether readings were sent; `created` and `existing` of them were acknowledged
    meanwhile, after `acks_us` microseconds (p50, p90, p99, most) each batch. `took_us` at the
    client, until the last byte of each answer was there, by question. CPU times are of meanwhile.
    """

    asked_bales: int
    bales: int
    askers: int
    sent: bool
    elapsed_ms: int
    created: int
    existing: int
    acks_us: tuple[int, ...]
    took_us: dict[str, tuple[int, ...]]
    server_cpu_ms: int
    askers_cpu_ms: int
    sender_cpu_ms: int
    other_cpu_ms: int
    stolen_cpu_ms: int

    @property
    def bales_a_second(self) -> float:
        """Acknowledged bales a second, new ones and known ones."""
        return (self.created + self.existing) * 1e3 / self.elapsed_ms


@dataclass(frozen=True, slots=True)
class Stood:
    """A server at a stage of its history: anonymous memory, and what its readings take of it."""

    stage: str
    bales: int
    anonymous_kib: int
    readings_bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A data directory after a server has ended: bytes by what they are, a name each."""

    stage: str
    bales: int
    sizes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Steady:
    """A steady feed, of bulk and of single readings: `…_us` from when each was due, p50 to most."""

    stage: str
    elapsed_ms: int
    bales: int
    bulk_us: tuple[int, ...]
    singles: int
    singles_us: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sealed:
    """What sealing took, from the start of the server until nothing more was to be sealed.

    `processes` that sealed one after the other ran for `running_ms` in all, took `cpu_ms` and at
    most `peak_kib` of memory; `freed_ms` after the start the raw entries were out of the log.
    """

    stage: str
    bales: int
    ranges: int
    processes: int
    running_ms: int
    cpu_ms: int
    peak_kib: int
    freed_ms: int


@dataclass(frozen=True, slots=True)
class Restarted:
    """A start, in ms since the process was: until it serves, holds what it keeps, has answered.

    `sealed` bales did not need to be replayed.
    """

    stage: str
    bales: int
    sealed: int
    serving_ms: int
    resident_ms: int
    first_answer_ms: int


@dataclass(frozen=True, slots=True)
class Graded:
    """Bales graded from a frame in memory, by one of the functions."""

    function: str
    bales: int
    took_us: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """Everything of one start of the benchmark.

    `peers`: what each says of itself, its version and its threads. `acks_us`: of the batches that
    were each followed by a question. `last_bales`: of the season before. Of settlement, which
    older files lack: `priced` by service and peers in turn, `added_up_us` how long it took each
    peer to add the bales of lots up beforehand, `payable` the lots that each schedule pays, and
    `bale_priced` bales priced from frames. of format 2 on, `loaded` and what follows it are in the
    order measured, and `sealing` are the settings that history was sealed by.
    """

    measured_on: str
    machine: Machine
    plan: Plan
    gins: int
    peers: dict[str, dict[str, str]]
    last_bales: int
    acks_us: tuple[int, ...]
    levels: tuple[Level, ...]
    starts: tuple[Start, ...]
    asked: tuple[Asked, ...]
    raced: tuple[Raced, ...]
    graded: tuple[Graded, ...]
    priced: tuple[Raced, ...] = ()
    added_up_us: dict[str, int] = field(default_factory=dict)
    payable: dict[str, int] = field(default_factory=dict)
    bale_priced: tuple[Graded, ...] = ()
    loaded: tuple[Loaded, ...] = ()
    sealing: dict[str, int] = field(default_factory=dict)
    stood: tuple[Stood, ...] = ()
    kept: tuple[Kept, ...] = ()
    steady: tuple[Steady, ...] = ()
    sealed: tuple[Sealed, ...] = ()
    restarted: tuple[Restarted, ...] = ()

    @property
    def level(self) -> Level:
        """The whole season."""
        return self.levels[-1]

    @property
    def settled(self) -> bool:
        """Whether settlement was measured."""
        return bool(self.under(SETTLED))

    def under(self, condition: str, *, bales: int | None = None) -> list[Asked]:
        """What was asked under a condition, of so many bales where that is given."""
        return [
            each
            for each in self.asked
            if each.condition == condition and bales in (None, each.bales)
        ]


_LINES: Final[dict[str, Any]] = {
    "levels": Level,
    "starts": Start,
    "asked": Asked,
    "raced": Raced,
    "graded": Graded,
    "priced": Raced,
    "bale_priced": Graded,
    "loaded": Loaded,
    "stood": Stood,
    "kept": Kept,
    "steady": Steady,
    "sealed": Sealed,
    "restarted": Restarted,
}


def write(results: Results, path: Path) -> None:
    """Writes the JSON file, a line for everything that was measured."""
    fields = asdict(results)
    lines = {name: fields.pop(name) for name in _LINES}
    head = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items()]
    parts = [
        f"  {json.dumps(name)}: [\n{_joined(json.dumps(each) for each in values)}\n  ]"
        for name, values in lines.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    content = ",\n".join([f'  "format": {FORMAT}', *head, *parts])
    path.write_text("{\n" + content + "\n}\n", encoding="utf-8")


def _joined(lines: Iterable[str]) -> str:
    return ",\n".join(f"    {line}" for line in lines)


def read(path: Path) -> Results:
    """The results of a file that `write` wrote; ValueError for any other."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content.pop("format", None) not in _FORMATS:
        raise ValueError(f"{path.name} is not a file of results in format 1 to {FORMAT}.")
    for name, kind in _LINES.items():
        if name in content:
            content[name] = tuple(kind(**_tuples(line)) for line in content[name])
    content["machine"], content["plan"] = Machine(**content["machine"]), Plan(**content["plan"])
    return Results(**_tuples(content))


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with tuples for lists, also within mappings."""

    def frozen(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: frozen(each) for name, each in value.items()}
        return tuple(value) if isinstance(value, list) else value

    return {name: frozen(value) for name, value in fields.items()}


def percentile_ms(took_us: Sequence[int], percent: float) -> float:
    """The nearest-rank percentile, in milliseconds."""
    ascending = sorted(took_us)
    place = max(-int(-len(ascending) * percent // 100) - 1, 0)
    return ascending[place] / 1000
