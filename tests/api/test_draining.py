"""Streams while the server drains: what was received is answered, nobody is left waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import grpc

from tests.support.bales import append_request, bale
from tests.support.committing import BOUNDS, committing
from tests.support.streaming import Streaming, handlers_of, until

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_stream_that_is_opened_while_draining_ends_at_once(tmp_path: Path) -> None:
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        handlers.drain()
        late = Streaming(handlers)
        late.open()
        assert await late.ended() is grpc.StatusCode.UNAVAILABLE
    assert late.answers == []


async def test_a_batch_that_waits_for_room_when_the_drain_begins_is_committed_and_answered(
    tmp_path: Path,
) -> None:
    """It was received: only what comes after it has to come again."""
    size = len(append_request([bale(1)], identity=1).SerializeToString())
    bounds = replace(BOUNDS, queued_bytes_max=2 * size + 2)
    async with committing(tmp_path, bounds=bounds) as running:
        running.ledger.hold()
        handlers = handlers_of(running)
        drained = Streaming(handlers)
        drained.open()
        for number in range(1, 5):
            drained.send_batch([bale(number)], number)
        await running.held()
        # The third is in hand and waits for room; the fourth was not read.
        await until(lambda: drained.received == 4)
        handlers.drain()
        running.ledger.release()
        assert await drained.ended() is grpc.StatusCode.UNAVAILABLE
    assert [answer.result.sequence for answer in drained.answers[1:]] == [1, 2, 3]


async def test_a_stream_that_is_replaced_does_not_hold_up_the_drain(tmp_path: Path) -> None:
    """Older and newer answer what they received; neither waits for the other for ever."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        older, newer = Streaming(handlers), Streaming(handlers)
        older.open()
        await older.answered(1)
        running.ledger.hold()
        older.send_batch([bale(1)], 1)
        await running.held()
        newer.open()
        await until(lambda: newer.received == 1)
        handlers.drain()
        await asyncio.sleep(0.02)
        running.ledger.release()
        assert await older.ended() is grpc.StatusCode.ABORTED
        assert await newer.ended() is grpc.StatusCode.UNAVAILABLE
    assert older.answers[1].result.sequence == 1
    assert [answer.opened.next_sequence for answer in newer.answers] == [2]


async def test_a_stream_whose_client_had_sent_everything_ends_in_order_while_draining(
    tmp_path: Path,
) -> None:
    async with committing(tmp_path) as running:
        handlers = handlers_of(running)
        running.ledger.hold()
        complete = Streaming(handlers)
        complete.open()
        complete.send_batch([bale(1)], 1)
        complete.half_close()
        await running.held()
        await asyncio.sleep(0.02)
        handlers.drain()
        running.ledger.release()
        assert await complete.ended() is None
    assert complete.answers[1].result.sequence == 1
