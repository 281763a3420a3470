"""What an entry of the ledger holds: payloads decoded by the message they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import ingest_pb2, lots_pb2

from cotton_server.domain.readings import ReadingTable
from cotton_server.intake.decode import BatchLimits, decode, parse

if TYPE_CHECKING:
    from cotton_server.ledger import NewEntry

CONTRACT: Final = "cotton.inspection.v1"

READINGS: Final = "readings"
LOTS: Final = "lots"
WEIGHTS: Final = "weights"

Content = ReadingTable | lots_pb2.RegisterLotsRequest | lots_pb2.RecordLotWeightsRequest

APPEND: Final = ingest_pb2.AppendReadingsRequest.DESCRIPTOR.full_name
SUBMIT: Final = ingest_pb2.SubmitReadingsRequest.DESCRIPTOR.full_name
REGISTER: Final = lots_pb2.RegisterLotsRequest.DESCRIPTOR.full_name
WEIGH: Final = lots_pb2.RecordLotWeightsRequest.DESCRIPTOR.full_name

_STORED_LIMITS: Final = BatchLimits(bales_max=2**16)
"""What was taken in is read again, whatever the limit is now."""


class UnknownContentError(Exception):
    """The ledger holds a message that this version does not know."""


def content_of(entry: NewEntry) -> Content:
    """The decoded payload of an entry."""
    if entry.message == APPEND:
        append = parse(ingest_pb2.AppendReadingsRequest, entry.payload)
        return decode(append.batch, _STORED_LIMITS)
    if entry.message == SUBMIT:
        submit = parse(ingest_pb2.SubmitReadingsRequest, entry.payload)
        return decode(submit.batch, _STORED_LIMITS)
    if entry.message == REGISTER:
        return parse(lots_pb2.RegisterLotsRequest, entry.payload)
    if entry.message == WEIGH:
        return parse(lots_pb2.RecordLotWeightsRequest, entry.payload)
    raise UnknownContentError(f"message {entry.message!r} is not part of this version")


def same_content(one: Content, other: Content) -> bool:
    """Whether two payloads say the same, in whatever shape and encoding."""
    if isinstance(one, ReadingTable) and isinstance(other, ReadingTable):
        return one.same_content(other)
    if isinstance(one, lots_pb2.RegisterLotsRequest) and isinstance(
        other, lots_pb2.RegisterLotsRequest
    ):
        return list(one.lots) == list(other.lots)
    if isinstance(one, lots_pb2.RecordLotWeightsRequest) and isinstance(
        other, lots_pb2.RecordLotWeightsRequest
    ):
        return list(one.weights) == list(other.weights)
    return False
