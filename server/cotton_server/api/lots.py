"""LotService: registrations and weights."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from cotton.inspection.v1 import lots_pb2

from cotton_server.api.requests import ANONYMOUS, require_producer, require_size
from cotton_server.domain.identifiers import is_token
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.committer import Receipt, Stored, Submission
from cotton_server.intake.content import LOTS, REGISTER, WEIGH, WEIGHTS
from cotton_server.intake.decode import parse
from cotton_server.intake.lots import refuse_bad_request
from cotton_server.intake.records import BatchAnswered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.intake.committer import Committer
    from cotton_server.intake.records import Observer

LotsRequest = lots_pb2.RegisterLotsRequest | lots_pb2.RecordLotWeightsRequest
Context = grpc.aio.ServicerContext[Any, Any]


class LotHandlers:
    """Handlers of LotService; requests arrive as the bytes that were received."""

    def __init__(
        self, committer: Committer, observer: Observer, *, records_max: int, message_bytes_max: int
    ) -> None:
        """Takes what commits, who is told of refusals, and how large a request may be."""
        self._committer = committer
        self._observer = observer
        self._records_max = records_max
        self._message_bytes_max = message_bytes_max

    async def register_lots(
        self, payload: bytes, _context: Context
    ) -> lots_pb2.RegisterLotsResponse:
        """Registers lots; raises ServiceError."""
        receipt = Receipt()
        await self._reserve(LOTS, payload)
        with self._told_of_refusals(LOTS, payload):
            request = parse(lots_pb2.RegisterLotsRequest, payload)
            refuse_bad_request(len(request.lots), self._records_max, "lots")
            _require_identity(request)
        stored = await self._submit(LOTS, REGISTER, request, payload, receipt)
        return lots_pb2.RegisterLotsResponse(
            revision=stored.revision,
            repeated_request=stored.repeated,
            outcome=_outcome(stored),
        )

    async def record_lot_weights(
        self, payload: bytes, _context: Context
    ) -> lots_pb2.RecordLotWeightsResponse:
        """Records weights; raises ServiceError."""
        receipt = Receipt()
        await self._reserve(WEIGHTS, payload)
        with self._told_of_refusals(WEIGHTS, payload):
            request = parse(lots_pb2.RecordLotWeightsRequest, payload)
            refuse_bad_request(len(request.weights), self._records_max, "weights")
            _require_identity(request)
        stored = await self._submit(WEIGHTS, WEIGH, request, payload, receipt)
        return lots_pb2.RecordLotWeightsResponse(
            revision=stored.revision,
            repeated_request=stored.repeated,
            outcome=_outcome(stored),
        )

    async def _reserve(self, kind: str, payload: bytes) -> None:
        """Takes room for a message, and refuses one that is too large before it waits for it."""
        try:
            require_size(payload, self._message_bytes_max)
        except ServiceError as refusal:
            self._observer.batch_answered(BatchAnswered(kind, refusal.reason.name))
            raise
        await self._committer.reserve(len(payload))

    @contextmanager
    def _told_of_refusals(self, kind: str, payload: bytes) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._committer.release(len(payload))
            if isinstance(error, ServiceError):
                self._observer.batch_answered(BatchAnswered(kind, error.reason.name))
            raise

    async def _submit(
        self,
        kind: str,
        message: str,
        request: LotsRequest,
        payload: bytes,
        receipt: Receipt,
    ) -> Stored:
        submission = Submission(
            kind=kind,
            producer=request.producer_id,
            sequence=None,
            batch_id=request.request_id,
            principal=ANONYMOUS,
            message=message,
            payload=payload,
            content=request,
            answer=asyncio.get_running_loop().create_future(),
            receipt=receipt,
        )
        self._committer.submit(submission)
        return await submission.answer


def _require_identity(request: LotsRequest) -> None:
    require_producer(request.producer_id)
    if not is_token(request.request_id):
        raise ServiceError(
            Reason.INVALID_FIELD,
            "The request id is not 1 to 64 printable ASCII characters without spaces.",
            {"request_id": "missing, or not of its form"},
        )


def _outcome(stored: Stored) -> lots_pb2.LotsOutcome:
    if not isinstance(stored.outcome, lots_pb2.LotsOutcome):
        raise TypeError("lots were answered with the outcome of readings")
    return stored.outcome
