"""Streams while the server drains: what was received is answered, nobody is left waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import grpc
from cotton.inspection.v1 import ingest_pb2
from cotton_server.api.ingest import IngestHandlers
from cotton_server.api.requests import Admission
from cotton_server.intake.decode import BatchLimits

from tests.support.bales import append_request, bale
from tests.support.calls import Context
from tests.support.committing import ANSWER_S_MAX, BOUNDS, Committing, Notes, committing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

OPENING = ingest_pb2.AppendReadingsRequest(
    open=ingest_pb2.OpenStream(producer_id="p")
).SerializeToString()


def handlers_of(running: Committing) -> IngestHandlers:
    """Handlers in front of a running committer."""
    return IngestHandlers(
        running.committer,
        running.registry,
        BatchLimits(10),
        Admission(running.committer, Notes(), message_bytes_max=1 << 20),
        batches_in_flight_max=8,
    )


async def answers_of(
    handlers: IngestHandlers, requests: AsyncIterator[bytes]
) -> tuple[list[ingest_pb2.AppendReadingsResponse], Context]:
    """All answers of a stream, and the call that it was."""
    context = Context()
    answers: list[ingest_pb2.AppendReadingsResponse] = []
    try:
        async for answer in handlers.append_readings(requests, context):  # type: ignore[arg-type]  # as gRPC does
            answers.append(answer)  # noqa: PERF401 - those before the end count
    except grpc.aio.AbortError:
        return answers, context
    raise AssertionError("the stream ended without a status")


async def test_a_stream_that_is_opened_while_draining_ends_at_once(tmp_path: Path) -> None:
    async def requests() -> AsyncIterator[bytes]:
        yield OPENING
        await asyncio.sleep(ANSWER_S_MAX)

    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        handlers.drain()
        answers, context = await asyncio.wait_for(answers_of(handlers, requests()), 5)
    assert answers == []
    assert context.code is grpc.StatusCode.UNAVAILABLE


async def test_a_batch_that_waits_for_room_when_the_drain_begins_is_committed_and_answered(
    tmp_path: Path,
) -> None:
    """It was received: only what comes after it has to come again."""
    payloads = [append_request([bale(n)], identity=n).SerializeToString() for n in range(1, 5)]
    size = len(payloads[0])
    received: list[int] = []
    waits = asyncio.Event()

    async def requests() -> AsyncIterator[bytes]:
        yield OPENING
        for number, payload in enumerate(payloads, 1):
            received.append(number)
            if number == 3:
                waits.set()
            yield payload
        await asyncio.sleep(ANSWER_S_MAX)

    bounds = replace(BOUNDS, queued_bytes_max=2 * size + 2)
    async with committing(tmp_path, bounds=bounds) as running:
        running.ledger.hold()
        handlers = handlers_of(running)
        streaming = asyncio.create_task(answers_of(handlers, requests()))
        await running.held()
        await asyncio.wait_for(waits.wait(), 5)
        await asyncio.sleep(0)
        handlers.drain()
        running.ledger.release()
        answers, context = await asyncio.wait_for(streaming, 5)
    assert received == [1, 2, 3]
    assert [answer.result.sequence for answer in answers[1:]] == [1, 2, 3]
    assert context.code is grpc.StatusCode.UNAVAILABLE
