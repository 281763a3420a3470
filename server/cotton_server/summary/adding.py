"""Adds cells and facts of lots up by keys: integers, a row a group."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_server.grading.rollup import additions, combine
from cotton_server.summary.cube import APART, in_lots, lookup
from cotton_server.summary.facts import ADDITIVE, PLACE
from cotton_server.summary.keys import (
    DAY_KEYS,
    LOT_KEYS,
    PLACE_KEYS,
    STANDARD_KEY,
    day_code,
    day_label,
    key_column,
    place_code,
    season_code,
)
from cotton_server.summary.standing import CELL, NO_STANDARD, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton_server.registry.texts import TextBook
    from cotton_server.summary.query import Query
    from cotton_server.summary.words import Words

_GROUP: Final = "group"
_GINS: Final = "gins"

BALES_OF_LOTS: Final = {
    "bales_unregistered": ~pl.col("registered"),
    "bales_without_lot": ~pl.col("has_number"),
    "bales_of_declared": pl.col("declares"),
}
"""Counts of bales by what their lot is, from FLAGS: not registered, no lot, declared any bales."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the codes of keys are called."""

    words: Words
    texts: Mapping[str, TextBook]
    """The books of laboratories and instruments."""


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of every group, in the order of their key values.

    `groups` has the values of the keys (String, `key_column`), a row a group. Every other frame
    has as many rows, Int64: `facts` the columns ADDITIVE with `gins`, `bales_graded`,
    BALES_OF_LOTS and `bales_without_standard`; `figures`, by standard
    that graded anything at all, the figures of its cells. Of a group without bales of a standard
    they are 0, or null where they are least and greatest values.
    """

    groups: pl.DataFrame
    facts: pl.DataFrame
    figures: Mapping[str, pl.DataFrame]
    gins: int
    """Distinct gins over all groups."""
    conditioning: frozenset[str]
    """Ids of the standards by which weights in the sums were conditioned."""

    @property
    def rows(self) -> int:
        """Groups."""
        return self.facts.height

    def total(self) -> Sums:
        """One row over all groups."""
        facts = combine(self.facts, []).with_columns(pl.lit(self.gins, pl.Int64).alias(_GINS))
        figures = {name: combine(frame, []) for name, frame in self.figures.items()}
        return Sums(pl.DataFrame(), facts, figures, self.gins, self.conditioning)

    def above(self, rows: Sums) -> Sums:
        """These rows and then others, which have the keys; `self` stands for all of them."""
        return replace(
            rows,
            facts=pl.concat([self.facts.select(rows.facts.columns), rows.facts]),
            figures={
                name: pl.concat([frame, rows.figures[name]]) for name, frame in self.figures.items()
            },
        )

    def slice(self, first: int, rows: int) -> Sums:
        """Some of the groups, in their order."""
        return Sums(
            self.groups.slice(first, rows),
            self.facts.slice(first, rows),
            {name: frame.slice(first, rows) for name, frame in self.figures.items()},
            self.gins,
            self.conditioning,
        )


def add_up(stands: Standing, query: Query, names: Names) -> Sums:
    """A row per combination of key values, sorted by them; without keys one row, the total.

    A lot counts once, with what it declared and weighs: under its own standard, and where and
    when most of its bales were read. Its bales count where each was graded and read.
    """
    codes = _KeyCodes(query, names)
    lots = codes.passing(stands.lots)
    lots, of_lot = codes.groups_of_lots(lots)
    by = [_GROUP, *codes.of_bales]
    passing = codes.facts_passing(lots)
    facts = _facts(passing, by)
    graded = {
        name: _figures(stands, lots, name, codes, by)
        for name in stands.parts[0]
        if codes.wants_standard(name) and stands.has_cells(name)
    }
    keyed = _all_groups([facts, *graded.values()], by) if query.keys else _no_group(by)
    sums = codes.named(keyed, of_lot, facts, graded, by)
    weighed = passing.filter(pl.col("lots_with_conditioned_weight") > 0)
    conditioning = weighed[key_column(STANDARD_KEY)].unique().to_list()
    return replace(
        sums,
        gins=passing.filter(pl.col("lots") > 0)[key_column("gin")].n_unique(),
        conditioning=frozenset(names.words[code] for code in conditioning),
    )


def passing_lots(lots: pl.DataFrame, query: Query, names: Names) -> pl.DataFrame:
    """The lots that pass the filters of a query, a lot once, where it is counted."""
    codes = _KeyCodes(query, names)
    return codes.facts_passing(codes.passing(lots))


def lots_of_groups(stands: Standing, query: Query, names: Names) -> pl.DataFrame:
    """The lots that pass: `lot`, `conditioned`, `own` and the texts of the query's keys.

    `own` is the id of the lot's standard, "" without one.
    """
    codes = _KeyCodes(query, names)
    passing = codes.facts_passing(codes.passing(stands.lots))
    own = names.words.texts(passing[key_column(STANDARD_KEY)])
    return passing.select("lot", "conditioned", own.alias("own"), *codes.texts_of(passing))


def no_figures(stands: Standing, standard: str, rows: int) -> pl.DataFrame:
    """The figures of rows without bales of a standard."""
    columns = [name for name in stands.no_cells(standard).columns if name not in CELL]
    extremes = (".min", ".max")
    return pl.DataFrame(
        {name: [None if name.endswith(extremes) else 0] * rows for name in columns},
        schema=dict.fromkeys(columns, pl.Int64),
    )


def needs_lots(query: Query) -> bool:
    """Whether lots have to be told apart for a query: else their combinations are enough."""
    asked = {*query.keys, *query.filters}
    return query.asks_of_bales or not asked.isdisjoint(APART)


class _KeyCodes:
    """The keys and filters of a query as columns and codes."""

    def __init__(self, query: Query, names: Names) -> None:
        self._query = query
        self._names = names
        self._lot_keys = [key for key in query.keys if key in LOT_KEYS]
        bale_keys = [key for key in query.keys if key not in LOT_KEYS]
        self.of_bales = [key_column(key) for key in bale_keys]
        """The columns of the keys of bales."""
        self._places = [key for key in bale_keys if key != STANDARD_KEY]

    def wants_standard(self, standard: str) -> bool:
        """Whether bales under a standard pass the filter on it."""
        wanted = self._query.filters.get(STANDARD_KEY)
        return wanted is None or standard in wanted

    def passing(self, lots: pl.DataFrame) -> pl.DataFrame:
        """The lots that pass the filters on keys of lots."""
        passing = [
            pl.col(key_column(key)).is_in(self._codes(key, values))
            for key, values in self._query.filters.items()
            if key in LOT_KEYS
        ]
        return lots.filter(*passing) if passing else lots

    def groups_of_lots(self, lots: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The lots with their group by keys of lots (Int32), and the codes of each group."""
        columns = [key_column(key) for key in self._lot_keys]
        if not columns:
            group = pl.lit(0, dtype=pl.Int32).alias(_GROUP)
            return lots.with_columns(group), pl.DataFrame({_GROUP: [0]}, {_GROUP: pl.Int32})
        groups = lots.select(columns).unique().with_row_index(_GROUP).cast({_GROUP: pl.Int32})
        placed = lots.select(columns).join(groups, on=columns, how="left", maintain_order="left")
        return lots.with_columns(placed[_GROUP]), groups

    def facts_passing(self, lots: pl.DataFrame) -> pl.DataFrame:
        """The lots whose standard and place pass, with the keys of bales as their own."""
        wanted = self._query.filters.get(STANDARD_KEY)
        if wanted is not None:
            code = key_column(STANDARD_KEY)
            lots = lots.filter(pl.col(code).is_in(self._codes(STANDARD_KEY, wanted)))
        if not self._query.asks_of_bales:
            return lots
        own = {f"place.{name}": name for name in PLACE}
        placed = lots.rename(own)
        return placed.filter(*self._place_filters()).with_columns(self._place_columns())

    def cells_passing(self, cells: pl.DataFrame, standard: str) -> pl.DataFrame:
        """The cells of one standard that pass, with the keys of bales."""
        if self._query.asks_of_bales:
            cells = cells.filter(*self._place_filters()).with_columns(self._place_columns())
        if STANDARD_KEY not in self._query.keys:
            return cells
        # Perhaps no lot has it for its own: then it has no number yet.
        code = self._names.words.numbers(pl.Series([standard]))[0]
        return cells.with_columns(pl.lit(code, dtype=pl.Int32).alias(key_column(STANDARD_KEY)))

    def named(
        self,
        keyed: pl.DataFrame,
        of_lot: pl.DataFrame,
        facts: pl.DataFrame,
        graded: Mapping[str, pl.DataFrame],
        by: Sequence[str],
    ) -> Sums:
        """The groups with the texts of their keys, sorted by these, and all sums in that order."""
        texts = self.texts_of(keyed.join(of_lot, on=_GROUP, how="left", maintain_order="left"))
        groups = keyed.select(by).with_columns(pl.Series(f"_{t.name}", t) for t in texts)
        if texts:
            groups = groups.sort([f"_{each.name}" for each in texts])
        order = groups.select(by)
        without = _aligned(graded.get(NO_STANDARD), order, by)
        figures = {
            name: _aligned(frame, order, by)
            for name, frame in graded.items()
            if name != NO_STANDARD
        }
        counts = [without, *figures.values()]
        added = _aligned(facts, order, by).with_columns(
            pl.sum_horizontal(
                pl.lit(0, dtype=pl.Int64), *(frame["bales"] for frame in figures.values())
            ).alias("bales_graded"),
            _of(without, "bales").alias("bales_without_standard"),
            *(
                pl.sum_horizontal(pl.lit(0, dtype=pl.Int64), *(_of(f, name) for f in counts)).alias(
                    name
                )
                for name in BALES_OF_LOTS
            ),
        )
        return Sums(
            groups.select(pl.col(f"_{each.name}").alias(each.name) for each in texts),
            added,
            {name: frame.drop(BALES_OF_LOTS) for name, frame in figures.items()},
            gins=0,
            conditioning=frozenset(),
        )

    def texts_of(self, coded: pl.DataFrame) -> list[pl.Series]:
        """The texts of the keys, from a frame with their codes."""
        return [
            self._texts(key, coded[key_column(key)]).alias(key_column(key))
            for key in self._query.keys
        ]

    def _place_filters(self) -> list[pl.Expr]:
        days = self._query.days
        filters = [
            place_code(key).is_in(self._codes(key, values))
            for key, values in self._query.filters.items()
            if key in PLACE_KEYS and key not in DAY_KEYS
        ]
        filters += [
            place_code(key).is_in(self._day_codes(key, values))
            for key, values in self._query.filters.items()
            if key in DAY_KEYS
        ]
        if days:
            filters.append(pl.col("day") > 0)
        if days.first is not None:
            filters.append(pl.col("day") >= days.first)
        if days.last is not None:
            filters.append(pl.col("day") <= days.last)
        return filters or [pl.lit(value=True)]

    def _place_columns(self) -> list[pl.Expr]:
        return [place_code(key).alias(key_column(key)) for key in self._places]

    def _codes(self, key: str, values: Sequence[str]) -> list[int]:
        if key == "season":
            return [season_code(value) for value in values]
        book = self._book(key)
        numbers = [book.number_of(value) for value in values]
        return [number for number in numbers if number is not None]

    def _book(self, key: str) -> Words | TextBook:
        """What the codes of a key are numbers of."""
        return self._names.texts[key] if key in PLACE_KEYS else self._names.words

    def _day_codes(self, key: str, values: Sequence[str]) -> list[int]:
        """The days, weeks or months that these texts name; a text that names none has no bales."""
        return [code for value in values if (code := day_code(key, value)) is not None]

    def _texts(self, key: str, codes: pl.Series) -> pl.Series:
        if key == "season":
            return (
                codes.to_frame()
                .select(
                    pl.when(pl.first() > 0).then(pl.first().cast(pl.String)).otherwise(pl.lit(""))
                )
                .to_series()
            )
        if codes.is_empty():
            return pl.Series(codes.name, [], pl.String)
        distinct = codes.unique().to_list()
        if key in DAY_KEYS:
            texts = [day_label(key, code) for code in distinct]
        else:
            book = self._book(key)
            texts = [book[code] for code in distinct]
        return codes.replace_strict(distinct, texts, return_dtype=pl.String)


