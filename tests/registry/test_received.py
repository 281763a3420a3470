"""Which revision had been received by an instant, whatever the clock did."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from cotton_server.registry import received as received_module
from cotton_server.registry.lifecycle import Moment
from cotton_server.registry.received import ReceivedTimes
from cotton_server.registry.registry import Registry
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

INT64 = st.integers(-(2**63), 2**63 - 1)
TIMES = st.lists(st.one_of(st.integers(0, 20), INT64), max_size=40)
"""Clocks that stand, jump forth and jump back, by little and by all there is."""


def received(times: Sequence[int]) -> Registry:
    """A registry to which entries came at these times, in one group."""
    registry = Registry(bales_max=1)
    if times:
        registry.advance([Moment(position, each) for position, each in enumerate(times, 1)])
    return registry


@pytest.mark.parametrize(
    ("times", "at_us", "revision"),
    [
        ([], 5, 0),
        ([10, 20, 30], 9, 0),
        ([10, 20, 30], 10, 1),
        ([10, 20, 30], 29, 2),
        ([10, 20, 30], 31, 3),
        ([10, 10, 10], 10, 3),
        # What came later by the ledger and earlier by the clock waits for those before it.
        ([10, 30, 20], 20, 1),
        ([10, 30, 20], 29, 1),
        ([10, 30, 20], 30, 3),
        ([10, 30, 20, 40], 35, 3),
    ],
)
def test_the_last_revision_all_of_which_had_been_received(
    times: list[int], at_us: int, revision: int
) -> None:
    assert received(times).revision_at_instant(at_us) == revision


@given(times=TIMES, instants=st.lists(st.one_of(st.integers(-1, 21), INT64), min_size=2))
def test_an_instant_has_one_answer_and_a_later_one_never_an_earlier(
    times: list[int], instants: list[int]
) -> None:
    """Against the definition: the largest p such that entries 1 to p were all received by then."""
    registry = received(times)
    answers = [registry.revision_at_instant(at_us) for at_us in sorted(instants)]
    for at_us, answer in zip(sorted(instants), answers, strict=True):
        prefixes = [p for p in range(len(times) + 1) if all(each <= at_us for each in times[:p])]
        assert answer == max(prefixes)
    assert answers == sorted(answers)


@given(times=TIMES, cuts=st.lists(st.integers(0, 40)))
def test_how_entries_are_grouped_does_not_matter(times: list[int], cuts: list[int]) -> None:
    """And every revision is the answer, or before it, from the instant that is told of it on."""
    registry = Registry(bales_max=1)
    moments = [Moment(position, each) for position, each in enumerate(times, 1)]
    edges = sorted({0, len(times), *(min(cut, len(times)) for cut in cuts)})
    for start, stop in pairwise(edges):
        registry.advance(moments[start:stop])
    assert registry.revision == len(times)
    assert registry.received_by_us(0) == 0
    for revision in range(1, len(times) + 1):
        by_us = registry.received_by_us(revision)
        assert by_us == max(times[:revision])
        assert registry.revision_at_instant(by_us) >= revision
        assert registry.revision_at_instant(by_us - 1) < revision


def test_times_are_kept_over_the_edges_of_the_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received_module, "CHUNK", 4)
    times = ReceivedTimes()
    for start in (0, 3, 4, 9):
        times.extend(range(start, start + 3))
    assert len(times) == 12
    expected = [0, 1, 2, 3, 4, 5, 5, 5, 6, 9, 10, 11]
    assert [times.received_by_us(position) for position in range(1, 13)] == expected
    assert [times.position_at(at_us, 12) for at_us in range(-1, 13)] == [
        0, 1, 2, 3, 4, 5, 8, 9, 9, 9, 10, 11, 12, 12,
    ]  # fmt: skip
    # What came after somebody began to ask does not change the answer.
    assert times.position_at(12, 7) == 7
    for position in (-1, 13):
        with pytest.raises(IndexError):
            times.received_by_us(position)


@pytest.mark.parametrize("position", [1, 3])
def test_a_position_is_taken_once_and_in_order(position: int) -> None:
    """A time under the wrong position would answer every later instant wrongly."""
    registry = received([10])
    with pytest.raises(AssertionError, match="without a gap"):
        registry.advance([Moment(position, 20)])
    assert (registry.revision, registry.revision_at_instant(20)) == (1, 1)
