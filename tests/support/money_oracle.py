"""What a schedule pays a lot, worked out once more, bale by bale, in fractions.

Written from what the schedule's classes say of themselves; grades come from the oracle of grades.
Lots are lists of readings under GB 1103.1, of either edition, or of USDA bales, values in
hundredths.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from cotton_server.grading.shares import ShareRule
from cotton_server.settlement.document import RoundingMode
from cotton_server.settlement.schedule import (
    BonusFactor,
    By,
    CountFactor,
    MainFactor,
    MeanFactor,
    RefusalTest,
    ShareFactor,
    TableFactor,
    ThresholdFactor,
    Ties,
    Ungraded,
)

from tests.grading import oracle as grades
from tests.support import figures_oracle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cotton_server.settlement.schedule import Axis, Classes, Factor, Refusal, Schedule

    Bale = Mapping[str, int | None]

CHART: Final = "chart_colour_grade"
"""The colour grade that a chart gives a bale."""

ROUNDINGS: Final = {
    RoundingMode.HALF_EVEN: ROUND_HALF_EVEN,
    RoundingMode.HALF_UP: ROUND_HALF_UP,
}
_FIELDS: Final = {"colour": "colour_grade", "preparation": "preparation", "leaf": "leaf_grade"}
_GRADES_OF_MICRONAIRE: Final = ("A", "B", "C")


@dataclass
class Outcome:
    """What a lot or a bale is paid per unit: None where a factor has no amount."""

    factors: dict[str, Fraction | None] = field(default_factory=dict)
    classes: dict[str, str | None] = field(default_factory=dict)
    reasons: set[str] = field(default_factory=set)

    def rate(self, base: Decimal) -> Fraction:
        """The base rate and every factor that has an amount."""
        return Fraction(base) + sum(
            (each or Fraction(0) for each in self.factors.values()), start=Fraction(0)
        )


def printed(value: Fraction, decimals: int, mode: RoundingMode) -> int:
    """The figure as printed, in its last decimal: by the long division of decimals."""
    digits, rest = divmod(abs(value) * 10**decimals, 1)
    text = Decimal(int(digits)) + Decimal(int(rest * 4)) / 4
    if rest * 4 % 1:
        text += Decimal("0.01")
    whole = int(text.quantize(Decimal(1), ROUNDINGS[mode]))
    return -whole if value < 0 else whole


def price_lot(
    bales: Sequence[Bale], schedule: Schedule, trash: int | None = None, regain: int | None = None
) -> Outcome:
    """What each factor pays a lot, and every reason that stands against it."""
    lot = _Lot(bales, schedule)
    for factor in schedule.factors:
        lot.outcome.classes[factor.name] = None
        lot.outcome.factors[factor.name] = lot.amount(factor)
    for refusal in schedule.refusals:
        if lot.is_refused(refusal, {"trash": trash, "regain": regain}):
            lot.outcome.reasons.add(f"NOT_DELIVERABLE:{refusal.name}")
    return lot.outcome


def price_bale(bale: Bale, schedule: Schedule) -> Outcome:
    """What each table pays a USDA bale; `chart_colour_grade` where no colour was reported."""
    if grades.colour(bale, grades.USDA) is None and bale.get(CHART) is not None:
        bale = {**bale, "colour_grade": bale[CHART]}
    outcome = Outcome()
    for factor in schedule.factors:
        assert isinstance(factor, TableFactor)
        items = [axis.classes.item for axis in factor.axes]
        key = [_class(bale, axis.classes, grades.USDA) for axis in factor.axes]
        shown = [
            name or ("" if axis.classes.bands else _element(bale, item, grades.USDA) or "")
            for name, item, axis in zip(key, items, factor.axes, strict=True)
        ]
        outcome.classes[factor.name] = " ".join(shown) if all(shown) else None
        rate = factor.rates.get(tuple(each or "" for each in key))
        outcome.factors[factor.name] = None if rate is None else Fraction(rate)
        absent = [item for item in items if bale[_FIELDS.get(item, item)] is None]
        outcome.reasons |= {f"NO_VALUE:{item}" for item in absent}
        if rate is None and not absent:
            outcome.reasons.add(f"NO_RATE:{factor.name}")
    return outcome


def price_by_bales(
    bales: Sequence[Bale], schedule: Schedule, weights: Sequence[int | None] | None = None
) -> Outcome:
    """What each table pays a lot: the mean of its USDA bales, by their weights if all have one."""
    each = [price_bale(bale, schedule) for bale in bales]
    counted = [1] * len(bales)
    if schedule.bale_weights and weights is not None and all(weights):
        counted = [weight or 0 for weight in weights]
    outcome = Outcome()
    for factor in schedule.factors:
        paid = [one.factors[factor.name] for one in each]
        outcome.factors[factor.name] = (
            None
            if None in paid or not paid
            else sum((Fraction(p or 0) * w for p, w in zip(paid, counted, strict=True)),
                     start=Fraction(0)) / sum(counted)
        )  # fmt: skip
    without = sum(None in one.factors.values() for one in each)
    if without:
        outcome.reasons.add(f"BALES_WITHOUT_RATE:{without}")
    return outcome


class _Lot:
    """A lot, and what is told of it."""

    def __init__(self, bales: Sequence[Bale], schedule: Schedule) -> None:
        self.bales = bales
        self.schedule = schedule
        self.outcome = Outcome()

    def amount(self, factor: Factor) -> Fraction | None:
        """What a factor pays; None after a reason was told."""
        by_rule: dict[type, Callable[[Any], Fraction | None]] = {
            ShareFactor: self._by_share,
            MeanFactor: self._by_mean,
            MainFactor: self._by_main,
            CountFactor: self._by_count,
            BonusFactor: self._bonus,
            ThresholdFactor: self._by_threshold,
            TableFactor: self._by_table,
        }
        return by_rule[type(factor)](factor)

    def is_refused(self, refusal: Refusal, sampled: Mapping[str, int | None]) -> bool:
        """Whether the lot breaks a rule; tells where nobody knows."""
        by_test: dict[RefusalTest, Callable[[], bool]] = {
            RefusalTest.NOT_MEASURED: lambda: False,
            RefusalTest.BALES_OUTSIDE: lambda: _is_outside(Fraction(len(self.bales)), refusal),
            RefusalTest.VALUE_ABOVE: lambda: self._is_above(refusal, sampled[refusal.item]),
            RefusalTest.MEAN_OUTSIDE: lambda: self._is_mean_outside(refusal),
            RefusalTest.CLASS: lambda: self._is_of_class(refusal),
            RefusalTest.ANY_BALE: lambda: self._has_bales(refusal, Fraction(0)),
            RefusalTest.SHARE_ABOVE: lambda: self._has_bales(refusal, Fraction(refusal.limit or 0)),
        }
        return by_test[refusal.test]()

    def _is_above(self, refusal: Refusal, value: int | None) -> bool:
        if value is None:
            self.outcome.reasons.add(f"NOT_SAMPLED:{refusal.item}")
            return False
        return Fraction(value, 100) > Fraction(refusal.limit or 0)

    def _is_mean_outside(self, refusal: Refusal) -> bool:
        mean = self._mean(refusal.item)
        if mean is None:
            self.outcome.reasons.add(f"NO_VALUE:{refusal.item}")
            return False
        return _is_outside(Fraction(mean), refusal)

    def _is_of_class(self, refusal: Refusal) -> bool:
        assert refusal.classes is not None
        beside = refusal.classes
        if refusal.by is By.MAIN and beside.item == "micronaire" and not beside.bands:
            beside = replace(beside, names=(*beside.names, *_GRADES_OF_MICRONAIRE))
        found = self._class_of_lot(beside, refusal.by or By.MEAN)
        named = set(found) & set(refusal.classes.all)
        if len(found) > 1 and named:
            self.outcome.reasons.add(f"TIE:{refusal.name}")
        return len(found) == 1 and bool(named)

    def _has_bales(self, refusal: Refusal, percent: Fraction) -> bool:
        """Whether a greater share of the bales than that is in one of the classes."""
        assert refusal.classes is not None
        self._is_known(refusal.classes.item)
        counts = self._counts(refusal.classes)
        named = sum(counts[name] for name in refusal.classes.all)
        return Fraction(named * 100, max(counts.total(), 1)) > percent

    def _is_known(self, item: str) -> bool:
        """Whether enough bales have an item; tells where they do not."""
        if item == "foreign_fibre":
            graded = sum(bale[item] is not None for bale in self.bales)
        else:
            graded = sum(_element(bale, item) is not None for bale in self.bales)
        if not graded:
            self.outcome.reasons.add(f"NO_VALUE:{item}")
            return False
        if graded < len(self.bales) and self.schedule.ungraded is Ungraded.HOLD:
            self.outcome.reasons.add(f"UNGRADED:{item}")
            return False
        return True

    def _counts(self, classes: Classes) -> Counter[str]:
        """Bales by class; an element that is in none counts by itself."""
        return Counter(
            _class(bale, classes) or f"(own) {element}"
            for bale in self.bales
            if (element := _element(bale, classes.item)) is not None
        )

    def _mean(self, item: str) -> Decimal | None:
        values = [value for bale in self.bales if (value := _value(bale, item)) is not None]
        if not values:
            return None
        return Decimal(round(Fraction(sum(values)) * 10 / len(values))) / 10

    def _class_of_mean(self, classes: Classes) -> str | None:
        """The class of the lot's mean, None without values; of names, its tier if in none."""
        mean = self._mean(classes.item)
        if mean is None:
            return None
        element = grades.tier(classes.item, mean)
        own = "" if classes.bands else element
        return _class_of(element, mean, classes) or f"(own) {own}"

    def _class_of_lot(self, classes: Classes, by: By) -> list[str | None]:
        """The class of a lot; several where they are tied. Tells where it has no values."""
        if by is By.MEAN:
            if self._mean(classes.item) is None:
                self.outcome.reasons.add(f"NO_VALUE:{classes.item}")
            return [self._class_of_mean(classes)]
        self._is_known(classes.item)
        if classes.item == "colour":
            main = grades.main_colour(self.bales)
            if main is None:
                return [None]
            return [_class_of(main, None, classes) or f"(own) {main}"]
        counts = self._counts(classes)
        return [name for name, count in counts.items() if count == max(counts.values())] or [None]

    def _tell_class(self, factor: Factor, name: str | None) -> None:
        self.outcome.classes[factor.name] = (name or "").removeprefix("(own) ") or None

    def _told(self, factor: Factor, name: str | None, rate: Decimal | None) -> Fraction | None:
        self._tell_class(factor, name)
        if rate is None:
            self.outcome.reasons.add(f"NO_RATE:{factor.name}")
            return None
        return Fraction(rate)

    def _by_share(self, factor: ShareFactor) -> Fraction | None:
        known = self._is_known(factor.classes.item)
        rates = {
            name: factor.rates.get(name, factor.others) for name in self._counts(factor.classes)
        }
        if None in rates.values():
            self.outcome.reasons.add(f"NO_RATE:{factor.name}")
            return None
        if not known:
            return None
        shares = self._shares(factor.classes)
        return sum(
            (Fraction(rates[name] or 0) * share for name, share in shares.items()),
            start=Fraction(0),
        )

    def _shares(self, classes: Classes) -> dict[str, Fraction]:
        """The share of each class: exact, or as its elements are printed."""
        if self.schedule.share_decimals is None:
            counts = self._counts(classes)
            return {name: Fraction(count, counts.total()) for name, count in counts.items()}
        elements = _elements(classes.item)
        by_element = Counter(_element(bale, classes.item) for bale in self.bales)
        counted = [by_element[name] for name in elements]
        by_rule = {
            ShareRule.LARGEST_REMAINDER: figures_oracle.shares,
            ShareRule.CERTIFICATE: figures_oracle.certificate_shares,
        }[self.schedule.share_rule]
        shares: dict[str, Fraction] = {}
        for name, share in zip(
            elements, by_rule(counted, self.schedule.share_decimals), strict=True
        ):
            if by_element[name]:
                joined = next(
                    _class(bale, classes) or f"(own) {name}"
                    for bale in self.bales
                    if _element(bale, classes.item) == name
                )
                shares[joined] = shares.get(joined, Fraction(0)) + Fraction(share, 10_000)
        return shares

    def _by_mean(self, factor: MeanFactor) -> Fraction | None:
        name = self._class_of_mean(factor.classes)
        if name is None:
            self.outcome.reasons.add(f"NO_VALUE:{factor.classes.item}")
            return None
        return self._told(factor, name, factor.rates.get(name, factor.others))

    def _by_main(self, factor: MainFactor) -> Fraction | None:
        known = self._is_known(factor.classes.item)
        counts = self._counts(factor.classes)
        # Of classes that are paid alike the first: those of the document, then the standard's own.
        names = [*factor.classes.all, *(f"(own) {each}" for each in _elements(factor.classes.item))]
        most = [name for name in names if counts[name] and counts[name] == max(counts.values())]
        if not most:
            return None
        if len(most) > 1 and factor.ties is Ties.HOLD:
            self.outcome.reasons.add(f"TIE:{factor.name}")
            return None
        name = most[0]
        if len(most) > 1 and factor.ties is Ties.MEAN:
            name = self._class_of_mean(factor.classes) or ""
        elif len(most) > 1:
            # A class without a rate is paid worse than any other.
            paid = {
                each: Fraction(-(10**9) if rate is None else rate)
                for each in most
                for rate in [factor.rates.get(each, factor.others)]
            }
            name = (min if factor.ties is Ties.WORST_PAID else max)(most, key=paid.__getitem__)
        if not known:
            self._tell_class(factor, name)
            return None
        return self._told(factor, name, factor.rates.get(name, factor.others))

    def _by_count(self, factor: CountFactor) -> Fraction | None:
        if not self._is_known(factor.item):
            return None
        found = sum(bale["foreign_fibre"] == 1 for bale in self.bales)
        return max(0, found - factor.free) * Fraction(factor.each)

    def _bonus(self, factor: BonusFactor) -> Fraction | None:
        known = self._is_known(factor.item)
        if factor.item == "colour":
            main = grades.main_colour(self.bales)
        else:
            counts = Counter(_element(bale, factor.item) for bale in self.bales)
            del counts[None]
            most = [name for name, count in counts.items() if count == max(counts.values())]
            main = most[0] if len(most) == 1 else None
        self._tell_class(factor, main)
        if not known:
            return None
        return Fraction(0) if main is None else Fraction(factor.rate)

    def _by_threshold(self, factor: ThresholdFactor) -> Fraction | None:
        if not self._is_known(factor.classes.item):
            return None
        counts = self._counts(factor.classes)
        inside = sum(counts[name] for name in factor.classes.all)
        reached = Fraction(inside * 100, counts.total()) >= Fraction(factor.at_least)
        return Fraction(factor.rate if reached else factor.otherwise)

    def _by_table(self, factor: TableFactor) -> Fraction | None:
        before = set(self.outcome.reasons)
        key = [self._axis(axis, factor) for axis in factor.axes]
        shown = [(each or "").removeprefix("(own) ") for each in key]
        self._tell_class(factor, " ".join(shown) if all(shown) else None)
        known = [
            self._mean(axis.classes.item) is not None
            if axis.by is By.MEAN
            else self._is_known(axis.classes.item)
            for axis in factor.axes
        ]
        if not all(known) or f"TIE:{factor.name}" in self.outcome.reasons - before:
            return None
        rate = factor.rates.get(tuple(each or "" for each in key))
        if rate is None:
            self.outcome.reasons.add(f"NO_RATE:{factor.name}")
        return None if rate is None else Fraction(rate)

    def _axis(self, axis: Axis, factor: TableFactor) -> str | None:
        found = self._class_of_lot(axis.classes, axis.by)
        if len(found) > 1:
            self.outcome.reasons.add(f"TIE:{factor.name}")
            return None
        return found[0]


