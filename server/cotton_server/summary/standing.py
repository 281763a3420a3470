"""Lots as they stand: their bales added up under the right standard, their facts beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.grading.bales import CHART_COLOUR, with_chart
from cotton_server.grading.rollup import figure_columns, roll_up
from cotton_server.grading.standard import CODED_COLUMNS, MEASURE_NAMES
from cotton_server.summary.facts import PLACE, default_standards, lot_facts
from cotton_server.summary.keys import STANDARD_KEY, key_column
from cotton_server.summary.leading import leading_places, leading_standards
from cotton_server.summary.placed import PLACED_ON
from cotton_server.summary.weighted import WEIGHTED, with_terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cotton_server.grading.chart import Chart
    from cotton_server.grading.definitions import Definition
    from cotton_server.grading.standard import Standard
    from cotton_server.reference.placing import Placing
    from cotton_server.registry.bales import BaleStore
    from cotton_server.registry.lots import LotAt
    from cotton_server.registry.texts import TextBook
    from cotton_server.summary.words import Words

BALES_AT_ONCE_MAX: Final = 1_000_000
"""Bales in one roll-up query: bounds the memory of the first summary after a start."""

CELL: Final = ("lot", *PLACE)
"""What bales are added up by: lot, laboratory, instrument (Int32 numbers of their books) and day
(Int32, from 1970-01-01 China time, 0 where not known)."""

GRADED_VALUES: Final = (*CODED_COLUMNS.values(), "colour_grade", "foreign_fibre", *MEASURE_NAMES)
"""The value fields that roll-ups are made of."""

NO_STANDARD: Final = ""
"""Stands for the standard of bales that none grades."""

_DAY_S: Final = 24 * 3600
_CHINA_OFFSET_S: Final = 8 * 3600


@dataclass(frozen=True, slots=True)
class GradingBasis:
    """What bales are graded and lots are placed by: all of it data with a version."""

    standards: Mapping[str, Standard]
    """By id, oldest first."""
    definitions: Sequence[Definition]
    charts: Mapping[str, Chart] = field(default_factory=dict)
    """By id of their standard."""
    placing: Placing | None = None


class Cells(Mapping[str, pl.DataFrame]):
    """Roll-ups by CELL with the terms of weight-weighted means (WEIGHTED), per standard id.

    Under NO_STANDARD they have the one figure `bales`.
    """

    def __init__(self, frames: Mapping[str, pl.DataFrame]) -> None:
        """Takes a frame for each standard that there is, and one for NO_STANDARD."""
        self._frames = frames

    def __getitem__(self, standard: str) -> pl.DataFrame:
        """The cells under a standard."""
        return self._frames[standard]

    def __iter__(self) -> Iterator[str]:
        """The standards, with cells or without."""
        return iter(self._frames)

    def __len__(self) -> int:
        """How many standards there are."""
        return len(self._frames)

    def has(self, standard: str) -> bool:
        """Whether there are cells under a standard; reads none."""
        return not self._frames[standard].is_empty()

    @property
    def size_bytes(self) -> int:
        """What its cells take in memory for as long as it is there."""
        return sum(int(frame.estimated_size()) for frame in self._frames.values())


@dataclass(frozen=True, slots=True)
class Standing:
    """Lots at a revision.

    `lots` has the facts of every lot that was there (`facts.lot_facts`), a row each, its place
    (`place.<column>` of PLACE), and `part`: which of `parts` holds its cells. What other parts
    hold of a lot is out of date. The first part is in memory, perhaps of no lots; the `on_disk`
    parts after it are read when they are asked for.
    """

    parts: tuple[Cells, ...]
    lots: pl.DataFrame
    on_disk: int = 0

    def parts_with(self, lots: pl.DataFrame) -> Iterator[tuple[int, Cells]]:
        """The parts that hold cells of these rows of `lots`, by number; no other is read."""
        for number in lots["part"].unique().sort().to_list():
            yield number, self.parts[number]

    def has_cells(self, standard: str) -> bool:
        """Whether any part has a row under a standard, be it out of date."""
        return any(part.has(standard) for part in self.parts)

    def no_cells(self, standard: str) -> pl.DataFrame:
        """The cells of no lots: the columns that all cells under a standard have."""
        return self.parts[0][standard].clear()


def cells_of(stands: Standing, lots: pl.DataFrame) -> Cells:
    """The cells of lots (`lot`) of a standing, by part and in each in its order."""
    return Cells({name: cells_under(stands, name, lots) for name in stands.parts[0]})


def cells_under(
    stands: Standing, standard: str, lots: pl.DataFrame, columns: Sequence[str] = ()
) -> pl.DataFrame:
    """The cells of lots (`lot`) under one standard; `lot` and these columns alone, if any."""
    wanted = stands.lots.select("lot", "part").join(lots.select("lot"), on="lot", how="semi")
    found = []
    for number, part in stands.parts_with(wanted):
        mine = wanted.filter(pl.col("part") == number).select("lot")
        cells = part[standard].select("lot", *columns) if columns else part[standard]
        found.append(cells.join(mine, on="lot", how="semi", maintain_order="left"))
    nothing = stands.no_cells(standard)
    return in_one(found, nothing.select("lot", *columns) if columns else nothing)


def in_one(frames: Iterable[pl.DataFrame], nothing: pl.DataFrame) -> pl.DataFrame:
    """Frames one below the other, in one piece; `nothing` where all are empty."""
    some = [frame for frame in frames if not frame.is_empty()]
    return pl.concat(some, rechunk=True) if some else nothing


def standing(
    lots: Sequence[LotAt],
    bales: BaleStore,
    standard_names: TextBook,
    basis: GradingBasis,
    words: Words,
) -> Standing:
    """The standing of lots, in the order given; the numbers of lots are what they are told by.

    So one lot may be there at several revisions, each under a number of its own.

    A bale counts as without standard where its standard is not loaded, or grades readings of
    other units: inches are never graded as millimetres.
    """
    defaults = default_standards(lots, basis.standards)
    parts: dict[str, list[pl.DataFrame]] = {}
    for some in _portions(lots, defaults):
        frame = _with_standard(some, bales, standard_names, basis.standards, GRADED_VALUES)
        for name, mine in _by_standard(frame, basis):
            rolled = roll_up(mine, basis.standards[name], basis.definitions, CELL)
            parts.setdefault(name, []).append(rolled)
        ungraded = frame.filter(pl.col("graded_by") == NO_STANDARD)
        if not ungraded.is_empty():
            counts = ungraded.group_by(CELL).len("bales").sort(CELL)
            parts.setdefault(NO_STANDARD, []).append(counts.cast({"bales": pl.Int64}))
    cells = {name: in_one(parts.get(name, ()), empty) for name, empty in _no_rollups(basis).items()}
    facts = _lots(lots, defaults, cells, basis, words)
    return Standing((_weighted(cells, facts, words),), facts)


def with_same_bales(
    lots: Sequence[LotAt], old: Standing, basis: GradingBasis, words: Words
) -> Standing:
    """The standing of lots that have the bales of another standing, and their grades, yet.

    In the order given; no bales are read. It has the parts of the other, where cells stay, and one
    more with the cells of lots that weigh otherwise: the terms of their means are others.
    """
    own = key_column(STANDARD_KEY)
    places = [f"place.{name}" for name in PLACE]
    before = pl.DataFrame({"lot": [lot.number for lot in lots]}, schema={"lot": pl.Int32}).join(
        old.lots.select("lot", own, "conditioned", *places, "part"),
        on="lot",
        how="left",
        maintain_order="left",
    )
    standards = [basis.standards.get(name) for name in words.texts(before[own])]
    facts = lot_facts(lots, standards, words, basis.placing).with_columns(before.select(places))
    weighs_otherwise = facts["conditioned"] != before["conditioned"]
    anew = facts.filter(weighs_otherwise)
    cells = {
        name: frame.select(pl.exclude(WEIGHTED)) for name, frame in cells_of(old, anew).items()
    }
    part = pl.when(weighs_otherwise).then(pl.lit(len(old.parts), dtype=pl.Int32))
    return Standing(
        (*old.parts, _weighted(cells, anew, words)),
        facts.with_columns(part=part.otherwise(before["part"])),
        old.on_disk,
    )


def graded_bales(
    lots: Sequence[LotAt],
    bales: BaleStore,
    standard_names: TextBook,
    basis: GradingBasis,
) -> Iterator[pl.DataFrame]:
    """The bales of lots in portions, a row each, with what grades them.

    Columns: those of `BaleStore.frame`, `lot` and `day` (Int32), `graded_by` (String: a standard
    id, or NO_STANDARD) and CHART_COLOUR (Int8, null where no chart says anything).
    """
    defaults = default_standards(lots, basis.standards)
    for some in _portions(lots, defaults):
        frame = _with_standard(some, bales, standard_names, basis.standards)
        parts = [frame.filter(pl.col("graded_by") == NO_STANDARD)]
        parts += [mine for _, mine in _by_standard(frame, basis)]
        whole = pl.concat(
            [part if CHART_COLOUR in part.columns else with_chart(part, None) for part in parts]
        )
        yield whole.cast({"graded_by": pl.String}).sort("row")


def _by_standard(frame: pl.DataFrame, basis: GradingBasis) -> Iterator[tuple[str, pl.DataFrame]]:
    """The bales that each standard grades, with what its chart says of them."""
    counts = dict(frame["graded_by"].value_counts().iter_rows())
    for name in basis.standards:
        count = counts.get(name, 0)
        if count:
            # Nearly always one standard grades all bales of a portion.
            alone = count == frame.height
            mine = frame if alone else frame.filter(pl.col("graded_by") == name)
            chart = basis.charts.get(name)
            # Most bales have no chart, and are added up faster without a column of nothing.
            yield name, mine if chart is None else with_chart(mine, chart)


def _no_rollups(basis: GradingBasis) -> dict[str, pl.DataFrame]:
    """The roll-ups of no lots."""
    keys = dict.fromkeys(CELL, pl.Int32())
    figures = {
        name: figure_columns(standard, basis.definitions)
        for name, standard in basis.standards.items()
    }
    figures[NO_STANDARD] = ("bales",)
    return {
        name: pl.DataFrame(schema={**keys, **dict.fromkeys(columns, pl.Int64())})
        for name, columns in figures.items()
    }


def _lots(
    lots: Sequence[LotAt],
    defaults: Sequence[Standard | None],
    cells: Mapping[str, pl.DataFrame],
    basis: GradingBasis,
    words: Words,
) -> pl.DataFrame:
    """The facts of lots, with everything that follows from their cells."""
    graded = {name: frame for name, frame in cells.items() if name != NO_STANDARD}
    leading = dict(leading_standards(graded).iter_rows())
    own = [
        basis.standards[leading[lot.number]] if lot.number in leading else default
        for lot, default in zip(lots, defaults, strict=True)
    ]
    facts = lot_facts(lots, own, words, basis.placing)
    standards = words.texts(facts[key_column(STANDARD_KEY)])
    places = leading_places(cells, facts.select("lot", standards.alias("standard")))
    read_on, arrived_on = pl.col("place.day"), pl.col(PLACED_ON)
    return facts.join(places, on="lot", how="left", maintain_order="left").with_columns(
        *(pl.col(f"place.{name}").fill_null(0) for name in PLACE if name != "day"),
        pl.when(pl.col("bales_read") > 0).then(read_on).otherwise(arrived_on).alias("place.day"),
        part=pl.lit(0, dtype=pl.Int32),
    )


def _weighted(cells: Mapping[str, pl.DataFrame], facts: pl.DataFrame, words: Words) -> Cells:
    """The cells with the terms of weight-weighted means, each under its lot's own standard."""
    weights = facts.filter(pl.col("conditioned") > 0)
    own = pl.col(key_column(STANDARD_KEY))
    weighted = {
        name: frame
        if name == NO_STANDARD
        else with_terms(
            frame,
            weights.filter(own == words.number_of(name)).select(
                "lot", "conditioned", *(f"place.{column}" for column in PLACE)
            ),
        )
        for name, frame in cells.items()
    }
    return Cells(weighted)


