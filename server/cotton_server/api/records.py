"""Requests that hold records, decisions or documents: all are stored and answered alike."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import (
    accounts_pb2,
    amendments_pb2,
    lots_pb2,
    reference_pb2,
    settlement_pb2,
)

from cotton_server.api.deadline import deadline_of
from cotton_server.api.requests import ANONYMOUS, require_producer
from cotton_server.domain.identifiers import is_token
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.committer import Receipt, Submission
from cotton_server.intake.content import (
    AREAS,
    BALE_WEIGHTS,
    CERTIFICATES,
    CLOSURES,
    DELIVERIES,
    LOTS,
    MARKET_PRICES,
    OBJECTIONS,
    REFERENCES,
    REQUESTS,
    RESOLUTIONS,
    RUNS,
    UNIT_LOTS,
    WEIGHTS,
    WITHDRAWALS,
    RequestKind,
)
from cotton_server.intake.decode import parse
from cotton_server.intake.lots import refuse_bad_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message

    from cotton_server.api.requests import Admission
    from cotton_server.intake.committer import Committer
    from cotton_server.intake.content import RecordsRequest

Context = grpc.aio.ServicerContext[Any, Any]

_LOTS: Final = {
    "RegisterLots": (LOTS, lots_pb2.RegisterLotsResponse),
    "RecordLotWeights": (WEIGHTS, lots_pb2.RecordLotWeightsResponse),
    "CloseLots": (CLOSURES, lots_pb2.CloseLotsResponse),
    "RecordCertificates": (CERTIFICATES, lots_pb2.RecordCertificatesResponse),
    "RecordObjections": (OBJECTIONS, lots_pb2.RecordObjectionsResponse),
    "RecordUnitLots": (UNIT_LOTS, lots_pb2.RecordUnitLotsResponse),
}
_ACCOUNTS: Final = {
    "RecordDeliveries": (DELIVERIES, accounts_pb2.RecordDeliveriesResponse),
    "RecordAreas": (AREAS, accounts_pb2.RecordAreasResponse),
    "RecordMarketPrices": (MARKET_PRICES, accounts_pb2.RecordMarketPricesResponse),
    "RecordBaleWeights": (BALE_WEIGHTS, accounts_pb2.RecordBaleWeightsResponse),
}
_AMENDMENTS: Final = {
    "Withdraw": (WITHDRAWALS, amendments_pb2.WithdrawResponse),
    "ResolveConflicts": (RESOLUTIONS, amendments_pb2.ResolveConflictsResponse),
}
_REFERENCES: Final = {"LoadReferences": (REFERENCES, reference_pb2.LoadReferencesResponse)}


class RecordHandlers:
    """Handlers of every call whose request holds records; requests arrive as bytes."""

    def __init__(self, committer: Committer, admission: Admission, *, records_max: int) -> None:
        """Takes what commits, what lets messages in, and how many records a request may hold."""
        self._committer = committer
        self._admission = admission
        self._records_max = records_max

    def lots(self) -> dict[str, Callable[[bytes, Context], Awaitable[Message]]]:
        """The handlers of LotService by the name of their method."""
        return {name: self._handler(*each) for name, each in _LOTS.items()}

    def accounts(self) -> dict[str, Callable[[bytes, Context], Awaitable[Message]]]:
        """The handlers of AccountService that store records, by the name of their method."""
        return {name: self._handler(*each) for name, each in _ACCOUNTS.items()}

    def amendments(self) -> dict[str, Callable[[bytes, Context], Awaitable[Message]]]:
        """The handlers of AmendmentService that store decisions, by the name of their method."""
        return {name: self._handler(*each) for name, each in _AMENDMENTS.items()}

    def references(self) -> dict[str, Callable[[bytes, Context], Awaitable[Message]]]:
        """The handlers of ReferenceService that store documents, by the name of their method."""
        return {name: self._handler(*each) for name, each in _REFERENCES.items()}

    def runs(self) -> Callable[[bytes, Context], Awaitable[Message]]:
        """The handler of FreezeRun, for runs whose digest was checked."""
        return self._handler(RUNS, settlement_pb2.FreezeRunResponse)

    def _handler(
        self, kind: str, response: Callable[..., Message]
    ) -> Callable[[bytes, Context], Awaitable[Message]]:
        of_kind = REQUESTS[kind]

        async def handle(payload: bytes, context: Context) -> Message:
            return await self._store(of_kind, response, payload, context)

        handle.__qualname__ = f"{type(self).__name__}.{kind}"
        return handle

    async def _store(
        self,
        kind: RequestKind,
        response: Callable[..., Message],
        payload: bytes,
        context: Context,
    ) -> Message:
        """Stores the records of a request; raises ServiceError."""
        receipt, deadline_s = Receipt(), deadline_of(context)
        await self._admission.take_room(kind.kind, payload)
        with self._admission.decoding(kind.kind, payload):
            request = parse(kind.message, payload)
            limit = min(self._records_max, kind.records_max or self._records_max)
            refuse_bad_request(len(kind.records_of(request)), limit, kind.records)
            _require_identity(request)
        submission = Submission(
            kind=kind.kind,
            producer=request.producer_id,
            sequence=None,
            batch_id=request.request_id,
            principal=ANONYMOUS,
            message=kind.name,
            payload=payload,
            content=request,
            answer=asyncio.get_running_loop().create_future(),
            receipt=receipt,
            deadline_s=deadline_s,
        )
        self._committer.submit(submission)
        stored = await submission.answer
        return response(
            revision=stored.revision, repeated_request=stored.repeated, outcome=stored.outcome
        )


def _require_identity(request: RecordsRequest) -> None:
    require_producer(request.producer_id)
    if not is_token(request.request_id):
        raise ServiceError(
            Reason.INVALID_FIELD,
            "The request id is not 1 to 64 printable ASCII characters without spaces.",
            {"request_id": "missing, or not of its form"},
        )
