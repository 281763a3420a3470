"""A client that sends prepared readings until it is told to end, and times every answer.

Run as `python -m benchmarks.national.sending` by `benchmarks.national.sender`, with a Job as JSON
on stdin; it ends when its stdin does. Once all is sent it begins again, under new sequences: the
bales are known then.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import numpy as np
from cotton.inspection.v1 import ingest_pb2

from benchmarks.data import read_messages
from benchmarks.errors import BenchmarkError
from benchmarks.instruments.clients import given_job, seconds_until, started
from benchmarks.streams import connection, opened, problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.streams import Call

BEGUN, ANSWERED, CREATED, EXISTING = range(4)
"""Columns of what is noted of a batch: when it was due or written, when answered, both in ns of
`time.perf_counter_ns`, which all processes share; and its bales by what became of them."""

DRAIN_S_MAX: Final = 120
"""How long answers may go on coming when nothing more is sent."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is sent: pairs of a producer and the files of its messages, in order.

    `lanes` producers send at once, each of them all that it has before the next takes its place.
    `batches_a_second` of all lanes: each is due at its time, however many are unanswered; 0: as
    fast as they are taken, up to `window` unanswered ones a lane. `once`: it ends when all is sent,
    and not before. `output`: the file of the notes.
    """

    address: str
    sources: tuple[tuple[str, tuple[str, ...]], ...]
    lanes: int
    window: int
    batches_a_second: float
    once: bool
    output: str


@dataclass(slots=True)
class _Stream:
    """The stream of a producer: `begun_ns` and `slots` of batches that are not answered yet."""

    paths: tuple[str, ...]
    call: Call
    sent: int = 0
    begun_ns: deque[int] = field(default_factory=deque)
    slots: deque[asyncio.Semaphore] = field(default_factory=deque)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def batches(self) -> AsyncIterator[bytes]:
        """All that it has, with sequences that go on where the last round ended."""
        again = self.sent
        for path in self.paths:
            for message in await asyncio.to_thread(read_messages, Path(path)):
                self.sent += 1
                yield resequenced(message, self.sent) if again else message


def resequenced(message: bytes, sequence: int) -> bytes:
    """The same batch under another sequence."""
    request = ingest_pb2.AppendReadingsRequest.FromString(message)
    request.batch.sequence = sequence
    return request.SerializeToString()


class Sending:
    """Everything that is sent of one job, until `end` is called."""

    def __init__(self, job: Job) -> None:
        """Takes what is sent."""
        self._job = job
        self._over = asyncio.Event()
        self._waiting: deque[_Stream] = deque()
        self._noted: list[tuple[int, int, bytes]] = []

    def end(self) -> None:
        """Nothing more is sent."""
        self._over.set()

    async def run(self, start_ns: int, streams: list[_Stream]) -> np.ndarray:
        """Sends from a moment on; what was noted, a row a batch. Raises BenchmarkError."""
        self._waiting.extend(streams)
        await asyncio.sleep(max(seconds_until(start_ns), 0))
        async with asyncio.TaskGroup() as group:
            for each in streams:
                group.create_task(self._read(each))
            async with asyncio.TaskGroup() as writers:
                for lane in range(self._job.lanes):
                    writers.create_task(self._lane(lane, start_ns))
            self._over.set()
            async with asyncio.timeout(DRAIN_S_MAX):
                for each in streams:
                    await each.call.done_writing()
                    await each.over.wait()
        return np.array([_row(*each) for each in self._noted], np.int64).reshape(-1, 4)

    async def _lane(self, lane: int, start_ns: int) -> None:
        rate = self._job.batches_a_second
        slots = asyncio.Semaphore(self._job.window)
        period_ns = self._job.lanes * 1e9 / rate if rate else 0.0
        due_ns = start_ns + period_ns * lane / self._job.lanes
        while self._waiting and not self._over.is_set():
            stream = self._waiting.popleft()
            async for batch in stream.batches():
                if rate:
                    wait_s = seconds_until(round(due_ns))
                    if wait_s > 0:
                        await asyncio.sleep(wait_s)
                else:
                    await slots.acquire()
                if self._over.is_set():
                    return
                stream.begun_ns.append(round(due_ns) if rate else time.perf_counter_ns())
                stream.slots.append(slots)
                await stream.call.write(batch)
                due_ns += period_ns
            if not self._job.once:
                self._waiting.append(stream)

    async def _read(self, stream: _Stream) -> None:
        while isinstance(answer := await stream.call.read(), bytes):
            self._noted.append((stream.begun_ns.popleft(), time.perf_counter_ns(), answer))
            stream.slots.popleft().release()
        if stream.begun_ns or not self._over.is_set():
            raise BenchmarkError(
                f"A stream ended before all batches were answered: {await stream.call.code()}"
                f" {await stream.call.details()}"
            )
        stream.over.set()


def _row(begun_ns: int, answered_ns: int, payload: bytes) -> tuple[int, int, int, int]:
    answer = ingest_pb2.AppendReadingsResponse.FromString(payload)
    outcome = answer.result.outcome
    if (
        answer.WhichOneof("response") != "result"
        or not outcome.created + outcome.existing == outcome.received > 0
    ):
        raise BenchmarkError(f"A batch was neither new nor known: {answer}")
    return begun_ns, answered_ns, outcome.created, outcome.existing


async def _send(job: Job) -> int:
    """How many batches were sent and answered."""
    channels = [connection(job.address) for _ in job.sources]
    sending = Sending(job)
    try:
        streams = [
            _Stream(paths, await opened(channel, producer))
            for channel, (producer, paths) in zip(channels, job.sources, strict=True)
        ]
        # The pauses of a collection would be taken for latency of the service.
        gc.collect()
        gc.freeze()
        gc.disable()
        start_ns = await asyncio.to_thread(started)
        told = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        if not job.once:
            told.add_done_callback(lambda _: sending.end())
        noted = await sending.run(start_ns, streams)
    finally:
        for channel in channels:
            await channel.close(None)
    np.save(job.output, noted)
    return len(noted)


def _job(fields: dict[str, Any]) -> Job:
    sources = tuple((producer, tuple(paths)) for producer, paths in fields["sources"])
    return Job(**fields | {"sources": sources})


def main() -> int:
    """Runs the job of stdin; 1, with what went wrong on stderr, when there is no result."""
    try:
        batches = asyncio.run(_send(_job(given_job())))
    except (BenchmarkError, grpc.aio.AioRpcError, ExceptionGroup, TimeoutError) as error:
        print(problem(error), file=sys.stderr)
        return 1
    print(json.dumps({"batches": batches}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