def _is_outside(value: Fraction, refusal: Refusal) -> bool:
    return (refusal.lower is not None and value < Fraction(refusal.lower)) or (
        refusal.upper is not None and value > Fraction(refusal.upper)
    )


def _elements(item: str) -> list[str]:
    """The classes of an item in the order of a certificate."""
    if item == "colour":
        return grades.colours(grades.OLD)
    return ["P1", "P2", "P3"] if item == "preparation" else grades.CLASSES[item]


def _value(bale: Bale, item: str, standard: str = grades.OLD) -> Decimal | None:
    """The official value of a measure."""
    value = bale.get(item) if item in grades.MEASURES else None
    return None if value is None else grades.official(value, grades.resolution(item, standard))


def _element(bale: Bale, item: str, standard: str = grades.OLD) -> str | None:
    """The grade, judged class or tier of a bale."""
    if item == "colour":
        return grades.colour(bale, standard)
    if item in _FIELDS:
        return grades.classes(_FIELDS[item], bale[_FIELDS[item]], standard)
    value = _value(bale, item, standard)
    return None if value is None else grades.tier(item, value, standard)


def _class(bale: Bale, classes: Classes, standard: str = grades.OLD) -> str | None:
    """The class of a bale, None where it is in none."""
    element = _element(bale, classes.item, standard)
    return _class_of(element, _value(bale, classes.item, standard), classes)


def _class_of(element: str | None, value: Decimal | None, classes: Classes) -> str | None:
    if classes.bands:
        for band in classes.bands:
            if value is not None and (
                (band.lower is None or value * 100 >= band.lower)
                and (band.upper is None or value * 100 <= band.upper)
            ):
                return band.name
        return None
    if element is None:
        return None
    for name, covered in classes.covers.items():
        if element in covered:
            return name
    named = [name for name in classes.names if name not in classes.covers]
    if element in named:
        return element
    grade = element[0] if classes.item == "micronaire" else None
    return grade if grade in named else None
