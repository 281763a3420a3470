"""Instruments that send single readings on schedule, whether or not the last was answered.

Run as `python -m benchmarks.instruments.generate` by `benchmarks.instruments.measure`. Each
instrument has a connection, a stream and a producer of its own, and a schedule: in every
period one reading, at a moment of it drawn at random. A reading whose time has come is written
however many are unanswered (an open loop), and its latency counts from that time.
"""

from __future__ import annotations

import asyncio
import gc
import selectors
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import numpy as np
from cotton.inspection.v1 import ingest_pb2

from benchmarks.data import StreamData, read_messages
from benchmarks.errors import BenchmarkError
from benchmarks.instruments.clients import given_job, seconds_until, started
from benchmarks.instruments.prepare import PRODUCER
from benchmarks.streams import connection, ended, next_answer, opened, problem, register

if TYPE_CHECKING:
    from benchmarks.streams import Call

DRAIN_S_MAX: Final = 120
"""How long answers may go on coming when nothing more is sent."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the instruments of one process send.

    `readings` each, one every `period_ns`. `output`: where the times go, as an array of numpy.
    """

    address: str
    streams: tuple[StreamData, ...]
    readings: int
    period_ns: int
    output: str


@dataclass(slots=True)
class _Instrument:
    """One instrument: when each reading is due from the start on, and what came of it."""

    number: int
    call: Call
    messages: list[bytes]
    due_ns: list[int]
    written_ns: list[int]
    answered_ns: list[int]
    answers: list[bytes]

    async def write(self, start_ns: int) -> None:
        for due_ns, message in zip(self.due_ns, self.messages, strict=True):
            wait_s = seconds_until(start_ns + due_ns)
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self.written_ns.append(time.perf_counter_ns())
            await self.call.write(message)

    async def read(self) -> None:
        for _ in self.messages:
            self.answers.append(await next_answer(self.call))
            self.answered_ns.append(time.perf_counter_ns())


def schedule(number: int, readings: int, period_ns: int) -> list[int]:
    """When the readings of an instrument are due, in ns from the start; the same every time."""
    moments = np.random.default_rng(number).random(readings)
    due: list[int] = ((np.arange(readings) + moments) * period_ns).astype(np.int64).tolist()
    return due


async def generate(job: Job) -> np.ndarray:
    """Sends on schedule and gives the times; raises BenchmarkError for any wrong answer.

    A row a reading: instrument, sequence, position in the ledger, and due, written and
    answered in ns of `time.perf_counter_ns`.
    """
    channels = [connection(job.address) for _ in job.streams]
    try:
        instruments = []
        for channel, stream in zip(channels, job.streams, strict=True):
            await register(channel, stream, answers=True)
            number = int(stream.producer[len(PRODUCER) :])
            messages = read_messages(Path(stream.timed))[: job.readings]
            due_ns = schedule(number, job.readings, job.period_ns)
            call = await opened(channel, stream.producer)
            instruments.append(_Instrument(number, call, messages, due_ns, [], [], []))
        # The pauses of a collection would be taken for latency of the service.
        gc.collect()
        gc.freeze()
        gc.disable()
        start_ns = await asyncio.to_thread(started)
        end_ns = start_ns + job.readings * job.period_ns
        try:
            async with (
                asyncio.timeout(seconds_until(end_ns) + DRAIN_S_MAX),
                asyncio.TaskGroup() as group,
            ):
                for instrument in instruments:
                    group.create_task(instrument.read())
                    group.create_task(instrument.write(start_ns))
        except TimeoutError:
            raise BenchmarkError(
                f"Readings were still unanswered {DRAIN_S_MAX} s after the last was due."
            ) from None
        for instrument in instruments:
            await ended(instrument.call)
    finally:
        for channel in channels:
            await channel.close(None)
    rows = [row for instrument in instruments for row in _rows(instrument, start_ns)]
    return np.array(rows, np.int64)


def _rows(instrument: _Instrument, start_ns: int) -> list[tuple[int, ...]]:
    rows: list[tuple[int, ...]] = []
    for sequence, (due, written, answered, payload) in enumerate(
        zip(
            instrument.due_ns,
            instrument.written_ns,
            instrument.answered_ns,
            instrument.answers,
            strict=True,
        ),
        1,
    ):
        result = ingest_pb2.AppendReadingsResponse.FromString(payload).result
        if (result.sequence, result.outcome.received, result.outcome.created) != (sequence, 1, 1):
            raise BenchmarkError(
                f"Reading {sequence} of instrument {instrument.number} was not stored as new: "
                f"{ingest_pb2.AppendReadingsResponse.FromString(payload)}"
            )
        rows.append(
            (instrument.number, sequence, result.revision, start_ns + due, written, answered)
        )
    return rows


def _job(fields: dict[str, Any]) -> Job:
    streams = tuple(StreamData(**stream) for stream in fields.pop("streams"))
    return Job(**fields, streams=streams)


def _precise_loop() -> asyncio.AbstractEventLoop:
    """A loop whose timers are not rounded up to a millisecond, as those of epoll are."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def main() -> int:
    """Runs the job of stdin; 1, with what went wrong on stderr, when there is no result."""
    job = _job(given_job())
    try:
        with asyncio.Runner(loop_factory=_precise_loop) as runner:
            times = runner.run(generate(job))
    except (BenchmarkError, grpc.aio.AioRpcError, ExceptionGroup) as error:
        print(problem(error), file=sys.stderr)
        return 1
    with Path(job.output).open("wb") as file:
        np.save(file, times)
    print("{}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
