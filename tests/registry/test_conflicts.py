"""Conflicts by place, by state and by lot."""

from __future__ import annotations

from array import array

import pytest
from cotton_server.registry.conflicts import (
    ConflictBook,
    ConflictEntry,
    ConflictState,
    conflict_id,
    place_of,
)


def conflict(position: int, *, lot: int = 0) -> ConflictEntry:
    """A conflict that began at a position."""
    return ConflictEntry(
        place=(position, 2),
        key_row=0,
        row=1,
        stored_row=0,
        stored_revision=1,
        outcome=12,
        laboratory=0,
        lot=lot,
        arrivals=array("Q", [position]),
    )


@pytest.mark.parametrize("text", ["", "/", "1", "1/", "/1", "01/2", "1/02", "-1/2", "1/2/3", "1/x"])
def test_what_is_no_id_has_no_place(text: str) -> None:
    assert place_of(text) is None


def test_an_id_and_its_place_are_one() -> None:
    assert place_of(conflict_id((1234, 17))) == (1234, 17)


@pytest.mark.parametrize("accepted", [True, False])
def test_a_conflict_is_open_until_the_revision_of_its_decision(accepted: bool) -> None:
    book = ConflictBook()
    book.begin(conflict(3))
    book.arrived_again((3, 2), 5)
    book.resolve((3, 2), 7, 0, accepted=accepted)
    (entry,) = book
    after = ConflictState.ACCEPTED if accepted else ConflictState.KEPT
    states = [entry.state_at(revision) for revision in (3, 6, 7, 8)]
    assert states == [ConflictState.OPEN, ConflictState.OPEN, after, after]
    assert list(entry.arrivals) == [3, 5]
    assert (len(book), book.open, book.at((3, 2)), book.at((3, 1))) == (1, 0, entry, None)


def test_open_conflicts_of_a_lot_at_a_revision() -> None:
    book = ConflictBook()
    for position, lot in ((2, 0), (3, 1), (4, 0)):
        book.begin(conflict(position, lot=lot))
    book.resolve((2, 2), 6, 0, accepted=False)
    assert [book.open_in_lot(0, revision) for revision in (1, 2, 4, 5, 6)] == [0, 1, 2, 2, 1]
    assert book.open_in_lot(7, 6) == 0
