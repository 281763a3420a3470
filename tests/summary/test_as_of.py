"""The revision that a read is of: named, of an instant, or the latest; and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cotton_server.errors import Reason, ServiceError
from cotton_server.summary.as_of import named_revision, requested_revision
from cotton_server.summary.status import AsOf
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bales import LOT, bale
from tests.support.histories import BEGUN_S, STEP_S, History

if TYPE_CHECKING:
    from cotton.inspection.v1 import summary_pb2

SECOND_US = 1_000_000
NOW_US = (BEGUN_S + 10 * STEP_S) * SECOND_US


def history_at(*received_at_s: int) -> History:
    """A history of one bale at each of these instants."""
    history = History()
    for number, at_s in enumerate(received_at_s):
        history.read([bale(number)], at_s=at_s)
    return history


THREE = history_at(BEGUN_S, BEGUN_S + STEP_S, BEGUN_S + 2 * STEP_S)


@pytest.mark.parametrize(
    ("revision", "as_of_us", "expected"),
    [
        (0, 0, 3),
        (2, 0, 2),
        (0, 1, 0),
        (0, BEGUN_S * SECOND_US - 1, 0),
        (0, BEGUN_S * SECOND_US, 1),
        (0, (BEGUN_S + 2 * STEP_S) * SECOND_US - 1, 2),
        (0, NOW_US, 3),
    ],
)
def test_a_revision_an_instant_or_the_latest(revision: int, as_of_us: int, expected: int) -> None:
    """By an instant before everything it is revision 0, which is not the latest."""
    assert requested_revision(revision, as_of_us, THREE.registry, NOW_US) == expected
    named = named_revision(revision, as_of_us, THREE.registry, NOW_US)
    assert named == (expected if revision or as_of_us else None)


@pytest.mark.parametrize(
    ("revision", "as_of_us", "reason", "field", "told"),
    [
        (4, 0, Reason.FUTURE_REVISION, "revision", "the latest is 3"),
        (1, NOW_US, Reason.INVALID_FIELD, "as_of_us", "one of them"),
        (4, NOW_US + 1, Reason.INVALID_FIELD, "as_of_us", "one of them"),
        (0, -1, Reason.INVALID_FIELD, "as_of_us", "before 1970"),
        (0, -(2**63), Reason.INVALID_FIELD, "as_of_us", "before 1970"),
        (0, NOW_US + 1, Reason.FUTURE_REVISION, "as_of_us", "2016-11-25 09:06:40 China time was"),
        (0, 2**63 - 1, Reason.FUTURE_REVISION, "as_of_us", "by the clock of the service"),
    ],
)
def test_what_has_no_answer_is_refused_with_its_field(
    revision: int, as_of_us: int, reason: Reason, field: str, told: str
) -> None:
    """An instant that has not come would be answered otherwise once it has."""
    with pytest.raises(ServiceError) as refused:
        requested_revision(revision, as_of_us, THREE.registry, NOW_US)
    assert refused.value.reason is reason
    assert list(refused.value.violations) == [field]
    assert told in str(refused.value)
    with pytest.raises(ServiceError) as likewise:
        THREE.views(NOW_US // SECOND_US).as_of(revision, as_of_us)
    assert likewise.value.reason is reason


@given(
    times_s=st.lists(st.integers(BEGUN_S, BEGUN_S + 20), min_size=1, max_size=8),
    at_us=st.integers((BEGUN_S - 1) * SECOND_US, (BEGUN_S + 21) * SECOND_US),
)
def test_what_had_not_been_received_is_not_in_the_answer(times_s: list[int], at_us: int) -> None:
    """Whatever the clock did: at the revision of an instant there is nothing that came later."""
    history = history_at(*times_s)
    views = history.views(BEGUN_S + 100)
    as_of = views.as_of(0, at_us)
    assert as_of.instant_s == at_us // SECOND_US
    assert all(each * SECOND_US <= at_us for each in times_s[: as_of.revision])
    following = times_s[as_of.revision : as_of.revision + 1]
    assert all(each * SECOND_US > at_us for each in following)
    view = views.view(history.number(), as_of)
    assert (0 if view is None else view.status.bales) == as_of.revision


def test_ages_and_deadlines_are_told_at_the_instant_asked_for() -> None:
    """Not when the last entry before it came, nor now."""
    history = History()
    history.register(gate_in_at_s=BEGUN_S)
    views = history.views(BEGUN_S + 100 * STEP_S)
    asked_us = (BEGUN_S + 50 * STEP_S) * SECOND_US + 999_999

    def status(as_of: AsOf) -> summary_pb2.LotStatus:
        view = views.view(history.number(LOT), as_of)
        assert view is not None
        return view.status

    assert views.as_of(0, asked_us) == AsOf(1, BEGUN_S + 50 * STEP_S)
    assert status(views.as_of(0, asked_us)).age_s == 50 * STEP_S
    assert status(views.as_of(1)).age_s == STEP_S
    assert status(views.as_of(0)).age_s == 100 * STEP_S


def test_by_an_instant_before_everything_nothing_is_there() -> None:
    """Revision 0 is then a revision, not the latest."""
    views = THREE.views(NOW_US // SECOND_US)
    as_of = views.as_of(0, 1)
    assert as_of == AsOf(0, 0)
    assert views.view(THREE.number(), as_of) is None
    assert list(views.statuses([THREE.number()], as_of)) == []
