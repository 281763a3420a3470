"""A network between client and server that loses, repeats, reorders, delays and cuts.

Fault model: on a stream any message and any answer may be lost, given twice, given after the
one that follows, or given late; the stream may break at any of them, before it went on or
after, and what the proxy holds back then may still reach the server, which does not know yet.
An opening may be lost or given twice. A unary call may be made twice, and its answer be lost.
Messages are whole: what cuts them is `TornConnections`, one level below.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import grpc

from tests.support.calls import APPEND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

HELD_S_MAX: Final = 0.03
"""How long a message is held back when none follows it."""

LATE_S_MAX: Final = 0.01
LINGER_S: Final = 0.05
"""How long the server's end of a stream lives on after the client's was cut."""

BYTES_A_CONNECTION: Final = (300, 5_000)
"""Bytes after which a connection is torn: of some messages, and in the middle of one."""

_EOF: Final[object] = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it


class Fault(StrEnum):
    """What may happen to a message."""

    LOST = "lost"
    TWICE = "twice"
    SWAPPED = "swapped"
    LATE = "late"
    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"


OF_OPENINGS: Final = frozenset({Fault.LOST, Fault.TWICE, Fault.CUT_BEFORE, Fault.CUT_AFTER})
"""Faults of the first message of a stream: the client sends nothing before it is answered."""

WITHOUT_LOSS: Final = frozenset(Fault) - {Fault.LOST}


class CutError(Exception):
    """The stream breaks here."""


@dataclass
class Plan:
    """What happens to which message; `met` counts what did, `passed` all messages.

    `share` of the messages meet a fault, all of `faults` equally likely. The fate of a message
    follows from `seed`, the number of its stream, its direction and its place.
    """

    seed: int
    share: float = 0.12
    faults: frozenset[Fault] = frozenset(Fault)
    met: Counter[str] = field(default_factory=Counter)
    passed: int = 0
    _ways: Counter[str] = field(default_factory=Counter)
    _awaited: int = 0
    _reached: asyncio.Event = field(default_factory=asyncio.Event)

    def draws(self, way: str) -> random.Random:
        """What decides about the next stream in one direction."""
        self._ways[way] += 1
        return random.Random(f"{self.seed} {way} {self._ways[way]}")  # noqa: S311 - reproducible

    async def have_passed(self, count: int) -> None:
        """Waits until so many messages have come in all."""
        self._awaited = count
        self._reached.clear()
        if self.passed < count:
            await self._reached.wait()

    def next(self, way: str, draw: random.Random, allowed: frozenset[Fault]) -> Fault | None:
        """The fault of the next message on its way; None for most."""
        self.passed += 1
        if self.passed >= self._awaited:
            self._reached.set()
        choice = sorted(self.faults & allowed)
        if draw.random() >= self.share or not choice:
            return None
        fault = draw.choice(choice)
        self.met[f"{way} {fault}"] += 1
        return fault


class _Way:
    """One direction of one stream: gives messages on as the plan says."""

    def __init__(self, name: str, plan: Plan, give: Callable[[bytes], Awaitable[object]]) -> None:
        self._name, self._plan, self._give = name, plan, give
        self._draw = plan.draws(name)
        self._held: bytes | None = None
        self._turn = asyncio.Lock()
        self._first = True
        self._release: asyncio.Task[None] | None = None

    async def take(self, message: bytes) -> None:
        """Gives a message on, or not; raises CutError when the stream breaks at it."""
        allowed = OF_OPENINGS if self._first else frozenset(Fault)
        fault = self._plan.next(self._name, self._draw, allowed)
        self._first = False
        match fault:
            case Fault.LOST:
                return
            case Fault.CUT_BEFORE:
                raise CutError
            case Fault.SWAPPED if self._held is None:
                self._held = message
                self._release = asyncio.create_task(self._let_go())
                return
            case Fault.LATE:
                await asyncio.sleep(self._draw.uniform(0, LATE_S_MAX))
        async with self._turn:
            await self._give(message)
            if fault is Fault.TWICE:
                await self._give(message)
        await self.flush()
        if fault is Fault.CUT_AFTER:
            raise CutError

    async def flush(self) -> None:
        """Gives on what is held back."""
        async with self._turn:
            held, self._held = self._held, None
            if held is not None:
                await self._give(held)

    async def _let_go(self) -> None:
        await asyncio.sleep(HELD_S_MAX)
        with suppress(grpc.aio.BaseError, asyncio.InvalidStateError):
            await self.flush()


class _Link:
    """One stream through the proxy: a call of the client, and one to the server."""

    def __init__(self, plan: Plan, context: Any, upstream: Any) -> None:
        self._context, self._upstream = context, upstream
        self._client_there = True
        self._up = _Way("message", plan, upstream.write)
        self._down = _Way("answer", plan, self._answer)

    async def run(self, requests: AsyncIterator[bytes]) -> None:
        """Passes on until either end ends; CutError or the server's error says how."""
        sending = asyncio.create_task(self._send(requests))
        # Lives on after a cut: reading that is cancelled would cancel the server's call.
        receiving = asyncio.create_task(self._receive())
        receiving.add_done_callback(_seen)
        try:
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_EXCEPTION)
            for each in (sending, receiving):
                if each.done():
                    await each
        finally:
            self._client_there = False
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def linger(self) -> None:
        """Lets the server go on with what it has, and with what was held back; then ends it."""
        with suppress(grpc.aio.BaseError, asyncio.InvalidStateError):
            await self._up.flush()
        await asyncio.sleep(LINGER_S)
        self._upstream.cancel()

    async def _send(self, requests: AsyncIterator[bytes]) -> None:
        async for message in requests:
            try:
                await self._up.take(message)
            except (grpc.aio.BaseError, asyncio.InvalidStateError):
                return  # the answers end with the reason
        with suppress(grpc.aio.BaseError, asyncio.InvalidStateError):
            await self._up.flush()
            await self._upstream.done_writing()

    async def _receive(self) -> None:
        while (answer := await self._upstream.read()) is not _EOF:
            await self._down.take(answer)
        await self._down.flush()

    async def _answer(self, answer: bytes) -> None:
        if self._client_there:
            await self._context.write(answer)


