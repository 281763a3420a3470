"""Builds a national season through the service's own intake, and asks it while it grows."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import grpc

from benchmarks.errors import BenchmarkError
from benchmarks.machine import touch_memory
from benchmarks.national import plan, schedules, season
from benchmarks.national.feed import Feeder
from benchmarks.national.load import Loading
from benchmarks.national.peers import peer
from benchmarks.national.priced import PriceRace
from benchmarks.national.questions import BY_DIVISION, BY_GIN, BY_INSTRUMENT, QUESTIONS, TOTAL
from benchmarks.national.race import race
from benchmarks.national.results import (
    ALL_CLOSED,
    AT_INSTANT,
    AT_REVISION,
    BESIDE,
    CHART_LOADED,
    FIRST,
    FRESH,
    IDLE,
    OTHER_CHART,
    OTHER_CHART_KEPT,
    STARTED,
    Graded,
    Level,
    Loaded,
    Raced,
    Start,
)
from benchmarks.national.sealing import History, Sealing
from benchmarks.national.served import served
from benchmarks.national.settle import Settling
from benchmarks.national.sql import PEERS, STANDARD
from benchmarks.national.watch import until_quiet
from benchmarks.processes import (
    ROOT,
    cpu_ms,
    environment,
    machine_cpu_ms,
    memory_kib,
)
from benchmarks.streams import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import polars as pl

    from benchmarks.national.asking import Asking
    from benchmarks.national.peers import Peer
    from benchmarks.national.plan import Plan
    from benchmarks.national.results import Asked
    from benchmarks.national.season import Prepared
    from benchmarks.national.served import Served

REVISIONS: Final = 10
"""Older revisions that are asked for, spread over the whole history."""

FRESH_BATCHES: Final = 20
"""Batches that are each followed by a question, at least."""

GRADED_LOTS_MAX: Final = 14_000
"""Lots in the frame of grading alone."""

_BYTES_A_BALE: Final = 120
"""Memory asked of the host ahead of the server, for every bale that it will hold."""

_CHART: Final = f"""\
# id: benchmark
# standard: {STANDARD}
# title: One cell, so that there is a chart
# source: made up
# confidence: L
# rd_resolution: 1
# rd_rounding: half-up
# plus_b_resolution: 0.1
# plus_b_rounding: half-up
grade,plus_b_from,plus_b_to,rd_from,rd_to
31,8.2,8.2,79,79
"""
"""Who reports a colour is not asked of a chart, but every bale is graded again by it."""

_THROUGH_DAY: Final = "2024-12-31"
"""A day within the season, through which it is set beside the one before."""


@dataclass(slots=True)
class Found:
    """What was measured, as it comes."""

    gins: int = 0
    last_bales: int = 0
    peers: dict[str, dict[str, str]] = field(default_factory=dict)
    acks_us: list[int] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    raced: list[Raced] = field(default_factory=list)
    graded: list[Graded] = field(default_factory=list)
    priced: list[Raced] = field(default_factory=list)
    added_up_us: dict[str, int] = field(default_factory=dict)
    payable: dict[str, int] = field(default_factory=dict)
    bale_priced: list[Graded] = field(default_factory=list)
    loaded: list[Loaded] = field(default_factory=list)
    history: History = field(default_factory=History)


def measure(
    chosen: Plan, directory: Path, *, with_peers: bool, told: Callable[[str], None]
) -> Found:
    """Everything, in files below `directory`. Raises BenchmarkError."""
    found = Found()
    told(f"preparing {chosen.lots} lots of {chosen.warehouses} warehouses, encoded and as Parquet")
    this = _prepared(chosen.lots, plan.SEASON, plan.SLICES, chosen, directory / "season", told)
    told(f"preparing the season before, {chosen.last_lots} lots")
    last = _prepared(chosen.last_lots, plan.SEASON - 1, 1, chosen, directory / "last", told)
    found.gins, found.last_bales = this.gins, last.bales(1)
    told(f"preparing another season, {chosen.other_lots} lots")
    other = _prepared(
        chosen.other_lots, plan.OTHER_SEASON, plan.OTHER_SLICES, chosen, directory / "other", told
    )
    told("grading alone")
    found.graded = _alone("grade", min(chosen.lots, GRADED_LOTS_MAX), chosen.scans)
    told("pricing bales alone")
    found.bale_priced = _alone("price_bales", chosen.lots, chosen.scans)
    data = directory / "data"
    data.mkdir()
    touch_memory(this.bales(plan.SLICES) * _BYTES_A_BALE)
    with ExitStack() as stack:
        peers = [stack.enter_context(peer(name)) for name in PEERS if with_peers]
        found.peers = {each.name: each.about for each in peers}
        run = _Run(chosen, directory, this, last, peers, found, told)
        loading = Loading(chosen, directory, this, other, told)
        try:
            asyncio.run(run.growing(data))
            found.loaded += asyncio.run(loading.of_first_slices(plan.LEVELS[0]))
            found.loaded += asyncio.run(loading.of_all(data))
            asyncio.run(run.restarted(data))
            found.history = asyncio.run(Sealing(chosen, directory, this, other, told).measured())
        except (grpc.aio.AioRpcError, ExceptionGroup) as error:
            raise BenchmarkError(problem(error)) from error
    return found


def _prepared(
    lots: int, year: int, slices: int, chosen: Plan, directory: Path, told: Callable[[str], None]
) -> Prepared:
    source = season.Source(
        lots=lots,
        season=year,
        warehouses=chosen.warehouses,
        slices=slices,
        directory=str(directory),
        prefix="" if year == plan.SEASON else f"{year}-",
        with_tables=year == plan.SEASON,
    )
    begun = time.monotonic()

    def step(done: int, of: int) -> None:
        if done == of or done % 6 == 0:
            told(f"  {done} of {of} warehouses, {time.monotonic() - begun:.0f} s")

    return season.prepare(source, step)


def _alone(module: str, lots: int, scans: int) -> list[Graded]:
    """What a module measures in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.national.{module}", str(lots), str(scans)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"{module} failed; see what it says above.")
    return [
        Graded(**{**each, "took_us": tuple(each["took_us"])}) for each in json.loads(done.stdout)
    ]


