"""Batches delivered in order over any connections: held until answered, sent again on the next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cotton_client import errors

if TYPE_CHECKING:
    import asyncio

    from cotton.inspection.v1 import ingest_pb2, readings_pb2

    from cotton_client.stream import ReadingStream


@dataclass(slots=True)
class Unacknowledged:
    """A batch whose answer has not come: its place in its file and how often it was sent."""

    batch: readings_pb2.ReadingBatch
    index: int
    bale_first: int
    bales: int
    sent: int = 0
    answer: asyncio.Future[ingest_pb2.BatchResult] | None = None

    @property
    def where(self) -> str:
        """The batch and its bales, counted from 1, as an error names them."""
        last = self.bale_first + self.bales - 1
        return f"Batch {self.index + 1} (bales {self.bale_first} to {last})"


class Delivery(ABC):
    """What outlives a connection: batches sent and not answered, and where the next come from.

    `answered` counts the batches that need not be sent again, whatever was said to them.
    """

    def __init__(self) -> None:
        self.pending: deque[Unacknowledged] = deque()
        self.answered = 0
        self._singly_until = 0

    async def run(self, stream: ReadingStream) -> None:
        """Sends what is unacknowledged, then the rest; returns when all is answered.

        After RefusedInDoubt the next run sends what was unacknowledged one batch at a time.
        """
        try:
            await self._exchange(stream)
        except errors.RefusedInDoubt:
            self._singly_until = self.answered + len(self.pending)
            raise

    async def _exchange(self, stream: ReadingStream) -> None:
        """Sends and settles all that there is."""
        await self.opened(stream)
        for each in self.pending:
            each.answer = None
        for each in tuple(self.pending):
            await self._send(stream, each)
        while (following := await self.next()) is not None:
            self.pending.append(following)
            await self._send(stream, following)
        while self.pending:
            await self.settle()

    async def settle(self) -> None:
        """Waits for the answer to the oldest batch and takes it."""
        each = self.pending[0]
        if each.answer is None:
            raise AssertionError("the oldest batch was not sent")
        try:
            result = await each.answer
        except errors.Refused as error:
            await self.refused(each, error)
        else:
            await self.stored(each, result)
        self.pending.popleft()
        self.answered += 1

    @abstractmethod
    async def opened(self, stream: ReadingStream) -> None:
        """Hears where the producer stands before anything is sent on a stream."""

    @abstractmethod
    async def next(self) -> Unacknowledged | None:
        """The next batch to be sent; None when no more will come."""

    @abstractmethod
    async def stored(self, each: Unacknowledged, result: ingest_pb2.BatchResult) -> None:
        """Takes the answer to a stored batch; what it raises leaves the batch unanswered."""

    @abstractmethod
    async def refused(self, each: Unacknowledged, error: errors.Refused) -> None:
        """Takes the refusal of a batch; what it raises leaves the batch unanswered."""

    async def _send(self, stream: ReadingStream, each: Unacknowledged) -> None:
        """Sends a batch, then takes whatever was answered meanwhile.

        While batches go one at a time, its own answer is waited for: no other waits with it,
        so that a refusal can only be its own.
        """
        each.sent += 1
        each.answer = await stream.send(each.batch)
        while (
            self.pending
            and (answer := self.pending[0].answer) is not None
            and (answer.done() or self.answered < self._singly_until)
        ):
            await self.settle()
