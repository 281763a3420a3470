"""Where a lot belongs as a whole, when its bales were graded or read in several places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from cotton_server.summary.facts import PLACE

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_LOT = pl.Schema({"lot": pl.Int32, "standard": pl.String})


def leading_standards(cells: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Per lot the standard that graded most of its bales; on a tie the one given last.

    `cells` has a roll-up by `lot`, and perhaps more, per standard id, older standards first. The
    answer has the columns `lot` (Int32) and `standard` (String), a row for every lot with graded
    bales, sorted by lot.
    """
    parts = [
        frame.lazy()
        .group_by("lot")
        .agg(pl.col("bales").sum())
        .with_columns(
            pl.lit(place, dtype=pl.Int32).alias("place"),
            pl.lit(standard, dtype=pl.String).alias("standard"),
        )
        for place, (standard, frame) in enumerate(cells.items())
        if not frame.is_empty()
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


def leading_places(cells: Mapping[str, pl.DataFrame], own: pl.DataFrame) -> pl.DataFrame:
    """Per lot where and when most of its bales under its own standard were read.

    `own` has `lot` and `standard` (String, "" without one). The laboratory with most of them, of
    that the instrument with most, of that the day; on a tie the one with the highest number, which
    is the one first heard of last, or the later day. Of a lot with no such bales it is that of its
    other ones. Columns `lot` and `place.<column>` of PLACE (Int32), a row for every lot with bales.
    """
    rows = pl.concat(
        [
            frame.select("lot", *PLACE, "bales", pl.lit(name).alias("standard"))
            for name, frame in cells.items()
        ]
    )
    # Nearly every lot was read in one place.
    several = rows["lot"].is_duplicated()
    alone = rows.filter(~several).select("lot", *PLACE)
    rest = rows.filter(several).join(own, on="lot", how="left", suffix="_own")
    is_own = pl.col("standard") == pl.col("standard_own")
    rest = (
        rest.filter(is_own | ~is_own.any().over("lot"))
        .group_by("lot", *PLACE)
        .agg(pl.col("bales").sum())
    )
    for depth in range(1, len(PLACE) + 1):
        upto = ["lot", *PLACE[:depth]]
        most = (
            rest.group_by(upto)
            .agg(pl.col("bales").sum())
            .sort(["lot", "bales", PLACE[depth - 1]], descending=[False, True, True])
            .unique("lot", keep="first", maintain_order=True)
        )
        rest = rest.join(most.select(upto), on=upto, how="semi")
    chosen = pl.concat([alone, rest.select("lot", *PLACE)])
    return chosen.rename({name: f"place.{name}" for name in PLACE}).sort("lot")
