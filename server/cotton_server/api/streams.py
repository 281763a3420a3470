"""Open streams of readings: what each still has to answer, and which is its producer's newest."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from cotton_server.errors import Reason, ServiceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from cotton.inspection.v1 import ingest_pb2

    from cotton_server.intake.committer import Stored

_LOG: Final = logging.getLogger(__name__)

Identity = tuple[int | None, str | None]

UNREAD_BYTES_MAX: Final = 256 << 10
"""Answers that a client has yet to read; more, and its stream is not read from either.

In memory they are about five times as large, and what is on its way when the limit is reached is
bounded by queued_bytes_max: 600 streams hold less than 1 GB of them. An answer lists only what is
not plain, so that only clients with much of that and a slow line ever wait for it.
"""


@dataclass(slots=True)
class Due:
    """An answer that is due: that the stream was opened, of a batch, or a refusal.

    Of a batch only the answer is kept: its message and table are free once it is stored,
    however long the client leaves the answer unread.
    """

    identity: Identity = (None, None)
    next_sequence: int | None = None
    stored: asyncio.Future[Stored] | None = None
    refusal: ServiceError | None = None
    size_bytes: int = 0


@dataclass(slots=True)
class Counted:
    """Answers that were given on a stream: batches stored, repeated ones of these, refused ones."""

    batches: int = 0
    repeated: int = 0
    refused: int = 0
    bales: int = 0


class Stream:
    """One stream: its producer, its deadline, and the answers that are due, in order.

    It is *settled* once it takes no more and everything that it took is decided, whether or
    not the client has read the answers.
    """

    def __init__(self, in_flight_max: int, deadline_s: float | None) -> None:
        self.producer = ""
        self.deadline_s = deadline_s
        self.slots = asyncio.Semaphore(in_flight_max)
        self.answers: asyncio.Queue[Due | None] = asyncio.Queue()
        self.stopped: ServiceError | None = None
        self.settled = asyncio.Event()
        self.complete = False
        """Whether the client sent all that it had to send."""
        self._reader: asyncio.Task[None] | None = None
        self._waiting = True
        self._undecided = 0
        self._unread_bytes = 0
        self._few_unread = asyncio.Event()
        self._few_unread.set()
        self._counted = Counted()
        self._opened_s = time.perf_counter()

    def start(self, reading: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts what reads the stream; however it ends, None ends the answers."""
        self._reader = asyncio.create_task(reading)
        self._reader.add_done_callback(self._end)
        return self._reader

    async def next_of(self, requests: AsyncIterator[bytes]) -> bytes | None:
        """The next message once there is a place for its answer; None at the end."""
        self._waiting = True
        await self.slots.acquire()
        await self._few_unread.wait()
        payload = await anext(requests, None)
        self._waiting = False
        self.complete = payload is None
        return payload

    def stop(self, why: ServiceError) -> None:
        """Takes no more; a reader that has a message in hand goes on with that one."""
        if self.stopped is not None:
            return
        self.stopped = why
        if self._reader is not None and self._waiting:
            self._reader.cancel()

    def owe(self, due: Due) -> None:
        """Puts an answer behind those that are due before it."""
        if due.stored is not None:
            self._undecided += 1
            due.stored.add_done_callback(lambda stored: self._decided(due, stored))
        self.answers.put_nowait(due)

    def given(self, due: Due) -> None:
        """Notes that an answer was handed to gRPC, which takes it as its client reads."""
        self._count_unread(-due.size_bytes)

    def count(self, answer: ingest_pb2.AppendReadingsResponse) -> None:
        """Counts an answer, for what the log is told in the end."""
        counted = self._counted
        if answer.HasField("result"):
            counted.batches += 1
            counted.repeated += answer.result.repeated_batch
            counted.bales += answer.result.outcome.received
        elif answer.HasField("refused"):
            counted.refused += 1

    def told(self, failure: BaseException | None) -> dict[str, str | int]:
        """What the log is told of a stream that is over; `failure` is what ended its reading."""
        if isinstance(failure, Exception):
            ended = "failed"
        elif self.complete:
            ended = "complete"
        else:
            ended = "cancelled" if self.stopped is None else self.stopped.reason.name
        return {
            "producer": self.producer,
            "ended": ended,
            **asdict(self._counted),
            "seconds": f"{time.perf_counter() - self._opened_s:.3f}",
        }

    def require_open(self) -> None:
        """Raises ServiceError when it is not known whose stream this is."""
        if not self.producer:
            raise ServiceError(
                Reason.STREAM_NOT_OPENED, "A batch came before the stream was opened."
            )

    def _decided(self, due: Due, stored: asyncio.Future[Stored]) -> None:
        if stored.exception() is None:
            due.size_bytes = stored.result().outcome.ByteSize()
            self._count_unread(due.size_bytes)
        self._undecided -= 1
        self._settle()

    def _count_unread(self, size_bytes: int) -> None:
        self._unread_bytes += size_bytes
        if self._unread_bytes > UNREAD_BYTES_MAX:
            self._few_unread.clear()
        else:
            self._few_unread.set()

    def _end(self, _reader: asyncio.Task[None]) -> None:
        self.answers.put_nowait(None)
        self._settle()

    def _settle(self) -> None:
        if self._undecided == 0 and self._reader is not None and self._reader.done():
            self.settled.set()


class Streams:
    """The streams that are open, and of each producer those that are not settled, newest last."""

    def __init__(self) -> None:
        self._open: set[Stream] = set()
        self._of: dict[str, list[Stream]] = {}

    def enter(self, stream: Stream) -> None:
        """Counts a stream as open."""
        self._open.add(stream)

    async def leave(self, stream: Stream) -> None:
        """Counts a stream as ended, and forgets it when what it took is decided.

        Until then it is waited for: a producer that comes back at once, after its connection
        broke, has to hear of what was still on its way.
        """
        self._open.discard(stream)
        await stream.settled.wait()
        if stream.producer:
            self._of[stream.producer].remove(stream)
            if not self._of[stream.producer]:
                del self._of[stream.producer]

    def is_open(self, producer: str) -> bool:
        """Whether a stream of the producer is open, and takes batches."""
        return any(
            stream in self._open and stream.stopped is None for stream in self._of.get(producer, ())
        )

    async def claim(self, producer: str, stream: Stream) -> None:
        """Makes a stream the one of its producer; those before it are stopped and waited for.

        Returns when everything that they took is decided, so that the sequence to go on with
        counts it. That their clients read the answers is not waited for.
        """
        stream.producer = producer
        older = self._of.get(producer, [])
        self._of[producer] = [*older, stream]
        replaced = ServiceError(
            Reason.STREAM_REPLACED, f"Producer {producer} has opened another stream."
        )
        for each in older:
            if each in self._open and each.stopped is None:
                # Two senders under one name, most likely; each sees only that it is ended.
                _LOG.warning("a stream was replaced by a newer one", extra={"producer": producer})
            each.stop(replaced)
        for each in older:
            await each.settled.wait()

    def stop(self, why: ServiceError) -> None:
        """Stops every stream."""
        for stream in self._open:
            stream.stop(why)