def _portions(
    lots: Sequence[LotAt], defaults: Sequence[Standard | None]
) -> Iterator[list[tuple[LotAt, str]]]:
    """The lots that have bales, each with the id of its default standard, in bounded portions."""
    some: list[tuple[LotAt, str]] = []
    size = 0
    for lot, default in zip(lots, defaults, strict=True):
        if some and size + lot.bales > BALES_AT_ONCE_MAX:
            yield some
            some, size = [], 0
        if lot.bales:
            some.append((lot, NO_STANDARD if default is None else default.id))
            size += lot.bales
    if some:
        yield some


def _with_standard(
    lots: Sequence[tuple[LotAt, str]],
    bales: BaleStore,
    standard_names: TextBook,
    standards: Mapping[str, Standard],
    values: Sequence[str] | None = None,
) -> pl.DataFrame:
    """The bales of lots with their day, and `graded_by`: the id of a standard, or NO_STANDARD.

    Only the value fields `values` where they are given.
    """
    names = [*standards, NO_STANDARD]
    place = {name: number for number, name in enumerate(names)}
    sizes = [lot.bales for lot, _ in lots]
    frame = bales.frame(np.concatenate([lot.runs for lot, _ in lots]), values)
    default = np.repeat(
        np.asarray([place.get(name, place[NO_STANDARD]) for _, name in lots], np.int32), sizes
    )
    numbers = np.repeat(np.asarray([lot.number for lot, _ in lots], np.int32), sizes)
    # By number of the book: what a reading names, of the standards that there are.
    named = np.asarray(
        [
            place.get(standard_names[number], place[NO_STANDARD])
            for number in range(len(standard_names))
        ],
        np.int32,
    )
    said = frame["standard"].to_numpy()
    meant = np.where(said == 0, default, named[said])
    usda = np.asarray([each.grades_usda_bales for each in standards.values()] + [False])
    fits = usda[meant] == frame["is_usda"].to_numpy()
    graded_by = np.where(fits, meant, place[NO_STANDARD])
    at = pl.col("inspected_at_s").cast(pl.Int64)
    day = pl.when(at > 0).then((at + _CHINA_OFFSET_S) // _DAY_S).otherwise(0)
    return frame.with_columns(
        pl.Series("lot", numbers),
        day.cast(pl.Int32).alias("day"),
        # The places are those of the names in the categories.
        pl.Series("graded_by", graded_by.astype(np.uint32)).cat.to(pl.Enum(names)),
    )
