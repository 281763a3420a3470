"""A backfill that streams beside the instruments, as fast as it is taken, until a moment.

Run as `python -m benchmarks.instruments.backfill` by `benchmarks.instruments.measure`. All
messages are read into memory before it starts; answers are parsed when it has ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
from cotton.inspection.v1 import ingest_pb2

from benchmarks.data import StreamData, read_messages
from benchmarks.errors import BenchmarkError
from benchmarks.instruments.clients import given_job, seconds_until, started
from benchmarks.streams import connection, opened, problem, register


@dataclass(frozen=True, slots=True)
class Job:
    """What is sent: bulk of one stream, with up to `window` unanswered batches.

    It is sent for `warm_up_s`, whose answers are not counted, and `seconds`.
    """

    address: str
    stream: StreamData
    window: int
    warm_up_s: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What was stored in all, and how much of it was acknowledged while measured."""

    batches: int
    bales: int
    bales_measured: int


async def backfill(job: Job) -> Backfilled:
    """Sends until the end; raises BenchmarkError for a wrong answer, or when all is sent before."""
    messages = read_messages(Path(job.stream.timed))
    answers: list[tuple[int, bytes]] = []
    slots = asyncio.Semaphore(job.window)
    channel = connection(job.address)
    try:
        await register(channel, job.stream, answers=True)
        call = await opened(channel, job.stream.producer)
        start_ns = await asyncio.to_thread(started)
        from_ns = start_ns + job.warm_up_s * 1_000_000_000
        until_ns = from_ns + job.seconds * 1_000_000_000
        await asyncio.sleep(max(seconds_until(start_ns), 0))

        async def read() -> None:
            while isinstance(payload := await call.read(), bytes):
                answers.append((time.perf_counter_ns(), payload))
                slots.release()
            # The stream has ended: whoever waits for an answer has to find that out.
            slots.release()

        reading = asyncio.create_task(read())
        sent = 0
        while sent < len(messages) and time.perf_counter_ns() < until_ns:
            await slots.acquire()
            if reading.done():
                raise BenchmarkError(f"The backfill was ended: {await call.details()}")
            await call.write(messages[sent])
            sent += 1
        if seconds_until(until_ns) > 0:
            raise BenchmarkError("The backfill was over before the measurement: raise its bales.")
        await call.done_writing()
        await reading
        if len(answers) != sent:
            raise BenchmarkError(f"The backfill got {len(answers)} answers to {sent} batches.")
    finally:
        await channel.close(None)
    bales = measured = 0
    for sequence, (answered_ns, payload) in enumerate(answers, job.stream.first_sequence):
        answer = ingest_pb2.AppendReadingsResponse.FromString(payload)
        outcome = answer.result.outcome
        if answer.result.sequence != sequence or not outcome.created == outcome.received > 0:
            raise BenchmarkError(f"Batch {sequence} of the backfill was not stored: {answer}")
        bales += outcome.created
        if from_ns <= answered_ns < until_ns:
            measured += outcome.created
    return Backfilled(sent, bales, measured)


def _job(fields: dict[str, Any]) -> Job:
    return Job(**fields | {"stream": StreamData(**fields["stream"])})


def main() -> int:
    """Runs the job of stdin; 1, with what went wrong on stderr, when there is no result."""
    try:
        backfilled = asyncio.run(backfill(_job(given_job())))
    except (BenchmarkError, grpc.aio.AioRpcError, ExceptionGroup) as error:
        print(problem(error), file=sys.stderr)
        return 1
    print(json.dumps(asdict(backfilled)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
