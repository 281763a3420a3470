"""The book of producers against sums over what was noted."""

from __future__ import annotations

import pytest
from cotton_server.registry.producers import UNHEARD, Producer, ProducerBook
from hypothesis import given
from hypothesis import strategies as st


def test_a_producer_that_was_never_noted_begins_with_1() -> None:
    book = ProducerBook()
    assert book.get("p") == UNHEARD == Producer(1, 0, 0, 0, 0)
    assert book.next_sequence("p") == 1
    assert len(book) == 0
    assert "p" not in book


@given(
    st.lists(st.tuples(st.sampled_from("pqr"), st.booleans(), st.integers(0, 16_384)), max_size=30)
)
def test_a_book_is_the_sum_of_what_was_noted(noted: list[tuple[str, bool, int]]) -> None:
    """Positions are those of the ledger, shared by all producers; clocks may go back."""
    book = ProducerBook()
    for position, (producer, sequenced, bales) in enumerate(noted, 1):
        sequence = book.next_sequence(producer) if sequenced else None
        book.note(producer, sequence, position, -position, bales)
    assert len(book) == len({producer for producer, _, _ in noted})
    for name in "pqr":
        own = [
            (position, sequenced, bales)
            for position, (producer, sequenced, bales) in enumerate(noted, 1)
            if producer == name
        ]
        last = own[-1][0] if own else 0
        assert book.get(name) == Producer(
            next_sequence=1 + sum(sequenced for _, sequenced, _ in own),
            batches=len(own),
            bales_received=sum(bales for _, _, bales in own),
            last_revision=last,
            last_received_at_us=-last,
        )
        assert (name in book) == bool(own)


@pytest.mark.parametrize("sequence", [0, 1, 3])
def test_a_sequence_that_is_not_the_next_is_never_noted(sequence: int) -> None:
    book = ProducerBook()
    book.note("p", 1, 1, 0, 1)
    before = book.get("p")
    with pytest.raises(AssertionError):
        book.note("p", sequence, 2, 0, 1)
    assert book.get("p") == before


def test_what_stands_earlier_in_the_ledger_is_never_noted_later() -> None:
    book = ProducerBook()
    book.note("p", None, 5, 0, 1)
    book.note("q", None, 4, 0, 1)
    with pytest.raises(AssertionError):
        book.note("p", None, 5, 0, 1)
