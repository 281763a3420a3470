"""Weight-weighted means: the sum over lots of weight x mean of the lot, over the sum of weights.

With conditioned weight W, sum S and number n of a lot's bales the mean is Σ(W x S / n) / ΣW, exact
and rounded once. The fractions of many lots have no common denominator that fits a machine
integer, so each term is cut off after 8 binary places; the sum of the cut-off parts is known to
be below one unit a lot. Where that could move the printed figure, which almost never happens, it
is computed again from the lots with exact fractions.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.grading.rounding import half_even
from cotton_server.grading.standard import MEASURE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    Int64Array = npt.NDArray[np.int64]

PLACES: Final = 8
"""Binary places of a term."""

_UNIT: Final = 1 << PLACES
_SUM_MAX: Final = 1 << 61

WEIGHTED: Final = tuple(
    f"{name}.{what}" for name in MEASURE_NAMES for what in ("term", "weight", "lots")
)
"""Columns of the terms, Int64: W x S / n in hundredths, cut off; W; 1 a lot that has both."""


def with_terms(cells: pl.DataFrame, weights: pl.DataFrame) -> pl.DataFrame:
    """The cells of one standard with the columns WEIGHTED.

    `weights` has `lot` and `conditioned`, a row for every lot whose own standard this is and that
    has a conditioned weight above 0. The term of a lot stands in the first of its cells.
    """
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
        rest = weight * total - whole * bales
        terms += (
            pl.when(counts)
            .then(whole * _UNIT + rest * _UNIT // bales)
            .otherwise(0)
            .alias(f"{name}.term"),
            pl.when(counts).then(weight).otherwise(0).alias(f"{name}.weight"),
            counts.cast(pl.Int64).alias(f"{name}.lots"),
        )
    first = pl.Series(cells["lot"].is_first_distinct())
    joined = (
        cells.lazy()
        .select("lot")
        .join(sums.select("lot", *terms), on="lot", how="left", maintain_order="left")
        .with_columns(pl.when(first).then(pl.col(name)).fill_null(0) for name in WEIGHTED)
        .collect(engine="in-memory")
    )
    return cells.with_columns(joined.select(WEIGHTED))


def weighted_means(
    term: Int64Array,
    weight: Int64Array,
    lots: Int64Array,
    resolution: int,
    terms_of: Callable[[int], Iterable[tuple[int, int, int]]],
) -> Int64Array:
    """Means in hundredths rounded once to `resolution`, a row a group; 0 where no lot counts.

    `terms_of(row)` gives weight, sum and bales of each lot of a group, for the rare case in which
    the cut-off terms do not settle the last digit.
    """
    there = weight > 0
    # Hundredths x 256 x resolution: below 2**63 for any weight that a nation has.
    scaled = np.where(there, weight, 1)
    large = (scaled > _SUM_MAX // (_UNIT * resolution)) | (np.abs(term) > _SUM_MAX)
    divisor = np.where(large, 1, scaled) * (_UNIT * resolution)
    least = half_even(term, divisor)
    most = half_even(term + lots, divisor)
    means: Int64Array = np.where(there, least * resolution, 0)
    for row in np.flatnonzero(there & ((least != most) | large)).tolist():
        exact = sum(
            (Fraction(each * total, bales) for each, total, bales in terms_of(row)), Fraction(0)
        ) / int(weight[row])
        means[row] = half_even(exact.numerator, exact.denominator * resolution) * resolution
    return means
