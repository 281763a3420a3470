"""Single bales that somebody has to look at: found from cells, told from their readings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from cotton.inspection.v1 import summary_pb2

from cotton_server.domain.identifiers import BaleKey
from cotton_server.grading.bales import CHART_COLOUR
from cotton_server.summary.adding import passing_lots
from cotton_server.summary.basis import Basis, on_basis
from cotton_server.summary.keys import STANDARD_KEY, key_column
from cotton_server.summary.standing import NO_STANDARD, graded_bales

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton_server.registry.registry import Registry
    from cotton_server.summary.adding import Names
    from cotton_server.summary.at_revision import LotsAt
    from cotton_server.summary.query import Query

LOTS_AT_ONCE: Final = 200
"""Lots whose bales are read at once."""


class Cause(IntEnum):
    """Why a bale is listed; the numbers of the contract's enum."""

    UNREGISTERED = summary_pb2.BALE_CAUSE_UNREGISTERED
    WITHOUT_STANDARD = summary_pb2.BALE_CAUSE_WITHOUT_STANDARD
    UNGRADED_IN_COLOUR = summary_pb2.BALE_CAUSE_UNGRADED_IN_COLOUR
    CHART_DIFFERS = summary_pb2.BALE_CAUSE_CHART_DIFFERS


@dataclass(frozen=True, slots=True)
class ListedBale:
    """A bale with what it is listed for; texts are "" and numbers 0 where not known."""

    bale: str
    lot_no: str
    causes: tuple[Cause, ...]
    laboratory: str
    instrument: str
    inspected_at_s: int
    standard: str
    colour_grade: int
    chart_colour_grade: int
    stored_at_revision: int


def listed_bales(
    lots: LotsAt,
    query: Query,
    causes: frozenset[Cause],
    names: Names,
    registry: Registry,
    basis: Basis,
) -> Iterator[list[ListedBale]]:
    """The bales of lots that pass, with any of the causes, some lots at a time, by lot number.

    Each under a standard that is asked for, whatever the standard of its lot.
    """
    of_lots = {key: values for key, values in query.filters.items() if key != STANDARD_KEY}
    chosen = passing_lots(lots.standing.lots, replace(query, filters=of_lots), names)
    standards = query.filters.get(STANDARD_KEY, (*lots.grading.basis.standards, NO_STANDARD))
    concerned = chosen.filter(pl.col("lot").is_in(_concerned(lots, chosen, causes, standards)))
    lot_nos = names.words.texts(concerned[key_column("lot")])
    numbers = (
        concerned.select("lot", lot_nos.alias("lot_no")).sort("lot_no", "lot")["lot"].to_list()
    )
    for first in range(0, len(numbers), LOTS_AT_ONCE):
        some = numbers[first : first + LOTS_AT_ONCE]
        yield _bales_of(some, lots, causes, standards, registry, basis)


def _concerned(
    lots: LotsAt, chosen: pl.DataFrame, causes: frozenset[Cause], standards: Sequence[str]
) -> list[int]:
    """Those of the chosen lots that have such bales, as their cells tell."""
    current = chosen.select("lot", "part", "registered", "bales_read")
    parts = []
    if Cause.UNREGISTERED in causes:
        unregistered = ~pl.col("registered") & (pl.col("bales_read") > 0)
        parts.append(current.filter(unregistered).select("lot"))
    for number, part in lots.standing.parts_with(chosen):
        mine = current.filter(pl.col("part") == number).select("lot")
        for standard in standards:
            cells = part[standard]
            which = _cells_with(standard, cells, causes)
            if which is not None:
                parts.append(cells.filter(which).select("lot").join(mine, on="lot", how="semi"))
    return pl.concat(parts)["lot"].unique().to_list() if parts else []


