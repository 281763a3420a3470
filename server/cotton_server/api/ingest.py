"""IngestService: batches of readings, on a stream or one by one."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import ingest_pb2, readings_pb2

from cotton_server.api.requests import ANONYMOUS, require_producer
from cotton_server.api.status import abort, status_of
from cotton_server.domain.identifiers import is_token
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.committer import Submission
from cotton_server.intake.content import APPEND, READINGS, SUBMIT
from cotton_server.intake.decode import BatchLimits, decode, parse
from cotton_server.intake.records import BatchAnswered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cotton_server.intake.committer import Committer, Stored
    from cotton_server.intake.records import Observer
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
        observer: Observer,
        *,
        batches_in_flight_max: int,
    ) -> None:
        """Takes what commits, what knows where producers stand, limits, and who is told."""
        self._observer = observer
        self._committer = committer
        self._registry = registry
        self._limits = limits
        self._batches_in_flight_max = batches_in_flight_max
        self._readers: set[asyncio.Task[None]] = set()
        self._draining = False

    async def append_readings(
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[ingest_pb2.AppendReadingsResponse]:
        """One answer a batch, in order; an error in a batch is an answer too."""
        stream = _Stream(self._batches_in_flight_max)
        reader = asyncio.create_task(self._read(requests, stream))
        self._readers.add(reader)
        if self._draining:
            reader.cancel()
        try:
            while (pending := await stream.answers.get()) is not None:
                answer = await self._answer(pending, stream)
                stream.slots.release()
                yield answer
        finally:
            reader.cancel()
            self._readers.discard(reader)
            (failure,) = await asyncio.gather(reader, return_exceptions=True)
        if isinstance(failure, Exception) and not context.cancelled():
            _LOG.error("a stream failed", exc_info=failure)
            await abort(
                context, ServiceError(Reason.INTERNAL, f"{type(failure).__name__} in the server.")
            )
        if self._draining:
            await abort(context, _draining())

    async def submit_readings(
        self, payload: bytes, _context: Context
    ) -> ingest_pb2.SubmitReadingsResponse:
        """One batch of one producer; raises ServiceError."""
        if self._draining:
            raise _draining()
        try:
            request = parse(ingest_pb2.SubmitReadingsRequest, payload)
            require_producer(request.producer_id)
            submission = self._submission(request.producer_id, request.batch, payload, SUBMIT)
        except ServiceError as refusal:
            self._observer.batch_answered(BatchAnswered(READINGS, refusal.reason.name))
            raise
        await self._committer.submit(submission)
        stored = await submission.answer
        return ingest_pb2.SubmitReadingsResponse(
            revision=self._registry.revision,
            result=_result((submission.sequence, submission.batch_id), stored),
        )

    def drain(self) -> None:
        """Takes no more batches: streams answer what they have received and end."""
        self._draining = True
        for reader in self._readers:
            reader.cancel()

    async def _read(self, requests: AsyncIterator[bytes], stream: _Stream) -> None:
        try:
            while True:
                # A place among the unanswered first: a stream that does not read its answers
                # is not read from either.
                await stream.slots.acquire()
                payload = await anext(requests, None)
                if payload is None:
                    break
                pending = self._take(payload, stream)
                if pending.submission is not None:
                    await self._committer.submit(pending.submission)
                stream.answers.put_nowait(pending)
        finally:
            stream.answers.put_nowait(None)

    def _take(self, payload: bytes, stream: _Stream) -> _Pending:
        identity: Identity = (None, None)
        try:
            request = parse(ingest_pb2.AppendReadingsRequest, payload)
            if request.HasField("open"):
                stream.open(request.open)
                return _Pending(identity)
            identity = _identity(request.batch)
            stream.require_batch(request)
            submission = self._submission(stream.producer, request.batch, payload, APPEND)
        except ServiceError as refusal:
            self._observer.batch_answered(BatchAnswered(READINGS, refusal.reason.name))
            return _Pending(identity, refusal=refusal)
        return _Pending(identity, submission)

    def _submission(
        self, producer: str, batch: readings_pb2.ReadingBatch, payload: bytes, message: str
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

    def open(self, request: ingest_pb2.OpenStream) -> None:
        """Notes whose stream this is; raises ServiceError."""
        if self.producer:
            raise ServiceError(Reason.STREAM_NOT_OPENED, "The stream was opened a second time.")
        require_producer(request.producer_id)
        self.producer = request.producer_id

    def require_batch(self, request: ingest_pb2.AppendReadingsRequest) -> None:
        """Raises ServiceError when the message is no batch, or comes before `open`."""
        if not request.HasField("batch"):
            raise ServiceError(
                Reason.MISSING_FIELD,
                "The message has neither `open` nor `batch`.",
                {"request": "neither open nor batch"},
            )
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
