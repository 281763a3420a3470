"""Grade summaries of any set of bales, by any combination of keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from cotton_server.grading.families import Family, families
from cotton_server.grading.rollup import additions, applying
from cotton_server.grading.shares import ShareRule
from cotton_server.grading.standard import unverified_parts
from cotton_server.summary.adding import Sums, add_up, needs_lots, no_figures
from cotton_server.summary.errors import FiguresDisagreeError
from cotton_server.summary.keys import STANDARD_KEY, key_column
from cotton_server.summary.printing import Printed, print_figures, print_row
from cotton_server.summary.withholding import BoolArray, withheld_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton_server.grading.definitions import Definition
    from cotton_server.summary.adding import Names
    from cotton_server.summary.at_revision import LotsAt
    from cotton_server.summary.printing import TermsOf
    from cotton_server.summary.query import Query

Int64Array = npt.NDArray[np.int64]

WEIGHTING = "bales"
"""How every mean of a summary is weighted that does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of the bales that one family of standards graded, of every row."""

    family: Family
    definitions: tuple[Definition, ...]
    printed: Printed


@dataclass(frozen=True, slots=True)
class Side:
    """The figures of rows in one season: those of no standard, and a block a family."""

    row: Printed
    blocks: tuple[Block, ...]
    withheld: BoolArray
    there: BoolArray
    """Rows of which anything was there."""


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
        self._names = names
        self._share_decimals = share_decimals
        self._detailed: dict[tuple[str, ...], Sums] = {}
        self._sums = self._added(query)
        self._last = self._added(query.of_season_before()) if query.with_last_season else None
        if self._last is not None:
            self._sums, self._last = _side_by_side(self._sums, self._last, query)
        self._total = self._sums.total()
        self._total_last = None if self._last is None else self._last.total()
        self._hidden = withheld_rows(_bales(self._sums), query.withhold_below)
        self._hidden_last = (
            None if self._last is None else withheld_rows(_bales(self._last), query.withhold_below)
        )
        both = [self._sums] if self._last is None else [self._sums, self._last]
        graded = {
            name for sums in both for name, frame in sums.figures.items() if frame["bales"].sum()
        }
        self.standards = tuple(name for name in lots.grading.basis.standards if name in graded)
        """Ids of the standards that graded bales, oldest first."""
        self._conditioning = frozenset().union(*(sums.conditioning for sums in both))
        self._families = [
            family
            for family in families(lots.grading.basis.standards.values())
            if any(each.id in graded for each in family.standards)
        ]

    @property
    def rows(self) -> int:
        """Rows of the whole answer."""
        return self._sums.rows

    @property
    def rows_withheld(self) -> int:
        """Rows of this season that are withheld."""
        return int(self._hidden[0].sum())

    @property
    def unverified(self) -> tuple[str, ...]:
        """Unverified parts of the standards that graded bales or conditioned weights."""
        return unverified_parts(
            standard
            for name, standard in self.lots.grading.basis.standards.items()
            if name in self.standards or name in self._conditioning
        )

    @property
    def blocks(self) -> tuple[tuple[Family, tuple[Definition, ...]], ...]:
        """The families of standards that graded bales, with the definitions that apply."""
        return tuple((family, self._applying(family)) for family in self._families)

    def part(self, first: int, rows: int) -> Answer:
        """Some rows, from the one with the number `first` on."""
        chosen = slice(first, first + rows)
        side = self._side(
            self._sums.slice(first, rows), self._total, self._hidden[0][chosen], self.query, first
        )
        last = None
        if (
            self._last is not None
            and self._total_last is not None
            and self._hidden_last is not None
        ):
            last = self._side(
                self._last.slice(first, rows),
                self._total_last,
                self._hidden_last[0][chosen],
                self.query.of_season_before(),
                first,
            )
        return Answer(self.query, self._sums.groups.slice(first, rows), side, last)

    def total(self) -> Answer:
        """One row over all rows."""
        hidden = np.asarray([self._hidden[1]])
        side = self._side(self._total, self._total, hidden, self.query, None)
        last = None
        if self._total_last is not None and self._hidden_last is not None:
            last = self._side(
                self._total_last,
                self._total_last,
                np.asarray([self._hidden_last[1]]),
                self.query.of_season_before(),
                None,
            )
        return Answer(self.query, pl.DataFrame(), side, last)

    def _added(self, query: Query) -> Sums:
        cube = self.lots.cube
        few = cube is not None and not needs_lots(query)
        stands = cube.standing if cube is not None and few else self.lots.standing
        sums = add_up(stands, query, self._names)
        if STANDARD_KEY not in query.filters and not query.asks_of_bales:
            _check_bales(sums)
        return sums

    def _side(
        self, sums: Sums, total: Sums, withheld: BoolArray, query: Query, first: int | None
    ) -> Side:
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
                    terms_of=self._terms_of(family, query, sums, first),
                ),
            )
            for family, definitions in self.blocks
        )
        row = print_row(sums, total)
        there = row.figures["bales"].values + row.figures["lots"].values
        there = there + row.figures["lots_withdrawn"].values
        return Side(row, blocks, withheld, there > 0)

    def _applying(self, family: Family) -> tuple[Definition, ...]:
        return tuple(applying(self.lots.grading.basis.definitions, family.standards[-1]))

    def _of_family(self, sums: Sums, family: Family) -> pl.DataFrame:
        """The figures of the bales that any standard of a family graded."""
        frames = [sums.figures[each.id] for each in family.standards if each.id in sums.figures]
        if not frames:
            return no_figures(self.lots.standing, family.id, sums.rows)
        (first, *others) = frames
        if not others:
            return first
        numbered = [frame.with_row_index("row") for frame in frames]
        added = pl.concat(numbered).group_by("row").agg(additions(first.columns))
        return added.sort("row").drop("row")

    def _terms_of(
        self, family: Family, query: Query, sums: Sums, first: int | None
    ) -> TermsOf | None:
        """Where the lots of a row are found again, for means by weight that need them."""
        if query.asks_of_bales:
            return None

        def terms(row: int, measure: str) -> Iterator[tuple[int, int, int]]:
            detailed = self._by_lot(query)
            same = np.ones(detailed.rows, np.bool_)
            if first is not None:
                for name, value in sums.groups.row(row, named=True).items():
                    same &= (detailed.groups[name] == value).to_numpy()
            for standard in family.standards:
                frame = detailed.figures.get(standard.id)
                if frame is None:
                    continue
                counted = frame.filter(pl.Series(same) & (frame[f"{measure}.weight"] > 0))
                yield from counted.select(
                    f"{measure}.weight", f"{measure}.sum", f"{measure}.bales"
                ).iter_rows()

        return terms

    def _by_lot(self, query: Query) -> Sums:
        """The sums of every lot that passes, with the keys of the query and its own."""
        keys = (*(key for key in query.keys if key != "lot"), "lot")
        by_lot = replace(query, keys=keys, with_last_season=False, withhold_below=0)
        season = query.filters.get("season", ())
        if season not in self._detailed:
            self._detailed[season] = add_up(self.lots.standing, by_lot, self._names)
        return self._detailed[season]


def _side_by_side(this: Sums, last: Sums, query: Query) -> tuple[Sums, Sums]:
    """Both seasons with the groups of either, in order, so that rows stand beside each other."""
    names = [key_column(key) for key in query.keys]
    if not names:
        return this, last
    groups = pl.concat([this.groups, last.groups]).unique().sort(names)
    return _in_groups(this, groups, names), _in_groups(last, groups, names)


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


def _check_bales(sums: Sums) -> None:
    """Every bale that a lot has read is in a cell, graded or not."""
    read = int(sums.facts["bales_read"].sum())
    counted = int(_bales(sums).sum())
    if read != counted:
        raise FiguresDisagreeError(
            f"The lots have read {read} bales and their cells count {counted}:"
            " rebuild the cells from the ledger."
        )