def _cells_with(standard: str, cells: pl.DataFrame, causes: frozenset[Cause]) -> pl.Expr | None:
    if standard == NO_STANDARD:
        return pl.lit(value=True) if Cause.WITHOUT_STANDARD in causes else None
    if "colour.bales" not in cells.columns:
        return None
    which = []
    if Cause.UNGRADED_IN_COLOUR in causes:
        which.append(pl.col("bales") > pl.col("colour.bales"))
    if Cause.CHART_DIFFERS in causes:
        which.append(pl.col("chart.differing") > 0)
    return pl.any_horizontal(which) if which else None


def _bales_of(
    numbers: list[int],
    lots: LotsAt,
    causes: frozenset[Cause],
    standards: Sequence[str],
    registry: Registry,
    basis: Basis,
) -> list[ListedBale]:
    entries = [registry.lots.looked_at(number) for number in numbers]
    count = registry.rows_at(lots.revision)
    with registry.lock:
        then = [entry.at(lots.revision, count) for entry in entries]
    some = [on_basis(lot, basis) for lot in then]
    lot_nos = {lot.number: lot.lot_no for lot in some}
    unregistered = [lot.number for lot in some if lot.registration is None]
    # Imported bales without a lot lie in an entry a crop year, all of them under no number.
    lot_no = pl.col("lot").replace_strict(lot_nos, return_dtype=pl.String)
    found = []
    for frame in graded_bales(some, registry.bales, registry.texts["standard"], lots.grading.basis):
        mine = frame.filter(pl.col("graded_by").is_in(list(standards))).with_columns(
            *_causes(lots, unregistered)
        )
        listed = mine.filter(pl.any_horizontal(cause.name for cause in causes))
        if listed.is_empty():
            continue
        keys = registry.bales.read(("high", "low", "position"), listed["row"].to_numpy())
        listed = listed.with_columns(**{name: pl.Series(each) for name, each in keys.items()})
        for bale in listed.sort(lot_no, "row").iter_rows(named=True):
            why = tuple(cause for cause in Cause if cause in causes and bale[cause.name])
            found.append(_listed(bale, why, lot_nos[bale["lot"]], registry))
    return found


def _causes(lots: LotsAt, unregistered: Sequence[int]) -> list[pl.Expr]:
    """Of every cause whether a bale has it, Boolean, by its name."""
    graded_by, reported, chart = pl.col("graded_by"), pl.col("colour_grade"), pl.col(CHART_COLOUR)
    known = [
        (graded_by == name) & reported.is_in([grade.code for grade in standard.colour.grades])
        for name, standard in lots.grading.basis.standards.items()
        if standard.colour is not None
    ]
    in_colour = graded_by.is_in(
        [n for n, each in lots.grading.basis.standards.items() if each.colour is not None]
    )
    by_laboratory = pl.any_horizontal(known).fill_null(value=False)
    by_chart = chart.is_not_null()
    return [
        pl.col("lot").is_in(list(unregistered)).alias(Cause.UNREGISTERED.name),
        (graded_by == NO_STANDARD).alias(Cause.WITHOUT_STANDARD.name),
        (in_colour & ~by_laboratory & ~by_chart).alias(Cause.UNGRADED_IN_COLOUR.name),
        (in_colour & by_laboratory & by_chart & (reported != chart))
        .fill_null(value=False)
        .alias(Cause.CHART_DIFFERS.name),
    ]


def _listed(
    bale: dict[str, Any], causes: tuple[Cause, ...], lot_no: str, registry: Registry
) -> ListedBale:
    return ListedBale(
        bale=str(BaleKey(bale["high"], bale["low"])),
        lot_no=lot_no,
        causes=causes,
        laboratory=registry.texts["laboratory"][bale["laboratory"]],
        instrument=registry.texts["instrument"][bale["instrument"]],
        inspected_at_s=bale["inspected_at_s"],
        standard=bale["graded_by"],
        colour_grade=bale["colour_grade"] or 0,
        chart_colour_grade=bale[CHART_COLOUR] or 0,
        stored_at_revision=bale["position"],
    )
