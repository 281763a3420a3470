"""Sealed history of a national season: what sealing takes, what it saves, and who notices.

A service takes the season in and seals nothing. The next one on the same ledger seals all of it,
while a steady feed comes as before. Then come a start on what is sealed, another season, and a
start with both.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks.instruments.prepare import prepare_instruments
from benchmarks.machine import touch_memory
from benchmarks.national import plan, results, schedules
from benchmarks.national.ask import Asker
from benchmarks.national.feed import Feeder
from benchmarks.national.questions import TOTAL
from benchmarks.national.results import Kept, Restarted, Sealed, Steady, Stood
from benchmarks.national.sender import sending_readings, sources_of
from benchmarks.national.served import running
from benchmarks.national.settle import BY_DIVISION, terms_of
from benchmarks.national.watch import (
    Watch,
    metrics,
    resident_since,
    sealed,
    until_given_back,
    until_quiet,
)
from benchmarks.processes import memory_kib
from benchmarks.streams import connection, register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from cotton.inspection.v1 import settlement_pb2

    from benchmarks.data import StreamData
    from benchmarks.national.plan import Plan
    from benchmarks.national.season import Prepared
    from benchmarks.national.sender import Source
    from benchmarks.processes import Serving

BULK_A_SECOND: Final = 200_000
"""Bales of the steady feed: a sixth of the full rate."""
SINGLES_A_SECOND: Final = 200
"""Single readings beside them."""

INSTRUMENTS: Final = 100
"""Who sends those, each on a connection of its own."""
_SINGLES_S: Final = 300
"""For how long instruments have new readings."""

_STEADY: Final = 3
"""How many times as long as a number of askers the steady feed is measured without sealing."""

_LEAD_S: Final = 0.5
_SEAL_BALES: Final = 2_000_000
_SEALS: Final = 8
"""A season is sealed in as many ranges at least, also a small one."""
_BYTES_A_BALE: Final = 120


@dataclass(slots=True)
class History:
    """What was found, as it comes."""

    settings: dict[str, int] = field(default_factory=dict)
    stood: list[Stood] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    steady: list[Steady] = field(default_factory=list)
    sealed: list[Sealed] = field(default_factory=list)
    restarted: list[Restarted] = field(default_factory=list)


class Sealing:
    """Measures one data directory from nothing to two sealed seasons."""

    def __init__(
        self,
        chosen: Plan,
        directory: Path,
        this: Prepared,
        other: Prepared,
        told: Callable[[str], None],
    ) -> None:
        """Takes the season, and the other one, of which the steady feed is taken too."""
        self._plan = chosen
        self._directory = directory
        self._data = directory / "sealing"
        self._this = this
        self._other = other
        self._told = told
        bales = this.bales(plan.SLICES)
        self._seal_bales = min(_SEAL_BALES, bales // _SEALS)
        # As much more than a season as the server keeps of its own accord.
        self._resident_bales = bales * 15 // 13
        self._found = History(
            {"seal_bales": self._seal_bales, "resident_bales_max": self._resident_bales}
        )

    async def measured(self) -> History:
        """Everything; raises BenchmarkError."""
        self._told("sealed history: taking the season in, nothing is sealed")
        self._data.mkdir()
        touch_memory(
            (self._this.bales(plan.SLICES) + self._other.bales(plan.OTHER_SLICES)) * _BYTES_A_BALE
        )
        directory = self._directory / "instruments"
        directory.mkdir()
        instruments = prepare_instruments(
            3 * INSTRUMENTS,
            SINGLES_A_SECOND * _SINGLES_S // INSTRUMENTS,
            directory,
            season=plan.OTHER_SEASON - 1,
        )
        sources = sources_of(self._other)
        # A quarter of them has sent nothing when the whole season comes; each feed has others.
        eighth = max(1, len(sources) // 8)
        feeds = [
            (sources[from_:until] or sources, instruments[place : place + INSTRUMENTS])
            for from_, until, place in (
                (0, eighth, 0),
                (eighth, 2 * eighth, INSTRUMENTS),
                (2 * eighth, 6 * eighth, 2 * INSTRUMENTS),
            )
        ]
        try:
            await self._unsealed(*feeds[0])
            await self._sealed(feeds[1], feeds[2])
            await self._started_anew()
            await self._with_another()
        finally:
            shutil.rmtree(self._data)
        return self._found

    async def _unsealed(self, sources: Sequence[Source], instruments: list[StreamData]) -> None:
        """Takes the season in; the steady feed without sealing beside it."""
        async with self._served("unsealed", seal_bales=0) as service:
            async with Feeder(service.server.address, self._this) as feeder:
                for place in range(plan.SLICES):
                    await feeder.records(place, plan.LOTS)
                    await feeder.readings(place)
                    for what in (plan.WEIGHTS, plan.CLOSURES):
                        await feeder.records(place, what)
                for id_, content in (
                    (schedules.BY_LOT, schedules.shipped(schedules.BY_LOT)),
                    (schedules.BY_BALE, schedules.by_bale()),
                ):
                    await feeder.schedule(id_, content)
            self._stands(service.server, results.TAKEN_IN)
            await service.asker.tabulate(TOTAL)
            self._stands(service.server, results.SUMMARISED)
            async with self._steady(results.TAKEN_IN, service.server, sources, instruments):
                await asyncio.sleep(self._plan.load_s * _STEADY)
            bales = self._bales(service.server)
        self._keeps(results.TAKEN_IN, bales)

    async def _sealed(self, starting: _Feed, sealing: _Feed) -> None:
        """Starts on what is not sealed and has it sealed, beside the steady feed."""
        async with self._served("sealed", seal_bales=self._seal_bales) as service:
            watch = Watch(service.server, self._data)
            rows = self._bales(service.server) - self._seal_bales
            async with self._steady(results.UNSEALED_STARTED, service.server, *starting):
                await self._started(results.UNSEALED_STARTED, service)
            async with self._steady(results.SEALING, service.server, *sealing):
                await asyncio.gather(watch.until_sealed(rows), asyncio.sleep(self._plan.load_s))
                self._seals(results.SEALING, service.server, watch)
            await until_quiet(service.server)
            await until_given_back(self._data)
            self._stands(service.server, results.SEALED)
            bales = self._bales(service.server)
        self._keeps(results.SEALED, bales)

    async def _started_anew(self) -> None:
        """Starts on what is sealed, sums up and settles."""
        async with self._served("started", seal_bales=self._seal_bales) as service:
            self._stands(service.server, results.RESTARTED)
            await self._started(results.RESTARTED, service)
            self._stands(service.server, results.RESTARTED_SUMMARISED)
            await service.asker.price(_settlement())
            self._stands(service.server, results.RESTARTED_SETTLED)

    async def _with_another(self) -> None:
        """Takes the other season in, and starts with both: the newer readings stay in memory."""
        async with self._served("another", seal_bales=self._seal_bales) as service:
            async with Feeder(service.server.address, self._other, resumed=True) as feeder:
                for place in range(plan.OTHER_SLICES):
                    await feeder.records(place, plan.LOTS)
            watch = Watch(service.server, self._data)
            with sending_readings(
                service.server.address,
                sources_of(self._other),
                self._directory / "another.npy",
                lanes=plan.LANES,
                window=plan.WINDOW,
                once=True,
            ):
                pass
            self._told(f"  {self._bales(service.server)} bales of two seasons stored")
            await watch.until_sealed(self._bales(service.server) - self._seal_bales)
            self._seals(results.ANOTHER, service.server, watch)
            await until_quiet(service.server)
            await until_given_back(self._data)
            self._stands(service.server, results.ANOTHER)
            bales = self._bales(service.server)
        self._keeps(results.ANOTHER, bales)
        async with self._served("both", seal_bales=self._seal_bales) as service:
            self._stands(service.server, results.ANOTHER_RESTARTED)
            await self._started(results.ANOTHER_RESTARTED, service)
            await service.asker.price(_settlement())
            self._stands(service.server, results.ANOTHER_SETTLED)

    @asynccontextmanager
    async def _served(self, name: str, *, seal_bales: int) -> AsyncIterator[_Service]:
        rows = sealed(self._data).rows
        begun_ns = time.perf_counter_ns()
        with running(
            self._directory,
            self._data,
            f"sealing-{name}",
            metrics_listen="127.0.0.1:0",
            options=(
                f"--seal-bales={seal_bales}",
                f"--resident-bales-max={self._resident_bales}",
            ),
        ) as server:
            serving_ns = time.perf_counter_ns()
            asker = Asker(server.address)
            try:
                yield _Service(server, asker, rows, begun_ns, serving_ns)
            finally:
                await asker.close()

    @asynccontextmanager
    async def _steady(
        self,
        stage: str,
        server: Serving,
        sources: Sequence[Source],
        instruments: Sequence[StreamData],
    ) -> AsyncIterator[None]:
        """Bulk and single readings on their schedules while the context lasts."""
        channel = connection(server.address)
        for each in instruments:
            await register(channel, each, answers=True)
        await channel.close(None)
        address, directory = server.address, self._directory
        singly = [(each.producer, (each.timed,)) for each in instruments]
        with ExitStack() as stack:
            bulk = stack.enter_context(
                sending_readings(
                    address,
                    sources,
                    directory / "bulk.npy",
                    lanes=1,
                    batches_a_second=BULK_A_SECOND / plan.BATCH_BALES,
                )
            )
            singles = stack.enter_context(
                sending_readings(
                    address,
                    singly,
                    directory / "singles.npy",
                    lanes=len(singly),
                    batches_a_second=SINGLES_A_SECOND,
                )
            )
            await asyncio.sleep(min(_LEAD_S, self._plan.load_s))
            from_ns = time.perf_counter_ns()
            yield
            until_ns = time.perf_counter_ns()
        of_bulk, of_singles = (each.acks(from_ns, until_ns) for each in (bulk, singles))
        found = Steady(
            stage,
            (until_ns - from_ns) // 1_000_000,
            of_bulk.created + of_bulk.existing,
            of_bulk.took_us,
            of_singles.batches,
            of_singles.took_us,
        )
        self._found.steady.append(found)
        self._told(
            f"  {stage}: {found.bales * 1e3 / found.elapsed_ms:.0f} bales/s,"
            f" ack p50 to most {found.bulk_us} us, of single readings {found.singles_us} us"
        )

    async def _started(self, stage: str, service: _Service) -> None:
        """Has the first summary, and waits until memory holds what it will."""
        answer, resident_ns = await asyncio.gather(
            _first_answer(service.asker), resident_since(service.server)
        )
        bales = self._bales(service.server)
        found = Restarted(
            stage,
            bales,
            service.sealed_rows,
            *(
                (at_ns - service.begun_ns) // 1_000_000
                for at_ns in (
                    service.serving_ns,
                    max(resident_ns, service.serving_ns),
                    answer,
                )
            ),
        )
        self._found.restarted.append(found)
        self._told(
            f"  {stage}: serves after {found.serving_ms / 1000:.1f} s, answers after"
            f" {found.first_answer_ms / 1000:.1f} s"
        )

    def _seals(self, stage: str, server: Serving, watch: Watch) -> None:
        found = Sealed(
            stage,
            self._bales(server),
            sealed(self._data).ranges,
            watch.processes,
            watch.running_ms,
            watch.cpu_ms,
            watch.peak_kib,
            watch.elapsed_ms,
        )
        self._found.sealed.append(found)
        self._told(
            f"  {stage}: {found.ranges} ranges, {found.running_ms / 1000:.1f} s, at most"
            f" {found.peak_kib // 1024} MiB"
        )

    def _stands(self, server: Serving, stage: str) -> None:
        said = metrics(server)
        found = Stood(
            stage,
            round(said["bales"]),
            memory_kib(server.pid)["RssAnon"],
            round(said.get("readings_bytes", 0)),
        )
        self._found.stood.append(found)
        self._told(
            f"  {stage}: {found.anonymous_kib // 1024} MiB,"
            f" {found.anonymous_kib * 1024 / found.bales:.1f} bytes a bale"
        )

    def _keeps(self, stage: str, bales: int) -> None:
        sizes: dict[str, int] = {}
        for name, size in _sizes(self._data):
            sizes[name] = sizes.get(name, 0) + size
        self._found.kept.append(Kept(stage, bales, sizes))
        self._told(f"  {stage}: {sum(sizes.values()) / bales:.1f} bytes a bale on disk")

    def _bales(self, server: Serving) -> int:
        return round(metrics(server)["bales"])


_Feed = tuple["Sequence[Source]", "list[StreamData]"]
"""Who sends columns of a steady feed, and the instruments beside them."""


@dataclass(frozen=True, slots=True)
class _Service:
    """A server, who asks it, what was sealed before it started, and when it did and served."""

    server: Serving
    asker: Asker
    sealed_rows: int
    begun_ns: int
    serving_ns: int


async def _first_answer(asker: Asker) -> int:
    """When the first summary was there."""
    await asker.tabulate(TOTAL)
    return time.perf_counter_ns()


def _settlement() -> settlement_pb2.PriceLotsRequest:
    """Totals of the season by a schedule by bale, which reads all bales."""
    return BY_DIVISION.request(terms_of(schedules.BY_BALE), with_digest=False)


def _sizes(data: Path) -> Iterator[tuple[str, int]]:
    """Every file by what it is part of: "sealed/readings", or its own name."""
    for path in sorted(each for each in data.rglob("*") if each.is_file()):
        parts = path.relative_to(data).parts
        yield "/".join(parts[:2]) if len(parts) > 1 else parts[0], path.stat().st_size
