"""A stream of one producer's batches: they go out without waiting, answers come in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import ingest_pb2

from cotton_client import errors
from cotton_client.channel import check_size
from cotton_client.identity import batch_identity

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from cotton.inspection.v1 import readings_pb2

WINDOW_DEFAULT: Final = 8
"""Batches in flight on a stream: hides a commit and a round trip; at most 32 MiB."""

ANSWER_TIMEOUT_S_DEFAULT: Final = 120.0
"""Silence after which an answer is taken for lost: servers queue less than they write in that."""

_NOT_OF_A_BATCH: Final = "STREAM_NOT_OPENED"
"""The refusal of an opening that came twice: no batch goes out before the stream is open."""

_APPEND: Final = ingest_pb2.DESCRIPTOR.services_by_name["IngestService"].methods_by_name[
    "AppendReadings"
]
_METHOD: Final = f"/{_APPEND.containing_service.full_name}/{_APPEND.name}"
"""Called by name, without an encoder: messages are encoded here, where their size is checked."""

_EOF: Final[object] = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it


class ReadingStream:
    """An open stream: batches go out without waiting, answers come back in order.

    `next_sequence` is the sequence that the producer's next batch must carry, as the
    server said when the stream was opened; `revision` the latest durable one heard of.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        producer_id: str,
        target: str,
        window: int,
        answer_timeout_s: float = ANSWER_TIMEOUT_S_DEFAULT,
    ) -> None:
        if window < 1:
            raise errors.ConfigurationError(f"window is {window}; at least 1 batch must fly.")
        self.producer_id = producer_id
        self.next_sequence = 0
        self.revision = 0
        # Untyped: the stubs of grpc know calls that iterate over requests, not those written to.
        append: Any = channel.stream_stream(
            _METHOD,
            request_serializer=None,
            response_deserializer=ingest_pb2.AppendReadingsResponse.FromString,
        )
        self._call = append()
        self._target = target
        self._window = window
        self._answer_timeout_s = answer_timeout_s
        # Set while the stream is read: runs while batches wait and none is on its way out.
        self._silence: asyncio.Timeout | None = None
        self._slots = asyncio.Semaphore(window)
        self._writing = asyncio.Lock()
        self._waiting: deque[tuple[str | int, asyncio.Future[ingest_pb2.BatchResult]]] = deque()
        self._reader: asyncio.Task[None] | None = None
        self._failure: errors.CottonError | None = None
        self._closing = False
        self._refused_unnamed = False

    async def open(self, timeout_s: float) -> None:
        """Says who sends and hears where the producer stands; raises what the server refuses."""
        request = ingest_pb2.AppendReadingsRequest(
            open=ingest_pb2.OpenStream(producer_id=self.producer_id)
        )
        try:
            async with asyncio.timeout(timeout_s):
                await self._write(request.SerializeToString())
                response = await self._call.read()
        except TimeoutError:
            raise errors.DeadlineExceeded(
                f"The server at {self._target} did not open a stream within {timeout_s:g} s."
            ) from None
        except grpc.aio.AioRpcError as failure:
            raise errors.from_rpc_error(failure, self._target) from None
        kind = None if response is _EOF else response.WhichOneof("response")
        if kind == "result" or (kind == "refused" and _is_named(response.refused)):
            raise errors.OutOfStep("The server answered a batch before the opening of the stream.")
        if kind == "refused":
            raise _refusal(response.refused)
        if kind is None:
            raise errors.ContractViolation("The server did not answer the opening of a stream.")
        self.revision = response.revision
        self.next_sequence = response.opened.next_sequence
        self._reader = asyncio.create_task(self._read())

    async def send(
        self, batch: readings_pb2.ReadingBatch
    ) -> asyncio.Future[ingest_pb2.BatchResult]:
        """Sends a batch once fewer than `window` are unanswered; the future is its answer.

        Futures are done in the order of sending. A refused batch's future raises the
        error of the refusal and the stream lives on, as it does after the InputError for a
        batch too large to be sent; when the stream breaks, every unanswered future raises
        Unavailable, and so does this. A refusal that may be that of any of several batches
        breaks it: each of their futures raises RefusedInDoubt.
        """
        identity = batch_identity(batch)
        message = ingest_pb2.AppendReadingsRequest(batch=batch).SerializeToString()
        check_size(len(message), "A batch")
        await self._slots.acquire()
        async with self._writing:
            if self._failure is not None:
                raise self._failure
            answer: asyncio.Future[ingest_pb2.BatchResult] = (
                asyncio.get_running_loop().create_future()
            )
            self._waiting.append((identity, answer))
            await self._write(message)
        return answer

    async def close(self) -> None:
        """Waits for the answers to everything sent, then for the server to end the stream."""
        self._closing = True
        if self._failure is None:
            await self._over(self._call.done_writing())
        if self._reader is not None:
            await self._reader
        if self._failure is not None:
            raise self._failure

    async def abandon(self) -> None:
        """Ends the stream at once; a stream that was closed is left as it is."""
        self._call.cancel()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        self._fail(errors.Unavailable("The stream was abandoned."))

    async def _write(self, message: bytes) -> None:
        """Sends an encoded request; a call that is over raises what ended it."""
        self._expect_answer(due=False)
        await self._over(self._call.write(message))
        self._expect_answer(due=bool(self._waiting))

    async def _over(self, writing: Coroutine[Any, Any, None]) -> None:
        """Waits until something is written; a call that is over raises what ended it."""
        try:
            await writing
        except (
            asyncio.CancelledError,
            grpc.aio.AioRpcError,
            grpc.aio.UsageError,
            asyncio.InvalidStateError,
        ) as failure:
            task = asyncio.current_task()
            if isinstance(failure, asyncio.CancelledError) and task and task.cancelling():
                raise
            # Else it was the call that was cancelled, by the reader: that hears why a call
            # ended, the writer only that it did.
            if self._reader is not None:
                await asyncio.gather(self._reader, return_exceptions=True)
            if self._failure is not None:
                raise self._failure from None
            if isinstance(failure, grpc.aio.AioRpcError):
                raise
            raise errors.Unavailable(
                f"The connection to the server at {self._target} broke."
            ) from None

    async def _read(self) -> None:
        """Settles answers until the stream ends, and keeps why it ended."""
        failure: errors.CottonError | None = None
        try:
            async with asyncio.timeout(None) as self._silence:
                while (response := await self._call.read()) is not _EOF:
                    self._settle(response)
                    self._expect_answer(due=bool(self._waiting))
            if self._waiting or not self._closing:
                failure = errors.Unavailable(
                    f"The server at {self._target} ended the stream"
                    f" with {len(self._waiting)} batches unanswered."
                )
        except grpc.aio.AioRpcError as error:
            failure = errors.from_rpc_error(error, self._target)
        except TimeoutError:
            failure = errors.DeadlineExceeded(
                f"The server at {self._target} left {len(self._waiting)} batches unanswered for"
                f" {self._answer_timeout_s:g} s."
            )
            self._call.cancel()
        except errors.CottonError as error:
            failure = error
            self._call.cancel()
        finally:
            self._silence = None
        if failure is not None:
            self._fail(failure)

    def _expect_answer(self, *, due: bool) -> None:
        """Starts the time in which an answer must come anew, or stops it."""
        if self._silence is not None:
            now_s = asyncio.get_running_loop().time()
            self._silence.reschedule(now_s + self._answer_timeout_s if due else None)

    def _settle(self, response: ingest_pb2.AppendReadingsResponse) -> None:
        """Gives the oldest unanswered batch its answer; what it raises ends the stream.

        OutOfStep for any other answer, RefusedInDoubt for one that may be another's.
        """
        self.revision = max(self.revision, response.revision)
        kind = response.WhichOneof("response")
        if kind is None:
            raise errors.ContractViolation("The server sent an answer that says nothing.")
        if kind == "opened" or not self._waiting:
            raise errors.OutOfStep("The server sent an answer that no batch asked for.")
        said = response.result if kind == "result" else response.refused
        identity, answer = self._waiting[0]
        # A refusal may lack the identity: it stands there "where it could be read".
        named = kind == "result" or _is_named(said)
        if named and batch_identity(said) != identity:
            raise errors.OutOfStep("The server's answers are not in the order of sending.")
        refusal = None if kind == "result" else _refusal(response.refused)
        if refusal is not None and not named:
            self._require_no_doubt(refusal)
        self._waiting.popleft()
        self._slots.release()
        if answer.done():
            return
        if refusal is None:
            answer.set_result(response.result)
        else:
            answer.set_exception(refusal)

    def _require_no_doubt(self, refusal: errors.CottonError) -> None:
        """Raises unless a refusal that names no batch can only be of the one that waits."""
        if len(self._waiting) > 1:
            # An answer before it may be lost, so that the oldest is as likely as any other.
            first, last = self._waiting[0][0], self._waiting[-1][0]
            raise errors.RefusedInDoubt(
                f"One of batches {first} to {last} was refused: {refusal.message}",
                reason=refusal.reason,
                remedy=refusal.remedy,
                metadata=refusal.metadata,
                violations=refusal.violations,
                retry_after_s=refusal.retry_after_s,
            )
        if self._refused_unnamed:
            # It may be the first such refusal, repeated on its way.
            raise errors.OutOfStep("The server refused a second time without naming a batch.")
        self._refused_unnamed = True

    def _fail(self, failure: errors.CottonError) -> None:
        """Breaks the stream for whoever waits or comes later; the first reason stays."""
        if self._failure is not None:
            return
        self._failure = failure
        while self._waiting:
            _, answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(failure)
                # Whoever sent learns of it from the stream; the future need not be awaited.
                answer.exception()
        for _ in range(self._window):
            self._slots.release()


def _is_named(said: ingest_pb2.BatchResult | ingest_pb2.BatchRefused) -> bool:
    """Whether an answer says of which batch it is."""
    return said.WhichOneof("identity") is not None


def _refusal(refused: ingest_pb2.BatchRefused) -> errors.CottonError:
    """The error of a refusal; raises OutOfStep for one that is of no batch."""
    refusal = errors.from_refusal(refused)
    if refusal.reason == _NOT_OF_A_BATCH:
        raise errors.OutOfStep("The server heard the opening of a stream twice.")
    return refusal
