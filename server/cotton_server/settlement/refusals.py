"""Which lots are not deliverable, and by which rules."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from cotton_server.settlement.classes import PricingError, partition
from cotton_server.settlement.factors import (
    PERCENT,
    averaged,
    axis_figures,
    class_of,
    counted,
    unclassed,
)
from cotton_server.settlement.schedule import By, RefusalTest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.exact import Int64Array
    from cotton_server.settlement.factors import Lots
    from cotton_server.settlement.priced import BoolArray
    from cotton_server.settlement.schedule import Classes, Refusal, Schedule

_HUNDREDTHS: Final = 100


def not_checked(schedule: Schedule) -> tuple[str, ...]:
    """The rules that nothing the service is told lets it check."""
    return tuple(
        refusal.name for refusal in schedule.refusals if refusal.test is RefusalTest.NOT_MEASURED
    )


def refusal_figures(refusal: Refusal, standard: Standard) -> Iterator[str]:
    """The columns of a roll-up that a rule reads; raises PricingError."""
    match refusal.test:
        case RefusalTest.ANY_BALE | RefusalTest.SHARE_ABOVE:
            yield from counted(_classes(refusal).item, standard, refusal.name)
        case RefusalTest.CLASS:
            classes = _classes(refusal)
            yield from axis_figures(classes, refusal.by or By.MEAN, standard, refusal.name)
        case RefusalTest.MEAN_OUTSIDE:
            yield from averaged(refusal.item)
        case RefusalTest.VALUE_ABOVE | RefusalTest.BALES_OUTSIDE | RefusalTest.NOT_MEASURED:
            return


def refused(refusal: Refusal, lots: Lots) -> tuple[BoolArray, dict[str, BoolArray]]:
    """The lots that break a rule, and by reason those of which nobody can say whether they do.

    Nobody can where what the rule looks at was not measured or sampled, and where a class that it
    names is one of several with most bales. Raises PricingError.
    """
    match refusal.test:
        case RefusalTest.NOT_MEASURED:
            return np.zeros(len(lots), np.bool_), {}
        case RefusalTest.BALES_OUTSIDE:
            return _outside(lots.bales, refusal, 1), {}
        case RefusalTest.VALUE_ABOVE:
            sampled = lots.frame[refusal.item]
            limit = Fraction(refusal.limit or 0) * _HUNDREDTHS
            # What is absent is above nothing.
            above = sampled.fill_null(0).to_numpy() * limit.denominator > limit.numerator
            return above, {f"NOT_SAMPLED:{refusal.item}": sampled.is_null().to_numpy()}
        case RefusalTest.MEAN_OUTSIDE:
            means = lots.mean(refusal.item, refusal.name)
            outside = _outside(means, refusal, _HUNDREDTHS) & (means >= 0)
            return outside, unclassed(refusal.item, By.MEAN, lots)
        case RefusalTest.ANY_BALE | RefusalTest.SHARE_ABOVE:
            return _by_bales(refusal, lots), lots.held_for(_classes(refusal).item)
        case RefusalTest.CLASS:
            return _by_class(refusal, lots)


def _by_bales(refusal: Refusal, lots: Lots) -> BoolArray:
    joined = partition(_classes(refusal), lots.standard, refusal.name)
    counts = lots.counts(joined)
    named, of = counts[:, : joined.listed].sum(axis=1), counts.sum(axis=1)
    if refusal.test is RefusalTest.ANY_BALE:
        any_of_them: BoolArray = named > 0
        return any_of_them
    limit = Fraction(refusal.limit or 0)
    above: BoolArray = named * PERCENT * limit.denominator > of * limit.numerator
    return above


def _by_class(refusal: Refusal, lots: Lots) -> tuple[BoolArray, dict[str, BoolArray]]:
    classes, by = _classes(refusal), refusal.by or By.MEAN
    listed = len(classes.all)
    beside = _with_grades(classes, lots.standard) if by is By.MAIN else classes
    found = class_of(beside, by, lots, refusal.name)
    broken = np.asarray((found.places >= 0) & (found.places < listed), np.bool_)
    held = unclassed(classes.item, by, lots)
    tied: BoolArray = np.logical_or.reduce(found.tied[:, :listed], axis=1)
    held[f"TIE:{refusal.name}"] = tied
    return broken, held


def _with_grades(classes: Classes, standard: Standard) -> Classes:
    """Classes with the grades of all tiers behind them: C1 stands beside A, B and the rest of C."""
    measure = standard.measures.get(classes.item)
    if measure is None or classes.bands:
        return classes
    others = tuple(grade for grade in measure.grades if grade not in classes.names)
    return replace(classes, names=(*classes.names, *others))


def _outside(values: Int64Array, refusal: Refusal, scale: int) -> BoolArray:
    """Where values are below `lower` or above `upper`, which are in units of 1 / `scale`."""
    outside: BoolArray = np.zeros(len(values), np.bool_)
    if refusal.lower is not None:
        lower = Fraction(refusal.lower) * scale
        below: BoolArray = values * lower.denominator < lower.numerator
        outside |= below
    if refusal.upper is not None:
        upper = Fraction(refusal.upper) * scale
        above: BoolArray = values * upper.denominator > upper.numerator
        outside |= above
    return outside


def _classes(refusal: Refusal) -> Classes:
    if refusal.classes is None:
        raise PricingError(refusal.name, "The rule names no classes.")
    return refusal.classes
