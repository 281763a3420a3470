"""Answers that are not read: they slow down the stream that they belong to, and hold little."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

from cotton_server.domain.readings import ReadingTable

from tests.support.bales import bale
from tests.support.committing import committing
from tests.support.streaming import Streaming, handlers_of, until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_a_stream_that_reads_no_answers_is_read_no_further_than_it_may_have_in_flight(
    tmp_path: Path,
) -> None:
    """It goes on where it stopped when they are read, and others never stop."""
    async with committing(tmp_path) as running:
        handlers = handlers_of(running, batches_in_flight_max=4)
        stalled, other = Streaming(handlers, reads=False), Streaming(handlers)
        stalled.open("stalled")
        for number in range(1, 20):
            stalled.send_batch([bale(number)], number)
        await until(lambda: running.registry.revision >= 4)
        other.open("other")
        for number in range(1, 6):
            other.send_batch([bale(100 + number)], number)
        await other.answered(6)
        assert stalled.received <= 1 + 4
        stalled.read.set()
        answers = await stalled.answered(20)
        assert [each.result.sequence for each in answers[1:]] == list(range(1, 20))


async def test_large_answers_that_are_not_read_stop_a_stream_before_small_ones_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of which every bale is refused by field are answered with much."""
    monkeypatch.setattr("cotton_server.api.streams.UNREAD_BYTES_MAX", 1000)
    received = {}
    for length in (2820, 9999):
        directory = tmp_path / str(length)
        directory.mkdir()
        async with committing(directory) as running:
            handlers = handlers_of(running, batches_in_flight_max=64)
            stalled = Streaming(handlers, reads=False)
            stalled.open()
            for number in range(1, 41):
                bales = [bale(10 * number + each, length=length) for each in range(10)]
                stalled.send_batch(bales, number)
                await asyncio.sleep(0.005)
            received[length] = stalled.received
            stalled.read.set()
            assert len(await stalled.answered(41)) == 41
    assert received[2820] == 41
    assert received[9999] < 20


async def test_an_unread_answer_keeps_neither_the_message_nor_the_table_of_its_batch(
    tmp_path: Path,
) -> None:
    def tables() -> int:
        gc.collect()
        return sum(isinstance(each, ReadingTable) for each in gc.get_objects())

    async with committing(tmp_path) as running:
        stalled = Streaming(handlers_of(running), reads=False)
        stalled.open()
        await stalled.answered(1)
        before = tables()
        for number in range(1, 9):
            stalled.send_batch([bale(number)], number)
        await until(lambda: running.registry.revision == 8)
        # The thread that decides still holds the last group that it worked on: this one.
        await (await running.send("last", [bale(9)], producer="other"))
        assert tables() - before <= 1
        stalled.read.set()
        await stalled.answered(9)
