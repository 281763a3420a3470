"""Decisions about stored records: corrections of readings, withdrawals, resolved conflicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from cotton.inspection.v1 import amendments_pb2, readings_pb2

from cotton_client import errors
from cotton_client.fields import VALUE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton.inspection.v1 import common_pb2, trace_pb2

CORRECTABLE_FIELDS: Final = (
    "lot_no",
    *VALUE_FIELDS,
    "standard",
    "laboratory",
    "instrument",
    "inspected_at_s",
)
"""Fields of a reading that a correction may change: all but the bale itself."""

AmendmentsResponse: TypeAlias = (
    amendments_pb2.WithdrawResponse | amendments_pb2.ResolveConflictsResponse
)
"""An answer to decisions; both say the same of each."""


@dataclass(frozen=True, slots=True)
class AmendmentsReceipt:
    """What became of every decision that was sent.

    applied + existing + rejected = received. `results` lists those that were not applied;
    `row` counts from 0 over all that was sent. `repeated` is True when every request had
    been stored before.
    """

    revision: int
    repeated: bool
    received: int = 0
    applied: int = 0
    existing: int = 0
    rejected: int = 0
    results: tuple[amendments_pb2.AmendmentResult, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything is as it was decided."""
        return not self.rejected


def receipt_of(responses: Sequence[AmendmentsResponse]) -> AmendmentsReceipt:
    """The answers to the requests of one call, in their order, as one receipt.

    Raises ContractViolation where an answer does not account for what it received.
    """
    receipt = AmendmentsReceipt(revision=0, repeated=bool(responses))
    for response in responses:
        outcome = response.outcome
        accounted = outcome.applied + outcome.existing + outcome.rejected
        if accounted != outcome.received:
            raise errors.ContractViolation(
                f"The server accounts for {accounted} of {outcome.received} decisions received."
            )
        results = []
        for each in outcome.results:
            result = amendments_pb2.AmendmentResult()
            result.CopyFrom(each)
            result.row += receipt.received
            results.append(result)
        receipt = AmendmentsReceipt(
            revision=max(receipt.revision, response.revision),
            repeated=receipt.repeated and response.repeated_request,
            received=receipt.received + outcome.received,
            applied=receipt.applied + outcome.applied,
            existing=receipt.existing + outcome.existing,
            rejected=receipt.rejected + outcome.rejected,
            results=(*receipt.results, *results),
        )
    return receipt


def corrected_reading(
    bale: trace_pb2.GetBaleResponse,
    changes: Mapping[str, int | str | None],
    amendment: common_pb2.Amendment,
) -> readings_pb2.Reading:
    """The reading in force of a bale with `changes` made, as a correction of it.

    `changes` are values by the name of their field in the message Reading, in the integers
    of the contract; None takes the value away. Raises Refused where the amendment names
    another revision than the one in force (NOT_IN_FORCE), where no reading is in force
    (AWAITING_ORIGINAL) or where nothing would change (NOTHING_CHANGES), and InputError where
    a field cannot be corrected.
    """
    if bale.awaiting_original:
        raise errors.Refused(
            "The bale has no reading in force: only re-tests of it have arrived.",
            reason="AWAITING_ORIGINAL",
            remedy="Send its original reading first.",
        )
    if amendment.supersedes_revision != bale.stored_at_revision:
        raise errors.Refused(
            f"The reading in force was stored at revision {bale.stored_at_revision},"
            f" not {amendment.supersedes_revision}.",
            reason="NOT_IN_FORCE",
            remedy="Look at the bale as it is now, and decide again.",
            metadata={"revision_in_force": str(bale.stored_at_revision)},
        )
    reading = readings_pb2.Reading()
    reading.CopyFrom(bale.reading)
    for name, value in changes.items():
        if name not in CORRECTABLE_FIELDS:
            raise errors.InputError(
                f"{name} is no field that can be corrected.",
                remedy=f"Name one of {', '.join(CORRECTABLE_FIELDS)}.",
            )
        if value is None:
            reading.ClearField(name)  # type: ignore[arg-type]  # the name of a field
        else:
            setattr(reading, name, bool(value) if name == "foreign_fibre" else value)
    if reading == bale.reading:
        raise errors.Refused(
            "The correction would change nothing.",
            reason="NOTHING_CHANGES",
            remedy="Name a field whose value differs from the reading in force.",
        )
    reading.kind = readings_pb2.READING_KIND_CORRECTION
    reading.amendment.CopyFrom(amendment)
    return reading
