"""The conflicts: readings that differed from the one in force when they arrived, and decisions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from cotton.inspection.v1 import amendments_pb2

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

Place = tuple[int, int]
"""Where a conflict began: ledger position and row in the batch. Its name, for ever."""


_ID_CHARACTERS_MAX = 32
"""A position has at most 19 digits and a row 5."""


class ConflictState(IntEnum):
    """Whether and how a conflict is decided; the numbers of the contract's enum."""

    OPEN = amendments_pb2.CONFLICT_STATE_OPEN
    KEPT = amendments_pb2.CONFLICT_STATE_KEPT
    ACCEPTED = amendments_pb2.CONFLICT_STATE_ACCEPTED


def conflict_id(place: Place) -> str:
    """The id of a conflict: "1234/17"."""
    return f"{place[0]}/{place[1]}"


def place_of(text: str) -> Place | None:
    """The place that a conflict id names, None when it has not its form."""
    position, slash, row = text.partition("/")
    digits = all(part.isascii() and part.isdigit() for part in (position, row))
    if len(text) > _ID_CHARACTERS_MAX or not slash or not digits:
        return None
    place = int(position), int(row)
    return place if text == conflict_id(place) else None


@dataclass(slots=True)
class ConflictEntry:
    """One conflict.

    `key_row` is the row that the index gives for the bale, `row` holds the differing reading,
    `stored_row` the one that was in force since `stored_revision`; `outcome` says in which field
    they differ first. `laboratory` is the number of the differing reading's laboratory, `lot`
    that of the stored one's lot. `arrivals` are the positions at which it came, and came again.
    A `resolved_position` of 0 is: not decided; `resolved_row` is the place in that request.
    """

    place: Place
    key_row: int
    row: int
    stored_row: int
    stored_revision: int
    outcome: int
    laboratory: int
    lot: int
    arrivals: array[int]
    resolved_position: int = 0
    resolved_row: int = 0
    accepted: bool = False

    @property
    def id(self) -> str:
        """Revision and row at which it began: "1234/17"."""
        return conflict_id(self.place)

    def state_at(self, revision: int) -> ConflictState:
        """How it is decided at a revision at which it had begun."""
        if not 0 < self.resolved_position <= revision:
            return ConflictState.OPEN
        return ConflictState.ACCEPTED if self.accepted else ConflictState.KEPT


class ConflictBook:
    """All conflicts, in order of arrival."""

    def __init__(self) -> None:
        """Starts empty."""
        self._entries: list[ConflictEntry] = []
        self._by_place: dict[Place, ConflictEntry] = {}
        self._by_lot: dict[int, list[ConflictEntry]] = {}
        self.open = 0

    def __len__(self) -> int:
        """Conflicts that ever began."""
        return len(self._entries)

    def __iter__(self) -> Iterator[ConflictEntry]:
        """Conflicts in order of arrival."""
        return iter(self._entries)

    def between(self, first: int, stop: int) -> list[ConflictEntry]:
        """The conflicts of these numbers in order of arrival."""
        return self._entries[first:stop]

    def at(self, place: Place) -> ConflictEntry | None:
        """The conflict that began there."""
        return self._by_place.get(place)

    def begin(self, entry: ConflictEntry) -> None:
        """Enters a new conflict."""
        self._entries.append(entry)
        self._by_place[entry.place] = entry
        self._by_lot.setdefault(entry.lot, []).append(entry)
        self.open += 1

    def arrived_again(self, place: Place, position: int) -> None:
        """Notes that the differing reading of a conflict came once more."""
        self._by_place[place].arrivals.append(position)

    def resolve(self, place: Place, position: int, row: int, *, accepted: bool) -> None:
        """Notes the decision of a conflict that is open."""
        entry = self._by_place[place]
        entry.resolved_position, entry.resolved_row, entry.accepted = position, row, accepted
        self.open -= 1

    def open_in_lot(self, lot: int, revision: int) -> int:
        """Conflicts of bales of a lot that are open at a revision."""
        return sum(
            entry.place[0] <= revision and entry.state_at(revision) is ConflictState.OPEN
            for entry in self._by_lot.get(lot, ())
        )
