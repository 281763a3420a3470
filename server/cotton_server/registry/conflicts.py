"""The conflicts: readings that differed from the one in force when they arrived, and decisions."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from enum import IntEnum
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import numpy.typing as npt
from cotton.inspection.v1 import amendments_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


CONFLICT_COLUMNS: Final[Mapping[str, npt.DTypeLike]] = {
    "position": np.uint32,
    "batch_row": np.uint32,
    "key_row": np.int32,
    "row": np.int32,
    "stored_row": np.int32,
    "stored_revision": np.uint32,
    "outcome": np.uint8,
    "laboratory": np.int32,
    "lot": np.int32,
    "resolved_position": np.uint32,
    "resolved_row": np.uint32,
    "accepted": np.bool_,
    "arrivals": np.uint32,
}
"""Columns of conflicts with their dtypes, a row each in order of arrival; arrivals are counted."""


class _Kept:
    """Conflicts in columns, and how they are found."""

    def __init__(
        self, columns: Mapping[str, npt.NDArray[Any]], arrivals: npt.NDArray[np.uint32]
    ) -> None:
        self._columns = columns
        self._arrivals = arrivals
        self._ends = np.cumsum(columns["arrivals"], dtype=np.int64)
        self._by_place = np.lexsort((columns["batch_row"], columns["position"]))
        self._places = _place_number(columns["position"], columns["batch_row"])[self._by_place]
        self._by_lot = np.argsort(columns["lot"], kind="stable")
        self._lots = columns["lot"][self._by_lot]

    def __len__(self) -> int:
        """Conflicts."""
        return len(self._ends)

    def entry(self, number: int) -> ConflictEntry:
        """A conflict, made anew."""
        said = {name: int(column[number]) for name, column in self._columns.items()}
        stop = int(self._ends[number])
        arrivals = self._arrivals[stop - said.pop("arrivals") : stop]
        place = said.pop("position"), said.pop("batch_row")
        accepted = bool(said.pop("accepted"))
        return ConflictEntry(
            place=place, arrivals=array("Q", arrivals.tolist()), accepted=accepted, **said
        )

    def number_at(self, place: Place) -> int | None:
        """Number of the conflict that began at a place."""
        if max(place) >> 32:
            return None
        wanted = _place_number(*(np.array([each], np.uint64) for each in place))
        found = int(np.searchsorted(self._places, wanted)[0])
        if found == len(self._places) or self._places[found] != wanted[0]:
            return None
        return int(self._by_place[found])

    def in_lot(self, lot: int) -> list[int]:
        """Numbers of the conflicts of a lot, ascending."""
        wanted = self._lots.dtype.type(lot)
        first, stop = (self._lots.searchsorted(wanted, side) for side in ("left", "right"))
        numbers: list[int] = self._by_lot[first:stop].tolist()
        return numbers


class ConflictBook:
    """All conflicts, in order of arrival.

    Those that the book began with stay in columns until they are asked for.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self._entries: list[ConflictEntry | None] = []
        self._by_place: dict[Place, ConflictEntry] = {}
        self._by_lot: dict[int, list[ConflictEntry]] = {}
        self._kept: _Kept | None = None
        self._making = Lock()
        self.open = 0

    def __len__(self) -> int:
        """Conflicts that ever began."""
        return len(self._entries)

    def __iter__(self) -> Iterator[ConflictEntry]:
        """Conflicts in order of arrival."""
        return map(self._entry, range(len(self._entries)))

    def between(self, first: int, stop: int) -> list[ConflictEntry]:
        """The conflicts of these numbers in order of arrival."""
        return [self._entry(number) for number in range(len(self._entries))[first:stop]]

    def at(self, place: Place) -> ConflictEntry | None:
        """The conflict that began there."""
        entry = self._by_place.get(place)
        if entry is None and self._kept is not None:
            number = self._kept.number_at(place)
            return None if number is None else self._entry(number)
        return entry

    def begin(self, entry: ConflictEntry) -> None:
        """Enters a new conflict."""
        self._entries.append(entry)
        self._by_place[entry.place] = entry
        self._by_lot.setdefault(entry.lot, []).append(entry)
        self.open += 1

    def arrived_again(self, place: Place, position: int) -> None:
        """Notes that the differing reading of a conflict came once more."""
        self._begun(place).arrivals.append(position)

    def resolve(self, place: Place, position: int, row: int, *, accepted: bool) -> None:
        """Notes the decision of a conflict that is open."""
        entry = self._begun(place)
        entry.resolved_position, entry.resolved_row, entry.accepted = position, row, accepted
        self.open -= 1

    def open_in_lot(self, lot: int, revision: int) -> int:
        """Conflicts of bales of a lot that are open at a revision."""
        kept = [] if self._kept is None else self._kept.in_lot(lot)
        return sum(
            entry.place[0] <= revision and entry.state_at(revision) is ConflictState.OPEN
            for entry in (*map(self._entry, kept), *self._by_lot.get(lot, ()))
        )

    def columns(self) -> tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.uint32]]:
        """All conflicts, and all arrivals one after the other, as `begin_with` takes them."""
        entries = list(self)
        rows = [
            (
                *each.place,
                each.key_row,
                each.row,
                each.stored_row,
                each.stored_revision,
                each.outcome,
                each.laboratory,
                each.lot,
                each.resolved_position,
                each.resolved_row,
                each.accepted,
                len(each.arrivals),
            )
            for each in entries
        ]
        by_column = zip(*rows, strict=True) if rows else [()] * len(CONFLICT_COLUMNS)
        columns: dict[str, npt.NDArray[Any]] = {
            name: np.array(values, dtype)
            for (name, dtype), values in zip(CONFLICT_COLUMNS.items(), by_column, strict=True)
        }
        return columns, np.array([at for each in entries for at in each.arrivals], np.uint32)

    def begin_with(
        self, columns: Mapping[str, npt.NDArray[Any]], arrivals: npt.NDArray[np.uint32]
    ) -> None:
        """Takes the conflicts of another book into an empty one."""
        if self._entries:
            raise AssertionError("conflicts that were there come before all others")
        typed: dict[str, npt.NDArray[Any]] = {
            name: columns[name].astype(dtype) for name, dtype in CONFLICT_COLUMNS.items()
        }
        self._kept = _Kept(typed, arrivals)
        self._entries = [None] * len(self._kept)
        self.open = int(np.count_nonzero(typed["resolved_position"] == 0))

    def _entry(self, number: int) -> ConflictEntry:
        entry = self._entries[number]
        if entry is not None:
            return entry
        made = cast("_Kept", self._kept).entry(number)
        with self._making:
            # Whoever was first has given it out, and it may have been decided since.
            entry = self._entries[number] or made
            self._entries[number] = entry
        return entry

    def _begun(self, place: Place) -> ConflictEntry:
        entry = self.at(place)
        if entry is None:
            raise AssertionError("a conflict is begun before anything else becomes of it")
        return entry


def _place_number(
    position: npt.NDArray[np.unsignedinteger], row: npt.NDArray[np.unsignedinteger]
) -> npt.NDArray[np.uint64]:
    """A number for each place, in their order."""
    return position.astype(np.uint64) << np.uint64(32) | row.astype(np.uint64)
