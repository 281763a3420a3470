"""How long answers take: from a request in the handler's hands to the bytes of its answer."""

from __future__ import annotations

import time
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import grpc
    from google.protobuf.message import Message

    Context = grpc.aio.ServicerContext[Any, Any]


def timed(
    handler: Callable[[bytes, Context], Awaitable[Message]], told: Callable[[float], None]
) -> Callable[[bytes, Context], Awaitable[bytes]]:
    """The handler with its answer as bytes; `told` hears the seconds of each call that succeeds."""

    @wraps(handler)
    async def call(payload: bytes, context: Context) -> bytes:
        begun = time.perf_counter()
        answer = (await handler(payload, context)).SerializeToString()
        told(time.perf_counter() - begun)
        return answer

    return call


def timed_stream(
    handler: Callable[[bytes, Context], AsyncIterator[Message]], told: Callable[[float], None]
) -> Callable[[bytes, Context], AsyncIterator[bytes]]:
    """The same of a stream that is read to its end.

    What counts is the making of all messages, not how long a slow reader lets them wait.
    """

    @wraps(handler)
    async def call(payload: bytes, context: Context) -> AsyncIterator[bytes]:
        took_s = 0.0
        begun = time.perf_counter()
        async for message in handler(payload, context):
            answer = message.SerializeToString()
            took_s += time.perf_counter() - begun
            yield answer
            begun = time.perf_counter()
        told(took_s + time.perf_counter() - begun)

    return call
