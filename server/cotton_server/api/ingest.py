"""IngestService: batches of readings, on a stream or one by one."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import ingest_pb2, readings_pb2

from cotton_server.api.requests import ANONYMOUS, require_producer
from cotton_server.api.status import abort, internal_error, status_of
from cotton_server.domain.identifiers import is_token
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.committer import Receipt, Submission
from cotton_server.intake.content import APPEND, READINGS, SUBMIT
from cotton_server.intake.decode import BatchLimits, decode, parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from cotton_server.api.requests import Admission
    from cotton_server.intake.committer import Committer, Stored
    from cotton_server.registry.registry import Registry

_LOG: Final = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Identity = tuple[int | None, str | None]


@dataclass(slots=True)
class _Pending:
    """An answer that is due: of a submission, a refusal, or that the stream was opened."""

    identity: Identity
    submission: Submission | None = None
    refusal: ServiceError | None = None


class IngestHandlers:
    """Handlers of IngestService; requests arrive as the bytes that were received."""

    def __init__(
        self,
        committer: Committer,
        registry: Registry,
        limits: BatchLimits,
        admission: Admission,
        *,
        batches_in_flight_max: int,
    ) -> None:
        """Takes what commits, what knows where producers stand, limits, what lets messages in."""
        self._admission = admission
        self._committer = committer
        self._registry = registry
        self._limits = limits
        self._batches_in_flight_max = batches_in_flight_max
        self._streams: set[_Stream] = set()
        self._draining = asyncio.Event()

    async def append_readings(
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[ingest_pb2.AppendReadingsResponse]:
        """One answer a batch, in order; an error in a batch is an answer too."""
        if self._draining.is_set():
            await abort(context, _draining())
        stream = _Stream(self._batches_in_flight_max)
        reader = stream.start(self._read(requests, stream))
        self._streams.add(stream)
        try:
            while (pending := await stream.answers.get()) is not None:
                answer = await self._answer(pending, stream)
                stream.slots.release()
                yield answer
        finally:
            reader.cancel()
            self._streams.discard(stream)
            (failure,) = await asyncio.gather(reader, return_exceptions=True)
        if isinstance(failure, Exception) and not context.cancelled():
            _LOG.error("a stream failed", exc_info=failure)
            await abort(context, internal_error(failure))
        if self._draining.is_set():
            await abort(context, _draining())

    async def submit_readings(
        self, payload: bytes, _context: Context
    ) -> ingest_pb2.SubmitReadingsResponse:
        """One batch of one producer; raises ServiceError."""
        receipt = Receipt()
        await self._admission.take_room(READINGS, payload)
        with self._admission.decoding(READINGS, payload):
            request = parse(ingest_pb2.SubmitReadingsRequest, payload)
            require_producer(request.producer_id)
            submission = self._submission(
                request.producer_id, request.batch, payload, SUBMIT, receipt
            )
        self._committer.submit(submission)
        stored = await submission.answer
        return ingest_pb2.SubmitReadingsResponse(
            revision=self._registry.revision,
            result=_result((submission.sequence, submission.batch_id), stored),
        )

    def drain(self) -> None:
        """Takes no more batches: streams answer what they have received and end."""
        self._draining.set()
        for stream in self._streams:
            stream.stop_waiting()

    async def _read(self, requests: AsyncIterator[bytes], stream: _Stream) -> None:
        while not self._draining.is_set():
            # A place among the unanswered first: a stream that does not read its answers is
            # not read from either. Then room for the message, before it is decoded.
            payload = await stream.next_of(requests)
            if payload is None:
                return
            receipt = Receipt()
            try:
                await self._admission.take_room(READINGS, payload)
            except ServiceError as refusal:
                stream.answers.put_nowait(_Pending((None, None), refusal=refusal))
            else:
                stream.answers.put_nowait(self._take(payload, stream, receipt))

    def _take(self, payload: bytes, stream: _Stream, receipt: Receipt) -> _Pending:
        identity: Identity = (None, None)
        try:
            with self._admission.decoding(READINGS, payload):
                request = parse(ingest_pb2.AppendReadingsRequest, payload)
                if request.HasField("batch"):
                    identity = _identity(request.batch)
                    stream.require_open()
                    submission = self._submission(
                        stream.producer, request.batch, payload, APPEND, receipt
                    )
                else:
                    stream.open(request)
                    submission = None
        except ServiceError as refusal:
            return _Pending(identity, refusal=refusal)
        if submission is None:
            self._admission.give_back(payload)
        else:
            self._committer.submit(submission)
        return _Pending(identity, submission)

    def _submission(
        self,
        producer: str,
        batch: readings_pb2.ReadingBatch,
        payload: bytes,
        message: str,
        receipt: Receipt,
    ) -> Submission:
        sequence, batch_id = _identity(batch)
        if sequence is None and batch_id is None:
            raise ServiceError(
                Reason.MISSING_FIELD,
                "The batch has neither `sequence` nor `batch_id`.",
                {"batch.identity": "neither sequence nor batch_id"},
            )
        if sequence is not None and not 0 < sequence < 2**63:
            raise ServiceError(
                Reason.INVALID_FIELD,
                f"Sequence {sequence} is not between 1 and 2**63 - 1.",
                {"batch.sequence": "sequences start at 1"},
            )
        if batch_id is not None and not is_token(batch_id):
            raise ServiceError(
                Reason.INVALID_FIELD,
                "The batch id is not 1 to 64 printable ASCII characters without spaces.",
                {"batch.batch_id": "not 1 to 64 printable ASCII characters without spaces"},
            )
        return Submission(
            kind=READINGS,
            producer=producer,
            sequence=sequence,
            batch_id=batch_id,
            principal=ANONYMOUS,
            message=message,
            payload=payload,
            content=decode(batch, self._limits),
            answer=asyncio.get_running_loop().create_future(),
            receipt=receipt,
        )

    async def _answer(
        self, pending: _Pending, stream: _Stream
    ) -> ingest_pb2.AppendReadingsResponse:
        refusal = pending.refusal
        if pending.submission is not None:
            try:
                stored = await pending.submission.answer
                return ingest_pb2.AppendReadingsResponse(
                    revision=self._registry.revision, result=_result(pending.identity, stored)
                )
            except ServiceError as error:
                refusal = error
        following = self._registry.next_sequence(stream.producer) if stream.producer else 0
        if refusal is not None and "next_sequence" in refusal.metadata:
            following = int(refusal.metadata["next_sequence"])
        if refusal is None:
            return ingest_pb2.AppendReadingsResponse(
                revision=self._registry.revision,
                opened=ingest_pb2.StreamOpened(
                    producer_id=stream.producer, next_sequence=following
                ),
            )
        refused = ingest_pb2.BatchRefused(status=status_of(refusal), next_sequence=following)
        _set_identity(refused, pending.identity)
        return ingest_pb2.AppendReadingsResponse(revision=self._registry.revision, refused=refused)


class _Stream:
    """One stream: its producer, and the answers that are due, in order."""

    def __init__(self, in_flight_max: int) -> None:
        self.producer = ""
        self.slots = asyncio.Semaphore(in_flight_max)
        self.answers: asyncio.Queue[_Pending | None] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None
        self._waiting = True

    def start(self, reading: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts what reads the stream; however it ends, None ends the answers."""
        self._reader = asyncio.create_task(reading)
        self._reader.add_done_callback(lambda _: self.answers.put_nowait(None))
        return self._reader

    async def next_of(self, requests: AsyncIterator[bytes]) -> bytes | None:
        """The next message once there is a place for its answer; None at the end."""
        self._waiting = True
        await self.slots.acquire()
        payload = await anext(requests, None)
        self._waiting = False
        return payload

    def stop_waiting(self) -> None:
        """Ends the reader if it waits for a message; one that has one goes on with it."""
        if self._reader is not None and self._waiting:
            self._reader.cancel()

    def open(self, request: ingest_pb2.AppendReadingsRequest) -> None:
        """Notes whose stream this is; raises ServiceError."""
        if not request.HasField("open"):
            raise ServiceError(
                Reason.MISSING_FIELD,
                "The message has neither `open` nor `batch`.",
                {"request": "neither open nor batch"},
            )
        if self.producer:
            raise ServiceError(Reason.STREAM_NOT_OPENED, "The stream was opened a second time.")
        require_producer(request.open.producer_id)
        self.producer = request.open.producer_id

    def require_open(self) -> None:
        """Raises ServiceError when it is not known whose stream this is."""
        if not self.producer:
            raise ServiceError(
                Reason.STREAM_NOT_OPENED, "A batch came before the stream was opened."
            )


def _draining() -> ServiceError:
    return ServiceError(Reason.DRAINING, "The server takes no more batches.")


def _identity(batch: readings_pb2.ReadingBatch) -> Identity:
    which = batch.WhichOneof("identity")
    return (
        batch.sequence if which == "sequence" else None,
        batch.batch_id if which == "batch_id" else None,
    )


def _set_identity(
    answer: ingest_pb2.BatchResult | ingest_pb2.BatchRefused, identity: Identity
) -> None:
    sequence, batch_id = identity
    if sequence is not None:
        answer.sequence = sequence
    elif batch_id is not None:
        answer.batch_id = batch_id


def _result(identity: Identity, stored: Stored) -> ingest_pb2.BatchResult:
    if not isinstance(stored.outcome, readings_pb2.BatchOutcome):
        raise TypeError("readings were answered with the outcome of lots")
    result = ingest_pb2.BatchResult(
        revision=stored.revision,
        repeated_batch=stored.repeated,
        received_at_us=stored.received_at_us,
        outcome=stored.outcome,
    )
    _set_identity(result, identity)
    return result
