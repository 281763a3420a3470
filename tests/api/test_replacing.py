"""Two streams of one producer: the newer one wins, the older is told, and nothing is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import grpc

from tests.support.bales import append_request, bale
from tests.support.calls import Error
from tests.support.committing import BOUNDS, committing
from tests.support.streaming import Streaming, handlers_of, until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_the_older_stream_answers_what_it_has_and_the_newer_goes_on_from_there(
    tmp_path: Path,
) -> None:
    """What the older one still had in flight counts in the sequence that the newer is given."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        older, newer = Streaming(handlers), Streaming(handlers)
        older.open()
        await older.answered(1)
        running.ledger.hold()
        for number in (1, 2, 3):
            older.send_batch([bale(number)], number)
        await until(lambda: older.received == 4)
        newer.open()
        newer.send_batch([bale(4)], 4)
        await until(lambda: newer.received == 1)
        older.send_batch([bale(9)], 4)
        await asyncio.sleep(0.05)
        assert newer.answers == []
        running.ledger.release()
        assert await older.ended() is grpc.StatusCode.ABORTED
        answers = await newer.answered(2)
    assert [each.result.sequence for each in older.answers[1:]] == [1, 2, 3]
    assert older.received == 4
    assert answers[0].opened.next_sequence == 4
    assert (answers[1].result.sequence, answers[1].result.outcome.created) == (4, 1)
    error = Error(older.call.status)
    assert (error.reason, error.retry) == ("STREAM_REPLACED", False)


async def test_a_message_that_waits_for_room_is_counted_too(tmp_path: Path) -> None:
    """The opening of the newer stream gives its own room back before it waits for the older."""
    size = len(append_request([bale(1)], identity=1).SerializeToString())
    async with committing(tmp_path, bounds=replace(BOUNDS, queued_bytes_max=size)) as running:
        handlers = handlers_of(running)
        older, newer = Streaming(handlers), Streaming(handlers)
        older.open()
        await older.answered(1)
        running.ledger.hold()
        older.send_batch([bale(1)], 1)
        older.send_batch([bale(2)], 2)
        await until(lambda: older.received == 3)
        newer.open()
        await asyncio.sleep(0.02)
        running.ledger.release()
        (opened,) = await newer.answered(1)
        assert await older.ended() is grpc.StatusCode.ABORTED
    assert opened.opened.next_sequence == 3
    assert [each.result.sequence for each in older.answers[1:]] == [1, 2]


async def test_a_newer_stream_does_not_wait_for_the_client_of_the_older_to_read(
    tmp_path: Path,
) -> None:
    """A client that hangs, or a connection that is dead, holds no answers of others up."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        stalled, newer = Streaming(handlers, reads=False), Streaming(handlers)
        stalled.open()
        for number in (1, 2, 3):
            stalled.send_batch([bale(number)], number)
        await until(lambda: running.registry.revision == 3)
        newer.open()
        (opened,) = await newer.answered(1)
        assert opened.opened.next_sequence == 4
        assert len(stalled.answers) == 1
        stalled.read.set()
        assert await stalled.ended() is grpc.StatusCode.ABORTED
        assert [each.result.sequence for each in stalled.answers[1:]] == [1, 2, 3]


async def test_a_producer_that_comes_back_hears_of_what_its_broken_stream_had_sent(
    tmp_path: Path,
) -> None:
    """Also when another connection broke in between, before it was answered."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        broken, again, third = (Streaming(handlers) for _ in range(3))
        broken.open()
        await broken.answered(1)
        running.ledger.hold()
        broken.send_batch([bale(1)], 1)
        broken.send_batch([bale(2)], 2)
        await until(lambda: broken.received == 3)
        await running.held()
        broken.task.cancel()
        again.open()
        await until(lambda: again.received == 1)
        again.task.cancel()
        await asyncio.wait([broken.task, again.task])
        third.open()
        await until(lambda: third.received == 1)
        await asyncio.sleep(0.02)
        assert third.answers == []
        running.ledger.release()
        (opened,) = await third.answered(1)
        assert opened.opened.next_sequence == 3
        third.send_batch([bale(1)], 1)
        assert (await third.answered(2))[1].result.repeated_batch


async def test_of_many_streams_of_a_producer_the_last_one_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is ended by its successor, and logged; other producers are not disturbed."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        other = Streaming(handlers)
        other.open("other")
        await other.answered(1)
        streams = [Streaming(handlers) for _ in range(5)]
        for each in streams:
            each.open()
            await each.answered(1)
        for each in streams[:-1]:
            assert await each.ended() is grpc.StatusCode.ABORTED
        assert len(caplog.records) == len(streams) - 1
        for each in (streams[-1], other):
            each.send_batch([bale(1)], 1)
            assert (await each.answered(2))[1].result.sequence == 1
            each.half_close()
            assert await each.ended() is None


async def test_a_stream_that_had_sent_everything_ends_in_order_though_another_opens(
    tmp_path: Path,
) -> None:
    """Nothing of it was refused."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        running.ledger.hold()
        complete, newer = Streaming(handlers), Streaming(handlers)
        complete.open()
        complete.send_batch([bale(1)], 1)
        complete.half_close()
        await running.held()
        newer.open()
        await until(lambda: newer.received == 1)
        running.ledger.release()
        assert await complete.ended() is None
        assert (await newer.answered(1))[0].opened.next_sequence == 2
