"""GetProducer: where a producer stands, from nothing at all to an open stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cotton.inspection.v1 import ingest_pb2
from cotton_server.errors import Reason, ServiceError

from tests.support.bales import bale
from tests.support.committing import committing
from tests.support.streaming import Call, Streaming, handlers_of, until

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.api.ingest import IngestHandlers


async def standing(handlers: IngestHandlers, producer: str = "p") -> ingest_pb2.GetProducerResponse:
    """Where a producer stands."""
    request = ingest_pb2.GetProducerRequest(producer_id=producer)
    return await handlers.get_producer(request.SerializeToString(), Call())  # type: ignore[arg-type]  # as gRPC does


async def test_a_producer_of_which_nothing_is_stored_begins_with_1(tmp_path: Path) -> None:
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        await running.stored(1, [bale(1)])
        assert await standing(handlers, "unheard") == ingest_pb2.GetProducerResponse(
            revision=1, producer_id="unheard", next_sequence=1
        )


async def test_everything_that_is_stored_of_a_producer_is_counted(tmp_path: Path) -> None:
    """Bales received are those in stored batches, whatever became of each; repeats add nothing."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        await running.stored(1, [bale(1), bale(2), bale(3, length=1)])
        await running.stored("by-id", [bale(1)])
        last = await running.stored(2, [bale(4)])
        assert (await running.stored(1, [bale(1), bale(2), bale(3, length=1)])).repeated
        await (await running.send("else", [bale(9)], producer="q"))
        assert await standing(handlers) == ingest_pb2.GetProducerResponse(
            revision=4,
            producer_id="p",
            next_sequence=3,
            batches=3,
            bales_received=5,
            last_revision=3,
            last_received_at_us=last.received_at_us,
        )
        await (await running.register("r"))
        after = await standing(handlers)
        assert (after.batches, after.bales_received, after.next_sequence) == (4, 5, 3)
        assert after.last_revision == after.revision == 5


async def test_a_producer_stands_after_a_restart_where_it_stood(tmp_path: Path) -> None:
    async with committing(tmp_path) as running:
        for number in (1, 2, 3):
            await running.stored(number, [bale(number), bale(number + 10)])
        await running.stored("by-id", [bale(4)])
        before = await standing(handlers_of(running))
    async with committing(tmp_path) as running:
        assert await standing(handlers_of(running)) == before
    assert before.next_sequence == 4


async def test_a_stream_is_open_from_its_opening_to_its_end(tmp_path: Path) -> None:
    """A stream that was replaced, or has not said whose it is, is not open."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        older, newer = Streaming(handlers, reads=False), Streaming(handlers)
        assert not (await standing(handlers)).stream_open
        older.open()
        await older.answered(1)
        assert (await standing(handlers)).stream_open
        assert not (await standing(handlers, "q")).stream_open
        newer.open()
        await newer.answered(1)
        assert (await standing(handlers)).stream_open
        newer.half_close()
        await newer.ended()
        assert not (await standing(handlers)).stream_open
        older.read.set()
        await older.ended()


async def test_a_producer_is_named_by_its_form(tmp_path: Path) -> None:
    async with committing(tmp_path) as running:
        with pytest.raises(ServiceError) as caught:
            await standing(handlers_of(running), "no such form")
        assert caught.value.reason is Reason.INVALID_FIELD


async def test_streams_that_have_ended_are_forgotten(tmp_path: Path) -> None:
    """A client that makes up names costs nothing once it is gone."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        for number in range(20):
            each = Streaming(handlers)
            each.open(f"name-{number}")
            each.send_batch([bale(1)], 7)
            await each.answered(2)
            each.task.cancel()
        await until(lambda: not handlers._streams._of)
        await until(lambda: not handlers._streams._open)
