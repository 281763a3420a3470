"""Which rows of a summary are withheld because they are of too few bales to be published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_ROWS_MIN: Final = 2
"""What is of one row is that row's."""


def withheld_rows(
    bales: Int64Array, counts: Sequence[Int64Array], below: int
) -> tuple[BoolArray, bool]:
    """The rows to withhold, and whether the total has to be withheld with them.

    Rows of at least one bale and fewer than `below` are withheld. Beside the total, what it has
    beyond the rows that are told can be found by subtraction: of all bales, and of every part of
    them that has figures of its own. `counts` are these parts: the bales of each row that have an
    item, or were graded by a standard. Of each part nothing may be beyond the rows that are told,
    or `below` bales of at least two rows; the smallest further rows that have some of it are
    withheld until that is so. Where no row is left that helps, the total is withheld instead, and
    with it whatever tells of it: the shares of the total.
    """
    small = (bales > 0) & (bales < below)
    if not small.any():
        return small, False
    withheld = small.copy()
    parts = np.stack([bales, *counts])
    told = np.flatnonzero(~withheld & (bales > 0))
    smallest_first = told[np.argsort(bales[told], kind="stable")]
    hidden = parts[:, withheld].sum(axis=1)
    rows = (parts[:, withheld] > 0).sum(axis=1)
    while (lacking := (hidden > 0) & ((rows < _ROWS_MIN) | (hidden < below))).any():
        helps = (parts[np.ix_(lacking, smallest_first)] > 0).any(axis=0)
        if not helps.any():
            # Without the total there is nothing to subtract from.
            return small, True
        place = int(np.argmax(helps))
        row = smallest_first[place]
        smallest_first = np.delete(smallest_first, place)
        withheld[row] = True
        hidden += parts[:, row]
        rows += parts[:, row] > 0
    return withheld, False
