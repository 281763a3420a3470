"""The classes of an item that a factor or a refusal tells apart, against those of a standard.

Roll-ups count bales by the *elements* of an item: its colour grades, its tiers, its judged classes.
A document joins elements to classes; elements that it does not list are each a class of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from cotton_server.grading.rounding import round_to
from cotton_server.settlement.exact import Exact, whole_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from cotton_server.grading.standard import Measure, Standard, Tier
    from cotton_server.settlement.document import Band
    from cotton_server.settlement.schedule import Classes

Places = npt.NDArray[np.int16]

VALUES: Final = 1 << 15
"""Values that a measure can have, in hundredths: those of a column of Int16 that are not absent."""

CODES: Final = 1 << 7
"""Codes that colour and what is judged can have: likewise of a column of Int8."""

NO_CLASS: Final = -1


class PricingError(ValueError):
    """A document asks of a standard what it does not have; says where, and what is missing."""

    def __init__(self, where: str, problem: str) -> None:
        self.where = where
        self.problem = problem
        super().__init__(f"{where}: {problem} Price these lots by a document for their standard.")


@dataclass(frozen=True, slots=True)
class Partition:
    """The elements of an item by class.

    `names` has the `listed` classes of a document in its order, then each element that is in none
    of them; `elements` those of the standard in its order, and `places` the place in `names` of
    each.
    """

    item: str
    names: tuple[str, ...]
    listed: int
    elements: tuple[str, ...]
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ValueClasses:
    """The class of each value of a measure, or of each code.

    `places` has for every value in hundredths the place in `names` of the class of its official
    (rounded) value, or for every code that of its class; NO_CLASS where it is in none. Its last
    entry, which an absent value (-1) finds, is NO_CLASS. The first `listed` names are those of the
    document.
    """

    names: tuple[str, ...]
    listed: int
    places: Places


@dataclass(frozen=True, slots=True)
class Rates:
    """What classes are paid, as whole numbers over one denominator; None: there is no rate."""

    scaled: tuple[int | None, ...]
    scale: int

    def at(self, places: npt.NDArray[np.signedinteger]) -> tuple[Exact, npt.NDArray[np.bool_]]:
        """The rate at each place, 0 where there is none, and where there is one."""
        known = np.array([rate is not None for rate in self.scaled])
        rates = whole_numbers(rate or 0 for rate in self.scaled)
        return Exact(rates[places], self.scale), known[places]


def elements_of(item: str, standard: Standard, where: str) -> tuple[str, ...]:
    """The names by which roll-ups under a standard count the bales of an item.

    Raises PricingError where the standard has none.
    """
    names: tuple[str, ...] = ()
    if item == "colour" and standard.colour is not None:
        names = tuple(grade.name for grade in standard.colour.grades)
    elif item in standard.items:
        names = tuple(each.name for each in standard.items[item].classes)
    elif item in standard.measures:
        names = tuple(tier.name for tier in standard.measures[item].tiers)
    if not names:
        raise PricingError(where, f"{standard.id} has no classes of {item}.")
    return names


def measure_of(item: str, standard: Standard, where: str) -> Measure:
    """The measure; raises PricingError for an item that is not measured."""
    measure = standard.measures.get(item)
    if measure is None:
        raise PricingError(where, f"{item} is not measured under {standard.id}.")
    return measure


def partition(classes: Classes, standard: Standard, where: str) -> Partition:
    """The elements of an item by class.

    Raises PricingError for names that the standard does not have, and for bands that part a tier,
    of which bales are counted as a whole.
    """
    item, listed = classes.item, classes.all
    elements = elements_of(item, standard, where)
    measure = standard.measures.get(item)
    tiers = {} if measure is None else {tier.name: tier for tier in measure.tiers}
    if classes.bands:
        measure_of(item, standard, where)
        joined = {name: _band_of(tier, classes.bands, where) for name, tier in tiers.items()}
    else:
        joined = _joined(classes, elements, tiers, standard, where)
    own = [name for name in elements if joined[name] is None]
    places = tuple(
        len(listed) + own.index(name) if (known := joined[name]) is None else listed.index(known)
        for name in elements
    )
    return Partition(item, (*listed, *own), len(listed), elements, places)


def value_classes(classes: Classes, standard: Standard, where: str) -> ValueClasses:
    """The class of each value of a measure; raises PricingError as `partition` does."""
    measure = measure_of(classes.item, standard, where)
    official = round_to(np.arange(VALUES, dtype=np.int64), measure.resolution)
    places = np.full(VALUES + 1, NO_CLASS, np.int16)
    if classes.bands:
        for place, band in enumerate(classes.bands):
            low, high = _ends(band)
            places[:-1][(low <= official) & (official <= high)] = place
        return ValueClasses(classes.all, len(classes.bands), places)
    joined = partition(classes, standard, where)
    for tier in measure.ascending_tiers:
        # As `tier_of_mean` does: a tier reaches up to the next one.
        places[:-1][official >= _ends(tier)[0]] = joined.places[joined.elements.index(tier.name)]
    return ValueClasses(joined.names, joined.listed, places)


def code_classes(classes: Classes, standard: Standard, where: str) -> ValueClasses:
    """The class of each code of colour or of an item that is judged, in place of values.

    Raises PricingError as `partition` does.
    """
    joined = partition(classes, standard, where)
    places = np.full(CODES + 1, NO_CLASS, np.int16)
    if classes.item == "colour" and standard.colour is not None:
        codes = [grade.code for grade in standard.colour.grades]
    else:
        codes = [each.code for each in standard.items[classes.item].classes]
    places[codes] = joined.places
    return ValueClasses(joined.names, joined.listed, places)


def rates_of(
    names: Sequence[str], listed: int, rates: Mapping[str, Decimal], others: Decimal | None
) -> Rates:
    """The rates of classes, of which the first `listed` are those of a document.

    A last one, that which NO_CLASS finds, is of what is in none of them.
    """
    found = [rates.get(name, others) for name in names[:listed]]
    found += [others] * (len(names) - listed + 1)
    return scaled(found)


def scaled(rates: Iterable[Decimal | None]) -> Rates:
    """Rates as whole numbers over their common denominator."""
    fractions = [None if rate is None else Fraction(rate) for rate in rates]
    scale = lcm(*(rate.denominator for rate in fractions if rate is not None))
    return Rates(tuple(None if rate is None else int(rate * scale) for rate in fractions), scale)


def names_at(names: Sequence[str], places: npt.NDArray[np.signedinteger]) -> pl.Series:
    """The name at each place, String, null at NO_CLASS."""
    where = np.where(places == NO_CLASS, len(names), places)
    return pl.Series([*names, None], dtype=pl.String).gather(where)


def _joined(
    classes: Classes,
    elements: Sequence[str],
    tiers: Mapping[str, Tier],
    standard: Standard,
    where: str,
) -> dict[str, str | None]:
    """The class of each element by name: what covers it, its own name, that of its grade."""
    covering = {tier: name for name, covered in classes.covers.items() for tier in covered}
    names = [name for name in classes.names if name not in classes.covers]
    grades = {name: tier.grade for name, tier in tiers.items() if tier.grade is not None}
    known = {*elements, *grades.values()}
    unknown = [each for each in names if each not in known]
    unknown += [each for each in covering if each not in elements]
    if unknown:
        problem = f"{standard.id} has no class {unknown[0]} of {classes.item}."
        raise PricingError(where, problem)
    joined: dict[str, str | None] = {}
    for element in elements:
        candidates = (element, grades.get(element))
        own = next((name for name in candidates if name in names), None)
        joined[element] = covering.get(element, own)
    return joined


def _band_of(tier: Tier, bands: Sequence[Band], where: str) -> str | None:
    """The band that a tier lies in, None where it lies in none; raises PricingError if in part."""
    low, high = _ends(tier)
    for band in bands:
        least, most = _ends(band)
        if least <= low and high <= most:
            return band.name
        if low <= most and least <= high:
            problem = f"Band {band.name} parts tier {tier.name}, of which bales are counted whole."
            raise PricingError(where, problem)
    return None


def _ends(values: Tier | Band) -> tuple[int, int]:
    """Both ends, in hundredths; what is open reaches all values that there are."""
    low = 0 if values.lower is None else values.lower
    return low, 2 * VALUES if values.upper is None else values.upper
