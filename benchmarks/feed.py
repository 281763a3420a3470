"""The client of a measurement, in a process of its own: sends, times every answer, checks them.

Run as `python -m benchmarks.feed`, with a Job as JSON on stdin; writes a Fed as JSON to
stdout. All messages are read into memory before the clock starts; answers are parsed after
it stopped.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import ingest_pb2

from benchmarks.clock import Clock
from benchmarks.data import StreamData, read_messages
from benchmarks.errors import BenchmarkError
from benchmarks.scrape import scrape, settled
from benchmarks.streams import connection, ended, next_answer, opened, problem, register

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.clock import Fed
    from benchmarks.streams import Call

_OUTCOMES: Final = ("created", "existing", "conflicting", "rejected")


@dataclass(frozen=True, slots=True)
class Job:
    """What to send where, and what must come of it.

    `expected` is the outcome that every bale must have, "created" or "existing"; empty for a
    service that does not say. `window`: most unanswered batches of one stream. `stored`: bales
    that a service with metrics must have in the end; without it as many as are sent.
    """

    address: str
    pid: int
    metrics: str | None
    streams: tuple[StreamData, ...]
    bales: int
    expected: str
    window: int
    stored: int | None = None


@dataclass(slots=True)
class _Timed:
    """Batches of one stream: when each was sent and answered, and the answers as received."""

    sent_ns: list[int]
    answered_ns: list[int]
    answers: list[bytes]


async def feed(job: Job) -> Fed:
    """Sends a job's messages and measures; raises BenchmarkError for any wrong answer."""
    before = [
        [] if stream.before is None else read_messages(Path(stream.before))
        for stream in job.streams
    ]
    timed = [read_messages(Path(stream.timed)) for stream in job.streams]
    channels = [connection(job.address) for _ in job.streams]
    try:
        for channel, stream in zip(channels, job.streams, strict=True):
            await register(channel, stream, answers=bool(job.expected))
        calls = [
            await opened(channel, stream.producer)
            for channel, stream in zip(channels, job.streams, strict=True)
        ]
        if any(before):
            await _send_all(calls, before, job.window)
        fed = await _measured(job, calls, timed)
        for call in calls:
            await ended(call)
    finally:
        for channel in channels:
            await channel.close(None)
    return fed


async def _send_all(
    calls: Sequence[Call], messages: Sequence[list[bytes]], window: int
) -> list[_Timed]:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_send(call, of_stream, window))
            for call, of_stream in zip(calls, messages, strict=True)
        ]
    return [task.result() for task in tasks]


async def _send(call: Call, messages: list[bytes], window: int) -> _Timed:
    slots = asyncio.Semaphore(window)
    timed = _Timed([], [], [])

    async def write() -> None:
        for message in messages:
            await slots.acquire()
            timed.sent_ns.append(time.perf_counter_ns())
            await call.write(message)

    async def read() -> None:
        for _ in messages:
            timed.answers.append(await next_answer(call))
            timed.answered_ns.append(time.perf_counter_ns())
            slots.release()

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        group.create_task(read())
    return timed


async def _measured(job: Job, calls: Sequence[Call], messages: Sequence[list[bytes]]) -> Fed:
    metrics_before = {} if job.metrics is None else scrape(job.metrics)
    clock = Clock(job.pid)
    timed = await _send_all(calls, messages, job.window)
    lap = clock.stop()

    outcomes = _outcomes(job, timed) if job.expected else {}
    metrics: dict[str, float] = {}
    if job.metrics is not None:
        metrics_after = settled(job.metrics, _last_revision(timed))
        metrics = {
            name: value - metrics_before.get(name, 0.0)
            for name, value in metrics_after.items()
            if value != metrics_before.get(name, 0.0)
        }
        _check_metrics(job, outcomes, metrics, metrics_after)
    latencies_ns = (
        answered - sent
        for one in timed
        for sent, answered in zip(one.sent_ns, one.answered_ns, strict=True)
    )
    return lap.fed(latencies_ns, outcomes, metrics)


def _outcomes(job: Job, timed: Sequence[_Timed]) -> dict[str, int]:
    """What the answers say became of the bales; BenchmarkError unless it is what must be."""
    totals: Counter[str] = Counter(dict.fromkeys(("received", *_OUTCOMES), 0))
    for stream, one in zip(job.streams, timed, strict=True):
        for sequence, payload in enumerate(one.answers, stream.first_sequence):
            answer = ingest_pb2.AppendReadingsResponse.FromString(payload)
            result = answer.result
            identity = f"{stream.batch_ids}{sequence}" if stream.batch_ids else sequence
            if answer.WhichOneof("response") != "result" or _identity(result) != identity:
                raise BenchmarkError(f"Batch {sequence} of {stream.producer} got: {answer}")
            if result.repeated_batch:
                raise BenchmarkError(f"Batch {sequence} of {stream.producer} was taken as old.")
            for name in totals:
                totals[name] += getattr(result.outcome, name)
    _require_counts("The answers say", dict(totals), job)
    return dict(totals)


def _identity(result: ingest_pb2.BatchResult) -> int | str:
    by_id = result.WhichOneof("identity") == "batch_id"
    return result.batch_id if by_id else result.sequence


def _last_revision(timed: Sequence[_Timed]) -> int:
    return max(
        ingest_pb2.AppendReadingsResponse.FromString(one.answers[-1]).result.revision
        for one in timed
    )


def _require_counts(who: str, counts: dict[str, int], job: Job) -> None:
    added = sum(counts[name] for name in _OUTCOMES)
    if not added == counts["received"] == counts[job.expected] == job.bales:
        raise BenchmarkError(
            f"Bales were lost, refused or counted twice. {job.bales} were sent and must all be"
            f" {job.expected}. {who}: {counts}"
        )


def _check_metrics(
    job: Job, outcomes: dict[str, int], metrics: dict[str, float], now: dict[str, float]
) -> None:
    """BenchmarkError unless /metrics says the same as the answers."""
    counts = {name: round(metrics.get(f"bales_{name}", 0)) for name in ("received", *_OUTCOMES)}
    _require_counts("/metrics says", counts, job)
    if counts != outcomes:
        raise BenchmarkError(f"/metrics says {counts}, the answers say {outcomes}.")
    stored = job.bales if job.stored is None else job.stored
    if round(now["registry_bales"]) != stored:
        raise BenchmarkError(
            f"{stored} different bales were sent in all, {now['registry_bales']:.0f} are stored."
        )


def job_of(text: str) -> Job:
    """The job of a client, as JSON."""
    fields: dict[str, Any] = json.loads(text)
    fields["streams"] = tuple(StreamData(**stream) for stream in fields["streams"])
    return Job(**fields)


def main() -> int:
    """Runs the job of stdin; 1, with what went wrong on stderr, when there is no result."""
    try:
        fed = asyncio.run(feed(job_of(sys.stdin.read())))
    except (BenchmarkError, grpc.aio.AioRpcError, ExceptionGroup) as error:
        print(problem(error), file=sys.stderr)
        return 1
    print(json.dumps(asdict(fed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
