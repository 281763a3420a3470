"""Ranges of rows of the bale store, and rows that are out of them at times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_server.registry.index import RowArray

RunArray = npt.NDArray[np.int32]
"""A row [start, stop) for each range."""

Toggles = dict[int, tuple[int, ...]]
"""By row, the positions at which it left or came back: after an odd number of them it is out."""


def rows_of(runs: RunArray) -> RowArray:
    """The rows of ranges [start, stop), in order."""
    sizes = runs[:, 1] - runs[:, 0]
    before = np.cumsum(sizes) - sizes
    steps = np.arange(int(sizes.sum()), dtype=np.int32)
    rows: RowArray = (steps + np.repeat(runs[:, 0] - before, sizes)).astype(np.int32)
    return rows


def bales_in(runs: RunArray) -> int:
    """Rows in ranges."""
    if len(runs) == 1:
        # Nearly every lot has one; the sum of an array costs ten times as much.
        return int(runs[0, 1]) - int(runs[0, 0])
    return int((runs[:, 1] - runs[:, 0]).sum())


def without(runs: RunArray, toggles: Mapping[int, tuple[int, ...]], revision: int) -> RunArray:
    """The runs without the rows that are out at a revision."""
    if not toggles:
        return runs
    out = [
        row
        for row, positions in toggles.items()
        if sum(position <= revision for position in positions) % 2
    ]
    if not out:
        return runs
    rows = rows_of(runs)
    rows = rows[~np.isin(rows, np.asarray(out, np.int32))]
    if len(rows) == 0:
        return runs[:0]
    ends = np.flatnonzero(np.diff(rows) != 1)
    starts = np.concatenate([rows[:1], rows[ends + 1]])
    stops = np.concatenate([rows[ends], rows[-1:]]) + 1
    return np.stack([starts, stops], axis=1).astype(np.int32)
