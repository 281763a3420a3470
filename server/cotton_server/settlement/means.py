"""Exact means of measures: each bale alike, or lots by their conditioned weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from cotton_server.settlement.document import RoundingMode
from cotton_server.settlement.exact import Exact, sum_by, times

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from cotton_server.settlement.exact import Int64Array, Rows

BoolArray: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Mean:
    """Means in hundredths of the unit of the measure; 0 where `there` says that nothing has one."""

    value: Exact
    there: BoolArray

    def rounded(self, resolution: int) -> Exact:
        """Rounded once, half to even, to hundredths that are multiples of `resolution`."""
        steps = self.value.over(resolution).rounded(0, RoundingMode.HALF_EVEN)
        return Exact(steps * resolution)


MeanOf: TypeAlias = "Callable[[str], Mean]"
"""Gives the mean of a measure, by its name."""


def by_bales(sums: pl.DataFrame) -> MeanOf:
    """Means of rows with `<measure>.bales` and `<measure>.sum`, in which each bale counts alike."""

    def mean_of(measure: str) -> Mean:
        bales, total = (sums[f"{measure}.{what}"].to_numpy() for what in ("bales", "sum"))
        return Mean(Exact(total, np.maximum(bales, 1)), bales > 0)

    return mean_of


def by_weight(lots: pl.DataFrame, weights: Int64Array, groups: Rows, count: int) -> MeanOf:
    """Means of `count` groups of lots: Σ(W x S / n) / ΣW over the lots with weight and values.

    `lots` has the columns that `by_bales` takes; `weights` their conditioned weights in hundredths
    of a kilogram, 0 for none; `groups` the group of each.
    """

    def mean_of(measure: str) -> Mean:
        bales, total = (lots[f"{measure}.{what}"].to_numpy() for what in ("bales", "sum"))
        counts = np.flatnonzero((bales > 0) & (weights > 0))
        of, weight = groups[counts], weights[counts]
        terms = Exact(times(weight, total[counts]), bales[counts]).sum_by(of, count)
        divisor = sum_by(weight, of, count)
        return Mean(terms.over(np.maximum(divisor, 1)), divisor > 0)

    return mean_of
