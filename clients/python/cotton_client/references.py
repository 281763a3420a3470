"""Reference documents: the answers to what was loaded as one receipt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import reference_pb2

from cotton_client import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENTS_PER_REQUEST_MAX: Final = 64
"""Most documents in a request."""

_COUNTS: Final = ("created", "existing", "conflicting", "rejected", "corrected", "superseded")


@dataclass(frozen=True, slots=True)
class ReferencesReceipt:
    """What became of every document that was sent.

    created + existing + conflicting + rejected + corrected + superseded = received.
    `results` lists those that were not created; `row` counts from 0 over all that was sent.
    `repeated` is True when every request had been stored before.
    """

    revision: int
    repeated: bool
    received: int = 0
    created: int = 0
    existing: int = 0
    conflicting: int = 0
    rejected: int = 0
    corrected: int = 0
    superseded: int = 0
    results: tuple[reference_pb2.ReferenceResult, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every document is stored as it was sent, or was until it was superseded."""
        return not self.conflicting and not self.rejected


def receipt_of(responses: Sequence[reference_pb2.LoadReferencesResponse]) -> ReferencesReceipt:
    """The answers to the requests of one call, in their order, as one receipt.

    Raises ContractViolation where an answer does not account for what it received.
    """
    receipt = ReferencesReceipt(revision=0, repeated=bool(responses))
    for response in responses:
        outcome = response.outcome
        accounted = sum(getattr(outcome, name) for name in _COUNTS)
        if accounted != outcome.received:
            raise errors.ContractViolation(
                f"The server accounts for {accounted} of {outcome.received} documents received."
            )
        results = []
        for each in outcome.results:
            result = reference_pb2.ReferenceResult()
            result.CopyFrom(each)
            result.row += receipt.received
            results.append(result)
        receipt = ReferencesReceipt(
            revision=max(receipt.revision, response.revision),
            repeated=receipt.repeated and response.repeated_request,
            received=receipt.received + outcome.received,
            results=(*receipt.results, *results),
            **{name: getattr(receipt, name) + getattr(outcome, name) for name in _COUNTS},
        )
    return receipt
