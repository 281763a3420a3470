"""Adds roll-ups and facts of lots up by keys: one wide row of integers a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_server.grading.rollup import additions, combine
from cotton_server.summary.keys import STANDARD_KEY, key_column, lot_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GROUP: Final = "group"
_STANDARD: Final = key_column(STANDARD_KEY)
_HAS_NUMBER: Final = pl.col("lot_no") != ""
"""Imported bales that came without a lot are kept in an entry without number: it is no lot."""
_COUNTED: Final = _HAS_NUMBER & ~pl.col("withdrawn")


def bales_under(standard: str) -> str:
    """Name of the column with the bales that a standard graded."""
    return f"bales_under.{standard}"


def lots_weighed_by(standard: str) -> str:
    """Name of the column with the lots whose conditioned weight is by a standard."""
    return f"lots_weighed_by.{standard}"


def add_up(
    rollups: Mapping[str, pl.DataFrame],
    lots: pl.DataFrame,
    *,
    keys: Sequence[str],
    filters: Mapping[str, Sequence[str]],
) -> pl.DataFrame:
    """A row per combination of key values, sorted by them; without keys one row, the total.

    Takes what `summarise` takes. The answer has a String column per key (`key_column`) and,
    Int64 or UInt32, the figures of the roll-ups (`bales` are those graded), `bales_under` of
    each standard, `bales_unregistered`, `bales_without_lot`, `bales_without_standard`, and the
    facts of the lots: `lots`, `lots_unregistered` (those with a lot number), `lots_weighed`,
    `lots_withdrawn` (in none of those three), `bales_withdrawn` (under the lot's standard),
    `lots_with_conditioned_weight`, `lots_weighed_by` each standard, `declared_bales`,
    `bales_read`, `gross`, `tare`, `net`, `conditioned`.
    """
    chosen, groups = _choose_lots(lots, keys, filters)
    wanted = filters.get(STANDARD_KEY)
    by = [_GROUP, _STANDARD] if STANDARD_KEY in keys else [_GROUP]

    parts = [_facts(chosen, list(rollups), wanted, by)]
    if wanted is None or "" in wanted:
        parts.append(_without_standard(chosen, by))
    parts += (
        _graded(rollup, standard, chosen, by)
        for standard, rollup in rollups.items()
        if wanted is None or standard in wanted
    )
    # A group without rows in one of the parts adds nothing there: null counts as 0 in a sum.
    merged = pl.concat(parts, how="diagonal")
    if not keys:
        return combine(merged.drop(_GROUP), [])
    names = [key_column(key) for key in keys]
    return combine(merged, by).join(groups, on=_GROUP, how="left").drop(_GROUP).sort(names)


def _choose_lots(
    lots: pl.DataFrame, keys: Sequence[str], filters: Mapping[str, Sequence[str]]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The lots that pass the filters, each with its group; and the key values of the groups.

    A group is a small integer, so that the wide frames are grouped by it and not by texts.
    """
    names = [key_column(key) for key in keys if key != STANDARD_KEY]
    passing = [
        lot_key(key).is_in(list(values)) for key, values in filters.items() if key != STANDARD_KEY
    ]
    chosen = lots.lazy().filter(pl.lit(value=True), *passing).collect(engine="in-memory")
    if not names:
        groups = pl.DataFrame({_GROUP: [0]}, schema={_GROUP: pl.UInt32})
        return chosen.with_columns(pl.lit(0, dtype=pl.UInt32).alias(_GROUP)), groups
    keyed = chosen.select(lot_key(key) for key in keys if key != STANDARD_KEY)
    groups = keyed.unique().sort(names).with_row_index(_GROUP)
    placed = keyed.join(groups, on=names, how="left", maintain_order="left")
    return chosen.with_columns(placed[_GROUP].cast(pl.UInt32)), groups


def _facts(
    chosen: pl.DataFrame,
    standards: Sequence[str],
    wanted: Sequence[str] | None,
    by: Sequence[str],
) -> pl.DataFrame:
    """What lots are and weigh; each lot in one place only, also where standards are apart."""
    lots = chosen.lazy().with_columns(pl.col("standard").alias(_STANDARD))
    if wanted is not None:
        lots = lots.filter(pl.col(_STANDARD).is_in(list(wanted)))
    return (
        lots.group_by(by)
        .agg(
            _COUNTED.sum().cast(pl.Int64).alias("lots"),
            (_COUNTED & ~pl.col("registered")).sum().cast(pl.Int64).alias("lots_unregistered"),
            (_HAS_NUMBER & pl.col("withdrawn")).sum().cast(pl.Int64).alias("lots_withdrawn"),
            pl.col("bales_withdrawn").sum(),
            pl.col("gross").count().cast(pl.Int64).alias("lots_weighed"),
            pl.col("conditioned").count().cast(pl.Int64).alias("lots_with_conditioned_weight"),
            *(
                (pl.col("conditioned").is_not_null() & (pl.col(_STANDARD) == standard))
                .sum()
                .cast(pl.Int64)
                .alias(lots_weighed_by(standard))
                for standard in standards
            ),
            pl.col("declared_bales").sum(),
            pl.col("bales").sum().alias("bales_read"),
            pl.col("gross", "tare", "net", "conditioned").sum(),
        )
        .sort(by)
        .collect(engine="in-memory")
    )


def _without_standard(chosen: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Bales that no standard grades."""
    bales = pl.col("bales_without_standard")
    return (
        chosen.lazy()
        .filter(bales > 0)
        .with_columns(pl.lit("").alias(_STANDARD))
        .group_by(by)
        .agg(
            bales.sum(),
            bales.filter(~pl.col("registered")).sum().alias("bales_unregistered"),
            bales.filter(~_HAS_NUMBER).sum().alias("bales_without_lot"),
        )
        .sort(by)
        .collect(engine="in-memory")
    )


def _graded(
    rollup: pl.DataFrame, standard: str, chosen: pl.DataFrame, by: Sequence[str]
) -> pl.DataFrame:
    """Figures of the bales that one standard graded."""
    # Only the narrow columns go through the join; the wide roll-up is added up where it lies,
    # lots that were not chosen under a null group.
    placed = rollup.select("lot").join(
        chosen.select("lot", _GROUP, "registered", _HAS_NUMBER.alias("has_number")),
        on="lot",
        how="left",
        maintain_order="left",
        validate="m:1",
    )
    figures = [column for column in rollup.columns if column != "lot"]
    return (
        rollup.lazy()
        .with_columns(
            placed[_GROUP],
            pl.when(~placed["registered"])
            .then(pl.col("bales"))
            .otherwise(0)
            .alias("bales_unregistered"),
            pl.when(~placed["has_number"])
            .then(pl.col("bales"))
            .otherwise(0)
            .alias("bales_without_lot"),
        )
        .group_by(_GROUP)
        .agg(*additions(figures), pl.col("bales_unregistered", "bales_without_lot").sum())
        .filter(pl.col(_GROUP).is_not_null())
        .with_columns(
            pl.col("bales").alias(bales_under(standard)),
            *([pl.lit(standard, dtype=pl.String).alias(_STANDARD)] if _STANDARD in by else []),
        )
        .sort(_GROUP)
        .collect(engine="in-memory")
    )
