"""Runs loads: a fresh server and fresh clients for every run, its times joined afterwards."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.instruments import backfill, generate
from benchmarks.instruments.clients import client, seconds_until
from benchmarks.instruments.figures import POSITION, figures
from benchmarks.instruments.loads import RATE_MAX, STEP, Load, Plan
from benchmarks.instruments.prepare import prepare_backfill, prepare_instruments
from benchmarks.instruments.results import Run
from benchmarks.machine import touch_memory
from benchmarks.measure import MEMORY_TOUCHED_BYTES
from benchmarks.processes import cpu_ms, machine_cpu_ms, memory_kib, serving
from benchmarks.scrape import settled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.data import StreamData
    from benchmarks.instruments.clients import Client
    from benchmarks.processes import Serving

BACKFILL_BALES_A_SECOND: Final = 1_300_000
"""What is prepared of a backfill: about what the server takes when it has nothing else to do."""

_LEAD_NS: Final = 500_000_000
"""From when all clients are told to start until they do."""
_SECOND_NS: Final = 1_000_000_000
_END_S_MAX: Final = 60
"""How long a client may take, beyond sending and waiting for answers, to give its result."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What all runs send; `backfill` is None where no load has one."""

    instruments: list[StreamData]
    backfill: StreamData | None


@dataclass(frozen=True, slots=True)
class _Cpu:
    """CPU times so far, in ms."""

    server: int
    generators: int
    backfill: int
    busy: int
    stolen: int

    @classmethod
    def now(cls, server: Serving, generators: Sequence[Client], bulk: Client | None) -> _Cpu:
        machine = machine_cpu_ms()
        return cls(
            cpu_ms(server.pid),
            sum(cpu_ms(one.pid) for one in generators),
            0 if bulk is None else cpu_ms(bulk.pid),
            machine["busy"],
            machine["stolen"],
        )


def measure(
    loads: Sequence[Load],
    plan: Plan,
    directory: Path,
    *,
    repetitions: int,
    until_broken: bool,
    told: Callable[[Run], None],
) -> list[Run]:
    """All runs of the loads; `told` gets each.

    `until_broken`: each repetition goes on after its last load, in steps of STEP readings a
    second, until one is not kept up with. Raises BenchmarkError.
    """
    prepared = _prepare(loads, plan, directory, until_broken=until_broken)
    runs: list[Run] = []
    for repetition in range(1, repetitions + 1):
        kept_up = True
        for load in _loads(loads, until_broken=until_broken):
            if load not in loads and not kept_up:
                break
            run_directory = directory / f"run-{len(runs) + 1}"
            run_directory.mkdir()
            try:
                run = _run(len(runs) + 1, repetition, load, plan, prepared, run_directory)
            except BenchmarkError as error:
                raise BenchmarkError(f"{load.name} readings a second: {error}") from error
            finally:
                shutil.rmtree(run_directory)
            kept_up = kept_up and (load.backfill or run.figures.kept_up)
            told(run)
            runs.append(run)
    return runs


def _loads(loads: Sequence[Load], *, until_broken: bool) -> Iterator[Load]:
    """The loads, and those above them to try one after the other."""
    yield from loads
    if until_broken:
        highest = max(load.readings_a_second for load in loads)
        for steps in count(1):
            if highest + steps * STEP > RATE_MAX:
                return
            yield Load(highest + steps * STEP)


def _prepare(
    loads: Sequence[Load], plan: Plan, directory: Path, *, until_broken: bool
) -> _Prepared:
    highest = max(load.readings_a_second for load in loads)
    readings = plan.readings_of_one(Load(RATE_MAX if until_broken else highest))
    instruments = prepare_instruments(plan.instruments, readings, directory)
    if not any(load.backfill for load in loads):
        return _Prepared(instruments, None)
    bulk = prepare_backfill(BACKFILL_BALES_A_SECOND * plan.total_s, directory)
    return _Prepared(instruments, bulk.streams[0])


