"""LotService: registrations and weights."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from cotton.inspection.v1 import lots_pb2

from cotton_server.api.requests import ANONYMOUS, require_producer
from cotton_server.domain.identifiers import is_token
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.committer import Receipt, Stored, Submission
from cotton_server.intake.content import LOTS, REGISTER, WEIGH, WEIGHTS
from cotton_server.intake.decode import parse
from cotton_server.intake.lots import refuse_bad_request

if TYPE_CHECKING:
    from cotton_server.api.requests import Admission
    from cotton_server.intake.committer import Committer

LotsRequest = lots_pb2.RegisterLotsRequest | lots_pb2.RecordLotWeightsRequest
Context = grpc.aio.ServicerContext[Any, Any]


class LotHandlers:
    """Handlers of LotService; requests arrive as the bytes that were received."""

    def __init__(self, committer: Committer, admission: Admission, *, records_max: int) -> None:
        """Takes what commits, what lets messages in, and how many records a request may hold."""
        self._committer = committer
        self._admission = admission
        self._records_max = records_max

    async def register_lots(
        self, payload: bytes, _context: Context
    ) -> lots_pb2.RegisterLotsResponse:
        """Registers lots; raises ServiceError."""
        receipt = Receipt()
        await self._admission.take_room(LOTS, payload)
        with self._admission.decoding(LOTS, payload):
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
        await self._admission.take_room(WEIGHTS, payload)
        with self._admission.decoding(WEIGHTS, payload):
            request = parse(lots_pb2.RecordLotWeightsRequest, payload)
            refuse_bad_request(len(request.weights), self._records_max, "weights")
            _require_identity(request)
        stored = await self._submit(WEIGHTS, WEIGH, request, payload, receipt)
        return lots_pb2.RecordLotWeightsResponse(
            revision=stored.revision,
            repeated_request=stored.repeated,
            outcome=_outcome(stored),
        )

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
