"""Which lots and units a document of pay is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cotton_server.runs.units import NO_UNIT, ORGANISATION
from cotton_server.summary.keys import key_column, season_code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton_server.runs.lots import LotLines
    from cotton_server.runs.sources import Sources
    from cotton_server.runs.table import BoolArray, Int64Array
    from cotton_server.runs.units import Units
    from cotton_server.settlement.exact import Rows

    Scope = Mapping[str, Sequence[str]]
    """Values by key of lots: all must hold."""


def lots_in_scope(scope: Scope, lines: LotLines, sources: Sources) -> BoolArray:
    """The lines of lots in scope; a withdrawn lot is in none."""
    found: BoolArray = lines.fact("lots_withdrawn") == 0
    words = sources.names.words
    for key, values in scope.items():
        codes = [season_code(each) if key == "season" else words.number_of(each) for each in values]
        found = found & lines.lots[key_column(key)].is_in(codes).to_numpy()
    return found


def lots_of_unknown_scope(scope: Scope, lines: LotLines, sources: Sources) -> BoolArray:
    """The lines of lots that lack a key of the scope and contradict it in no other."""
    lacking = np.zeros(lines.rows, np.bool_)
    could_be = lines.fact("lots_withdrawn") == 0
    words = sources.names.words
    for key, values in scope.items():
        if key == "season":
            continue
        codes = lines.lots[key_column(key)]
        missing = (codes == words.number_of("")).to_numpy()
        wanted = codes.is_in([words.number_of(each) for each in values]).to_numpy()
        lacking |= missing & ~wanted
        could_be = could_be & (wanted | missing)
    unknown: BoolArray = could_be & lacking
    return unknown


def units_in_scope(scope: Scope, lots: BoolArray, units: Units) -> BoolArray:
    """The units with a lot in scope, and those without any lot whose place is in it."""
    has_lots = counts(units.of_lot, units.rows) > 0
    in_scope = counts(units.of_lot[lots], units.rows) > 0
    placed = np.ones(units.rows, np.bool_)
    for key in ORGANISATION:
        if key in scope:
            placed &= units.frame.select(pl.col(key).is_in(scope[key])).to_series().to_numpy()
    return in_scope | (~has_lots & placed)


def counts(groups: Rows, count: int) -> Int64Array:
    """How many rows are of each of `count` groups; NO_UNIT is none."""
    return np.bincount(groups[groups != NO_UNIT], minlength=count).astype(np.int64)
