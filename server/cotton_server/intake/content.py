"""What an entry of the ledger holds: payloads decoded by the message they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import (
    accounts_pb2,
    amendments_pb2,
    ingest_pb2,
    lots_pb2,
    readings_pb2,
    reference_pb2,
    settlement_pb2,
)

from cotton_server.domain.readings import ReadingTable
from cotton_server.intake.decode import BatchLimits, decode, parse, parse_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

    from cotton_server.ledger import Header, NewEntry

CONTRACT: Final = "cotton.inspection.v1"

READINGS: Final = "readings"
LOTS: Final = "lots"
WEIGHTS: Final = "weights"
CLOSURES: Final = "closures"
CERTIFICATES: Final = "certificates"
OBJECTIONS: Final = "objections"
UNIT_LOTS: Final = "unit_lots"
WITHDRAWALS: Final = "withdrawals"
RESOLUTIONS: Final = "resolutions"
REFERENCES: Final = "references"
RUNS: Final = "runs"
DELIVERIES: Final = "deliveries"
AREAS: Final = "areas"
MARKET_PRICES: Final = "market_prices"
BALE_WEIGHTS: Final = "bale_weights"

ACCOUNTS: Final[dict[str, accounts_pb2.AccountKind.ValueType]] = {
    DELIVERIES: accounts_pb2.ACCOUNT_KIND_DELIVERY,
    AREAS: accounts_pb2.ACCOUNT_KIND_AREA,
    MARKET_PRICES: accounts_pb2.ACCOUNT_KIND_MARKET_PRICE,
    BALE_WEIGHTS: accounts_pb2.ACCOUNT_KIND_BALE_WEIGHT,
}
"""Of which kind the records of a request are that are needed for money."""

REFERENCES_PER_REQUEST_MAX: Final = 64
"""Documents in one request: each is read whole while everything else waits."""

APPEND: Final = ingest_pb2.AppendReadingsRequest.DESCRIPTOR.full_name
SUBMIT: Final = ingest_pb2.SubmitReadingsRequest.DESCRIPTOR.full_name

LotsRequest = (
    lots_pb2.RegisterLotsRequest
    | lots_pb2.RecordLotWeightsRequest
    | lots_pb2.CloseLotsRequest
    | lots_pb2.RecordCertificatesRequest
    | lots_pb2.RecordObjectionsRequest
    | lots_pb2.RecordUnitLotsRequest
)
AccountsRequest = (
    accounts_pb2.RecordDeliveriesRequest
    | accounts_pb2.RecordAreasRequest
    | accounts_pb2.RecordMarketPricesRequest
    | accounts_pb2.RecordBaleWeightsRequest
)
AmendmentsRequest = amendments_pb2.WithdrawRequest | amendments_pb2.ResolveConflictsRequest
RecordsRequest = (
    LotsRequest
    | AmendmentsRequest
    | AccountsRequest
    | reference_pb2.LoadReferencesRequest
    | settlement_pb2.FreezeRunRequest
)
Content = ReadingTable | RecordsRequest
RecordsOutcome = (
    lots_pb2.LotsOutcome
    | amendments_pb2.AmendmentsOutcome
    | reference_pb2.ReferencesOutcome
    | settlement_pb2.RunsOutcome
    | accounts_pb2.AccountsOutcome
)
AnyOutcome = readings_pb2.BatchOutcome | RecordsOutcome


@dataclass(frozen=True, slots=True)
class RequestKind:
    """A kind of request that holds records: its message, and the field that holds them."""

    kind: str
    message: type[RecordsRequest]
    records: str
    outcome: type[RecordsOutcome]
    records_max: int | None = None
    """Most records in one request where that is fewer than of any other kind."""

    @property
    def name(self) -> str:
        """The full name of the message."""
        return self.message.DESCRIPTOR.full_name

    def records_of(self, request: Message) -> Sequence[Any]:
        """The records of a request of this kind."""
        records: Sequence[Any] = getattr(request, self.records)
        return records


REQUESTS: Final[dict[str, RequestKind]] = {
    each.kind: each
    for each in (
        RequestKind(LOTS, lots_pb2.RegisterLotsRequest, "lots", lots_pb2.LotsOutcome),
        RequestKind(WEIGHTS, lots_pb2.RecordLotWeightsRequest, "weights", lots_pb2.LotsOutcome),
        RequestKind(CLOSURES, lots_pb2.CloseLotsRequest, "closures", lots_pb2.LotsOutcome),
        RequestKind(
            CERTIFICATES,
            lots_pb2.RecordCertificatesRequest,
            "certificates",
            lots_pb2.LotsOutcome,
        ),
        RequestKind(
            OBJECTIONS, lots_pb2.RecordObjectionsRequest, "objections", lots_pb2.LotsOutcome
        ),
        RequestKind(UNIT_LOTS, lots_pb2.RecordUnitLotsRequest, "unit_lots", lots_pb2.LotsOutcome),
        RequestKind(
            WITHDRAWALS,
            amendments_pb2.WithdrawRequest,
            "withdrawals",
            amendments_pb2.AmendmentsOutcome,
        ),
        RequestKind(
            RESOLUTIONS,
            amendments_pb2.ResolveConflictsRequest,
            "resolutions",
            amendments_pb2.AmendmentsOutcome,
        ),
        RequestKind(
            REFERENCES,
            reference_pb2.LoadReferencesRequest,
            "references",
            reference_pb2.ReferencesOutcome,
            REFERENCES_PER_REQUEST_MAX,
        ),
        RequestKind(RUNS, settlement_pb2.FreezeRunRequest, "runs", settlement_pb2.RunsOutcome, 1),
        RequestKind(
            DELIVERIES,
            accounts_pb2.RecordDeliveriesRequest,
            "deliveries",
            accounts_pb2.AccountsOutcome,
        ),
        RequestKind(AREAS, accounts_pb2.RecordAreasRequest, "areas", accounts_pb2.AccountsOutcome),
        RequestKind(
            MARKET_PRICES,
            accounts_pb2.RecordMarketPricesRequest,
            "prices",
            accounts_pb2.AccountsOutcome,
        ),
        RequestKind(
            BALE_WEIGHTS,
            accounts_pb2.RecordBaleWeightsRequest,
            "weights",
            accounts_pb2.AccountsOutcome,
        ),
    )
}
"""Every kind of request with records, by kind."""

_BY_MESSAGE: Final = {each.name: each for each in REQUESTS.values()}

KINDS: Final = (READINGS, *REQUESTS)
"""Every kind of entry."""

_STORED_LIMITS: Final = BatchLimits(bales_max=2**16)
"""What was taken in is read again, whatever the limit is now."""


class UnknownContentError(Exception):
    """The ledger holds a message that this version does not know."""


def content_of(entry: NewEntry) -> Content:
    """The decoded payload of an entry."""
    if entry.message == APPEND:
        append, packed = parse_batch(ingest_pb2.AppendReadingsRequest, entry.payload)
        return decode(append.batch, _STORED_LIMITS, packed)
    if entry.message == SUBMIT:
        submit, packed = parse_batch(ingest_pb2.SubmitReadingsRequest, entry.payload)
        return decode(submit.batch, _STORED_LIMITS, packed)
    if entry.message in _BY_MESSAGE:
        return parse(_BY_MESSAGE[entry.message].message, entry.payload)
    raise UnknownContentError(f"message {entry.message!r} is not part of this version")


def kind_of(content: Content) -> str:
    """The kind of entry that a content is."""
    if isinstance(content, ReadingTable):
        return READINGS
    return _BY_MESSAGE[content.DESCRIPTOR.full_name].kind


def bales_of(content: Content) -> int:
    """Bales received in a content."""
    return len(content) if isinstance(content, ReadingTable) else 0


def outcome_of(entry: NewEntry | Header) -> AnyOutcome:
    """What was decided of an entry."""
    if entry.kind == READINGS:
        return readings_pb2.BatchOutcome.FromString(entry.outcomes)
    return REQUESTS[entry.kind].outcome.FromString(entry.outcomes)


def same_content(one: Content, other: Content) -> bool:
    """Whether two payloads say the same, in whatever shape and encoding."""
    if isinstance(one, ReadingTable) or isinstance(other, ReadingTable):
        return (
            isinstance(one, ReadingTable)
            and isinstance(other, ReadingTable)
            and one.same_content(other)
        )
    kind = REQUESTS[kind_of(one)]
    return type(one) is type(other) and list(kind.records_of(one)) == list(kind.records_of(other))