def _run(
    place: int, repetition: int, load: Load, plan: Plan, prepared: _Prepared, directory: Path
) -> Run:
    data_directory, noted = directory / "data", directory / "noted.npz"
    data_directory.mkdir()
    touch_memory(MEMORY_TOUCHED_BYTES)
    arguments = [
        "benchmarks.instruments.observed",
        str(noted),
        "serve",
        f"--data-dir={data_directory}",
        "--listen=127.0.0.1:0",
        "--metrics-listen=127.0.0.1:0",
        "--log-format=json",
    ]
    with serving("the server", arguments, directory / "log") as server, ExitStack() as stack:
        generators = [
            stack.enter_context(client(generate.__name__, asdict(job)))
            for job in _jobs(load, plan, prepared.instruments, server, directory)
        ]
        bulk = None
        if load.backfill:
            if prepared.backfill is None:
                raise AssertionError("a load beside a backfill was not prepared for")
            job = backfill.Job(
                server.address, prepared.backfill, plan.window, plan.warm_up_s, plan.seconds
            )
            bulk = stack.enter_context(client(backfill.__name__, asdict(job)))
        clients = [*generators] if bulk is None else [*generators, bulk]
        for one in clients:
            one.wait_ready()
        start_ns = time.perf_counter_ns() + _LEAD_NS
        for one in clients:
            one.start(start_ns)
        time.sleep(max(seconds_until(start_ns + plan.warm_up_s * _SECOND_NS), 0))
        before = _Cpu.now(server, generators, bulk)
        time.sleep(max(seconds_until(start_ns + plan.total_s * _SECOND_NS), 0))
        after = _Cpu.now(server, generators, bulk)
        within_s = generate.DRAIN_S_MAX + _END_S_MAX
        backfilled = {} if bulk is None else bulk.result(within_s)
        for one in generators:
            one.result(within_s)
        sent = np.concatenate([np.load(path) for path in sorted(directory.glob("sent-*.npy"))])
        _check(server, sent, backfilled)
        memory = memory_kib(server.pid)
    return Run(
        place=place,
        repetition=repetition,
        load=load,
        figures=figures(sent, noted, start_ns, plan),
        server_cpu_ms=after.server - before.server,
        generators_cpu_ms=after.generators - before.generators,
        backfill_cpu_ms=after.backfill - before.backfill,
        other_cpu_ms=max(_others(after) - _others(before), 0),
        stolen_cpu_ms=after.stolen - before.stolen,
        backfill_bales=backfilled.get("bales_measured", 0),
        server_rss_peak_kib=memory["VmHWM"],
    )


def _others(cpu: _Cpu) -> int:
    return cpu.busy - cpu.server - cpu.generators - cpu.backfill


def _jobs(
    load: Load, plan: Plan, instruments: list[StreamData], server: Serving, directory: Path
) -> Iterator[generate.Job]:
    readings = plan.readings_of_one(load)
    for place in range(plan.generators):
        yield generate.Job(
            address=server.address,
            streams=tuple(instruments[place :: plan.generators]),
            readings=readings,
            period_ns=plan.total_s * _SECOND_NS // readings,
            output=str(directory / f"sent-{place}.npy"),
        )


def _check(server: Serving, sent: np.ndarray, backfilled: dict[str, int]) -> None:
    """BenchmarkError unless /metrics says that every bale sent is stored, once."""
    if server.metrics is None:
        raise AssertionError("the server was started with metrics")
    bales = len(sent) + backfilled.get("bales", 0)
    batches = len(sent) + backfilled.get("batches", 0)
    metrics = settled(server.metrics, int(sent[:, POSITION].max()))
    found = {name: round(metrics[name]) for name in ("bales_received", "bales_created")}
    found["registry_bales"] = round(metrics["registry_bales"])
    if set(found.values()) != {bales}:
        raise BenchmarkError(
            f"{bales} bales in {batches} batches were sent and answered as new, but /metrics"
            f" says {found}."
        )
