"""Records of lots: cut into requests, and the answers to them as one receipt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from cotton.inspection.v1 import lots_pb2

from cotton_client import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from google.protobuf.message import Message

LOTS_REQUEST_BYTES_MAX: Final = 1024 * 1024
"""Records are cut into requests of at most this, so that each commits quickly."""

LOTS_PER_REQUEST_MAX: Final = 5000
"""Most records in a request, as servers take them unless told otherwise."""

_Record = TypeVar("_Record", bound="Message")
_OfRow = TypeVar("_OfRow", lots_pb2.LotResult, lots_pb2.LotWarning)

LotsResponse: TypeAlias = (
    lots_pb2.RegisterLotsResponse
    | lots_pb2.RecordLotWeightsResponse
    | lots_pb2.CloseLotsResponse
    | lots_pb2.RecordCertificatesResponse
    | lots_pb2.RecordObjectionsResponse
    | lots_pb2.RecordUnitLotsResponse
)
"""An answer to records of lots; all say the same of each record."""

_COUNTS: Final = ("created", "existing", "conflicting", "rejected", "corrected", "superseded")


@dataclass(frozen=True, slots=True)
class LotsReceipt:
    """What became of every record of a lot that was sent.

    created + existing + conflicting + rejected + corrected + superseded = received.
    `results` lists those that were not created, and `warnings` what is unlikely in those
    that were; `row` counts from 0 over all that was sent. `warned` are the records created
    with a warning. `repeated` is True when every request had been stored before.
    """

    revision: int
    repeated: bool
    received: int = 0
    created: int = 0
    existing: int = 0
    conflicting: int = 0
    rejected: int = 0
    results: tuple[lots_pb2.LotResult, ...] = ()
    warned: int = 0
    warnings: tuple[lots_pb2.LotWarning, ...] = ()
    corrected: int = 0
    superseded: int = 0

    @property
    def complete(self) -> bool:
        """Whether every record is stored as it was sent, or was until it was superseded."""
        return not self.conflicting and not self.rejected


def chunks(records: Iterable[_Record], records_max: int | None = None) -> Iterator[list[_Record]]:
    """The records in runs of at most `records_max` (of lots) and LOTS_REQUEST_BYTES_MAX."""
    records_max = records_max or LOTS_PER_REQUEST_MAX
    chunk: list[_Record] = []
    size = 0
    for record in records:
        # Each record travels with a tag and its length, at most 6 bytes.
        record_size = record.ByteSize() + 6
        full = len(chunk) == records_max or size + record_size > LOTS_REQUEST_BYTES_MAX
        if chunk and full:
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += record_size
    if chunk:
        yield chunk


def receipt_of(responses: Sequence[LotsResponse]) -> LotsReceipt:
    """The answers to the requests that `chunks` made, in their order, as one receipt.

    Raises ContractViolation where an answer does not account for what it received.
    """
    receipt = LotsReceipt(revision=0, repeated=bool(responses))
    for response in responses:
        receipt = _merged(receipt, response)
    return receipt


def _merged(receipt: LotsReceipt, response: LotsResponse) -> LotsReceipt:
    """The receipt with one more answer in it; rows count on over the requests."""
    outcome = response.outcome
    accounted = sum(getattr(outcome, name) for name in _COUNTS)
    if accounted != outcome.received:
        raise errors.ContractViolation(
            f"The server accounts for {accounted} of {outcome.received} records received."
        )
    return LotsReceipt(
        revision=max(receipt.revision, response.revision),
        repeated=receipt.repeated and response.repeated_request,
        received=receipt.received + outcome.received,
        results=(*receipt.results, *_shifted(outcome.results, receipt.received)),
        warned=receipt.warned + outcome.warned,
        warnings=(*receipt.warnings, *_shifted(outcome.warnings, receipt.received)),
        **{name: getattr(receipt, name) + getattr(outcome, name) for name in _COUNTS},
    )


def _shifted(records: Iterable[_OfRow], by: int) -> Iterator[_OfRow]:
    """Copies whose rows count from the first record of all requests."""
    for record in records:
        shifted = type(record)()
        shifted.CopyFrom(record)
        shifted.row += by
        yield shifted
