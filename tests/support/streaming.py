"""Streams through the handlers in this process, message by message, as gRPC would drive them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import grpc
from cotton.inspection.v1 import ingest_pb2
from cotton_server.api.ingest import IngestHandlers
from cotton_server.api.requests import Admission
from cotton_server.intake.decode import BatchLimits
from google.rpc import status_pb2

from tests.support.bales import append_request
from tests.support.calls import Context
from tests.support.committing import ANSWER_S_MAX, Committing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from tests.support.bales import Bale


class Call(Context):
    """A call with a deadline, or none."""

    def __init__(self, remaining_s: float | None = None) -> None:
        """Takes the time that is left when it begins."""
        super().__init__()
        self._remaining_s = remaining_s

    def time_remaining(self) -> float | None:
        """What was left when it began."""
        return self._remaining_s

    @property
    def status(self) -> status_pb2.Status:
        """The typed error that it was aborted with, out of the metadata."""
        ((_, details),) = cast("tuple[tuple[str, bytes]]", self.trailing)
        return status_pb2.Status.FromString(details)


def handlers_of(running: Committing, *, batches_in_flight_max: int = 8) -> IngestHandlers:
    """Handlers in front of a running committer."""
    return IngestHandlers(
        running.committer,
        running.registry,
        BatchLimits(10),
        Admission(running.committer, running.notes, message_bytes_max=1 << 20),
        batches_in_flight_max=batches_in_flight_max,
    )


def opening(producer: str = "p") -> bytes:
    """The first message of a stream."""
    return ingest_pb2.AppendReadingsRequest(
        open=ingest_pb2.OpenStream(producer_id=producer)
    ).SerializeToString()


class Streaming:
    """One stream; its answers are read as they come, or left until `read` is set."""

    def __init__(
        self, handlers: IngestHandlers, *, reads: bool = True, remaining_s: float | None = None
    ) -> None:
        """Begins the call; nothing is sent yet."""
        self.answers: list[ingest_pb2.AppendReadingsResponse] = []
        self.received = 0
        """Messages that the handler has taken."""
        self.call = Call(remaining_s)
        self.read = asyncio.Event()
        if reads:
            self.read.set()
        self._requests: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.task = asyncio.create_task(self._run(handlers))

    def send(self, payload: bytes) -> None:
        """Sends bytes as one message."""
        self._requests.put_nowait(payload)

    def open(self, producer: str = "p") -> None:
        """Says who sends."""
        self.send(opening(producer))

    def send_batch(self, bales: Sequence[Bale], identity: int | str) -> None:
        """Sends a batch."""
        self.send(append_request(bales, identity=identity).SerializeToString())

    def half_close(self) -> None:
        """Sends no more."""
        self._requests.put_nowait(None)

    async def answered(self, count: int) -> list[ingest_pb2.AppendReadingsResponse]:
        """The answers, when there are as many."""
        await until(lambda: len(self.answers) >= count)
        return self.answers

    async def ended(self) -> grpc.StatusCode | None:
        """The status that the stream was ended with; None when it ended in order."""
        await asyncio.wait_for(self.task, ANSWER_S_MAX)
        return self.call.code

    async def _run(self, handlers: IngestHandlers) -> None:
        try:
            async for answer in handlers.append_readings(self._messages(), self.call):  # type: ignore[arg-type]  # as gRPC does
                self.answers.append(answer)
                await self.read.wait()
        except grpc.aio.AbortError:
            return

    async def _messages(self) -> AsyncIterator[bytes]:
        while (payload := await self._requests.get()) is not None:
            self.received += 1
            yield payload


async def until(holds: Callable[[], bool]) -> None:
    """Returns when it holds; AssertionError when it takes too long."""
    for _ in range(500 * ANSWER_S_MAX):
        if holds():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not come to hold")