class _Clock:
    """Time, and CPU time of those who have nothing to do with the benchmark."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._begun_ns = time.perf_counter_ns()
        self._before = self._now()

    def lap(self) -> dict[str, int]:
        """Milliseconds since the last lap: elapsed, of others, stolen."""
        now_ns, now = time.perf_counter_ns(), self._now()
        spent = {name: now[name] - self._before[name] for name in now}
        elapsed_ms = (now_ns - self._begun_ns) // 1_000_000
        self._begun_ns, self._before = now_ns, now
        return {
            "elapsed_ms": elapsed_ms,
            "other_cpu_ms": max(spent["busy"] - spent["ours"], 0),
            "stolen_cpu_ms": spent["stolen"],
        }

    def _now(self) -> dict[str, int]:
        ours = sum(cpu_ms(pid) for pid in self._pids) + time.process_time_ns() // 1_000_000
        return {**machine_cpu_ms(), "ours": ours}


class _Run:
    """One build of the season, and all questions."""

    def __init__(
        self,
        chosen: Plan,
        directory: Path,
        this: Prepared,
        last: Prepared,
        peers: Sequence[Peer],
        found: Found,
        told: Callable[[str], None],
    ) -> None:
        self._plan = chosen
        self._directory = directory
        self._this = this
        self._last = last
        self._peers = peers
        self._found = found
        self._told = told
        self._then: dict[int, pl.DataFrame] = {}
        """What was answered by gin at revisions, when they were the latest."""

    async def growing(self, data: Path) -> None:
        """Feeds the season, asks at every level, and asks for older revisions in the end."""
        async with served(self._directory, data, "growing", self._told) as service:
            asking = service.asking
            clock = _Clock([service.server.pid, *(each.pid for each in self._peers)])
            async with Feeder(service.server.address, self._this) as feeder:
                for number, slices in enumerate(plan.LEVELS):
                    begun = plan.LEVELS[number - 1] if number else 0
                    for place in range(begun, slices):
                        await self._fed(feeder, place, asking)
                    await self._level(asking, feeder, service, slices, clock)
            await self._older(asking)
            await asking.certificates(self._plan.scans)
        self._found.asked += service.resolved()

    async def restarted(self, data: Path) -> None:
        """Starts on the ledger, sets the season before beside, and changes every lot."""
        begun = time.monotonic()
        async with served(self._directory, data, "restarted", self._told) as service:
            serving_ms = round((time.monotonic() - begun) * 1000)
            asking = service.asking
            asking.bales = self._found.levels[-1].bales
            first = await asking.once(STARTED, TOTAL)
            self._told(f"serves {serving_ms / 1000:.1f} s after its start")
            self._found.starts.append(
                Start(
                    asking.bales,
                    first.revision,
                    serving_ms,
                    memory_kib(service.server.pid)["RssAnon"],
                )
            )
            before = self._then[first.revision]
            if not (await asking.frame(BY_GIN, first.revision)).equals(before):
                raise BenchmarkError("After a start the answer by gin is another one than before.")
            await self._two_seasons(asking, service)
            await self._all_changed(asking, service, first.revision)
        self._found.asked += service.resolved()

    async def _fed(self, feeder: Feeder, place: int, asking: Asking) -> None:
        """Sends a slice; of the last one some batches one by one, each followed by a question."""
        await feeder.records(place, plan.LOTS)
        last = feeder.last_producers(place, FRESH_BATCHES) if place == plan.SLICES - 1 else []
        await feeder.readings(place, but=last)
        if last:
            await self._fresh(feeder, place, last, asking)
        await feeder.records(place, plan.WEIGHTS)
        self._told(
            f"slice {place + 1} of {plan.SLICES}: {feeder.bales} bales stored,"
            f" {feeder.bales * 1e3 / feeder.readings_ns:.2f} M bales/s so far"
        )

    async def _fresh(
        self, feeder: Feeder, place: int, producers: Sequence[str], asking: Asking
    ) -> None:
        """Asks for the total after every batch: the answer must have it."""
        # What came before is graded first, or the first batch would pay for it.
        asking.bales = feeder.bales
        await asking.once(FIRST, TOTAL)
        draft = asking.draft(FRESH, TOTAL)

        async def acknowledged(revision: int, took_us: int) -> None:
            self._found.acks_us.append(took_us)
            answer = await asking.again(draft, TOTAL)
            if (answer.revision, answer.bales) != (revision, feeder.bales):
                raise BenchmarkError(
                    f"{feeder.bales} bales were acknowledged at revision {revision}, the answer"
                    f" has {answer.bales} at {answer.revision}."
                )

        await feeder.one_by_one(place, producers, acknowledged)
        asking.tell(draft)

    async def _level(
        self, asking: Asking, feeder: Feeder, service: Served, slices: int, clock: _Clock
    ) -> None:
        """Asks everything about what has arrived so far."""
        bales, lots = self._this.bales(slices), self._this.lots(slices)
        if feeder.bales != bales:
            raise BenchmarkError(f"{bales} bales were sent, {feeder.bales} acknowledged as new.")
        asking.bales = bales
        anonymous_kib = memory_kib(service.server.pid)["RssAnon"]
        await until_quiet(service.server)
        self._told(f"{bales} bales of {lots} lots stored: asking")
        # The last slice was asked about while it came, and has no first answer left.
        whole = slices == plan.SLICES
        first = await (asking.latest(TOTAL) if whole else asking.once(FIRST, TOTAL))
        if first.bales != bales:
            raise BenchmarkError(f"{bales} bales are stored, the answer has {first.bales}.")
        for question in QUESTIONS:
            await asking.repeat(IDLE, question, self._plan.asks)
            if question.of_lots and not question.columns:
                await asking.repeat_rows(question, self._plan.asks)
        levels = plan.LEVELS.index(slices) + 1
        for question in (each for each in QUESTIONS if each.raced and self._peers):
            raced = await race(
                question,
                asking,
                self._peers,
                self._directory / "season",
                levels,
                self._plan.rounds,
            )
            self._found.raced.append(raced)
        self._then[first.revision] = await asking.frame(BY_GIN, first.revision)
        self._found.levels.append(
            Level(
                lots=lots,
                bales=bales,
                revision=first.revision,
                readings_ms=feeder.readings_ns // 1_000_000,
                anonymous_kib=anonymous_kib,
                anonymous_answered_kib=memory_kib(service.server.pid)["RssAnon"],
                ledger_bytes=_size(service.data),
                tables_bytes=sum(
                    _size(plan.tables_path(self._directory / "season", level, what))
                    for level in range(levels)
                    for what in ("bales", "lots")
                ),
                **clock.lap(),
            )
        )

    async def _older(self, asking: Asking) -> None:
        """Asks for revisions spread over the history, and for the instants at which they came."""
        latest = self._found.levels[-1].revision
        repeats = max(1, self._plan.asks // REVISIONS)
        for place in range(REVISIONS):
            revision = max(1, latest * (2 * place + 1) // (2 * REVISIONS))
            # Each time another one: the service keeps what it has put together for one.
            for near in range(repeats):
                answer = await asking.repeat(
                    AT_REVISION, BY_GIN, 1, revision=max(1, revision - 2 * near)
                )
                if answer.table is None:
                    raise AssertionError("an answer in columns has a table")
                at_us = answer.table.header.received_at_us - 1
                await asking.repeat(AT_INSTANT, BY_GIN, 1, as_of_us=at_us)
        for revision, then in self._then.items():
            if not (await asking.frame(BY_GIN, revision)).equals(then):
                raise BenchmarkError(
                    f"As of revision {revision} the answer by gin is another one than it was then."
                )

    async def _two_seasons(self, asking: Asking, service: Served) -> None:
        """Takes the season before in, and sets both beside each other."""
        async with Feeder(service.server.address, self._last) as feeder:
            await feeder.records(0, plan.LOTS)
            await feeder.readings(0)
            await feeder.records(0, plan.WEIGHTS)
        asking.bales += feeder.bales
        await until_quiet(service.server)
        await asking.latest(TOTAL)
        for question in (TOTAL, BY_DIVISION, BY_GIN, BY_INSTRUMENT):
            await asking.repeat_beside(BESIDE, question, self._plan.asks, plan.SEASON, _THROUGH_DAY)

    async def _all_changed(self, asking: Asking, service: Served, revision: int) -> None:
        """Closes every lot, settles, loads a chart; asks for the revision before in between."""
        async with Feeder(service.server.address, self._this, resumed=True) as feeder:
            for place in range(plan.SLICES):
                await feeder.records(place, plan.CLOSURES)
            await asking.latest(TOTAL)
            await self._unchanged(ALL_CLOSED, asking, revision)
            await self._settled(asking, feeder)
            await feeder.chart(_CHART)
            await asking.once(CHART_LOADED, TOTAL)
            for near in range(1, self._plan.scans + 1):
                await asking.repeat(OTHER_CHART, BY_GIN, 1, revision=max(1, revision - near))
            await self._unchanged(OTHER_CHART_KEPT, asking, revision)

    async def _settled(self, asking: Asking, feeder: Feeder) -> None:
        """Settles all lots, which are final now, by lot and by bale, beside the peers."""
        shipped = schedules.shipped(schedules.BY_LOT)
        exact = schedules.with_exact_shares(shipped)
        for id_, content in (
            (schedules.BY_LOT, shipped),
            (schedules.EXACT, exact),
            (schedules.BY_BALE, schedules.by_bale()),
        ):
            await feeder.schedule(id_, content)
        lots = self._this.lots(plan.SLICES)
        for name, id_ in schedules.SETTLED_BY.items():
            settling = Settling(name, id_, lots, asking, feeder)
            payable = self._found.payable[name] = await settling.payable()
            self._told(f"settling {name}: {payable} of {lots} lots are payable")
            await settling.asked(self._plan.scans)
            await settling.frozen(self._plan.scans)
        if self._peers:
            race = PriceRace(schedules.parsed(exact), asking, feeder, self._peers)
            self._found.priced = await race.raced(self._directory / "season", self._plan.rounds)
            self._found.added_up_us = race.added_up_us

    async def _unchanged(self, condition: str, asking: Asking, revision: int) -> None:
        """Asks for a revision of which the answer is known, whatever has come since."""
        answer = await asking.repeat(condition, BY_GIN, self._plan.scans, revision=revision)
        if answer.table is None or not answer.table.frame.equals(self._then[revision]):
            raise BenchmarkError(f"The answer of revision {revision} is another one now.")


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
