"""Traceability units (追溯单元) of a season: their lots, seed cotton, areas and organisation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.reference.placing import DIFFERS
from cotton_server.reference.units import LEVELS
from cotton_server.runs.lots import settled_lots
from cotton_server.summary.dates import day_number
from cotton_server.summary.keys import key_column

if TYPE_CHECKING:
    import numpy.typing as npt

    from cotton_server.runs.lots import LotLines
    from cotton_server.runs.sources import Sources
    from cotton_server.runs.table import BoolArray
    from cotton_server.runs.terms import Terms

ORGANISATION: Final = ("region", "division", "regiment")
"""The levels at which units and regiments are placed."""

NO_UNIT: Final = -1

_PLACED_ON: Final = (10, 1)
"""Month and day of a season on which what names no day is placed in an organisation."""


@dataclass(frozen=True, slots=True)
class Units:
    """The units of a settlement, sorted by name, and the regiments that they are of.

    `frame` has `traceability_unit` and the levels of ORGANISATION (String, "" where not known),
    `seed_cotton` and `area` (Int64, hundredths of a kilogram and of a mu, null where nothing is
    recorded) and `regiment_row` (Int32, row of `regiments`, null for none). `differs`: units whose
    areas, deliveries and lots name different ones. `in_part`: units with a lot that the filters
    leave out, and `regiments_in_part` the regiments of which they leave out a lot or a unit.
    `of_lot` has the unit of each line of lots, NO_UNIT for none; a withdrawn lot is of none.
    """

    frame: pl.DataFrame
    differs: BoolArray
    in_part: BoolArray
    regiments_in_part: BoolArray
    of_lot: npt.NDArray[np.intp]
    regiments: pl.DataFrame

    @property
    def rows(self) -> int:
        """Units."""
        return self.frame.height


def units_of(lines: LotLines, sources: Sources, terms: Terms) -> Units:
    """The units of the season: those of lots, deliveries and areas.

    Where more than a season chooses the lots, the units with a lot that passes; they are placed by
    all their lots.
    """
    accounts = sources.registry.accounts
    areas = _placed(accounts.areas(terms.revision, terms.season), sources, terms)
    deliveries = _placed(accounts.deliveries(terms.revision, terms.season), sources, terms)
    of_lots = _said_by_lots(lines.lots, sources)
    of_season = of_lots
    if terms.filtered:
        of_season = _said_by_lots(settled_lots(sources, terms.of_season.query), sources)
    said = [areas, deliveries, of_season]
    every, every_differs = _organised(_named(said), said)
    every = every.with_columns(differs=pl.Series(every_differs))
    names = _named([of_lots]) if terms.filtered else every.select("traceability_unit")
    frame = names.join(every, on="traceability_unit", how="left", maintain_order="left")
    differs = frame["differs"].to_numpy()
    frame = frame.drop("differs")
    in_part, left_out = _in_part(names, every, of_lots, of_season)
    frame = _with_sum(_with_sum(frame, deliveries, "weight", "seed_cotton"), areas, "area", "area")
    regiments = (
        frame.filter(pl.col("regiment") != "")
        .select("regiment", "division", "region")
        .unique()
        .sort("regiment", "division", "region")
    )
    frame = frame.join(
        regiments.with_row_index("regiment_row"),
        on=list(ORGANISATION),
        how="left",
        maintain_order="left",
    ).cast({"regiment_row": pl.Int32})
    regiments_in_part = regiments.select(
        pl.struct(ORGANISATION).is_in(
            left_out.select(pl.struct(ORGANISATION)).to_series().implode()
        )
    )
    rows = names.with_row_index("row")
    of_lot = (
        of_lots.select(
            pl.when(pl.col("counted")).then("traceability_unit").alias("traceability_unit")
        )
        .join(rows, on="traceability_unit", how="left", maintain_order="left")["row"]
        .cast(pl.Int64)
        .fill_null(NO_UNIT)
    )
    return Units(
        frame,
        differs,
        in_part,
        regiments_in_part.to_series().to_numpy(),
        of_lot.to_numpy().astype(np.intp),
        regiments,
    )


def _named(said: list[pl.DataFrame]) -> pl.DataFrame:
    """The units that any names, sorted."""
    names = pl.concat([each.select("traceability_unit") for each in said]).unique()
    return names.filter(pl.col("traceability_unit") != "").sort("traceability_unit")


def _in_part(
    names: pl.DataFrame, every: pl.DataFrame, of_lots: pl.DataFrame, of_season: pl.DataFrame
) -> tuple[BoolArray, pl.DataFrame]:
    """The named units of which some lots of the season do not pass, and the places of those.

    Places are of units too of which no lot passes.
    """
    passing, in_all = (
        each.filter("counted").group_by("traceability_unit").agg(pl.len().alias(name))
        for each, name in ((of_lots, "passing"), (of_season, "in_all"))
    )
    whole = (
        every.join(passing, on="traceability_unit", how="left", maintain_order="left")
        .join(in_all, on="traceability_unit", how="left", maintain_order="left")
        .with_columns(
            named=pl.col("traceability_unit").is_in(names["traceability_unit"].implode()),
            in_part=pl.col("passing").fill_null(0) < pl.col("in_all").fill_null(0),
        )
    )
    in_part = whole.filter("named")["in_part"].to_numpy()
    left_out = whole.filter(pl.col("in_part") | ~pl.col("named")).select(ORGANISATION)
    return in_part, left_out.unique()


def _said_by_lots(lots: pl.DataFrame, sources: Sources) -> pl.DataFrame:
    """Unit and place of every lot, and whether it counts."""
    words = sources.names.words
    counted = lots["lots_withdrawn"] == 0
    names = ("traceability_unit", *ORGANISATION)
    said = [words.texts(lots[key_column(name)]).alias(name) for name in names]
    nothing = pl.lit("")
    return pl.DataFrame([*said, counted.alias("counted")]).with_columns(
        # What a withdrawn lot says is not heard.
        *(pl.when("counted").then(name).otherwise(nothing).alias(name) for name in names),
        pl.lit(value=False).alias(DIFFERS),
    )


def _placed(records: pl.DataFrame, sources: Sources, terms: Terms) -> pl.DataFrame:
    """Records of units, each placed where the organisation puts it, and whether that differs."""
    placing = sources.lots.grading.basis.placing
    if placing is None or records.is_empty():
        return records.with_columns(pl.lit(value=False).alias(DIFFERS))
    month, day = _PLACED_ON
    on = day_number(date(terms.season, month, day))
    missing = [pl.lit("").alias(name) for name in LEVELS if name not in records.columns]
    dated = records.with_columns(*missing, pl.lit(on, dtype=pl.Int32).alias("day"))
    return placing.place(dated, "day")


def _organised(names: pl.DataFrame, said: list[pl.DataFrame]) -> tuple[pl.DataFrame, BoolArray]:
    """The units with what the first that says anything says of each level; and who differ."""
    every = pl.concat(
        [
            frame.select("traceability_unit", *ORGANISATION, DIFFERS).with_columns(
                pl.lit(place).alias("place")
            )
            for place, frame in enumerate(said)
        ]
    )
    found = names.with_columns(pl.lit(value=False).alias("differs"))
    for level in ORGANISATION:
        of_level = (
            every.filter(pl.col(level) != "")
            .sort("traceability_unit", "place", level)
            .group_by("traceability_unit", maintain_order=True)
            .agg(pl.col(level).first(), (pl.col(level).n_unique() > 1).alias("several"))
        )
        found = (
            found.join(of_level, on="traceability_unit", how="left", maintain_order="left")
            .with_columns(
                pl.col(level).fill_null(""),
                pl.col("differs") | pl.col("several").fill_null(value=False),
            )
            .drop("several")
        )
    placed_otherwise = every.filter(DIFFERS).select("traceability_unit").unique()
    differs = found["differs"] | found["traceability_unit"].is_in(
        placed_otherwise["traceability_unit"].to_list()
    )
    return found.drop("differs"), differs.to_numpy()


def _with_sum(frame: pl.DataFrame, records: pl.DataFrame, what: str, name: str) -> pl.DataFrame:
    """The units with the sum of what is recorded of each, null without a record."""
    sums = records.group_by("traceability_unit").agg(pl.col(what).sum().alias(name))
    return frame.join(sums, on="traceability_unit", how="left", maintain_order="left")
