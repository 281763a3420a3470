"""What single bales weigh, beside their readings and added up by line of lots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.runs.amounts import KG_PER_POUND, Weighed
from cotton_server.settlement.bales import NET
from cotton_server.settlement.exact import Exact, times

if TYPE_CHECKING:
    from cotton_server.runs.sources import Sources
    from cotton_server.runs.table import Int64Array
    from cotton_server.runs.terms import Terms

_HUNDREDTHS: Final = 100

_SCALES: Final = {False: KG_PER_POUND.denominator, True: KG_PER_POUND.numerator}
"""By whether it is one: what a pound and a kilogram come to in a common whole unit."""


class BaleWeights:
    """The weights of bales at a revision, and their sums by line of lots."""

    def __init__(self, rows: int, sources: Sources, terms: Terms) -> None:
        """Has read no bales yet; `rows` are the lines of lots."""
        self._store = sources.registry.bales
        self._weights = sources.registry.accounts.bale_weights(terms.revision)
        self._bales = np.zeros(rows, np.int64)
        self._weighed = np.zeros(rows, np.int64)
        self._net = {is_pound: np.zeros(rows, np.int64) for is_pound in _SCALES}

    def beside(self, bales: pl.DataFrame, lines: Int64Array) -> pl.DataFrame:
        """The bales with NET (Int64, null where not known) in one unit, where any has a weight.

        `lines` has the line of lots of each; what they weigh is added to it.
        """
        np.add.at(self._bales, lines, 1)
        if self._weights.is_empty():
            return bales
        rows = bales["row"].to_numpy()
        found = pl.DataFrame({"high": self._store.high[rows], "low": self._store.low[rows]}).join(
            self._weights, on=["high", "low"], how="left", maintain_order="left"
        )
        known = found["net"].is_not_null().to_numpy()
        if not known.any():
            return bales
        net = found["net"].fill_null(0).to_numpy()
        is_pound = found["is_pound"].fill_null(value=False).to_numpy()
        np.add.at(self._weighed, lines[known], 1)
        common = np.zeros(len(net), np.int64)
        for pound, scale in _SCALES.items():
            mine = known & (is_pound == pound)
            np.add.at(self._net[pound], lines[mine], net[mine])
            common[mine] = net[mine] * scale
        told = pl.Series(NET, common)
        return bales.with_columns(told.set(pl.Series(~known), None))

    def weighed(self) -> Weighed:
        """What the bales of each line weigh, where all of them have a weight."""
        there = (self._bales > 0) & (self._weighed == self._bales)
        kilograms = Exact.zeros(len(there))
        for pound, scale in _SCALES.items():
            sums = np.where(there, self._net[pound], 0)
            kilograms += Exact(times(sums, scale), _HUNDREDTHS * _SCALES[False])
        return Weighed(kilograms, there)
