"""A registry with the entries that made it: what a trace is read out of, without a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from cotton.inspection.v1 import amendments_pb2, common_pb2, lots_pb2, trace_pb2
from cotton_server.domain.identifiers import BaleKey
from cotton_server.intake.content import (
    APPEND,
    CONTRACT,
    LOTS,
    READINGS,
    REQUESTS,
    RESOLUTIONS,
    WITHDRAWALS,
)
from cotton_server.intake.decode import BatchLimits, decode
from cotton_server.intake.rules import CURRENT
from cotton_server.ledger import Entry, NewEntry
from cotton_server.registry.registry import Registry
from cotton_server.trace.conflicts import ConflictFilter, ConflictListing
from cotton_server.trace.history import BaleAt, bale_at

from tests.support.bales import LOT, Bale, append_request, key_of
from tests.support.deciding import SECOND_US, store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton.inspection.v1 import readings_pb2
    from cotton_server.intake.content import AnyOutcome, Content, RecordsRequest
    from cotton_server.ledger import Ledger
    from google.protobuf.message import Message

WHY: Final = common_pb2.Amendment(
    reason=common_pb2.AMENDMENT_REASON_SAMPLE_MIX_UP, note="two bags", decided_by="chief inspector"
)
KEEP: Final = amendments_pb2.CONFLICT_DECISION_KEEP
ACCEPT: Final = amendments_pb2.CONFLICT_DECISION_ACCEPT


class Recording:
    """Takes batches and requests, each at the revision that comes next; gives it."""

    def __init__(self) -> None:
        """Starts empty."""
        self.registry = Registry(bales_max=1000)
        self.outcomes: list[AnyOutcome] = []
        self.entries_read: list[int] = []
        self._entries: list[NewEntry] = []

    @property
    def ledger(self) -> Ledger:
        """The entries, as far as a trace reads a ledger."""
        return cast("Ledger", self)

    def at(self, position: int) -> Entry:
        """The entry at a position; notes that it was read."""
        self.entries_read.append(position)
        return Entry(position, 1, self._entries[position - 1], b"", b"")

    def read(self, *bales: Bale) -> int:
        """Takes one batch of readings."""
        return self.group([bales])

    def group(self, batches: Sequence[Sequence[Bale]], shape: str = "columns") -> int:
        """Takes batches that are decided together; the revision of the last."""
        requests = [append_request(bales, shape=shape) for bales in batches]
        contents = [decode(request.batch, BatchLimits(100)) for request in requests]
        return self._take(READINGS, contents, requests)

    def register(self, lot_no: str = LOT, **fields: Any) -> int:
        """Registers a lot."""
        lot = lots_pb2.Lot(
            lot_no=lot_no,
            cotton_type=common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND,
            declared_bales=186,
            **fields,
        )
        return self._request(
            LOTS, lots_pb2.RegisterLotsRequest(producer_id="p", request_id="r", lots=[lot])
        )

    def withdraw(self, *subjects: Bale | str, reinstate: bool = False) -> int:
        """Withdraws bales, or lots by number, or takes that back."""
        request = amendments_pb2.WithdrawRequest(producer_id="p", request_id="r")
        for subject in subjects:
            made = request.withdrawals.add(amendment=WHY, reinstate=reinstate)
            if isinstance(subject, str):
                made.lot_no = subject
            elif subject.crop_year:
                made.usda_bale.bale_id = subject.code
                made.usda_bale.crop_year = subject.crop_year
            else:
                made.bale_code = subject.code
        return self._request(WITHDRAWALS, request)

    def resolve(
        self,
        decision: amendments_pb2.ConflictDecision.ValueType,
        *conflict_ids: str,
        in_force: int = 0,
    ) -> int:
        """Decides conflicts, naming the revision in force where it is given."""
        why = common_pb2.Amendment()
        why.CopyFrom(WHY)
        why.supersedes_revision = in_force
        request = amendments_pb2.ResolveConflictsRequest(producer_id="p", request_id="r")
        for conflict_id in conflict_ids:
            request.resolutions.add(conflict_id=conflict_id, decision=decision, amendment=why)
        return self._request(RESOLUTIONS, request)

    def bale(self, bale: Bale, revision: int = 0) -> BaleAt:
        """A bale at a revision."""
        return bale_at(BaleKey(*key_of(bale)), revision, self.registry, self.ledger)

    def history(self, bale: Bale, revision: int = 0) -> list[trace_pb2.BaleEvent]:
        """The history of a bale at a revision."""
        return list(self.bale(bale, revision).history)

    def conflicts(self, revision: int = 0, **wanted: Any) -> list[amendments_pb2.Conflict]:
        """Every conflict that passes, at a revision."""
        return [each for page in self.pages(revision, **wanted) for each in page]

    def pages(self, revision: int = 0, **wanted: Any) -> list[list[amendments_pb2.Conflict]]:
        """The pages of the conflicts that pass, at a revision."""
        listing = ConflictListing(self.registry, self.ledger, ConflictFilter(**wanted), revision)
        answer = []
        while not listing.done:
            answer.append(listing.page())
        return answer

    def _request(self, kind: str, request: RecordsRequest) -> int:
        return self._take(kind, [request], [request])

    def _take(self, kind: str, contents: Sequence[Content], requests: Sequence[Message]) -> int:
        for outcome, request in zip(store(self.registry, *contents), requests, strict=True):
            position = len(self._entries) + 1
            self.outcomes.append(outcome)
            self._entries.append(
                NewEntry(
                    kind=kind,
                    contract=CONTRACT,
                    message=APPEND if kind == READINGS else REQUESTS[kind].name,
                    producer=f"producer-{position % 2}",
                    sequence=position,
                    batch_id=None,
                    principal=f"principal-{position}",
                    received_at_us=position * SECOND_US,
                    rule_set=CURRENT,
                    outcomes=outcome.SerializeToString(),
                    payload=request.SerializeToString(),
                )
            )
        return self.registry.revision


def says(reading: readings_pb2.Reading) -> tuple[object, ...]:
    """What decides whether two readings are the same, of one that has a length."""
    return reading.lot_no, reading.laboratory, reading.standard, reading.length
