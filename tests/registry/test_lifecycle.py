"""Where a lot stands, by what was recorded of it; and what the feed tells of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cotton.inspection.v1 import amendments_pb2, common_pb2, lots_pb2, readings_pb2
from cotton_server.registry.lifecycle import ChangeKind, LotHold, LotState, standing_of

from tests.support.bales import LOT, bale
from tests.support.deciding import Deciding

HOLDS = {
    "read": LotHold.MORE_READ_THAN_DECLARED,
    "received": LotHold.RECEIVED_DIFFERS_FROM_DECLARED,
    "tested": LotHold.TESTED_DIFFERS_FROM_RECEIVED,
    "stored": LotHold.TESTED_DIFFERS_FROM_READ,
}

STANDINGS = [
    # declared (None: not registered), weighed, received and tested, bales, revised: state, holds
    (None, False, None, 1, False, "UNREGISTERED", ""),
    (None, True, (2, 2), 1, False, "UNREGISTERED", "stored"),
    (0, False, None, 0, False, "REGISTERED", ""),
    (2, True, None, 0, False, "WEIGHED", ""),
    (2, False, None, 1, False, "READ", ""),
    (2, True, None, 2, False, "READ_AND_WEIGHED", ""),
    (2, False, (2, 2), 2, False, "TESTED", ""),
    (0, False, (2, 2), 2, False, "TESTED", ""),
    (2, True, (2, 2), 2, False, "FINAL", ""),
    (2, True, (2, 2), 2, True, "REVISED", ""),
    (2, True, None, 3, False, "HELD", "read"),
    (2, True, (3, 3), 3, False, "HELD", "read received"),
    (2, True, (2, 1), 1, False, "HELD", "tested"),
    (2, True, (2, 2), 1, True, "HELD", "stored"),
    (2, False, (3, 2), 1, False, "HELD", "received tested stored"),
]


@pytest.mark.parametrize(
    ("declared", "weighed", "closed", "bales", "revised", "state", "holds"), STANDINGS
)
def test_where_a_lot_stands(
    declared: int | None,
    weighed: bool,
    closed: tuple[int, int] | None,
    bales: int,
    revised: bool,
    state: str,
    holds: str,
) -> None:
    """Whatever the rest says, a lot that is withdrawn is that."""
    recorded: dict[str, Any] = {
        "registration": None if declared is None else lots_pb2.Lot(declared_bales=declared),
        "weighed": weighed,
        "closure": None
        if closed is None
        else lots_pb2.LotClosure(bales_received=closed[0], bales_tested=closed[1]),
        "bales": bales,
        "revised": revised,
    }
    expected = LotState[state], tuple(HOLDS[name] for name in holds.split())
    assert standing_of(**recorded, withdrawn=False) == expected
    assert standing_of(**recorded, withdrawn=True) == (LotState.WITHDRAWN, ())


WITHDRAWAL = amendments_pb2.Withdrawal(
    lot_no=LOT,
    amendment=common_pb2.Amendment(
        reason=common_pb2.AMENDMENT_REASON_SUPERVISION, decided_by="office"
    ),
)


def register(decided: Deciding) -> None:
    """The lot is booked in."""
    lot = lots_pb2.Lot(lot_no=LOT, cotton_type=common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND)
    decided.request(lots_pb2.RegisterLotsRequest(lots=[lot]))


def weigh(decided: Deciding) -> None:
    """The lot is weighed."""
    weight = lots_pb2.LotWeight(lot_no=LOT, gross=4_262_000, tare=1000, resolution=10)
    decided.request(lots_pb2.RecordLotWeightsRequest(weights=[weight]))


def close(decided: Deciding) -> None:
    """The laboratory closes the lot, of which it tested one bale."""
    closure = lots_pb2.LotClosure(lot_no=LOT, bales_received=1, bales_tested=1)
    decided.request(lots_pb2.CloseLotsRequest(closures=[closure]))


def withdraw(decided: Deciding, *, reinstate: bool = False) -> None:
    """The lot is withdrawn, or that is taken back."""
    withdrawal = amendments_pb2.Withdrawal()
    withdrawal.CopyFrom(WITHDRAWAL)
    withdrawal.reinstate = reinstate
    decided.request(amendments_pb2.WithdrawRequest(withdrawals=[withdrawal]))


def certify(decided: Deciding) -> None:
    """A certificate is issued for the lot."""
    record = lots_pb2.LotCertificates(lot_no=LOT, quality_certificate_no="Q1")
    decided.request(lots_pb2.RecordCertificatesRequest(certificates=[record]))


def told(decided: Deciding) -> list[tuple[int, ChangeKind, LotState, LotState]]:
    """What the feed tells, with its revisions."""
    return [
        (change.moment.position, change.kind, change.before, change.after)
        for change in decided.registry.changes
    ]


def test_the_feed_tells_registered_final_revised_withdrawn_and_reinstated() -> None:
    """A certificate is no change of a figure; a bale more is, and holds the lot."""
    decided = Deciding()
    for step in (register, lambda made: made.take([bale(1)]), weigh, close, certify):
        step(decided)
    decided.take([bale(2)])
    withdraw(decided)
    withdraw(decided, reinstate=True)
    assert told(decided) == [
        (1, ChangeKind.NEW, LotState.UNREGISTERED, LotState.REGISTERED),
        (4, ChangeKind.FINAL, LotState.READ_AND_WEIGHED, LotState.FINAL),
        (6, ChangeKind.REVISED, LotState.FINAL, LotState.HELD),
        (7, ChangeKind.WITHDRAWN, LotState.HELD, LotState.WITHDRAWN),
        (8, ChangeKind.REINSTATED, LotState.WITHDRAWN, LotState.HELD),
    ]


def test_a_lot_that_was_completed_while_withdrawn_is_told_as_final_when_reinstated() -> None:
    """Whoever waits for final lots alone would never hear of it otherwise."""
    decided = Deciding()
    decided.take([bale(1)])
    register(decided)
    withdraw(decided)
    weigh(decided)
    close(decided)
    withdraw(decided, reinstate=True)
    assert told(decided)[2:] == [
        (6, ChangeKind.REINSTATED, LotState.WITHDRAWN, LotState.FINAL),
        (6, ChangeKind.FINAL, LotState.WITHDRAWN, LotState.FINAL),
    ]


def test_an_original_of_a_withdrawn_bale_is_no_change_to_its_lot() -> None:
    """It counts nowhere until the bale is reinstated: the lot has the figures that it had."""
    decided = Deciding()
    decided.take([bale(1)])
    register(decided)
    weigh(decided)
    close(decided)
    review = replace(bale(2), kind=readings_pb2.READING_KIND_REVIEW)
    decided.take([review])
    before = told(decided)
    withdrawal = amendments_pb2.Withdrawal(bale_code=review.code, amendment=WITHDRAWAL.amendment)
    decided.request(amendments_pb2.WithdrawRequest(withdrawals=[withdrawal]))
    withdrawn = told(decided)
    assert len(withdrawn) == len(before) + 1
    decided.take([bale(2)])
    assert told(decided) == withdrawn
    withdrawal.reinstate = True
    decided.request(amendments_pb2.WithdrawRequest(withdrawals=[withdrawal]))
    assert told(decided)[-1][:2] == (decided.revision, ChangeKind.REVISED)
