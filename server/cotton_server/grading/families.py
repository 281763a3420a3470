"""Families: standards whose figures may be added together, as their classes are the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from cotton_server.grading.standard import Measure, Standard


@dataclass(frozen=True, slots=True)
class Family:
    """Standards with the same units, tiers, colour grades and classes; oldest first."""

    id: str
    """The id of its oldest standard."""
    standards: tuple[Standard, ...]


def families(standards: Iterable[Standard]) -> tuple[Family, ...]:
    """The families of standards that come oldest first, in the order of their oldest one.

    Constants, rules of the main grade, sources and titles may differ: no figure that is added up
    depends on them. A measure without tiers is the same whether the tiers do not exist or are not
    known: there is nothing to add up by.
    """
    alike: dict[Hashable, list[Standard]] = {}
    for standard in standards:
        alike.setdefault(_classes(standard), []).append(standard)
    return tuple(Family(members[0].id, tuple(members)) for members in alike.values())


def _classes(standard: Standard) -> Hashable:
    """Everything by which figures are added up."""
    colour = standard.colour
    return (
        standard.units,
        tuple(_measure(measure) for measure in standard.measures.values()),
        None if colour is None else tuple(grade.code for grade in colour.grades),
        tuple(
            (item.name, tuple((each.name, each.code) for each in item.classes))
            for item in standard.items.values()
        ),
    )


def _measure(measure: Measure) -> Hashable:
    tiers = tuple((each.name, each.lower, each.upper, each.grade) for each in measure.tiers)
    return (measure.name, measure.unit, measure.resolution, tiers)
