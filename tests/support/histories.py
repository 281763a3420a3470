"""Histories of lots without a server: what is recorded and read, each at an instant of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cotton.inspection.v1 import amendments_pb2, common_pb2, lots_pb2, readings_pb2
from cotton_server.intake.decode import BatchLimits, decode
from cotton_server.intake.rules import CURRENT, rule_set
from cotton_server.intake.verdict import apply, judge
from cotton_server.registry.lifecycle import Moment
from cotton_server.registry.registry import Registry
from cotton_server.summary.status import Deadlines
from cotton_server.summary.views import LotViews

from tests.support.bales import LOT, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.intake.content import AnyOutcome, Content

    from tests.support.bales import Bale

RULES = rule_set(CURRENT)
DEADLINES = Deadlines(RULES.objection_days, RULES.decision_days)
BEGUN_S = 1_480_000_000
STEP_S = 3600


def amendment(supersedes: int = 0, note: str = "") -> common_pb2.Amendment:
    """A change for a plain reason."""
    return common_pb2.Amendment(
        supersedes_revision=supersedes,
        reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR,
        note=note,
        decided_by="office",
    )


class History:
    """A registry that is fed content by content; `received_at_s` has the instant of each."""

    def __init__(self) -> None:
        """Nothing has arrived."""
        self.registry = Registry(bales_max=1000)
        self.received_at_s = [0]

    def take(self, content: Content, *, at_s: int | None = None) -> AnyOutcome:
        """Decides and applies a content, by itself an hour after the one before."""
        position = self.registry.revision + 1
        last_s = self.received_at_s[-1] or BEGUN_S
        self.received_at_s.append(last_s + STEP_S if at_s is None else at_s)
        verdict = judge([content], self.registry, RULES, position)
        apply(verdict, [Moment(position, self.received_at_s[-1] * 1_000_000)], self.registry)
        return verdict.outcomes[0]

    def received_at_us(self, revision: int) -> int:
        """When the entry at a revision was received."""
        return self.received_at_s[revision] * 1_000_000

    def views(self, now_s: int | None = None) -> LotViews:
        """What reads it; now is by itself the instant of the last content."""
        return LotViews(
            self.registry,
            DEADLINES,
            self.received_at_us,
            now_us=lambda: (self.received_at_s[-1] if now_s is None else now_s) * 1_000_000,
        )

    def number(self, lot_no: str = LOT) -> int:
        """The number of a lot in the registry."""
        number = self.views().number_of(lot_no, 2000 + int(lot_no[5:7]))
        assert number is not None
        return number

    def register(self, lot_no: str = LOT, *, at_s: int | None = None, **fields: Any) -> None:
        """Registers a lot."""
        self.take(lots_pb2.RegisterLotsRequest(lots=[lot_of(lot_no, **fields)]), at_s=at_s)

    def weigh(self, lot_no: str = LOT, *, at_s: int | None = None, **fields: Any) -> None:
        """Weighs a lot."""
        weight = weight_of(lot_no, **fields)
        self.take(lots_pb2.RecordLotWeightsRequest(weights=[weight]), at_s=at_s)

    def close(self, count: int, lot_no: str = LOT, *, at_s: int | None = None, **more: Any) -> None:
        """Closes a lot of which all that was received was tested, unless told otherwise."""
        closure = lots_pb2.LotClosure(
            lot_no=lot_no, **{"bales_received": count, "bales_tested": count, **more}
        )
        self.take(lots_pb2.CloseLotsRequest(closures=[closure]), at_s=at_s)

    def certify(self, lot_no: str = LOT, *, at_s: int | None = None, **fields: Any) -> None:
        """Records certificates of a lot."""
        record = lots_pb2.LotCertificates(lot_no=lot_no, **fields)
        self.take(lots_pb2.RecordCertificatesRequest(certificates=[record]), at_s=at_s)

    def object_to(self, lot_no: str = LOT, *, at_s: int | None = None, **fields: Any) -> None:
        """Records an objection or its decision."""
        objection = lots_pb2.LotObjection(
            lot_no=lot_no, **{"objection_no": "o-1", "raised_by": "mill", **fields}
        )
        self.take(lots_pb2.RecordObjectionsRequest(objections=[objection]), at_s=at_s)

    def withdraw(self, *, reinstate: bool = False, **subject: Any) -> None:
        """Withdraws a lot (lot_no) or a bale (bale_code)."""
        withdrawal = amendments_pb2.Withdrawal(
            amendment=amendment(), reinstate=reinstate, **subject
        )
        self.take(amendments_pb2.WithdrawRequest(withdrawals=[withdrawal]))

    def resolve(
        self, conflict_id: str, decision: amendments_pb2.ConflictDecision.ValueType
    ) -> None:
        """Decides a conflict."""
        resolution = amendments_pb2.ConflictResolution(
            conflict_id=conflict_id, decision=decision, amendment=amendment()
        )
        self.take(amendments_pb2.ResolveConflictsRequest(resolutions=[resolution]))

    def read(self, bales: Sequence[Bale], *, at_s: int | None = None, **kind: Any) -> AnyOutcome:
        """Stores readings; `kind` and, of corrections, `amendment` are those of all."""
        made = rows(bales)
        for reading in made.readings:
            reading.MergeFrom(readings_pb2.Reading(**kind))
        batch = readings_pb2.ReadingBatch(sequence=1, rows=made)
        return self.take(decode(batch, BatchLimits(1000)), at_s=at_s)


def lot_of(lot_no: str = LOT, **fields: Any) -> lots_pb2.Lot:
    """A saw-ginned lot."""
    saw = common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND
    return lots_pb2.Lot(lot_no=lot_no, **{"cotton_type": saw, **fields})


def weight_of(lot_no: str = LOT, **fields: Any) -> lots_pb2.LotWeight:
    """A likely weight."""
    plain = {"gross": 4262000, "tare": 24600, "regain": 820, "trash": 230, "resolution": 100}
    return lots_pb2.LotWeight(lot_no=lot_no, **{**plain, **fields})
