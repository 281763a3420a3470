"""Certificates of any number of lots at once, each lot at a revision of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from cotton_server.grading.rollup import additions, applying
from cotton_server.grading.shares import ShareRule
from cotton_server.reference.units import LEVELS
from cotton_server.summary.basis import Basis, on_basis
from cotton_server.summary.dates import china_date
from cotton_server.summary.facts import WeightFigures, weigh
from cotton_server.summary.keys import STANDARD_KEY, key_column
from cotton_server.summary.printing import Printed, print_figures
from cotton_server.summary.standing import CELL, NO_STANDARD, cells_under, standing
from cotton_server.summary.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.grading.definitions import Definition
    from cotton_server.grading.standard import Standard
    from cotton_server.registry.lots import LotAt
    from cotton_server.registry.registry import Registry
    from cotton_server.summary.gradings import Grading, Gradings
    from cotton_server.summary.standing import GradingBasis, Standing
    from cotton_server.summary.views import LotView


CERTIFICATE_SHARE_DECIMALS: Final = 1
"""Decimals of the shares on a printed certificate."""


@dataclass(frozen=True, slots=True)
class LotGrade:
    """The figures of a lot under its own standard: one row of what was printed for many."""

    standard: Standard
    definitions: tuple[Definition, ...]
    printed: Printed
    row: int


class Placed(NamedTuple):
    """Where the organisation of its day puts a lot; "" where nothing says.

    `differs`: whether its registration names another division or region.
    """

    region: str
    division: str
    regiment: str
    county: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is certified of one lot at a revision.

    `standard` and `grade` are None where no standard is known for the lot; `weight` is None
    while it is not weighed, and of a withdrawn lot, which is in no figure. The dates are
    "YYYY-MM-DD" China time, "" when not known.
    """

    view: LotView
    basis: Basis
    grading: Grading
    placed: Placed
    standard: Standard | None
    grade: LotGrade | None
    bales: int
    bales_without_standard: int
    weight: WeightFigures | None
    first_inspected_on: str
    last_inspected_on: str
    laboratories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Inspection:
    first_s: int
    last_s: int
    laboratories: tuple[str, ...]


_NOT_INSPECTED = _Inspection(0, 0, ())


def certificates(
    views: Sequence[LotView],
    registry: Registry,
    gradings: Gradings,
    *,
    share_decimals: int,
    basis: Basis = Basis.IN_FORCE,
) -> list[Certificate]:
    """The certificates of the lots, in their order; the same lot may come at several revisions.

    Takes no lock: a view does not change, nor do the rows that it names. Raises
    ShareDecimalsError for other than 1 or 2 decimals.
    """
    made: list[Certificate | None] = [None] * len(views)
    for grading, places in _by_grading(views, gradings):
        some = [views[place] for place in places]
        certified = _certified(some, registry, grading, share_decimals, basis)
        for place, certificate in zip(places, certified, strict=True):
            made[place] = certificate
    return [each for each in made if each is not None]


def _by_grading(views: Sequence[LotView], gradings: Gradings) -> list[tuple[Grading, list[int]]]:
    """The places of views that were graded and placed alike, together."""
    groups: list[tuple[Grading, list[int]]] = []
    for place, view in enumerate(views):
        grading = gradings.at(view.revision)
        mine = next((places for other, places in groups if other.same_as(grading)), None)
        if mine is None:
            groups.append((grading, [place]))
        else:
            mine.append(place)
    return groups