def _facts(lots: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """What lots are and weigh, by group."""
    gin = key_column("gin")
    return (
        lots.lazy()
        .group_by(by)
        .agg(
            pl.col(*ADDITIVE).sum(),
            pl.col(gin).filter(pl.col("lots") > 0).n_unique().cast(pl.Int64).alias(_GINS),
        )
        .collect(engine="in-memory")
    )


def _figures(
    stands: Standing, lots: pl.DataFrame, standard: str, codes: _KeyCodes, by: Sequence[str]
) -> pl.DataFrame:
    """The figures of the bales of one standard, by group; those of every part together."""
    added = []
    for number, part in stands.parts_with(lots):
        cells = part[standard]
        if cells.is_empty():
            continue
        groups = lookup(lots, number, lots[_GROUP])
        mine = codes.cells_passing(in_lots(cells, groups), standard)
        added.append(_with_flags(mine, lots, number))
    columns = [name for name in stands.no_cells(standard).columns if name not in CELL]
    sums = [*columns, *BALES_OF_LOTS]
    if not added:
        keys = dict.fromkeys(by, pl.Int32())
        return pl.DataFrame(schema={**keys, **dict.fromkeys(sums, pl.Int64())})
    return (
        pl.concat([frame.select(*by, *sums) for frame in added])
        .lazy()
        .group_by(by)
        .agg(additions(sums))
        .collect(engine="in-memory")
    )


def _with_flags(cells: pl.DataFrame, lots: pl.DataFrame, part: int) -> pl.DataFrame:
    """The cells with their bales counted apart by what their lot is (BALES_OF_LOTS)."""
    of_lot = cells["lot"].to_numpy()
    flags = {
        name: lookup(lots, part, lots.select(flag.cast(pl.Int32)).to_series())[of_lot]
        for name, flag in BALES_OF_LOTS.items()
    }
    return cells.with_columns(
        (pl.col("bales") * pl.Series(flag)).alias(name) for name, flag in flags.items()
    )


def _all_groups(frames: Sequence[pl.DataFrame], by: Sequence[str]) -> pl.DataFrame:
    return pl.concat([frame.select(by) for frame in frames]).unique()


def _no_group(by: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame({name: [0] for name in by}, schema=dict.fromkeys(by, pl.Int32))


def _aligned(sums: pl.DataFrame | None, order: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Sums in the order of the groups, 0 where a group has none."""
    if sums is None:
        return pl.DataFrame({"bales": [0] * order.height}, schema={"bales": pl.Int64})
    joined = order.join(sums, on=by, how="left", maintain_order="left").drop(by)
    # Least and greatest values stay null where there are none.
    return joined.with_columns(pl.exclude("^.*\\.(min|max)$").fill_null(0))


def _of(frame: pl.DataFrame, name: str) -> pl.Series:
    if name in frame.columns:
        return frame[name]
    return pl.zeros(frame.height, dtype=pl.Int64, eager=True)
