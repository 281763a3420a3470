"""Which rows are read, and the cheapest way to read them out of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Rows = npt.NDArray[np.int64]

_PIECE_US: Final = 4.0
_IN_ORDER_US: Final = 0.0005
_TAKEN_US: Final = 0.0015
_SPREAD_US: Final = 25.0
_AT_RANDOM_US: Final = 0.012
"""What a column takes, as measured: for each piece, for each row that is read in order, for each
that is taken out of such; for rows that are read singly, and for each of them."""


@dataclass(frozen=True, slots=True)
class Places:
    """Rows in the order in which they are wanted; there is at least one.

    Without `rows` they are `pieces`, ranges [start, stop) one after the other. With `dense` it is
    cheapest to read everything from the first to the last, and take the rows out of that.
    """

    count: int
    first: int
    last: int
    pieces: Sequence[tuple[int, int]] = ()
    rows: Rows | None = None
    dense: bool = False

    @property
    def span(self) -> int:
        """Rows from the first to the last, both included."""
        return self.last + 1 - self.first


def between(start: int, stop: int) -> Places:
    """The rows of a range that is not empty."""
    return Places(stop - start, start, stop - 1, ((start, stop),))


def at(rows: npt.NDArray[np.integer]) -> Places:
    """Rows, at least one, in any order."""
    where = rows.astype(np.int64, copy=False)
    count = len(where)
    if count == 1:
        return between(int(where[0]), int(where[0]) + 1)
    first, last = int(where.min()), int(where.max())
    ends = np.flatnonzero(where[1:] - where[:-1] != 1)
    in_pieces = (len(ends) + 1) * _PIECE_US + count * _IN_ORDER_US
    densely = _PIECE_US + (last - first) * _IN_ORDER_US + count * _TAKEN_US
    singly = _SPREAD_US + count * _AT_RANDOM_US
    if in_pieces > min(densely, singly):
        return Places(count, first, last, rows=where, dense=densely < singly)
    starts = where[np.concatenate([[0], ends + 1])].tolist()
    stops = (where[np.concatenate([ends, [count - 1]])] + 1).tolist()
    return Places(count, first, last, tuple(zip(starts, stops, strict=True)))
