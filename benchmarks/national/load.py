"""Questions about a season asked by several at once, idle and while readings come at full rate.

What comes is another season: the figures that are asked for stay the same, and every kind of answer
is checked to have them. But each is at a later revision than the one before, so that the service
has to take up what has come since.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import lots_pb2

from benchmarks.data import read_messages
from benchmarks.machine import touch_memory
from benchmarks.national import plan, schedules
from benchmarks.national.crowd import Crowd, certificate, priced, tabulated
from benchmarks.national.feed import Feeder
from benchmarks.national.questions import BY_DIVISION, BY_GIN, BY_INSTRUMENT, FEW_BY_GIN, TOTAL
from benchmarks.national.results import SETTLED_UNDER_LOAD, Loaded, percentile_ms
from benchmarks.national.sender import NO_ACKS, sending_readings, sources_of
from benchmarks.national.served import running
from benchmarks.national.settle import BY_DIVISION as SETTLED_BY_DIVISION
from benchmarks.national.settle import terms_of
from benchmarks.national.watch import until_quiet
from benchmarks.processes import family_cpu_ms, machine_cpu_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.national.crowd import Asking
    from benchmarks.national.plan import Plan
    from benchmarks.national.season import Prepared
    from benchmarks.national.sender import Sender
    from benchmarks.processes import Serving

QUESTIONS: Final = (TOTAL, BY_DIVISION, BY_GIN, FEW_BY_GIN, BY_INSTRUMENT)

_ALONE: Final = 0.25
_ONE_ASKER: Final = 3
_SETTLED: Final = 1.5
"""How much longer than the others it lasts that nobody asks, that one does, that one settles."""
_LEAD_S: Final = 0.5
"""From the first batch of a sender to when it counts."""
_BYTES_A_BALE: Final = 120


class Loading:
    """Measures what is asked of a season, of which all or the first slices are stored."""

    def __init__(
        self,
        chosen: Plan,
        directory: Path,
        this: Prepared,
        other: Prepared,
        told: Callable[[str], None],
    ) -> None:
        """Takes the season that is asked about, and the other one, which comes in meanwhile."""
        self._plan = chosen
        self._directory = directory
        self._this = this
        self._other = other
        self._told = told
        self._bales = 0
        self._slices = 0

    async def of_first_slices(self, slices: int) -> list[Loaded]:
        """Of a service that holds so many slices and nothing else."""
        data = self._data(slices)
        with self._served(data) as server:
            async with Feeder(server.address, self._this) as feeder:
                for place in range(slices):
                    await feeder.records(place, plan.LOTS)
                    await feeder.readings(place)
                    for what in (plan.WEIGHTS, plan.CLOSURES):
                        await feeder.records(place, what)
                return await self._measured(server, feeder)

    async def of_all(self, stored: Path) -> list[Loaded]:
        """Of a service that holds the whole season; `stored` is copied."""
        data = self._data(plan.SLICES)
        shutil.copytree(stored, data, dirs_exist_ok=True)
        with self._served(data) as server:
            async with Feeder(server.address, self._this, resumed=True) as feeder:
                for place in range(plan.SLICES):
                    await feeder.records(place, plan.CLOSURES)
                return await self._measured(server, feeder)

    def _data(self, slices: int) -> Path:
        self._slices = slices
        self._bales = self._this.bales(slices)
        touch_memory((self._bales + self._other.bales(plan.OTHER_SLICES)) * _BYTES_A_BALE)
        data = self._directory / f"loaded-{slices}"
        data.mkdir()
        return data

    @contextmanager
    def _served(self, data: Path) -> Iterator[Serving]:
        """The service, whose data is gone afterwards."""
        try:
            with running(self._directory, data, data.name) as server:
                yield server
        finally:
            shutil.rmtree(data)

    async def _measured(self, server: Serving, feeder: Feeder) -> list[Loaded]:
        await feeder.schedule(schedules.BY_LOT, schedules.shipped(schedules.BY_LOT))
        async with Feeder(server.address, self._other, resumed=True) as other:
            for place in range(plan.OTHER_SLICES):
                await other.records(place, plan.LOTS)
        await until_quiet(server)
        self._told(f"{self._bales} bales stored: asking at once, idle and while readings come")
        request = SETTLED_BY_DIVISION.request(terms_of(schedules.BY_LOT), with_digest=False)
        # Idle, a settlement would be the one that the service keeps: something else changes.
        anew = priced(SETTLED_UNDER_LOAD, request, feeder.one_more_lot)
        settled = [replace(anew, before=None)]
        kinds = [
            *(tabulated(each, plan.SEASON) for each in QUESTIONS),
            certificate(self._lots()),
        ]
        alone = _Phases(server, None, self._told)
        for askers in plan.ASKERS:
            await alone.add(kinds, askers, self._plan.load_s)
        await alone.add([anew], 1, self._plan.load_s)
        output = self._directory / f"sent-{self._slices}.npy"
        with sending_readings(
            server.address, sources_of(self._other), output, lanes=plan.LANES, window=plan.WINDOW
        ) as sender:
            beside = _Phases(server, sender, self._told)
            await asyncio.sleep(min(_LEAD_S, self._plan.load_s))
            await beside.add([], 0, self._plan.load_s * _ALONE)
            await beside.add(kinds, 1, self._plan.load_s * _ONE_ASKER)
            await beside.add(settled, 1, self._plan.load_s * _SETTLED)
            for askers in plan.ASKERS[1:]:
                await beside.add(kinds, askers, self._plan.load_s)
        loaded = [*alone.resolved(self._bales), *beside.resolved(self._bales)]
        rates = ", ".join(f"{each.bales_a_second / 1e6:.2f}" for each in loaded if each.sent)
        self._told(f"  readings meanwhile, M bales/s: {rates}")
        return loaded

    def _lots(self) -> list[str]:
        """The lots of the first level, which are there whatever the number of slices."""
        directory = Path(self._this.source.directory)
        return [
            lot.lot_no
            for each in self._this.slices
            if each.place < plan.LEVELS[0]
            for message in read_messages(
                plan.messages_path(directory, each.place, each.producer, plan.LOTS)
            )
            for lot in lots_pb2.RegisterLotsRequest.FromString(message).lots
        ]


@dataclass(frozen=True, slots=True)
class _Spent:
    """CPU times in ms: of the server, of those who ask, of who sends; busy and stolen in all."""

    server: int
    askers: int
    sender: int
    busy: int
    stolen: int

    @classmethod
    def now(cls, server: Serving, sender: Sender | None) -> _Spent:
        return cls(
            family_cpu_ms(server.pid),
            time.process_time_ns() // 1_000_000,
            0 if sender is None else sender.cpu_ms,
            **machine_cpu_ms(),
        )

    def since(self, before: _Spent) -> _Spent:
        return _Spent(
            *(getattr(self, each.name) - getattr(before, each.name) for each in fields(self))
        )


@dataclass(frozen=True, slots=True)
class _Phase:
    """What was measured between two moments of `time.perf_counter_ns`."""

    askers: int
    from_ns: int
    until_ns: int
    took_us: dict[str, tuple[int, ...]]
    spent: _Spent


class _Phases:
    """Numbers of askers one after the other, beside the same sender or none."""

    def __init__(self, server: Serving, sender: Sender | None, told: Callable[[str], None]) -> None:
        self._server = server
        self._sender = sender
        self._told = told
        self._phases: list[_Phase] = []

    async def add(self, kinds: Sequence[Asking], askers: int, seconds: float) -> None:
        """So many askers for so long, or nobody; BenchmarkError for a wrong answer."""
        crowd = Crowd(self._server.address, askers)
        before, from_ns = _Spent.now(self._server, self._sender), time.perf_counter_ns()
        if askers:
            await crowd.ask(kinds, seconds)
        else:
            await asyncio.sleep(seconds)
        until_ns, spent = time.perf_counter_ns(), _Spent.now(self._server, self._sender)
        crowd.check(kinds)
        took_us = {name: tuple(each) for name, each in crowd.took_us.items()}
        self._phases.append(_Phase(askers, from_ns, until_ns, took_us, spent.since(before)))
        told = (
            f"{name} {percentile_ms(each, 50):.0f}/{percentile_ms(each, 100):.0f} ms"
            for name, each in took_us.items()
        )
        self._told(
            f"  {askers} {'beside readings' if self._sender else 'alone'}, p50/most:"
            f" {', '.join(told) or 'nothing asked'}"
        )

    def resolved(self, bales: int) -> list[Loaded]:
        """What was measured, of so many bales; once the sender has ended."""
        return [self._resolved(each, bales) for each in self._phases]

    def _resolved(self, phase: _Phase, bales: int) -> Loaded:
        sender, spent = self._sender, phase.spent
        until = NO_ACKS if sender is None else sender.acks(0, phase.from_ns)
        acks = NO_ACKS if sender is None else sender.acks(phase.from_ns, phase.until_ns)
        return Loaded(
            asked_bales=bales,
            bales=bales + until.created,
            askers=phase.askers,
            sent=sender is not None,
            elapsed_ms=(phase.until_ns - phase.from_ns) // 1_000_000,
            created=acks.created,
            existing=acks.existing,
            acks_us=acks.took_us,
            took_us=phase.took_us,
            server_cpu_ms=spent.server,
            askers_cpu_ms=spent.askers,
            sender_cpu_ms=spent.sender,
            other_cpu_ms=max(spent.busy - spent.server - spent.askers - spent.sender, 0),
            stolen_cpu_ms=spent.stolen,
        )
