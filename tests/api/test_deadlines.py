"""Deadlines and callers that go: before the append nothing is stored, after it all stands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import pytest
from cotton.inspection.v1 import ingest_pb2
from cotton_server.errors import Reason, ServiceError

from tests.support.bales import bale, batch
from tests.support.committing import Committing, answer, committing
from tests.support.streaming import Call, Streaming, handlers_of, until

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.api.ingest import IngestHandlers

SOON_S = 0.05


def call_of(
    handlers: IngestHandlers, number: int, remaining_s: float | None = None
) -> asyncio.Task[ingest_pb2.SubmitReadingsResponse]:
    """A unary call with a batch of its own, of the producer of that number."""
    request = ingest_pb2.SubmitReadingsRequest(
        producer_id=f"p{number}", batch=batch([bale(number)], identity=1)
    )
    return asyncio.create_task(
        handlers.submit_readings(request.SerializeToString(), Call(remaining_s))  # type: ignore[arg-type]  # as gRPC does
    )


async def refusal_of(call: asyncio.Task[ingest_pb2.SubmitReadingsResponse]) -> Reason:
    """Why a call was refused."""
    with pytest.raises(ServiceError) as caught:
        await asyncio.wait_for(call, 5)
    return caught.value.reason


async def stored(running: Committing, number: int) -> bool:
    """Whether the batch of the call of that number is in the ledger, once all is committed."""
    notes = await running.closed()
    assert notes.flights[-1] == (0, 0)
    return running.ledger.by_sequence(f"p{number}", 1) is not None


async def test_a_call_whose_deadline_passes_before_the_append_is_not_stored(
    tmp_path: Path,
) -> None:
    async with committing(tmp_path) as running:
        running.ledger.hold()
        before = await running.send(1, [bale(1)])
        await running.held()
        late = call_of(handlers_of(running), 2, SOON_S)
        await asyncio.sleep(2 * SOON_S)
        running.ledger.release()
        assert await refusal_of(late) is Reason.DEADLINE_PASSED
        assert (await answer(before)).revision == 1
        assert not await stored(running, 2)
        assert [each.result for each in running.notes.answered] == ["DEADLINE_PASSED"]


async def test_a_call_whose_deadline_passes_during_the_append_is_stored_and_answered(
    tmp_path: Path,
) -> None:
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        running.ledger.hold()
        call = call_of(handlers, 2, SOON_S)
        await running.held()
        await asyncio.sleep(2 * SOON_S)
        running.ledger.release()
        first = await asyncio.wait_for(call, 5)
        again = await asyncio.wait_for(call_of(handlers, 2), 5)
        assert not first.result.repeated_batch
        assert again.result.repeated_batch
        assert again.result.revision == first.result.revision == 1
        assert await stored(running, 2)


async def test_a_caller_that_goes_before_the_append_takes_its_batch_with_it(
    tmp_path: Path,
) -> None:
    async with committing(tmp_path) as running:
        running.ledger.hold()
        await running.send(1, [bale(1)])
        await running.held()
        gone = call_of(handlers_of(running), 2)
        await until(lambda: running.notes.flights[-1][0] == 2)
        gone.cancel()
        await asyncio.wait([gone])
        running.ledger.release()
        assert not await stored(running, 2)
        assert [each.result for each in running.notes.answered] == ["CALLER_GONE"]


async def test_a_caller_that_goes_during_the_append_finds_a_repeat(tmp_path: Path) -> None:
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        running.ledger.hold()
        gone = call_of(handlers, 2)
        await running.held()
        gone.cancel()
        await asyncio.wait([gone])
        running.ledger.release()
        again = await asyncio.wait_for(call_of(handlers, 2), 5)
        assert again.result.repeated_batch
        assert await stored(running, 2)


async def test_a_deadline_that_passed_does_not_let_the_next_sequence_in(tmp_path: Path) -> None:
    """What follows a batch that was not stored is a gap, in the same group too."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        running.ledger.hold()
        await running.send("other", [bale(1)], producer="other")
        await running.held()
        late = call_of(handlers, 2, SOON_S)
        await asyncio.sleep(2 * SOON_S)
        following = await running.send(2, [bale(3)], producer="p2")
        running.ledger.release()
        assert await refusal_of(late) is Reason.DEADLINE_PASSED
        with pytest.raises(ServiceError) as caught:
            await answer(following)
        assert caught.value.metadata["next_sequence"] == "1"


async def test_a_stream_that_breaks_has_what_it_sent_committed(tmp_path: Path) -> None:
    """Its client resumes, and finds repeats."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        running.ledger.hold()
        broken = Streaming(handlers)
        broken.open()
        for number in (1, 2, 3):
            broken.send_batch([bale(number)], number)
        await until(lambda: broken.received == 4)
        await running.held()
        broken.task.cancel()
        await asyncio.wait([broken.task])
        running.ledger.release()
        await running.closed()
        assert running.registry.revision == 3


async def test_batches_of_a_stream_whose_deadline_passed_are_refused(tmp_path: Path) -> None:
    """Those that were in the group that is appended are stored all the same."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        running.ledger.hold()
        late = Streaming(handlers, remaining_s=4 * SOON_S)
        late.open()
        late.send_batch([bale(1)], 1)
        await running.held()
        late.send_batch([bale(2)], 2)
        await asyncio.sleep(6 * SOON_S)
        running.ledger.release()
        late.half_close()
        assert await late.ended() is None
        assert late.answers[1].result.revision == 1
        refused = late.answers[2].refused
        assert refused.status.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
        assert (refused.sequence, refused.next_sequence) == (2, 2)
        assert running.registry.revision == 1
