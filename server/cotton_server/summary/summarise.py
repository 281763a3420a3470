"""Grade summaries of any set of bales, by any combination of keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from cotton_server.grading.families import Family, families
from cotton_server.grading.rollup import additions, applying
from cotton_server.grading.rounding import half_even
from cotton_server.grading.shares import ShareRule
from cotton_server.grading.standard import unverified_parts
from cotton_server.summary.adding import Sums, add_up, lots_of_groups, needs_lots, no_figures
from cotton_server.summary.certificates import lot_figures
from cotton_server.summary.errors import FiguresDisagreeError
from cotton_server.summary.facts import STATES
from cotton_server.summary.keys import STANDARD_KEY, key_column
from cotton_server.summary.printing import Printed, Values, print_figures, print_row
from cotton_server.summary.withholding import BoolArray, withheld_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cotton_server.grading.definitions import Definition
    from cotton_server.summary.adding import Names
    from cotton_server.summary.at_revision import LotsAt
    from cotton_server.summary.printing import TermsOf
    from cotton_server.summary.query import Query

Int64Array = npt.NDArray[np.int64]

_WHOLE: Final = 10_000

WEIGHTING = "bales"
"""How every mean of a summary is weighted that does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of the bales that one family of standards graded, of every row."""

    family: Family
    definitions: tuple[Definition, ...]
    printed: Printed
    graded: Mapping[str, Int64Array]
    """By id of each standard of the family that graded any the bales that it graded."""

    def cut(self, first: int, rows: int) -> Block:
        """Some of the rows."""
        chosen = slice(first, first + rows)
        return replace(
            self,
            printed=self.printed.cut(first, rows),
            graded={name: bales[chosen] for name, bales in self.graded.items()},
        )


@dataclass(frozen=True, slots=True)
class Side:
    """The figures of rows in one season: those of no standard, and a block a family."""

    row: Printed
    blocks: tuple[Block, ...]
    withheld: BoolArray
    there: BoolArray
    """Rows of which anything was there."""

    def cut(self, first: int, rows: int) -> Side:
        """Some of the rows."""
        chosen = slice(first, first + rows)
        return Side(
            self.row.cut(first, rows),
            tuple(each.cut(first, rows) for each in self.blocks),
            self.withheld[chosen],
            self.there[chosen],
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """Some rows of a summary, and the total over all of them."""

    query: Query
    groups: pl.DataFrame
    """The values of the keys (String, `key_column`), a row a group."""
    side: Side
    last: Side | None
    """The season before, row by row beside this one, where it was asked for."""

    @property
    def rows(self) -> int:
        """Rows in this part of the answer."""
        return self.side.row.rows


class Summary:
    """A summary, added up and ready to be printed part by part.

    The same question at the same revision gives the same rows in the same order.
    """

    def __init__(self, lots: LotsAt, query: Query, names: Names, *, share_decimals: int) -> None:
        """Adds up; raises FiguresDisagreeError where cells and lots count different bales."""
        self.lots = lots
        self.query = query
        added = [_added(lots, query, names)]
        queries = [query]
        if query.with_last_season:
            queries.append(query.of_season_before())
            added.append(_added(lots, queries[1], names))
            added = _side_by_side(added, query)
        self._groups = added[0].groups
        graded = {
            name for sums in added for name, frame in sums.figures.items() if frame["bales"].sum()
        }
        self.standards = tuple(name for name in lots.grading.basis.standards if name in graded)
        """Ids of the standards that graded bales, oldest first."""
        self._conditioning = frozenset().union(*(sums.conditioning for sums in added))
        self.blocks = tuple(
            (family, tuple(applying(lots.grading.basis.definitions, family.standards[-1])))
            for family in families(lots.grading.basis.standards.values())
            if any(each.id in graded for each in family.standards)
        )
        """The families of standards that graded bales, with the definitions that apply."""
        self._seasons = [
            _Season(lots, each, names, sums, self.blocks, share_decimals, query.withhold_below)
            for each, sums in zip(queries, added, strict=True)
        ]

    @property
    def rows(self) -> int:
        """Rows of the whole answer."""
        return self._seasons[0].rows

    @property
    def rows_withheld(self) -> int:
        """Rows of this season that are withheld."""
        return int(self._seasons[0].hidden[1:].sum())

    @property
    def unverified(self) -> tuple[str, ...]:
        """Unverified parts of the standards that graded bales or conditioned weights."""
        return unverified_parts(
            standard
            for name, standard in self.lots.grading.basis.standards.items()
            if name in self.standards or name in self._conditioning
        )

    @property
    def labels(self) -> tuple[tuple[str, str, str], ...]:
        """Key, value and English name, of the values of rows that the organisation names."""
        placing = self.lots.grading.basis.placing
        if placing is None:
            return ()
        return tuple(
            (key, value, names[value])
            for key in self.query.keys
            if (names := placing.english_names.get(key))
            for value in self._groups[key_column(key)].unique().sort().to_list()
            if value in names
        )

    def part(self, first: int, rows: int) -> Answer:
        """Some rows, from the one with the number `first` on."""
        return self.total_and_part(first, rows)[1]

    def total(self) -> Answer:
        """One row over all rows."""
        return self.total_and_part(0, 0)[0]

    def total_and_part(self, first: int, rows: int) -> tuple[Answer, Answer]:
        """The total and some rows, printed at once."""
        sides = [season.side(first, rows) for season in self._seasons]
        if len(sides) > 1:
            _set_year_on_year(*sides)
        groups = self._groups.slice(first, rows)
        return (
            self._answer(pl.DataFrame(), [side.cut(0, 1) for side in sides]),
            self._answer(groups, [side.cut(1, side.row.rows - 1) for side in sides]),
        )

    def _answer(self, groups: pl.DataFrame, sides: Sequence[Side]) -> Answer:
        return Answer(self.query, groups, sides[0], sides[1] if len(sides) > 1 else None)


class _Season:
    """The sums of one season, ready to be printed."""

    def __init__(
        self,
        lots: LotsAt,
        query: Query,
        names: Names,
        sums: Sums,
        blocks: Sequence[tuple[Family, tuple[Definition, ...]]],
        share_decimals: int,
        withhold_below: int,
    ) -> None:
        self._lots = lots
        self._query = query
        self._names = names
        self._sums = sums
        self._blocks = blocks
        self._share_decimals = share_decimals
        self._total = sums.total()
        rows, total = withheld_rows(_bales(sums), _counts(sums, query), withhold_below)
        self.hidden: BoolArray = np.concatenate([[total], rows])
        """Whether the total and then each row is withheld."""
        self._counted: pl.DataFrame | None = None
        self._under: dict[str, pl.DataFrame] = {}

    @property
    def rows(self) -> int:
        """Groups."""
        return self._sums.rows

    def side(self, first: int, rows: int) -> Side:
        """The total and then some rows."""
        sums = self._total.above(self._sums.slice(first, rows))
        blocks = tuple(
            Block(
                family,
                definitions,
                print_figures(
                    self._of_family(sums, family),
                    family.standards[-1],
                    definitions,
                    rule=ShareRule.LARGEST_REMAINDER,
                    share_decimals=self._share_decimals,
                    terms_of=self._terms_of(family, first),
                ),
                {
                    each.id: sums.figures[each.id]["bales"].to_numpy()
                    for each in family.standards
                    if each.id in sums.figures
                },
            )
            for family, definitions in self._blocks
        )
        row = print_row(sums, self._total)
        if self.hidden[0]:
            share = row.figures["share_of_total"]
            row.figures["share_of_total"] = replace(share, absent=np.ones(sums.rows, np.bool_))
        there = row.figures["bales"].values + row.figures["lots"].values
        there = there + row.figures["lots_withdrawn"].values
        hidden = np.concatenate([self.hidden[:1], self.hidden[1:][first : first + rows]])
        return Side(row, blocks, hidden, there > 0)

    def _of_family(self, sums: Sums, family: Family) -> pl.DataFrame:
        """The figures of the bales that any standard of a family graded."""
        frames = [sums.figures[each.id] for each in family.standards if each.id in sums.figures]
        if not frames:
            return no_figures(self._lots.standing, family.id, sums.rows)
        (first, *others) = frames
        if not others:
            return first
        numbered = [frame.with_row_index("row") for frame in frames]
        added = pl.concat(numbered).group_by("row").agg(additions(first.columns))
        return added.sort("row").drop("row")

    def _terms_of(self, family: Family, first: int) -> TermsOf:
        """Where the lots of a row are found again, for means by weight that need them.

        Row 0 is the total, row 1 the group with the number `first`.
        """

        def terms(row: int, measure: str) -> Iterator[tuple[int, int, int]]:
            for standard in family.standards:
                lots = self._lots_under(standard.id)
                # Without keys the one group is the total, and has no values to be found by.
                if row and self._sums.groups.width:
                    values = self._sums.groups.row(first + row - 1, named=True)
                    lots = lots.filter(pl.col(name) == value for name, value in values.items())
                counted = lots.filter(pl.col(f"{measure}.bales") > 0)
                yield from counted.select(
                    "conditioned", f"{measure}.sum", f"{measure}.bales"
                ).iter_rows()

        return terms

    def _lots_under(self, standard: str) -> pl.DataFrame:
        """The lots with conditioned weight that are counted, under their own standard.

        The keys of their rows (`key_column`), `conditioned`, and what their bales add up to.
        """
        if self._counted is None:
            lots = lots_of_groups(self._lots.standing, self._query, self._names)
            self._counted = lots.filter(pl.col("conditioned") > 0)
        if standard not in self._under:
            mine = self._counted.filter(pl.col("own") == standard)
            sums = lot_figures(self._lots.standing, standard, mine["lot"])
            self._under[standard] = pl.concat([mine, sums], how="horizontal")
        return self._under[standard]


def _set_year_on_year(this: Side, last: Side) -> None:
    """What has changed since the season before, where both are told."""
    hidden = this.withheld | last.withheld
    for name in ("bales", "conditioned"):
        before = last.row.figures[name].values
        change = (this.row.figures[name].values - before) * _WHOLE
        none = (before == 0) | hidden
        this.row.figures[f"{name}_on_last_season"] = Values(
            half_even(change, np.where(none, 1, before)), none
        )


def _added(lots: LotsAt, query: Query, names: Names) -> Sums:
    """The sums of a season, from combinations of keys where these are enough."""
    cube = lots.cube
    stands = lots.standing if cube is None or needs_lots(query) else cube.standing
    sums = add_up(stands, query, names)
    if STANDARD_KEY not in query.filters and not query.asks_of_bales:
        _check_bales(sums)
    return sums


def _side_by_side(seasons: Sequence[Sums], query: Query) -> list[Sums]:
    """Seasons with the groups of any of them, in order, so that rows stand beside each other."""
    names = [key_column(key) for key in query.keys]
    if not names:
        return list(seasons)
    groups = pl.concat([sums.groups for sums in seasons]).unique().sort(names)
    return [_in_groups(sums, groups, names) for sums in seasons]


def _in_groups(sums: Sums, groups: pl.DataFrame, names: Sequence[str]) -> Sums:
    def laid(frame: pl.DataFrame) -> pl.DataFrame:
        joined = groups.join(
            pl.concat([sums.groups, frame], how="horizontal"),
            on=names,
            how="left",
            maintain_order="left",
        ).drop(names)
        return joined.with_columns(
            pl.col(name).fill_null(0)
            for name in joined.columns
            if not name.endswith((".min", ".max"))
        )

    return replace(
        sums,
        groups=groups,
        facts=laid(sums.facts),
        figures={name: laid(frame) for name, frame in sums.figures.items()},
    )


def _bales(sums: Sums) -> Int64Array:
    facts = sums.facts
    bales: Int64Array = (facts["bales_graded"] + facts["bales_without_standard"]).to_numpy()
    return bales


def _counts(sums: Sums, query: Query) -> list[Int64Array]:
    """The bales of each row that have an item or a property, part by part.

    The lots of each state too where rows are of one state: then the total names them.
    """
    names = ["bales_unregistered", "bales_without_lot", "bales_without_standard"]
    names += ["bales_withdrawn", "weighed_bales"]
    if "state" in query.keys:
        names += [f"lots.{state.lower()}" for state in STATES]
    counts = [sums.facts[name].to_numpy() for name in names]
    for frame in sums.figures.values():
        items = [name for name in frame.columns if name.endswith((".bales", ".of"))]
        # A class is part of an item; what is told of it is told of the item.
        own = [name for name in items if name.count(".") == 1 or name.startswith("joint.")]
        counts += [frame[name].to_numpy() for name in ("bales", *own)]
        if "colour.bales" in frame.columns:
            counts.append((frame["bales"] - frame["colour.bales"]).to_numpy())
    return counts


def _check_bales(sums: Sums) -> None:
    """Every bale that a lot has read is in a cell, graded or not."""
    read = int(sums.facts["bales_read"].sum())
    counted = int(_bales(sums).sum())
    if read != counted:
        raise FiguresDisagreeError(
            f"The lots have read {read} bales and their cells count {counted}:"
            " rebuild the cells from the ledger."
        )
