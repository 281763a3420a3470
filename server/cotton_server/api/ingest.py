"""IngestService: batches of readings, on a stream or one by one."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import ingest_pb2, readings_pb2

from cotton_server.api.deadline import deadline_of
from cotton_server.api.requests import ANONYMOUS, require_producer
from cotton_server.api.status import abort, internal_error, refusal_fields, status_of
from cotton_server.api.streams import Due, Stream, Streams
from cotton_server.domain.identifiers import is_token
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.committer import Receipt, Submission
from cotton_server.intake.content import APPEND, READINGS, SUBMIT
from cotton_server.intake.decode import BatchLimits, decode, parse, parse_batch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cotton_server.api.requests import Admission
    from cotton_server.api.streams import Identity
    from cotton_server.intake.committer import Committer, Stored
    from cotton_server.intake.packed import Packed
    from cotton_server.registry.registry import Registry

_LOG: Final = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]


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
        self._streams = Streams()
        self._ended: set[asyncio.Task[None]] = set()
        self._draining = False

    async def append_readings(
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[ingest_pb2.AppendReadingsResponse]:
        """One answer a batch, in order; an error in a batch is an answer too."""
        if self._draining:
            await abort(context, _draining())
        stream = Stream(self._batches_in_flight_max, deadline_of(context))
        reader = stream.start(self._read(requests, stream))
        self._streams.enter(stream)
        try:
            while (due := await stream.answers.get()) is not None:
                answer = await self._answer(due, stream)
                stream.count(answer)
                stream.slots.release()
                yield answer
                stream.given(due)
                # Not kept while the next is waited for: an answer may be as large as a batch.
                del due, answer
        finally:
            reader.cancel()
            # What was taken may be decided only after the call, which a broken connection ends.
            leaving = asyncio.create_task(self._streams.leave(stream))
            self._ended.add(leaving)
            leaving.add_done_callback(self._ended.discard)
            failure = None
            try:
                (failure,) = await asyncio.gather(reader, return_exceptions=True)
            finally:
                # Also where the call is cancelled a second time, by a server that ends.
                _LOG.info("a stream ended", extra=stream.told(failure))
        if isinstance(failure, Exception) and not context.cancelled():
            _LOG.error("a stream failed", exc_info=failure)
            await abort(context, internal_error(failure))
        if stream.stopped is not None and not stream.complete:
            self._admission.count_refusal(READINGS, stream.stopped.reason)
            await abort(context, stream.stopped)

    async def submit_readings(
        self, payload: bytes, context: Context
    ) -> ingest_pb2.SubmitReadingsResponse:
        """One batch of one producer; raises ServiceError.

        A caller that goes before the batch is decided cancels `answer`, and with it the batch.
        """
        receipt, deadline_s = Receipt(), deadline_of(context)
        await self._admission.take_room(READINGS, payload)
        with self._admission.decoding(READINGS, payload):
            request, packed = parse_batch(ingest_pb2.SubmitReadingsRequest, payload)
            require_producer(request.producer_id)
            submission = self._submission(
                request.producer_id, (request.batch, packed), payload, SUBMIT, receipt, deadline_s
            )
        await self._submit(submission)
        stored = await submission.answer
        return ingest_pb2.SubmitReadingsResponse(
            revision=self._registry.revision,
            result=_result((submission.sequence, submission.batch_id), stored),
        )

    async def get_producer(
        self, payload: bytes, _context: Context
    ) -> ingest_pb2.GetProducerResponse:
        """Where a producer stands; raises ServiceError."""
        request = parse(ingest_pb2.GetProducerRequest, payload)
        require_producer(request.producer_id)
        # The revision first: what is noted between the two is of a later one, which it names.
        revision = self._registry.revision
        producer = self._registry.producers.get(request.producer_id)
        return ingest_pb2.GetProducerResponse(
            revision=max(revision, producer.last_revision),
            producer_id=request.producer_id,
            next_sequence=producer.next_sequence,
            batches=producer.batches,
            bales_received=producer.bales_received,
            last_revision=producer.last_revision,
            last_received_at_us=producer.last_received_at_us,
            stream_open=self._streams.is_open(request.producer_id),
        )

    def drain(self) -> None:
        """Takes no more batches: streams answer what they have received and end."""
        self._draining = True
        self._streams.stop(_draining())

    async def _read(self, requests: AsyncIterator[bytes], stream: Stream) -> None:
        while stream.stopped is None:
            # A place among the unanswered first: a stream that does not read its answers is
            # not read from either. Then room for the message, before it is decoded.
            payload = await stream.next_of(requests)
            if payload is None:
                return
            receipt = Receipt()
            try:
                await self._admission.take_room(READINGS, payload)
            except ServiceError as refusal:
                stream.owe(Due(refusal=refusal))
            else:
                await self._take(payload, stream, receipt)
            # Not kept while the next is waited for: an idle stream holds no message.
            del payload

    async def _take(self, payload: bytes, stream: Stream, receipt: Receipt) -> None:
        """Submits a batch, or opens the stream; either way an answer is due."""
        identity: Identity = (None, None)
        try:
            with self._admission.decoding(READINGS, payload):
                request, packed = parse_batch(ingest_pb2.AppendReadingsRequest, payload)
                if request.HasField("batch"):
                    identity = _identity(request.batch)
                    stream.require_open()
                    submission = self._submission(
                        stream.producer,
                        (request.batch, packed),
                        payload,
                        APPEND,
                        receipt,
                        stream.deadline_s,
                    )
                else:
                    producer = _producer(request, stream)
                    submission = None
        except ServiceError as refusal:
            stream.owe(Due(identity, refusal=refusal))
            return
        if submission is not None:
            await self._submit(submission)
            stream.owe(Due(identity, stored=submission.answer))
            return
        # Before an older stream is waited for: what that one took may need the room.
        self._admission.give_back(payload)
        await self._streams.claim(producer, stream)
        following = self._registry.producers.next_sequence(producer)
        _LOG.info("a stream was opened", extra={"producer": producer, "next_sequence": following})
        stream.owe(Due(next_sequence=following))

    async def _submit(self, submission: Submission) -> None:
        """Submits a batch once nobody has to wait for what it is compared with."""
        try:
            await self._committer.read_ahead(submission.content)
        except BaseException:
            # Whoever waits for it has gone, most likely.
            self._admission.give_back(submission.payload)
            raise
        self._committer.submit(submission)

    def _submission(
        self,
        producer: str,
        received: tuple[readings_pb2.ReadingBatch, Packed | None],
        payload: bytes,
        message: str,
        receipt: Receipt,
        deadline_s: float | None,
    ) -> Submission:
        batch, packed = received
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
            content=decode(batch, self._limits, packed),
            answer=asyncio.get_running_loop().create_future(),
            receipt=receipt,
            deadline_s=deadline_s,
        )

    async def _answer(self, due: Due, stream: Stream) -> ingest_pb2.AppendReadingsResponse:
        refusal = due.refusal
        if due.next_sequence is not None:
            return ingest_pb2.AppendReadingsResponse(
                revision=self._registry.revision,
                opened=ingest_pb2.StreamOpened(
                    producer_id=stream.producer, next_sequence=due.next_sequence
                ),
            )
        if due.stored is not None:
            try:
                # Shielded: what a stream has sent is committed also when its connection breaks,
                # and found as a repeat when it resumes.
                stored = await asyncio.shield(due.stored)
                return ingest_pb2.AppendReadingsResponse(
                    revision=self._registry.revision, result=_result(due.identity, stored)
                )
            except ServiceError as error:
                refusal = error
        if refusal is not None:
            _LOG.warning(
                "a batch was refused",
                extra={"producer": stream.producer, **refusal_fields(refusal)},
            )
        if refusal is None:
            raise AssertionError("an answer that is due is an opening, of a batch, or a refusal")
        following = (
            self._registry.producers.next_sequence(stream.producer) if stream.producer else 0
        )
        if "next_sequence" in refusal.metadata:
            following = int(refusal.metadata["next_sequence"])
        refused = ingest_pb2.BatchRefused(status=status_of(refusal), next_sequence=following)
        _set_identity(refused, due.identity)
        return ingest_pb2.AppendReadingsResponse(revision=self._registry.revision, refused=refused)


def _producer(request: ingest_pb2.AppendReadingsRequest, stream: Stream) -> str:
    """Whose stream this is to be; raises ServiceError."""
    if not request.HasField("open"):
        raise ServiceError(
            Reason.MISSING_FIELD,
            "The message has neither `open` nor `batch`.",
            {"request": "neither open nor batch"},
        )
    if stream.producer:
        raise ServiceError(Reason.STREAM_NOT_OPENED, "The stream was opened a second time.")
    require_producer(request.open.producer_id)
    return request.open.producer_id


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
