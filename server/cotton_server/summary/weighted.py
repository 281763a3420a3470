"""Weight-weighted means: the sum over lots of weight x mean of the lot, over the sum of weights.

With conditioned weight W, sum S and number n of a lot's bales the mean is Σ(W x S / n) / ΣW, exact
and rounded once. The fractions of many lots have no common denominator that fits a machine
integer, so each term W x S / n is cut off to a whole number: the sum of what is cut off is below
one for each lot of which anything was, beside a divisor of some millions a lot. Where that could
move the printed figure, which hardly ever happens, it is computed again from the lots with exact
fractions.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.grading.rounding import half_even
from cotton_server.grading.standard import MEASURE_NAMES
from cotton_server.summary.facts import PLACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    Int64Array = npt.NDArray[np.int64]

_WEIGHT_MAX: Final = 1 << 47
"""Hundredths of a kilogram, 1 400 million tonnes: with values below 2**15 no sum of terms of this
weight exceeds 2**62. What weighs more is computed with fractions."""

WEIGHTED: Final = tuple(
    f"{name}.{what}" for name in MEASURE_NAMES for what in ("term", "weight", "lots", "cut")
)
"""Columns of the terms, Int64: W x S / n cut off; W; 1 a lot that has both; 1 where anything was
cut off."""


def with_terms(cells: pl.DataFrame, weights: pl.DataFrame) -> pl.DataFrame:
    """The cells of one standard with the columns WEIGHTED.

    `weights` has `lot`, `conditioned` and the place (`place.<column>` of PLACE) of every lot whose
    own standard this is and that has a conditioned weight above 0. The term of a lot stands in the
    cell that is its place, so that it is counted where the lot is.
    """
    if cells.is_empty():
        return cells.with_columns(pl.Series(name, [], pl.Int64) for name in WEIGHTED)
    sums = (
        cells.lazy()
        .group_by("lot")
        .agg(pl.col(f"{name}.{what}").sum() for name in MEASURE_NAMES for what in ("bales", "sum"))
        .join(weights.lazy(), on="lot", how="inner")
    )
    weight = pl.col("conditioned")
    terms: list[pl.Expr] = []
    for name in MEASURE_NAMES:
        bales, total = pl.col(f"{name}.bales"), pl.col(f"{name}.sum")
        counts = bales > 0
        whole = weight * total // bales
        cut = counts & (whole * bales != weight * total)
        terms += (
            pl.when(counts).then(whole).otherwise(0).alias(f"{name}.term"),
            pl.when(counts).then(weight).otherwise(0).alias(f"{name}.weight"),
            counts.cast(pl.Int64).alias(f"{name}.lots"),
            cut.cast(pl.Int64).alias(f"{name}.cut"),
        )
    place = [f"place.{column}" for column in PLACE]
    joined = (
        cells.lazy()
        .select(pl.col("lot"), *(pl.col(column).alias(f"place.{column}") for column in PLACE))
        .join(
            sums.select("lot", *place, *terms),
            on=["lot", *place],
            how="left",
            maintain_order="left",
        )
        .select(pl.col(WEIGHTED).fill_null(0))
        .collect(engine="in-memory")
    )
    return cells.with_columns(joined)


def weighted_means(
    term: Int64Array,
    weight: Int64Array,
    cut: Int64Array,
    resolution: int,
    terms_of: Callable[[int], Iterable[tuple[int, int, int]]],
) -> Int64Array:
    """Means in hundredths rounded once to `resolution`, a row a group; 0 where no lot counts.

    `terms_of(row)` gives weight, sum and bales of each lot of a group, for the rare case in which
    the cut-off terms do not settle the last digit.
    """
    there = weight > 0
    large = weight > _WEIGHT_MAX
    divisor = np.where(there & ~large, weight, 1) * resolution
    least = half_even(term, divisor)
    most = half_even(term + cut, divisor)
    means: Int64Array = np.where(there, least * resolution, 0)
    for row in np.flatnonzero(there & ((least != most) | large)).tolist():
        exact = sum(
            (Fraction(each * total, bales) for each, total, bales in terms_of(row)), Fraction(0)
        ) / int(weight[row])
        means[row] = half_even(exact.numerator, exact.denominator * resolution) * resolution
    return means
