"""Records of what money needs: the answers to them as one receipt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from cotton.inspection.v1 import accounts_pb2, lots_pb2

from cotton_client import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

AccountsResponse: TypeAlias = (
    accounts_pb2.RecordDeliveriesResponse
    | accounts_pb2.RecordAreasResponse
    | accounts_pb2.RecordMarketPricesResponse
    | accounts_pb2.RecordBaleWeightsResponse
)
"""An answer to records of what money needs; all say the same of each record."""

RESULTS_MAX: Final = 1000
"""Records that a receipt lists of each kind; all are counted."""

_COUNTS: Final = ("created", "existing", "conflicting", "rejected", "corrected", "superseded")

_AMENDED: Final = frozenset({lots_pb2.LOT_OUTCOME_CORRECTED, lots_pb2.LOT_OUTCOME_SUPERSEDED})


@dataclass(frozen=True, slots=True)
class AccountsReceipt:
    """What became of every record that was sent.

    created + existing + conflicting + rejected + corrected + superseded = received.
    `issues` lists the first RESULTS_MAX that conflict or were rejected, and `amended` as many
    that were corrected or are superseded; `row` counts from 0 over all that was sent. Of
    `requests`, `repeated_requests` had been stored before: theirs is the first answer again.
    """

    revision: int = 0
    requests: int = 0
    repeated_requests: int = 0
    received: int = 0
    created: int = 0
    existing: int = 0
    conflicting: int = 0
    rejected: int = 0
    corrected: int = 0
    superseded: int = 0
    issues: tuple[accounts_pb2.AccountResult, ...] = ()
    amended: tuple[accounts_pb2.AccountResult, ...] = ()

    @property
    def repeated(self) -> bool:
        """Whether every request had been stored before."""
        return self.repeated_requests == self.requests > 0

    @property
    def complete(self) -> bool:
        """Whether every record is stored as it was sent, or was until it was superseded."""
        return not self.conflicting and not self.rejected


def added(receipt: AccountsReceipt, response: AccountsResponse) -> AccountsReceipt:
    """The receipt with the answer to the next request in it; rows count on over the requests.

    Raises ContractViolation where the answer does not account for what it received.
    """
    outcome = response.outcome
    accounted = sum(getattr(outcome, name) for name in _COUNTS)
    if accounted != outcome.received:
        raise errors.ContractViolation(
            f"The server accounts for {accounted} of {outcome.received} records received."
        )
    met = [each for each in outcome.results if each.outcome != lots_pb2.LOT_OUTCOME_EXISTS]
    amended = [each for each in met if each.outcome in _AMENDED]
    issues = [each for each in met if each.outcome not in _AMENDED]
    return replace(
        receipt,
        revision=max(receipt.revision, response.revision),
        requests=receipt.requests + 1,
        repeated_requests=receipt.repeated_requests + response.repeated_request,
        received=receipt.received + outcome.received,
        issues=_listed(receipt.issues, issues, receipt.received),
        amended=_listed(receipt.amended, amended, receipt.received),
        **{name: getattr(receipt, name) + getattr(outcome, name) for name in _COUNTS},
    )


def _listed(
    before: tuple[accounts_pb2.AccountResult, ...],
    results: Iterable[accounts_pb2.AccountResult],
    by: int,
) -> tuple[accounts_pb2.AccountResult, ...]:
    """Results with the next ones, whose rows count from the first record of all requests."""
    listed = list(before)
    for result in results:
        if len(listed) == RESULTS_MAX:
            break
        shifted = accounts_pb2.AccountResult()
        shifted.CopyFrom(result)
        shifted.row += by
        listed.append(shifted)
    return tuple(listed)
