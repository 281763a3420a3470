"""The course of a bale: its state after each event, and numbers that no grouping changes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from cotton.inspection.v1 import readings_pb2
from cotton_server.registry.courses import NO_ROW, BaleState, Cause, CourseEvent, after, state_after

from tests.support.bales import LOT, OTHER_LOT, Bale, bale, usda_bale
from tests.support.deciding import Deciding

READ = CourseEvent(Cause.READ, 1, 0, row=0, comes_into_force=True)
REVIEWED = CourseEvent(
    Cause.RETESTED, 2, 0, row=1, comes_into_force=True, supersedes=0, superseded_revision=1
)
CORRECTED = CourseEvent(
    Cause.CORRECTED, 3, 0, row=2, comes_into_force=True, supersedes=1, superseded_revision=2
)
WITHDRAWN = CourseEvent(Cause.WITHDRAWN, 4, 0)
REINSTATED = CourseEvent(Cause.REINSTATED, 5, 0)

COURSES = [
    ([READ], 0, 0, 1),
    ([READ, REVIEWED], 1, 0, 2),
    ([READ, REVIEWED, CORRECTED], 2, 0, 3),
    ([READ, REVIEWED, CORRECTED, WITHDRAWN], NO_ROW, NO_ROW, 3),
    ([READ, REVIEWED, CORRECTED, WITHDRAWN, REINSTATED], 2, 0, 3),
    ([READ, replace(CORRECTED, supersedes=0)], 2, 2, 3),
    ([READ, replace(REVIEWED, comes_into_force=False, supersedes=NO_ROW)], 0, 0, 1),
]


@pytest.mark.parametrize(("events", "counted", "first", "since"), COURSES)
def test_what_counts_after_events(
    events: list[CourseEvent], counted: int, first: int, since: int
) -> None:
    """Re-tests and their corrections never touch the first inspection."""
    state = state_after(events)
    assert (state.counted, state.counted_first, state.since) == (counted, first, since)
    for one, other in pairwise(range(len(events) + 1)):
        assert after(state_after(events[:one]), events[one]) == state_after(events[:other])
    assert state_after([]) == BaleState()


def test_an_original_in_whose_place_a_retest_stands_is_known_again() -> None:
    review = replace(REVIEWED, position=1, supersedes=NO_ROW, superseded_revision=0)
    original = replace(READ, position=2, row=3, comes_into_force=False)
    state = state_after([review, original])
    assert (state.in_force, state.first, state.original) == (1, 3, 3)
    assert state.left == ((3, Cause.RETESTED),)


REVIEW = replace(bale(1), kind=readings_pb2.READING_KIND_REVIEW)

GROUPS = [
    # What a rejected row names is in no order of use.
    [[bale(2, OTHER_LOT, length=9999), bale(1)], [bale(2, OTHER_LOT)]],
    # Imported bales without a lot stand in the order of arrival like the others.
    [[usda_bale(1)], [bale(1)], [usda_bale(1, crop_year=2022)]],
    # A correction that is refused leaves the bale as if it had not been sent.
    [[bale(1)], [bale(1).correcting(7)]],
    [[replace(bale(1), laboratory="L1")], [REVIEW, bale(1, length=2900)], [REVIEW]],
]


@pytest.mark.parametrize("batches", GROUPS)
def test_numbers_and_courses_are_the_same_however_batches_are_grouped(
    batches: list[list[Bale]],
) -> None:
    apart, together = Deciding(), Deciding()
    for bales in batches:
        apart.take(bales)
    together.take(*batches)
    one, other = apart.registry, together.registry
    assert [lot.lot_no for lot in one.lots] == [lot.lot_no for lot in other.lots]
    held = slice(one.bales.count)
    for name, column in one.bales.references.items():
        assert column[held].tolist() == other.bales.references[name][held].tolist()
    assert one.bales.has_course[held].tolist() == other.bales.has_course[held].tolist()
    assert one.changes == other.changes
    assert LOT in {lot.lot_no for lot in one.lots}