def _certified(
    views: Sequence[LotView],
    registry: Registry,
    grading: Grading,
    share_decimals: int,
    basis: Basis,
) -> list[Certificate]:
    # Each view is a lot by itself here, under its place for a number.
    lots = [replace(on_basis(view.lot, basis), number=place) for place, view in enumerate(views)]
    words = Words()
    stands = standing(lots, registry.bales, registry.texts["standard"], grading.basis, words)
    own = words.texts(stands.lots[key_column(STANDARD_KEY)]).to_list()
    grades: dict[int, LotGrade] = {}
    for name, standard in grading.basis.standards.items():
        places = [place for place, each in enumerate(own) if each == name]
        if places:
            grades |= lot_grades(stands, standard, grading.basis, places, share_decimals)
    without = _without_standard(stands)
    inspections = _inspections(lots, registry)
    placed = _placed(stands, words)
    made = []
    for place, view in enumerate(views):
        grade = grades.get(place)
        lot, inspection = lots[place], inspections.get(place, _NOT_INSPECTED)
        mine = None if grade is None else grade.standard
        weighed = lot.weight is not None and not lot.withdrawn
        made.append(
            Certificate(
                view=view,
                basis=basis,
                grading=grading,
                placed=placed[place],
                standard=mine,
                grade=grade,
                bales=lot.bales,
                bales_without_standard=without.get(place, 0),
                weight=weigh(lot.weight, mine) if weighed and lot.weight is not None else None,
                first_inspected_on=china_date(inspection.first_s),
                last_inspected_on=china_date(inspection.last_s),
                laboratories=inspection.laboratories,
            )
        )
    return made


def _placed(stands: Standing, words: Words) -> list[Placed]:
    """Where each lot is placed, in their order."""
    levels = (words.texts(stands.lots[key_column(level)]).to_list() for level in LEVELS)
    differs = stands.lots["organisation_differs"].to_list()
    return [
        Placed(**dict(zip(LEVELS, names, strict=True)), differs=other)
        for *names, other in zip(*levels, differs, strict=True)
    ]


def lot_grades(
    stands: Standing,
    standard: Standard,
    grading: GradingBasis,
    lots: Sequence[int],
    share_decimals: int,
) -> dict[int, LotGrade]:
    """The figures of lots under their own standard, with bales or without, by number.

    Shares are printed by the rule of certificates.
    """
    rows = lot_figures(stands, standard.id, pl.Series("lot", lots, pl.Int32))
    definitions = tuple(applying(grading.definitions, standard))
    printed = print_figures(
        rows,
        standard,
        definitions,
        rule=ShareRule.CERTIFICATE,
        share_decimals=share_decimals,
    )
    return {lot: LotGrade(standard, definitions, printed, row) for row, lot in enumerate(lots)}


def lot_figures(stands: Standing, standard: str, lots: pl.Series) -> pl.DataFrame:
    """The cells of lots under one standard added up by lot, in the order of `lots`.

    A lot without bales of the standard has 0, and null for least and greatest values.
    """
    wanted = lots.to_frame("lot")
    cells = cells_under(stands, standard, wanted)
    figures = [column for column in cells.columns if column not in CELL]
    added = cells.lazy().group_by("lot").agg(additions(figures)).collect(engine="in-memory")
    return (
        wanted.join(added, on="lot", how="left", maintain_order="left")
        .drop("lot")
        .with_columns(
            pl.col(name).fill_null(0) for name in figures if not name.endswith((".min", ".max"))
        )
    )


def _without_standard(stands: Standing) -> dict[int, int]:
    (cells,) = stands.parts
    counts = cells[NO_STANDARD].group_by("lot").agg(pl.col("bales").sum())
    return dict(counts.iter_rows())


def _inspections(lots: Sequence[LotAt], registry: Registry) -> dict[int, _Inspection]:
    """When and where the bales of lots were inspected, by place, of lots that have any."""
    read = [lot for lot in lots if lot.bales]
    if not read:
        return {}
    places = np.asarray([lot.number for lot in read], np.int32)
    frame = registry.bales.frame(np.concatenate([lot.runs for lot in read]))
    known_s = pl.col("inspected_at_s").filter(pl.col("inspected_at_s") > 0)
    rows = (
        frame.lazy()
        .select("inspected_at_s", "laboratory")
        .with_columns(place=np.repeat(places, [lot.bales for lot in read]))
        .group_by("place")
        .agg(
            first_s=known_s.min().fill_null(0),
            last_s=known_s.max().fill_null(0),
            laboratories=pl.col("laboratory").filter(pl.col("laboratory") > 0).unique(),
        )
        .sort("place")
        .collect(engine="in-memory")
    )
    book = registry.texts["laboratory"]
    return {
        place: _Inspection(first_s, last_s, tuple(sorted(book[number] for number in numbers)))
        for place, first_s, last_s, numbers in rows.iter_rows()
    }
