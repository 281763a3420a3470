"""Withdrawals and resolutions: every outcome, what it met, and what counts afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from cotton.inspection.v1 import amendments_pb2, common_pb2
from cotton_server.intake.versions import VERSIONS_MAX

from tests.support.bales import LOT, OTHER_LOT, bale, usda_bale
from tests.support.deciding import Deciding

AMENDMENT = common_pb2.Amendment(
    reason=common_pb2.AMENDMENT_REASON_SUPERVISION, decided_by="office"
)
KEEP = amendments_pb2.CONFLICT_DECISION_KEEP
ACCEPT = amendments_pb2.CONFLICT_DECISION_ACCEPT
CODE = bale(1).code


def naming(revision: int) -> common_pb2.Amendment:
    """The amendment, naming what it supersedes."""
    amended = common_pb2.Amendment()
    amended.CopyFrom(AMENDMENT)
    amended.supersedes_revision = revision
    return amended


def decided() -> Deciding:
    """One bale at revision 1, and at revision 2 a reading that differs."""
    made = Deciding()
    made.take([bale(1)])
    made.take([bale(1, length=2900)])
    return made


def withdrawing(made: Deciding, **subject: Any) -> amendments_pb2.AmendmentsOutcome:
    """The outcome of one withdrawal."""
    withdrawal = amendments_pb2.Withdrawal(**{"amendment": AMENDMENT, **subject})
    outcome = made.request(amendments_pb2.WithdrawRequest(withdrawals=[withdrawal]))
    assert isinstance(outcome, amendments_pb2.AmendmentsOutcome)
    return outcome


def resolving(made: Deciding, *decisions: Any, **changed: Any) -> amendments_pb2.AmendmentsOutcome:
    """The outcome of resolutions of the one conflict."""
    outcome = made.request(
        amendments_pb2.ResolveConflictsRequest(
            resolutions=[
                amendments_pb2.ConflictResolution(
                    **{
                        "conflict_id": "2/0",
                        "amendment": AMENDMENT,
                        "decision": decision,
                        **changed,
                    }
                )
                for decision in decisions
            ]
        )
    )
    assert isinstance(outcome, amendments_pb2.AmendmentsOutcome)
    return outcome


def told(outcome: amendments_pb2.AmendmentsOutcome) -> tuple[int, int, int]:
    """Field and stored revision of the only result, which is a rejection; its row."""
    (result,) = outcome.results
    assert result.outcome == amendments_pb2.AMENDMENT_OUTCOME_REJECTED
    assert result.message
    return result.field, result.stored_revision, result.row


REFUSED_WITHDRAWALS = [
    ({"bale_code": bale(2).code}, common_pb2.FIELD_BALE_CODE, 0),
    ({"bale_code": "12"}, common_pb2.FIELD_BALE_CODE, 0),
    ({}, common_pb2.FIELD_BALE_CODE, 0),
    ({"lot_no": OTHER_LOT}, common_pb2.FIELD_LOT_NO, 0),
    ({"lot_no": "12"}, common_pb2.FIELD_LOT_NO, 0),
    ({"bale_code": CODE, "amendment": naming(2)}, common_pb2.FIELD_SUPERSEDES_REVISION, 1),
    ({"lot_no": LOT, "amendment": naming(2)}, common_pb2.FIELD_SUPERSEDES_REVISION, 1),
    ({"lot_no": LOT, "amendment": common_pb2.Amendment()}, common_pb2.FIELD_REASON, 0),
    (
        {
            "lot_no": LOT,
            "amendment": common_pb2.Amendment(reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR),
        },
        common_pb2.FIELD_DECIDED_BY,
        0,
    ),
    (
        {
            "lot_no": LOT,
            "amendment": common_pb2.Amendment(
                reason=common_pb2.AMENDMENT_REASON_OTHER, decided_by="x"
            ),
        },
        common_pb2.FIELD_NOTE,
        0,
    ),
]


@pytest.mark.parametrize(("subject", "field", "revision"), REFUSED_WITHDRAWALS)
def test_a_withdrawal_that_cannot_be_carried_out_says_why(
    subject: dict[str, Any], field: int, revision: int
) -> None:
    made = decided()
    before = made.counted()
    assert told(withdrawing(made, **subject)) == (field, revision, 0)
    assert made.counted() == before


@pytest.mark.parametrize("subject", [{"bale_code": CODE}, {"lot_no": LOT}])
@pytest.mark.parametrize("named", [0, 1])
def test_what_is_withdrawn_counts_no_more_until_it_is_reinstated(
    subject: dict[str, Any], named: int
) -> None:
    made = decided()
    before = made.counted(), made.counted(first=True)
    assert withdrawing(made, **subject, amendment=naming(named)).applied == 1
    assert (made.counted(), made.counted(first=True)) == ([], [])
    assert withdrawing(made, **subject).existing == 1
    assert withdrawing(made, **subject, reinstate=True).applied == 1
    assert (made.counted(), made.counted(first=True)) == before
    assert withdrawing(made, **subject, reinstate=True).existing == 1
    assert made.counted(3) == []
    assert made.counted(2) == before[0]


def test_an_imported_bale_is_withdrawn_by_its_crop_year_and_id() -> None:
    made = Deciding()
    made.take([usda_bale(1), usda_bale(1, crop_year=2022)])
    subject = {"usda_bale": {"crop_year": 2021, "bale_id": usda_bale(1).code}}
    assert withdrawing(made, **subject).applied == 1
    assert len(made.counted()) == 1


def test_decisions_of_one_request_meet_each_other() -> None:
    """Withdrawn, again, and taken back: the second finds it so already."""
    made = decided()
    parts = [{}, {}, {"reinstate": True}]
    request = amendments_pb2.WithdrawRequest(
        withdrawals=[
            amendments_pb2.Withdrawal(bale_code=CODE, amendment=AMENDMENT, **part)  # type: ignore[arg-type]
            for part in parts
        ]
    )
    outcome = made.request(request)
    assert (outcome.applied, outcome.existing, outcome.results[0].row) == (2, 1, 1)
    assert len(made.counted()) == 1


def test_a_conflict_that_is_kept_changes_no_figure() -> None:
    made = decided()
    before = made.counted()
    assert resolving(made, KEEP).applied == 1
    assert made.counted() == before
    assert made.registry.conflicts.open == 0
    assert resolving(made, KEEP).existing == 1
    assert told(resolving(made, ACCEPT)) == (common_pb2.FIELD_DECISION, 1, 0)


def test_a_conflict_that_is_accepted_takes_the_place_of_the_reading() -> None:
    made = decided()
    assert resolving(made, ACCEPT, amendment=naming(1)).applied == 1
    assert [row[5] for row in made.counted()] == [2900]
    assert [row[5] for row in made.counted(first=True)] == [2900]
    assert [row[5] for row in made.counted(2)] == [2820]
    assert resolving(made, ACCEPT).existing == 1
    assert made.take([bale(1, length=2900)]).existing == 1
    assert made.take([bale(1)]).superseded == 1


REFUSED_RESOLUTIONS = [
    ({"conflict_id": "2/1"}, common_pb2.FIELD_CONFLICT_ID),
    ({"conflict_id": "02/0"}, common_pb2.FIELD_CONFLICT_ID),
    ({"decision": 0}, common_pb2.FIELD_DECISION),
    ({"amendment": naming(2)}, common_pb2.FIELD_SUPERSEDES_REVISION),
    ({"amendment": common_pb2.Amendment()}, common_pb2.FIELD_REASON),
]


@pytest.mark.parametrize(("changed", "field"), REFUSED_RESOLUTIONS)
def test_a_resolution_that_cannot_be_carried_out_says_why(
    changed: dict[str, Any], field: int
) -> None:
    made = decided()
    assert told(resolving(made, ACCEPT, **changed))[0] == field
    assert made.registry.conflicts.open == 1


def test_a_reading_of_a_withdrawn_bale_is_not_accepted_before_it_is_reinstated() -> None:
    made = decided()
    withdrawing(made, bale_code=CODE)
    assert told(resolving(made, ACCEPT))[0] == common_pb2.FIELD_DECISION
    withdrawing(made, bale_code=CODE, reinstate=True)
    assert resolving(made, ACCEPT).applied == 1


def test_a_second_decision_in_one_request_names_the_revision_of_the_first() -> None:
    made = decided()
    outcome = resolving(made, KEEP, ACCEPT)
    assert (outcome.applied, outcome.rejected) == (1, 1)
    assert "at revision 3." in outcome.results[0].message


def test_a_lot_is_withdrawn_and_reinstated_only_so_often() -> None:
    """What the same request changed is counted with what is stored."""
    made = decided()

    def turns(count: int) -> list[amendments_pb2.Withdrawal]:
        return [
            amendments_pb2.Withdrawal(lot_no=LOT, amendment=AMENDMENT, reinstate=place % 2 == 1)
            for place in range(count)
        ]

    first = made.request(amendments_pb2.WithdrawRequest(withdrawals=turns(VERSIONS_MAX - 2)))
    assert first.applied == VERSIONS_MAX - 2
    last = made.request(amendments_pb2.WithdrawRequest(withdrawals=turns(3)))
    assert last.applied == 2
    assert told(last) == (common_pb2.FIELD_LOT_NO, 3, 2)
    assert len(made.counted()) == 1
    assert withdrawing(made, lot_no=LOT, reinstate=True).existing == 1
    assert told(withdrawing(made, lot_no=LOT)) == (common_pb2.FIELD_LOT_NO, 4, 0)
    (lot,) = made.registry.lots
    assert len(lot.withdrawals.all) == VERSIONS_MAX


def test_a_lot_that_only_the_other_side_of_a_conflict_names_is_not_withdrawn() -> None:
    made = decided()
    made.take([bale(1, lot_no=OTHER_LOT)])
    refused = withdrawing(made, lot_no=OTHER_LOT)
    assert told(refused) == (common_pb2.FIELD_LOT_NO, 0, 0)
    assert "Nothing is stored" in refused.results[0].message
    assert resolving(made, ACCEPT, conflict_id="3/0").applied == 1
    assert withdrawing(made, lot_no=OTHER_LOT).applied == 1
    assert made.counted() == []
