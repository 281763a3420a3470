"""Which rows of a summary are withheld because they are of too few bales to be published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    Int64Array = npt.NDArray[np.int64]

BoolArray = npt.NDArray[np.bool_]


def withheld_rows(bales: Int64Array, below: int) -> tuple[BoolArray, bool]:
    """The rows to withhold, and whether the total has to be withheld with them.

    Rows of at least one bale and fewer than `below` are withheld. What stands beside the total is
    the sum of all others, so that the sum of what is withheld can be found by subtraction: the
    smallest further rows are withheld until that sum is of at least two rows and at least
    `below` bales. Where the rows do not suffice the total is withheld too. Rows without bales
    hide nothing: they are neither withheld nor do they count.
    """
    small = (bales > 0) & (bales < below)
    if not small.any():
        return small, False
    withheld = small.copy()
    rows, hidden = int(small.sum()), int(bales[small].sum())
    others = np.flatnonzero(bales >= below)
    for row in others[np.argsort(bales[others], kind="stable")].tolist():
        if rows > 1 and hidden >= below:
            break
        withheld[row] = True
        rows, hidden = rows + 1, hidden + int(bales[row])
    return withheld, rows < 2 or hidden < below  # noqa: PLR2004 - one row is its own sum
