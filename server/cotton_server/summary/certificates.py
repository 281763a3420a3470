"""Certificates of any number of lots at once, each lot at a revision of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.summary.basis import Basis, on_basis
from cotton_server.summary.certificate import LotGrade, grade_each, grade_nothing
from cotton_server.summary.dates import china_date
from cotton_server.summary.standing import WeightFigures, standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton_server.grading.standard import Standard
    from cotton_server.registry.lots import LotAt
    from cotton_server.registry.registry import Registry
    from cotton_server.summary.views import LotView


CERTIFICATE_SHARE_DECIMALS: Final = 1
"""Decimals of the shares on a printed certificate."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is certified of one lot at a revision.

    `standard` and `grade` are None where no standard is known for the lot; `weight` is None
    while it is not weighed, and of a withdrawn lot, which is in no figure. The dates are
    "YYYY-MM-DD" China time, "" when not known.
    """

    view: LotView
    basis: Basis
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
    standards: Mapping[str, Standard],
    *,
    share_decimals: int,
    basis: Basis = Basis.IN_FORCE,
) -> list[Certificate]:
    """The certificates of the lots, in their order; the same lot may come at several revisions.

    Takes no lock: a view does not change, nor do the rows that it names. Raises
    ShareDecimalsError for other than 1 or 2 decimals.
    """
    # Each view is a lot by itself here, under its place for a number.
    lots = [replace(on_basis(view.lot, basis), number=place) for place, view in enumerate(views)]
    stands = standing(lots, registry.bales, registry.texts["standard"], standards)
    own = stands.lots["standard"].to_list()
    grades = {
        name: _grades(stands.rollups[name], standard, own, share_decimals)
        for name, standard in standards.items()
        if name in own
    }
    inspections = _inspections(lots, registry)
    made = []
    for place, facts in enumerate(stands.lots.iter_rows(named=True)):
        name = facts["standard"]
        inspection = inspections.get(place, _NOT_INSPECTED)
        made.append(
            Certificate(
                view=views[place],
                basis=basis,
                standard=standards.get(name),
                grade=grades[name][place] if name else None,
                bales=facts["bales"],
                bales_without_standard=facts["bales_without_standard"],
                weight=None
                if facts["net"] is None
                else WeightFigures(facts["net"], facts["conditioned"]),
                first_inspected_on=china_date(inspection.first_s),
                last_inspected_on=china_date(inspection.last_s),
                laboratories=inspection.laboratories,
            )
        )
    return made


def _grades(
    rollup: pl.DataFrame, standard: Standard, own: Sequence[str], share_decimals: int
) -> dict[int, LotGrade]:
    """The grades, by place, of the lots whose own standard this is, with bales or without."""
    places = [place for place, name in enumerate(own) if name == standard.id]
    nothing = grade_nothing(standard, share_decimals=share_decimals)
    found = dict.fromkeys(places, nothing)
    mine = rollup.filter(pl.col("lot").is_in(places))
    graded = grade_each(mine, standard, share_decimals=share_decimals)
    found.update(zip(mine["lot"].to_list(), graded, strict=True))
    return found


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
