"""More than one reading of a bale: every outcome, in the documented order, with what it met."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cotton.inspection.v1 import amendments_pb2, common_pb2, readings_pb2
from cotton_server.intake import amend
from cotton_server.registry.courses import READINGS_UNTIL

from tests.support.bales import OTHER_LOT, Bale, bale, usda_bale
from tests.support.deciding import Deciding

ORIGINAL = bale(1)
REVIEW = readings_pb2.READING_KIND_REVIEW
SUPERVISORY = readings_pb2.READING_KIND_SUPERVISORY
ALIKE = 2821
APART = 2900


def retest(kind: int, **values: int) -> Bale:
    """A re-test of the bale."""
    return replace(bale(1).but(**values), kind=kind)


def correction(revision: int, **values: int) -> Bale:
    """A correction of what was stored at a revision."""
    return bale(1).but(**values).correcting(revision)


def withdrawal(*, reinstate: bool = False) -> amendments_pb2.WithdrawRequest:
    """The bale is withdrawn, or that is taken back."""
    made = amendments_pb2.Withdrawal(bale_code=ORIGINAL.code, reinstate=reinstate)
    made.amendment.reason = common_pb2.AMENDMENT_REASON_SUPERVISION
    made.amendment.decided_by = "office"
    return amendments_pb2.WithdrawRequest(withdrawals=[made])


Step = Bale | amendments_pb2.WithdrawRequest


def outcome_after(*steps: Step) -> tuple[str, int, Deciding]:
    """Outcome of the last reading and the revision it met; each step is a revision."""
    decided = Deciding()
    for step in steps:
        if isinstance(step, Bale):
            answer = decided.take([step])
        else:
            decided.request(step)
    if answer.created == 1 and not answer.outcomes:
        return "CREATED", 0, decided
    if answer.existing:
        return "EXISTS", 0, decided
    (told,) = answer.outcomes
    name = readings_pb2.Outcome.Name(told.outcome).removeprefix("OUTCOME_")
    return name, told.stored_revision, decided


GONE = withdrawal()
BACK = withdrawal(reinstate=True)
CHANGED = correction(1, length=2850)

OUTCOMES: list[tuple[list[Step], str, int]] = [
    ([ORIGINAL], "CREATED", 0),
    ([ORIGINAL, ORIGINAL], "EXISTS", 0),
    ([ORIGINAL, CHANGED], "CORRECTED", 1),
    ([ORIGINAL, CHANGED, bale(1, length=2850)], "EXISTS", 0),
    ([ORIGINAL, CHANGED, CHANGED], "EXISTS", 0),
    ([ORIGINAL, CHANGED, ORIGINAL], "SUPERSEDED_BY_CORRECTION", 2),
    ([ORIGINAL, CHANGED, correction(1, length=2860)], "REJECTED", 0),
    ([ORIGINAL, CHANGED, correction(2, length=2860), CHANGED], "SUPERSEDED_BY_CORRECTION", 3),
    ([ORIGINAL, correction(7)], "REJECTED", 0),
    ([CHANGED], "REJECTED", 0),
    ([ORIGINAL, GONE, ORIGINAL], "SUPERSEDED_BY_WITHDRAWAL", 0),
    ([ORIGINAL, CHANGED, GONE, ORIGINAL], "SUPERSEDED_BY_CORRECTION", 0),
    ([ORIGINAL, CHANGED, GONE, CHANGED], "SUPERSEDED_BY_WITHDRAWAL", 0),
    ([ORIGINAL, GONE, CHANGED], "REJECTED", 0),
    ([ORIGINAL, GONE, BACK, ORIGINAL], "EXISTS", 0),
    ([ORIGINAL, GONE, BACK, CHANGED], "CORRECTED", 1),
    ([ORIGINAL, retest(REVIEW, length=ALIKE)], "RETESTED", 0),
    ([ORIGINAL, retest(REVIEW, length=APART)], "RETESTED_IN_FORCE", 1),
    ([ORIGINAL, retest(SUPERVISORY, length=APART)], "RETESTED", 0),
    ([ORIGINAL, GONE, retest(REVIEW, length=APART)], "RETESTED", 0),
    ([ORIGINAL, retest(REVIEW, length=APART), retest(REVIEW, length=APART)], "EXISTS", 0),
    ([ORIGINAL, retest(REVIEW, length=APART), retest(SUPERVISORY, length=APART)], "RETESTED", 0),
    ([ORIGINAL, retest(REVIEW, length=APART), ORIGINAL], "SUPERSEDED_BY_RETEST", 2),
    ([ORIGINAL, retest(REVIEW, length=APART), bale(1, length=APART)], "EXISTS", 0),
    ([ORIGINAL, retest(REVIEW, length=APART), correction(2, length=2850)], "CORRECTED", 2),
    ([retest(REVIEW)], "RETESTED_IN_FORCE", 0),
    ([retest(SUPERVISORY)], "RETESTED", 0),
    ([retest(REVIEW, length=ALIKE), ORIGINAL], "CREATED", 1),
    ([retest(REVIEW, length=APART), ORIGINAL], "CREATED", 1),
    ([retest(REVIEW, length=APART), ORIGINAL, ORIGINAL], "SUPERSEDED_BY_RETEST", 1),
    ([ORIGINAL, bale(1, length=APART)], "EXISTS_WITH_DIFFERENT_LENGTH", 1),
    ([ORIGINAL, CHANGED, bale(1, length=APART)], "EXISTS_WITH_DIFFERENT_LENGTH", 2),
    ([ORIGINAL, replace(ORIGINAL, kind=REVIEW, reason=1)], "REJECTED", 0),
]


@pytest.mark.parametrize(("steps", "name", "met"), OUTCOMES)
def test_the_outcome_of_a_reading_after_others(steps: list[Step], name: str, met: int) -> None:
    assert outcome_after(*steps)[:2] == (name, met)


def test_the_order_of_original_and_review_does_not_matter() -> None:
    """Whichever comes first, the review that disagrees is in force and the original the first."""
    review = retest(REVIEW, length=APART)
    for steps in ([ORIGINAL, review], [review, ORIGINAL]):
        decided = outcome_after(*steps)[2]
        lengths = [[row[5] for row in decided.counted(first=first)] for first in (False, True)]
        assert lengths == [[2900], [2820]]


def test_a_review_that_agrees_gives_way_when_the_original_comes() -> None:
    decided = outcome_after(retest(REVIEW, length=ALIKE), ORIGINAL)[2]
    told = decided.outcomes[-1].outcomes[0]
    assert told.comparison.within_tolerance
    assert not told.comparison.retest_in_force
    assert [row[5] for row in decided.counted()] == [2820]


def test_the_review_in_force_is_compared_not_one_that_it_replaced() -> None:
    """Two reviews came first: the later one agrees with the original and gives way to it."""
    steps = retest(REVIEW, length=APART), retest(REVIEW, length=ALIKE), ORIGINAL
    name, met, decided = outcome_after(*steps)
    assert (name, met) == ("CREATED", 2)
    assert [row[5] for row in decided.counted()] == [2820]


def test_an_original_is_compared_with_the_retest_that_stands_not_with_the_last() -> None:
    steps = retest(REVIEW, length=APART), retest(SUPERVISORY), ORIGINAL
    comparison = outcome_after(*steps)[2].outcomes[-1].outcomes[0].comparison
    assert comparison.retest_revision == 1
    assert comparison.retest_in_force


def test_a_comparison_tells_every_measure_with_its_tolerance() -> None:
    answer = outcome_after(ORIGINAL, retest(REVIEW, length=2866, colour_grade=21))[2].outcomes[-1]
    comparison = answer.outcomes[0].comparison
    told = {
        common_pb2.Field.Name(each.field).removeprefix("FIELD_").lower(): (
            each.original,
            each.retest,
            each.tolerance if each.HasField("tolerance") else None,
            each.within,
        )
        for each in comparison.measures
    }
    assert told["length"] == (2820, 2866, 46, True)
    assert told["colour_grade"] == (31, 21, None, False)
    assert (comparison.original_revision, comparison.retest_revision) == (1, 2)
    assert not comparison.within_tolerance
    assert comparison.retest_in_force


def test_an_imported_bale_is_compared_in_its_own_units() -> None:
    """A hundredth of an inch is within tolerance, two are not."""
    decided = Deciding()
    decided.take([usda_bale(1)])
    for length, name in ((115, "RETESTED"), (116, "RETESTED_IN_FORCE")):
        answer = decided.take([replace(usda_bale(1, length=length), kind=REVIEW)])
        assert answer.outcomes[0].outcome == readings_pb2.Outcome.Value(f"OUTCOME_{name}")


def test_a_wrong_target_is_told_with_the_one_that_is_right() -> None:
    decided = outcome_after(ORIGINAL, CHANGED, correction(1, length=2860))[2]
    told = decided.outcomes[-1].outcomes[0]
    assert told.field == common_pb2.FIELD_SUPERSEDES_REVISION
    assert told.rule == readings_pb2.RULE_NOT_IN_FORCE
    assert (told.received, told.limit) == ("1", "2")


def test_a_correction_that_moves_a_bale_moves_it_in_both_counts() -> None:
    moved = replace(correction(1), lot_no=OTHER_LOT)
    decided = outcome_after(ORIGINAL, moved)[2]
    assert [row[0] for row in decided.counted()] == [OTHER_LOT]
    assert [row[0] for row in decided.counted(first=True)] == [OTHER_LOT]
    assert [row[0] for row in decided.counted(1)] == [ORIGINAL.lot_no]


def test_the_same_differing_reading_has_one_conflict_in_and_between_batches() -> None:
    decided = outcome_after(ORIGINAL, bale(1, length=APART))[2]
    answer = decided.take([bale(1, length=APART), bale(1, length=2950), bale(1, length=2950)])
    assert [each.conflict_id for each in answer.outcomes] == ["2/0", "3/1", "3/1"]
    arrivals = [list(each.arrivals) for each in decided.registry.conflicts]
    assert arrivals == [[2, 3], [3, 3]]


@pytest.mark.parametrize("together", [False, True])
def test_the_limit_of_events_does_not_depend_on_grouping(
    monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    """A conflict that arrives again adds nothing to the course of its bale, nor to its count."""
    monkeypatch.setattr(amend, "CORRECTIONS_UNTIL", 3)
    decided = outcome_after(ORIGINAL, bale(1, length=APART))[2]
    again, changed = [bale(1, length=APART)], [CHANGED]
    if together:
        answer = decided.take(again, changed)
    else:
        decided.take(again)
        answer = decided.take(changed)
    assert answer.corrected == 1
    assert decided.take([correction(decided.revision, length=2870)]).rejected == 1


@pytest.mark.parametrize("retest_first", [False, True])
@pytest.mark.parametrize("kind", [REVIEW, SUPERVISORY])
def test_a_retest_of_another_lot_moves_no_bale_in_whatever_order(
    kind: int, retest_first: bool
) -> None:
    """One slip of the pen in a re-test must not take a bale out of its lot."""
    original, other = bale(1), replace(bale(1, length=APART), lot_no=OTHER_LOT, kind=kind)
    decided = Deciding()
    first, second = (other, original) if retest_first else (original, other)
    decided.take([first])
    before = decided.counted()
    (refused,) = decided.take([second]).outcomes
    assert refused.outcome == readings_pb2.OUTCOME_REJECTED
    assert (refused.field, refused.rule) == (
        common_pb2.FIELD_LOT_NO,
        readings_pb2.RULE_DISAGREES,
    )
    assert (refused.received, refused.stored) == (second.lot_no, first.lot_no)
    assert refused.stored_revision == 1
    assert decided.counted() == before


def test_a_sender_that_runs_wild_leaves_the_bale_to_those_who_decide() -> None:
    """However many readings differ, every conflict can be decided and the bale corrected."""
    decided = Deciding(bales_max=5000)
    decided.take([bale(1)])
    decided.take([bale(1, length=2000 + number) for number in range(400)])
    assert len(decided.registry.conflicts) == READINGS_UNTIL - 1
    ids = [conflict.id for conflict in decided.registry.conflicts]
    amendment = common_pb2.Amendment(
        reason=common_pb2.AMENDMENT_REASON_CONFIRMED, decided_by="bureau"
    )
    keep = amendments_pb2.CONFLICT_DECISION_KEEP
    assert decided.take([bale(1, length=2900).correcting(1)]).corrected == 1
    resolutions = [
        amendments_pb2.ConflictResolution(conflict_id=each, decision=keep, amendment=amendment)
        for each in ids
    ]
    request = amendments_pb2.ResolveConflictsRequest(resolutions=resolutions)
    assert decided.request(request).applied == len(ids)
    withdrawal = amendments_pb2.Withdrawal(bale_code=bale(1).code, amendment=amendment)
    withdrawals = amendments_pb2.WithdrawRequest(withdrawals=[withdrawal])
    assert decided.request(withdrawals).applied == 1
