"""What waits for the committer: each producer in order, small before bulk, nothing for ever."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from cotton_server.intake.content import LOTS, READINGS
from cotton_server.intake.waiting import (
    BULK_BESIDE_SMALL_BYTES_MAX,
    BULK_WAITS_S_MAX,
    SMALL_BYTES_MAX,
    SMALL_SEEN_S,
    Waiting,
)
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUP_BYTES_MAX = 4 << 20
BULK = SMALL_BYTES_MAX + 1


def message(producer: str, number: int = 0, size: int = 100, kind: str = READINGS) -> Any:
    """What the queue looks at of a submission."""
    return SimpleNamespace(producer=producer, number=number, payload=bytes(size), kind=kind)


def waiting(*messages: Any, clock_s: Sequence[float] = (0.0,)) -> Waiting:
    """A queue with messages; the clock gives the last time for ever."""
    times = list(clock_s)
    queue = Waiting(GROUP_BYTES_MAX, clock_s=lambda: times.pop(0) if len(times) > 1 else times[0])
    for each in messages:
        queue.put(each)
    return queue


def taken(queue: Waiting) -> list[list[Any]]:
    """All groups until nothing waits."""
    groups = []
    while queue:
        groups.append(queue.take())
    return groups


def producers(groups: list[list[Any]]) -> list[list[str]]:
    """Who sent what is in each group."""
    return [[each.producer for each in group] for group in groups]


def test_small_messages_go_before_bulk_that_came_earlier() -> None:
    queue = waiting(message("bulk", size=BULK), message("a"), message("b"))
    assert producers(taken(queue)) == [["a", "b"], ["bulk"]]


def test_bulk_has_its_turn_however_fast_small_messages_come() -> None:
    """Once after it has waited, then the small ones again."""
    now_s = [0.0]
    queue = Waiting(GROUP_BYTES_MAX, clock_s=lambda: now_s[0])
    for _ in range(9):
        queue.put(message("bulk", size=BULK_BESIDE_SMALL_BYTES_MAX))
    turns = []
    for number in range(9):
        queue.put(message(f"a{number}"))
        queue.put(message(f"b{number}"))
        while (taken_now := queue.take())[0].producer != "bulk" and queue._small:
            pass
        turns.append(taken_now[0].producer == "bulk")
        now_s[0] += 0.6 * BULK_WAITS_S_MAX
    assert turns == [False, False, True, False, True, False, True, False, True]


def test_bulk_is_taken_in_small_groups_only_while_small_messages_come() -> None:
    half = BULK_BESIDE_SMALL_BYTES_MAX // 2
    bulk = [message("bulk", number, half) for number in range(8)]
    assert [len(group) for group in taken(waiting(*bulk))] == [8]
    beside = waiting(message("a"), *bulk)
    assert [len(group) for group in taken(beside)] == [1, 2, 2, 2, 2]
    later = waiting(message("a"), *bulk, clock_s=[0.0, SMALL_SEEN_S])
    assert [len(group) for group in taken(later)] == [1, 8]


def test_a_message_that_is_larger_than_a_group_is_taken_alone() -> None:
    large = message("bulk", size=GROUP_BYTES_MAX + 1)
    queue = waiting(message("other", size=BULK), large, message("other", size=BULK))
    assert producers(taken(queue)) == [["other"], ["bulk"], ["other"]]


def test_what_is_no_reading_is_taken_alone() -> None:
    queue = waiting(message("a"), message("b", kind=LOTS), message("c"), message("d"))
    assert producers(taken(queue)) == [["a"], ["b"], ["c", "d"]]


def test_what_was_put_back_comes_first_and_in_order() -> None:
    queue = waiting(message("c"))
    queue.put_back([message("a"), message("b")])
    assert producers(taken(queue)) == [["a", "b", "c"]]


def test_bulk_behind_a_small_message_of_its_producer_does_not_stay_among_small_ones() -> None:
    """A producer that always has 16 in flight, the first of them small, beside instruments."""
    in_flight, batch = 16, 300_000
    now_s = [0.0]
    queue = Waiting(GROUP_BYTES_MAX, clock_s=lambda: now_s[0])
    numbers = iter(range(1000))
    queue.put(message("bulk", next(numbers), size=2000))
    for _ in range(in_flight - 1):
        queue.put(message("bulk", next(numbers), size=batch))
    seen: list[int] = []
    for turn in range(40):
        now_s[0] += 0.01
        queue.put(message(f"instrument{turn}", size=300))
        while True:
            group: list[Any] = list(queue.take())
            seen += [each.number for each in group if each.producer == "bulk"]
            for each in group:
                if each.producer == "bulk":
                    queue.put(message("bulk", next(numbers), size=batch))
            if any(each.producer.startswith("instrument") for each in group):
                break
            assert sum(len(each.payload) for each in group) <= batch
        assert all(len(each.payload) <= SMALL_BYTES_MAX for each in group)
    assert seen == list(range(len(seen)))
    assert len(seen) > 1 + 40 * 0.01 // BULK_WAITS_S_MAX - 2


def test_small_messages_are_taken_in_small_groups() -> None:
    """However many there are, the last of them waits for no more than one batch of bulk does."""
    fit = BULK_BESIDE_SMALL_BYTES_MAX // SMALL_BYTES_MAX
    queue = waiting(*(message(f"a{number}", size=SMALL_BYTES_MAX) for number in range(fit + 1)))
    assert [len(group) for group in taken(queue)] == [fit, 1]


def test_what_follows_bulk_that_was_behind_a_small_message_stays_behind_it() -> None:
    """Also when it is small, and when it was there before the bulk was sorted out."""
    queue = waiting(
        message("p", 0), message("p", 1, BULK), message("p", 2), message("q"), message("p", 3, BULK)
    )
    groups: list[list[Any]] = [list(queue.take())]
    queue.put(message("p", 4))
    queue.put(message("r"))
    groups += taken(queue)
    assert producers(groups) == [["p", "q"], ["r"], ["p", "p", "p", "p"]]
    assert [each.number for each in groups[2]] == [1, 2, 3, 4]


def test_what_was_put_back_comes_before_bulk_of_its_producer() -> None:
    queue = waiting(message("p", 0), message("p", 1), message("p", 2, BULK))
    group: list[Any] = list(queue.take())
    assert [each.number for each in group] == [0, 1]
    queue.put_back(group[1:])
    queue.put(message("p", 3))
    assert [each.number for group in taken(queue) for each in group] == [1, 2, 3]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["p", "q", "r"]),
            st.sampled_from([1, SMALL_BYTES_MAX, BULK, 200 << 10, GROUP_BYTES_MAX]),
            st.sampled_from([READINGS, READINGS, READINGS, LOTS]),
        )
    ),
    st.lists(st.booleans(), max_size=60),
    st.lists(st.sampled_from([0.0, 0.6 * BULK_WAITS_S_MAX, SMALL_SEEN_S]), max_size=60),
)
def test_every_message_is_taken_once_and_in_the_order_of_its_producer(
    sent: list[tuple[str, int, str]], takes: list[bool], pauses: list[float]
) -> None:
    """Whatever is put and taken in turn, whoever's turn it is, and whatever is put back once."""
    queue = waiting(clock_s=np.cumsum([0.0, *pauses]).tolist())
    seen: list[Any] = []
    decisions = iter(takes)
    for number, (producer, size, kind) in enumerate(sent):
        queue.put(message(producer, number, size, kind))
        if next(decisions, False):
            group = queue.take()
            if next(decisions, False):  # the last of a group has to wait
                queue.put_back(group[1:])
                group = group[:1]
            seen += group
    seen += [each for group in taken(queue) for each in group]
    assert sorted(each.number for each in seen) == list(range(len(sent)))
    for producer in ("p", "q", "r"):
        numbers = [each.number for each in seen if each.producer == producer]
        assert numbers == sorted(numbers)
