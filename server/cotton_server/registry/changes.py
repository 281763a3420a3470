"""The changes of lots that the feed tells, in columns that only grow."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import starmap
from typing import TYPE_CHECKING, Final, overload

import numpy as np

from cotton_server.registry.lifecycle import ChangeKind, LotChange, LotState, Moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

COLUMNS: Final = ("position", "received_at_us", "lot", "kind", "before", "after")

_KINDS = {int(each): each for each in ChangeKind}
_STATES = {int(each): each for each in LotState}


class ChangeLog(Sequence[LotChange]):
    """Changes in order of the ledger, read like a list: 19 bytes each in place of some 300.

    One thread adds. Its length may be asked for at any time; what it holds while nobody adds.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self.position = array("I")
        self.received_at_us = array("q")
        self.lot = array("i")
        self.kind = array("B")
        self.before = array("B")
        self.after = array("B")

    def __len__(self) -> int:
        """Changes that are there as a whole."""
        return len(self.after)

    @overload
    def __getitem__(self, place: int) -> LotChange: ...

    @overload
    def __getitem__(self, place: slice) -> list[LotChange]: ...

    def __getitem__(self, place: int | slice) -> LotChange | list[LotChange]:
        """A change, or a list of changes as they are now."""
        if isinstance(place, slice):
            return list(starmap(_change, zip(*(c[place] for c in self.columns()), strict=True)))
        position, received_at_us, lot, kind, before, after = (c[place] for c in self.columns())
        return _change(position, received_at_us, lot, kind, before, after)

    def __iter__(self) -> Iterator[LotChange]:
        """The changes as they are now."""
        return iter(self[:])

    def __eq__(self, other: object) -> bool:
        """Whether the same changes are in both."""
        return isinstance(other, ChangeLog) and self.columns() == other.columns()

    __hash__ = None  # type: ignore[assignment]

    def append(self, change: LotChange) -> None:
        """Adds a change behind the others."""
        self.position.append(change.moment.position)
        self.received_at_us.append(change.moment.received_at_us)
        self.lot.append(change.lot)
        self.kind.append(change.kind)
        self.before.append(change.before)
        # Last: it is what tells how many there are.
        self.after.append(change.after)

    def begin_with(self, columns: Mapping[str, NDArray[np.integer]]) -> None:
        """Takes the columns of another log, by name, into an empty one."""
        if self.after:
            raise AssertionError("changes that were there come before all others")
        for name, column in zip(COLUMNS, self.columns(), strict=True):
            column.frombytes(np.ascontiguousarray(columns[name], column.typecode).tobytes())

    def columns(self) -> tuple[array[int], ...]:
        """The columns, in the order of COLUMNS."""
        return (
            self.position,
            self.received_at_us,
            self.lot,
            self.kind,
            self.before,
            self.after,
        )


def _change(
    position: int, received_at_us: int, lot: int, kind: int, before: int, after: int
) -> LotChange:
    moment = Moment(position, received_at_us)
    return LotChange(moment, lot, _KINDS[kind], _STATES[before], _STATES[after])
