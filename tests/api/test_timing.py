"""How long answers take is told once an answer, and not of answers that fail or are not read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import summary_pb2
from cotton_server.api.timing import timed, timed_stream
from cotton_server.errors import Reason, ServiceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONTEXT: Any = None
ANSWER = summary_pb2.ListBalesResponse(revision=7)


async def answered(_payload: bytes, _context: Any) -> summary_pb2.ListBalesResponse:
    """An answer after 20 ms."""
    await asyncio.sleep(0.02)
    return ANSWER


async def refused(_payload: bytes, _context: Any) -> summary_pb2.ListBalesResponse:
    raise ServiceError(Reason.INVALID_FIELD, "No.")


async def streamed(_payload: bytes, _context: Any) -> AsyncIterator[summary_pb2.ListBalesResponse]:
    """Three answers, each after 10 ms."""
    for _ in range(3):
        await asyncio.sleep(0.01)
        yield ANSWER


async def test_an_answer_is_timed_as_bytes() -> None:
    told: list[float] = []
    assert await timed(answered, told.append)(b"", CONTEXT) == ANSWER.SerializeToString()
    assert len(told) == 1
    assert told[0] >= 0.02


async def test_an_error_goes_through_and_is_not_timed() -> None:
    told: list[float] = []
    with pytest.raises(ServiceError):
        await timed(refused, told.append)(b"", CONTEXT)
    assert told == []


async def test_of_a_stream_only_the_making_is_timed() -> None:
    """A reader that takes its time between two messages does not make the service slow."""
    told: list[float] = []
    messages = []
    async for message in timed_stream(streamed, told.append)(b"", CONTEXT):
        messages.append(message)
        await asyncio.sleep(0.5)
    assert messages == [ANSWER.SerializeToString()] * 3
    assert len(told) == 1
    assert 0.03 <= told[0] < 1
