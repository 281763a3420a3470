"""The history of a bale: every event with who and why, and the flags that held at a revision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cotton.inspection.v1 import common_pb2, readings_pb2, trace_pb2
from cotton_server.errors import Reason, ServiceError
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bales import LOT, OTHER_LOT, Bale, bale, rows, usda_bale
from tests.support.deciding import SECOND_US
from tests.trace.recording import ACCEPT, KEEP, WHY, Recording

READ = trace_pb2.BALE_EVENT_KIND_READ
CORRECTED = trace_pb2.BALE_EVENT_KIND_CORRECTED
RETESTED = trace_pb2.BALE_EVENT_KIND_RETESTED
CONFLICT = trace_pb2.BALE_EVENT_KIND_CONFLICT
KEPT = trace_pb2.BALE_EVENT_KIND_CONFLICT_KEPT
ACCEPTED = trace_pb2.BALE_EVENT_KIND_CONFLICT_ACCEPTED
WITHDRAWN = trace_pb2.BALE_EVENT_KIND_WITHDRAWN
REINSTATED = trace_pb2.BALE_EVENT_KIND_REINSTATED


def review(each: Bale) -> Bale:
    """The reading as a review."""
    return replace(each, kind=readings_pb2.READING_KIND_REVIEW)


def supervisory(each: Bale) -> Bale:
    """The reading as a supervisory re-test."""
    return replace(each, kind=readings_pb2.READING_KIND_SUPERVISORY)


def kinds_and_flags(recording: Recording, revision: int = 0) -> list[tuple[int, bool, bool]]:
    """Kind, in force and first inspection of every event of bale 1."""
    return [
        (each.kind, each.in_force, each.first_inspection)
        for each in recording.history(bale(1), revision)
    ]


def test_a_bale_that_was_read_once_has_one_event_without_a_course() -> None:
    recording = Recording()
    recording.read(bale(9), replace(bale(1), laboratory="L1", instrument="I1", inspected_at_s=7))
    seen = recording.bale(bale(1))
    assert len(recording.registry.courses) == 0
    (event,) = seen.history
    assert (event.revision, event.row, event.kind) == (1, 1, READ)
    assert (event.received_at_us, event.producer_id) == (SECOND_US, "producer-1")
    assert event.principal == "principal-1"
    assert (event.in_force, event.first_inspection) == (True, True)
    assert event.reading == seen.reading
    assert (seen.reading.laboratory, seen.reading.instrument) == ("L1", "I1")
    assert (seen.reading.kind, seen.reading.inspected_at_s) == (
        readings_pb2.READING_KIND_ORIGINAL,
        7,
    )
    assert (seen.withdrawn, seen.awaiting_original) == (False, False)


@pytest.mark.parametrize("sent", [bale(1), usda_bale(1), usda_bale(1, lot_no=LOT)])
@pytest.mark.parametrize("shape", ["rows", "columns"])
def test_a_reading_comes_back_as_it_was_sent(sent: Bale, shape: str) -> None:
    full = replace(sent, laboratory="实验室", instrument="I", standard="GB1103.1-2023")
    sparse = sent.but(rd=None, foreign_fibre=None, preparation=None, trash_count=None)
    for each in (full, sparse, full.but(foreign_fibre=1)):
        recording = Recording()
        recording.group([[each]], shape)
        (as_sent,) = rows([each]).readings
        as_sent.kind = readings_pb2.READING_KIND_ORIGINAL
        assert recording.bale(sent).reading == as_sent


def test_a_correction_says_why_and_takes_the_place_of_the_reading() -> None:
    recording = Recording()
    recording.read(bale(1))
    recording.read(bale(8), replace(bale(1, length=2900).correcting(1), note="typed wrongly"))
    corrected = recording.history(bale(1))[1]
    assert (corrected.revision, corrected.row, corrected.superseded_revision) == (2, 1, 1)
    expected = common_pb2.Amendment(
        supersedes_revision=1,
        reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR,
        note="typed wrongly",
        decided_by="inspector",
    )
    assert corrected.amendment == expected == corrected.reading.amendment
    assert corrected.reading.kind == readings_pb2.READING_KIND_CORRECTION
    seen = recording.bale(bale(1))
    assert (seen.reading.length, seen.brought.revision, seen.brought.row) == (2900, 2, 1)
    assert kinds_and_flags(recording) == [(READ, False, False), (CORRECTED, True, True)]
    assert kinds_and_flags(recording, 1) == [(READ, True, True)]


def test_a_review_that_differs_is_in_force_and_the_first_inspection_stays() -> None:
    recording = Recording()
    recording.read(bale(1))
    recording.read(supervisory(bale(1, length=2700)))
    recording.read(review(bale(1, length=2700)))
    assert kinds_and_flags(recording) == [
        (READ, False, True),
        (RETESTED, False, False),
        (RETESTED, True, False),
    ]
    events = recording.history(bale(1))
    assert [each.superseded_revision for each in events] == [0, 0, 1]
    comparison = events[2].comparison
    assert (comparison.original_revision, comparison.retest_revision) == (1, 3)
    assert (comparison.within_tolerance, comparison.retest_in_force) == (False, True)
    assert not events[1].comparison.retest_in_force
    assert not events[0].HasField("comparison")


def test_a_bale_of_which_only_a_supervisory_re_test_came_awaits_its_original() -> None:
    recording = Recording()
    recording.read(supervisory(bale(1, length=2700)))
    recording.read(bale(1))
    before, now = recording.bale(bale(1), 1), recording.bale(bale(1))
    assert (before.awaiting_original, before.reading.length) == (True, 2700)
    assert kinds_and_flags(recording, 1) == [(RETESTED, False, False)]
    assert (now.awaiting_original, now.reading.length) == (False, 2820)
    assert kinds_and_flags(recording) == [(RETESTED, False, False), (READ, True, True)]
    assert now.history[1].comparison.original_revision == 2


def test_of_a_withdrawn_bale_the_last_reading_is_shown_and_none_is_in_force() -> None:
    recording = Recording()
    recording.read(bale(1), bale(2))
    recording.withdraw(bale(2), bale(1))
    recording.withdraw(bale(1), reinstate=True)
    withdrawn, now = recording.bale(bale(1), 2), recording.bale(bale(1))
    assert (withdrawn.withdrawn, withdrawn.reading.length) == (True, 2820)
    assert kinds_and_flags(recording, 2) == [(READ, False, False), (WITHDRAWN, False, False)]
    assert (withdrawn.history[1].row, withdrawn.history[1].amendment) == (1, WHY)
    assert not withdrawn.history[1].HasField("reading")
    assert not now.withdrawn
    assert kinds_and_flags(recording)[0] == (READ, True, True)
    assert [each.kind for each in now.history] == [READ, WITHDRAWN, REINSTATED]


def test_a_withdrawn_lot_is_told_of_its_bales_while_it_is() -> None:
    recording = Recording()
    recording.read(bale(1))
    recording.withdraw(LOT)
    recording.withdraw(LOT, reinstate=True)
    seen = [recording.bale(bale(1), revision) for revision in (1, 2, 3)]
    assert [each.lot.withdrawn for each in seen] == [False, True, False]
    assert [each.withdrawn for each in seen] == [False] * 3


def test_an_accepted_reading_is_in_force_by_its_acceptance_which_a_correction_names() -> None:
    """Also where the reading that it differed from was corrected in between."""
    recording = Recording()
    recording.read(bale(1))
    recording.read(bale(5), bale(1, OTHER_LOT, length=2700))
    recording.read(bale(1, length=2900).correcting(1))
    recording.resolve(ACCEPT, "2/1")
    (listed,) = recording.conflicts()
    assert (listed.stored_revision, listed.in_force_revision) == (1, 3)
    assert listed.in_force_reading.length == 2900
    assert kinds_and_flags(recording)[-1] == (CORRECTED, True, True)
    recording.resolve(ACCEPT, "2/1", in_force=3)
    assert kinds_and_flags(recording) == [
        (READ, False, False),
        (CONFLICT, False, False),
        (CORRECTED, False, False),
        (ACCEPTED, True, True),
    ]
    seen = recording.bale(bale(1))
    conflict, accepted = seen.history[1], seen.history[3]
    assert accepted.superseded_revision == accepted.amendment.supersedes_revision == 3
    assert (accepted.amendment.note, accepted.amendment.reason) == (WHY.note, WHY.reason)
    assert conflict.conflict_id == accepted.conflict_id == "2/1"
    assert conflict.reading == accepted.reading == seen.reading
    assert not conflict.HasField("amendment")
    assert (seen.reading.length, seen.lot.lot_no) == (2700, OTHER_LOT)
    assert (seen.brought.revision, seen.brought.row) == (5, 0)
    recording.read(bale(1, OTHER_LOT, length=2600).correcting(seen.brought.revision))
    assert recording.bale(bale(1)).reading.length == 2600


def test_a_kept_reading_stays_in_force_with_who_decided_that() -> None:
    recording = Recording()
    recording.read(bale(1))
    recording.read(bale(1, length=2700))
    recording.resolve(KEEP, "2/0")
    events = recording.history(bale(1))
    assert [each.kind for each in events] == [READ, CONFLICT, KEPT]
    assert (events[2].amendment, events[2].conflict_id) == (WHY, "2/0")
    assert not events[2].HasField("reading")
    assert kinds_and_flags(recording)[0] == (READ, True, True)


def test_a_conflict_that_comes_again_is_no_further_event() -> None:
    recording = Recording()
    recording.read(bale(1))
    recording.read(bale(1, length=2700), bale(1, length=2700))
    recording.read(bale(1, length=2700))
    assert [each.kind for each in recording.history(bale(1))] == [READ, CONFLICT]


def test_an_entry_is_read_once_however_many_events_it_holds() -> None:
    recording = Recording()
    recording.read(bale(1), *(bale(1, length=2700 + n) for n in range(20)))
    assert len(recording.history(bale(1))) == 21
    assert recording.entries_read == [1]


@pytest.mark.parametrize(
    ("revision", "reason"), [(1, Reason.NOT_FOUND), (3, Reason.FUTURE_REVISION)]
)
def test_nothing_is_told_of_what_is_not_there_yet(revision: int, reason: Reason) -> None:
    recording = Recording()
    recording.read(bale(2))
    recording.read(bale(1))
    with pytest.raises(ServiceError) as refused:
        recording.bale(bale(1), revision)
    assert refused.value.reason is reason


def test_a_bale_of_which_a_reading_was_rejected_is_not_there() -> None:
    recording = Recording()
    recording.read(bale(1, length=9999))
    with pytest.raises(ServiceError) as refused:
        recording.bale(bale(1))
    assert refused.value.reason is Reason.NOT_FOUND


LOTS = (LOT, OTHER_LOT)
LENGTHS = (2820, 2700, 2700, 2600)

actions: st.SearchStrategy[Any] = st.one_of(
    st.tuples(
        st.just("read"),
        st.lists(
            st.tuples(
                st.integers(1, 2),
                st.sampled_from(LOTS),
                st.sampled_from(LENGTHS),
                st.integers(0, 4),
            ),
            min_size=1,
            max_size=3,
        ),
    ),
    st.tuples(st.just("resolve"), st.booleans(), st.integers(0, 5)),
    st.tuples(st.just("withdraw"), st.booleans(), st.sampled_from([LOT, bale(1), bale(2)])),
)


def perform(recording: Recording, action: Any) -> None:
    """Does what an action says, with whatever is stored."""
    match action:
        case ("read", readings):
            recording.read(*(made(recording, *each) for each in readings))
        case ("resolve", accept, place):
            known = recording.conflicts()
            if known:
                chosen = known[place % len(known)].conflict_id
                recording.resolve(ACCEPT if accept else KEEP, chosen)
        case ("withdraw", reinstate, subject):
            recording.withdraw(subject, reinstate=reinstate)


def made(recording: Recording, number: int, lot_no: str, length: int, kind: int) -> Bale:
    """A reading of a kind; a correction names what is in force, if anything is."""
    plain = bale(number, lot_no, length=length)
    if kind != readings_pb2.READING_KIND_CORRECTION:
        return replace(plain, kind=kind)
    try:
        return plain.correcting(recording.bale(plain).brought.revision)
    except ServiceError:
        return plain


@given(st.lists(actions, min_size=1, max_size=12))
def test_an_older_revision_is_answered_as_it_was_answered_then(todo: list[Any]) -> None:
    """Answers are noted as the history is built, and asked for again at the end."""
    recording = Recording()
    recording.read(bale(1), bale(3))
    noted: list[tuple[Bale, int, Any]] = []
    for action in todo:
        perform(recording, action)
        revision = recording.registry.revision
        noted += [(each, revision, told(recording, each)) for each in (bale(1), bale(2))]
    for each, revision, answer in noted:
        assert told(recording, each, revision) == answer
        now, then = (_events(told(recording, each, at)) for at in (0, revision))
        known = [event for event in now if event.revision <= revision]
        assert list(map(without_flags, then)) == list(map(without_flags, known))
        assert sum(event.in_force for event in then) <= 1
        assert sum(event.first_inspection for event in then) <= 1


def told(recording: Recording, each: Bale, revision: int = 0) -> Any:
    """All that is answered of a bale, its events last; or why nothing is."""
    try:
        seen = recording.bale(each, revision)
    except ServiceError as error:
        return error.reason
    facts = seen.reading, seen.brought, seen.lot.lot_no, seen.lot.withdrawn, seen.withdrawn
    return (*facts, seen.awaiting_original, list(seen.history))


def _events(answer: Any) -> list[trace_pb2.BaleEvent]:
    return [] if isinstance(answer, Reason) else answer[-1]


def without_flags(event: trace_pb2.BaleEvent) -> trace_pb2.BaleEvent:
    """An event but for what depends on the revision asked for."""
    plain = trace_pb2.BaleEvent.FromString(event.SerializeToString())
    plain.in_force = plain.first_inspection = False
    return plain
