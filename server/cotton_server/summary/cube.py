"""Lots added up by every key of lots but the lot itself and its traceability unit.

A season has 140 000 lots and some thousands of combinations of the other keys, so that most
questions are answered from few rows. Kept up to date by adding up anew the combinations that a
changed lot leaves or enters, never by taking away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.grading.rollup import additions
from cotton_server.summary.facts import ADDITIVE, CODED_KEYS, FLAGS
from cotton_server.summary.keys import key_column
from cotton_server.summary.standing import CELL, Cells, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

APART: Final = ("lot", "traceability_unit")
"""The keys of lots that the cube does not have."""

_NUMBERS_PER_ENTRY: Final = 2
_NUMBERS_SPARE: Final = 1_024
"""Numbers beyond which entries are numbered anew: what looks them up is as long as the highest."""

_FIRST: Final = pl.lit(0, dtype=pl.Int32)
"""The number of the first part, and the one that a cube has."""

_KEYS: Final = [*(key_column(key) for key in CODED_KEYS if key not in APART), *FLAGS]


@dataclass(frozen=True, slots=True)
class Cube:
    """A standing whose "lots" are combinations of keys, with cells of bales by those alone.

    Its `lots` lack the keys APART and the places; `next_entry` is the number of the next one.
    """

    standing: Standing
    next_entry: int

    @classmethod
    def of(cls, stands: Standing) -> Cube:
        """The cube of all lots."""
        return cls._from(stands, stands.lots, 0)

    def in_order(self) -> Cube:
        """The same with entries in the order of their keys, numbered from 0 on."""
        (cells,) = self.standing.parts
        anew = _numbered_anew(cells, self.standing.lots.sort(_KEYS))
        (renumbered,) = anew.standing.parts
        ordered = Cells({name: frame.sort("lot") for name, frame in renumbered.items()})
        return Cube(Standing((ordered,), anew.standing.lots), anew.next_entry)

    def moved(self, old: Standing, new: Standing) -> Cube:
        """The cube of the new standing, in which the lots of the old one only have other keys.

        Both have them in the same order. A combination of which all lots have moved to one other
        goes there as it is: cells are looked at only of those that have come apart.
        """
        combinations = self.standing.lots.select(pl.col("lot").alias("entry"), *_KEYS)
        entry = old.lots.select(_KEYS).join(
            combinations, on=_KEYS, how="left", maintain_order="left", nulls_equal=True
        )["entry"]
        lots = new.lots.select("lot", "part", *_KEYS, *ADDITIVE).with_columns(entry)
        pieces = lots.group_by("entry", *_KEYS).agg(pl.col(*ADDITIVE).sum())
        is_whole = pieces["entry"].is_unique()
        apart = pieces.filter(~is_whole).select("entry").unique()
        whole = pieces.filter(is_whole).rename({"entry": "lot"}).with_columns(part=_FIRST)
        # The cells of combinations come before the parts that lots have.
        rest = lots.join(apart, on="entry", how="semi").with_columns(pl.col("part") + 1)
        columns = ["lot", "part", *_KEYS, *ADDITIVE]
        both = pl.concat([whole.select(columns), rest.select(columns)])
        return Cube.of(Standing((*self.standing.parts, *new.parts), both))

    def renewed(self, old: Standing, new: Standing, changed: pl.Series) -> Cube:
        """The cube of the new standing, which differs from the old one in the changed lots."""
        these = changed.to_frame("lot")
        touched = pl.concat(
            [stands.lots.join(these, on="lot", how="semi").select(_KEYS) for stands in (old, new)]
        ).unique()
        anew = Cube._from(
            new, new.lots.join(touched, on=_KEYS, how="semi", nulls_equal=True), self.next_entry
        )
        kept = self.standing.lots.join(touched, on=_KEYS, how="anti", nulls_equal=True)
        (old_cells,), (new_cells,) = self.standing.parts, anew.standing.parts
        cells = {
            name: pl.concat([frame.join(kept.select("lot"), on="lot", how="semi"), new_cells[name]])
            for name, frame in old_cells.items()
        }
        lots = pl.concat([kept, anew.standing.lots])
        if anew.next_entry > _NUMBERS_PER_ENTRY * lots.height + _NUMBERS_SPARE:
            return _numbered_anew(cells, lots)
        return Cube(Standing((Cells(cells),), lots), anew.next_entry)

    @classmethod
    def _from(cls, stands: Standing, lots: pl.DataFrame, first_entry: int) -> Cube:
        keyed = lots.select("lot", "part", *_KEYS, *ADDITIVE)
        entries = keyed.select(_KEYS).unique().with_row_index("entry", offset=first_entry)
        placed = keyed.join(entries, on=_KEYS, how="left", maintain_order="left", nulls_equal=True)
        facts = (
            placed.lazy()
            .group_by("entry")
            .agg(pl.col(*_KEYS).first(), pl.col(*ADDITIVE).sum())
            .sort("entry")
            .select(
                pl.col("entry").cast(pl.Int32).alias("lot"),
                *_KEYS,
                *ADDITIVE,
                _FIRST.alias("part"),
            )
            .collect(engine="in-memory")
        )
        cells = {name: _by_entry(stands, name, placed) for name in stands.parts[0]}
        return cls(Standing((Cells(cells),), facts), first_entry + entries.height)


def _numbered_anew(cells: Mapping[str, pl.DataFrame], lots: pl.DataFrame) -> Cube:
    """The same with the numbers from 0 on: those of combinations that are gone are taken again."""
    old = lots["lot"].to_numpy()
    new = np.full(int(old.max(initial=-1)) + 1, -1, np.int32)
    new[old] = np.arange(len(old), dtype=np.int32)
    renumbered = {
        name: frame.with_columns(pl.Series("lot", new[frame["lot"].to_numpy()]))
        for name, frame in cells.items()
    }
    numbers = pl.Series("lot", new[old])
    return Cube(Standing((Cells(renumbered),), lots.with_columns(numbers)), len(old))


def _by_entry(stands: Standing, standard: str, placed: pl.DataFrame) -> pl.DataFrame:
    """The cells of lots under one standard added up by entry, a part after the other."""
    nothing = stands.no_cells(standard)
    figures = [column for column in nothing.columns if column not in CELL]
    nothing = nothing.select("lot", *figures)
    added = []
    for number, part in stands.parts_with(placed):
        entry = lookup(placed, number, placed["entry"].cast(pl.Int32))
        mine = in_lots(part[standard], entry).select(pl.col("group").alias("lot"), *figures)
        added.append(_by_lot(mine, figures))
    return _by_lot(pl.concat([nothing, *added]), figures).sort("lot")


def _by_lot(cells: pl.DataFrame, figures: Sequence[str]) -> pl.DataFrame:
    return cells.lazy().group_by("lot").agg(additions(figures)).collect(engine="in-memory")


def lookup(lots: pl.DataFrame, part: int, numbers: pl.Series) -> npt.NDArray[np.int32]:
    """By lot the number that stands beside it, -1 for lots that are not of this part."""
    mine = (lots["part"] == part).to_numpy()
    of_lot = lots["lot"].to_numpy()[mine]
    found = np.full(int(of_lot.max()) + 1 if len(of_lot) else 0, -1, np.int32)
    found[of_lot] = numbers.to_numpy()[mine]
    return found


def in_lots(cells: pl.DataFrame, numbers: npt.NDArray[np.int32]) -> pl.DataFrame:
    """The cells of the lots that have a number of at least 0, with it as `group` (Int32)."""
    lot = cells["lot"].to_numpy()
    known = lot < len(numbers)
    group = np.where(known, numbers[np.where(known, lot, 0)] if len(numbers) else -1, -1)
    there = group >= 0
    grouped = cells.with_columns(pl.Series("group", group.astype(np.int32)))
    return grouped if there.all() else grouped.filter(pl.Series(there))