def _seen(task: asyncio.Task[None]) -> None:
    """The end of a stream whose client has gone concerns nobody."""
    if not task.cancelled():
        task.exception()


class _Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # not generic at run time
    """Takes any unary call and the stream of readings as bytes, and passes them to a server."""

    def __init__(self, channel: grpc.aio.Channel, plan: Plan) -> None:
        # Untyped: the stubs of grpc demand serializers, and bytes need none.
        self._channel: Any = channel
        self._plan = plan
        self._calls = plan.draws("call")
        self._lingering: set[asyncio.Task[None]] = set()

    def service(self, handler_call_details: Any) -> Any:
        """The handler of any method."""
        method = handler_call_details.method
        if method == APPEND:
            return grpc.stream_stream_rpc_method_handler(self._stream)

        async def call(request: bytes, context: Any) -> bytes:
            return await self._call(method, request, context)

        return grpc.unary_unary_rpc_method_handler(call)

    async def settled(self) -> None:
        """Waits for the ends of streams that live on at the server."""
        await asyncio.gather(*self._lingering, return_exceptions=True)

    async def _stream(self, requests: AsyncIterator[bytes], context: Any) -> None:
        link = _Link(self._plan, context, self._channel.stream_stream(APPEND)())
        try:
            await link.run(requests)
        except CutError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the proxy cut the stream")
        except grpc.aio.AioRpcError as error:
            await _fail(context, error)
        finally:
            lingering = asyncio.create_task(link.linger())
            self._lingering.add(lingering)
            lingering.add_done_callback(self._lingering.discard)

    async def _call(self, method: str, request: bytes, context: Any) -> bytes:
        call = self._channel.unary_unary(method)
        fault = self._plan.next("call", self._calls, OF_OPENINGS)
        if fault in {Fault.LOST, Fault.CUT_BEFORE}:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the proxy lost the call")
        try:
            answer: bytes = await call(request)
            if fault is Fault.TWICE:
                answer = await call(request)
        except grpc.aio.AioRpcError as error:
            await _fail(context, error)
        if fault is Fault.CUT_AFTER:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the proxy lost the answer")
        return answer


async def _fail(context: Any, error: grpc.aio.AioRpcError) -> None:
    """Ends a call as the server ended it."""
    trailing: Any = error.trailing_metadata() or ()
    await context.abort(error.code(), error.details() or "", tuple(trailing))


@asynccontextmanager
async def proxy(target: str, plan: Plan) -> AsyncIterator[str]:
    """The address of a proxy in front of a server."""
    server = grpc.aio.server()
    async with grpc.aio.insecure_channel(target) as channel:
        handler = _Handler(channel, plan)
        server.add_generic_rpc_handlers((handler,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            await server.stop(None)
            await handler.settled()


class TornConnections:
    """TCP connections passed on byte by byte and reset after some of them; `torn` counts."""

    def __init__(self, target: str, draw: random.Random) -> None:
        """Takes the server's HOST:PORT."""
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self._draw = draw
        self._tasks: set[asyncio.Task[None]] = set()
        self.torn = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """The address to connect to."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.close()
            for each in self._tasks:
                each.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a connection is served by a task")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        from_server, to_server = await asyncio.open_connection(self._host, self._port)
        up = asyncio.create_task(self._pass_on(reader, to_server))
        down = asyncio.create_task(self._pass_on(from_server, writer))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (up, down):
                each.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            to_server.transport.abort()
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Passes on until the end, or until as many bytes as were drawn have gone."""
        left = self._draw.randint(*BYTES_A_CONNECTION)
        while left and (some := await reader.read(left)):
            writer.write(some)
            await writer.drain()
            left -= len(some)
        if not left:
            self.torn += 1
