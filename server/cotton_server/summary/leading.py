"""The standard to which a lot as a whole belongs, where its bales were graded by several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_LOT = pl.Schema({"lot": pl.Int32, "standard": pl.String})


def leading_standards(rollups: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Per lot the standard that graded most of its bales; on a tie the one given last.

    `rollups` has a roll-up by `lot` per standard id, older standards first. The answer has
    the columns `lot` (Int32) and `standard` (String), a row for every lot with graded bales,
    sorted by lot.
    """
    parts = [
        rollup.lazy().select(
            "lot",
            "bales",
            pl.lit(place, dtype=pl.Int32).alias("place"),
            pl.lit(standard, dtype=pl.String).alias("standard"),
        )
        for place, (standard, rollup) in enumerate(rollups.items())
    ]
    if not parts:
        return pl.DataFrame(schema=_NO_LOT)
    most_first = ["lot", "bales", "place"]
    return (
        pl.concat(parts)
        .filter(pl.col("bales") > 0)
        .sort(most_first, descending=[False, True, True])
        .unique("lot", keep="first", maintain_order=True)
        .select("lot", "standard")
        .collect(engine="in-memory")
    )
