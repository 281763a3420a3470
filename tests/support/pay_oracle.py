"""Quality-linked pay and target prices worked out once more, bale by bale, in plain fractions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Final

from cotton_server.settlement.document import RateUnit, RoundingMode
from cotton_server.settlement.rule_set import (
    ConditionBy,
    FixedRate,
    PaidOn,
    TestedOn,
    Values,
    Weighting,
)

from tests.grading import oracle as grades

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.settlement.rule_set import PayCondition, Payment, RuleSet

    Bale = grades.Bale

ROUNDINGS: Final = {
    RoundingMode.HALF_EVEN: ROUND_HALF_EVEN,
    RoundingMode.HALF_UP: ROUND_HALF_UP,
}
CLASSES: Final = {
    **grades.CLASSES,
    "colour": [*grades.NEIGHBOURS],
    "preparation": ["P1", "P2", "P3"],
}


@dataclass(frozen=True)
class Lot:
    """A lot of saw-ginned upland; weight in hundredths of a kilogram."""

    unit: int | None
    weight: int | None
    bales: Sequence[Bale]
    payable: bool = True
    in_scope: bool = True


@dataclass(frozen=True)
class Unit:
    """A traceability unit and its accounts, in hundredths."""

    regiment: int | None = None
    seed_cotton: int | None = None
    area: int | None = None


@dataclass
class Line:
    """What a payment comes to; None where nothing is known."""

    share: Fraction | None = None
    quantity: Fraction | None = None
    amount: Fraction | None = None
    held: bool = False
    reasons: set[str] = field(default_factory=set)


def rounded(value: Fraction, decimals: int, mode: RoundingMode) -> Decimal:
    """The value rounded once."""
    with localcontext(prec=60):
        scaled = value * 10**decimals
        # A sixtieth digit cannot make a half of what is none, in any test.
        nearest = Decimal(scaled.numerator) / Decimal(scaled.denominator)
        return nearest.to_integral_value(ROUNDINGS[mode]).scaleb(-decimals)


def settle(
    rule_set: RuleSet,
    lots: Sequence[Lot],
    units: Sequence[Unit],
    regiments: int,
    target_rate: Decimal | None,
) -> dict[str, list[Line]]:
    """The lines of every payment by its name: of units, or of regiments where it is of them."""
    paid: dict[str, list[Line]] = {}
    for place, payment in enumerate(rule_set.payments):
        before = rule_set.payments[:place] if rule_set.exclusive else ()
        if payment.tested_on is TestedOn.REGIMENT:
            members = [
                [n for n, unit in enumerate(units) if unit.regiment == regiment]
                for regiment in range(regiments)
            ]
        else:
            members = [[n] for n in range(len(units))]
        paid[payment.name] = [
            _line(rule_set, payment, before, lots, units, each, target_rate) for each in members
        ]
    return paid


def _line(
    rule_set: RuleSet,
    payment: Payment,
    before: Sequence[Payment],
    lots: Sequence[Lot],
    units: Sequence[Unit],
    members: Sequence[int],
    target_rate: Decimal | None,
) -> Line:
    line = Line()
    has_lots = {lot.unit for lot in lots}
    in_scope = [lot for lot in lots if lot.in_scope and lot.unit in members]
    mine = {lot.unit for lot in in_scope}
    concerned = [units[n] for n in members if n in mine or n not in has_lots]
    if not concerned:
        return line
    line.held = not in_scope or not all(lot.payable for lot in in_scope)
    counting = [lot for lot in in_scope if lot.payable]
    if not counting:
        return line
    unweighed = any(not lot.weight for lot in counting)
    line.share = _share(payment, before, counting, line)
    weighs = payment.tested_on in {TestedOn.UNIT, TestedOn.REGIMENT}
    weighs = weighs and payment.weighting is Weighting.WEIGHT
    if unweighed and (weighs or payment.tested_on is TestedOn.LOT):
        line.reasons.add("NO_CONDITIONED_WEIGHT")
        line.held = True
    if line.share is None:
        return line
    if line.share == 0:
        line.quantity = line.amount = Fraction(0)
        return line
    whole = _quantity(payment, concerned, counting, line)
    line.quantity = None if whole is None else whole * line.share
    rate = _rate(rule_set, payment, target_rate)
    if rate is None:
        line.reasons.add("NO_TARGET_RATE")
        line.held = True
    elif line.quantity is not None:
        per = 1000 if payment.rate.unit is RateUnit.YUAN_PER_TONNE else 1
        line.amount = line.quantity * Fraction(rate) / per
    return line


def _quantity(
    payment: Payment, units: Sequence[Unit], lots: Sequence[Lot], line: Line
) -> Fraction | None:
    if payment.paid_on is PaidOn.LINT:
        quantities, why = [lot.weight for lot in lots], "NO_CONDITIONED_WEIGHT"
    elif payment.paid_on is PaidOn.AREA:
        quantities, why = [unit.area for unit in units], "NO_AREA"
    else:
        quantities, why = [unit.seed_cotton for unit in units], "NO_DELIVERIES"
    if None in quantities:
        line.reasons.add(why)
        line.held = True
    known = [each for each in quantities if each is not None]
    return Fraction(sum(known), 100) if known else None


def _rate(rule_set: RuleSet, payment: Payment, target_rate: Decimal | None) -> Decimal | None:
    if isinstance(payment.rate, FixedRate):
        return payment.rate.amount
    whole = payment.rate.rate or target_rate
    if whole is None:
        return None
    share = Fraction(whole) * Fraction(payment.rate.percent) / 100
    return rounded(share, payment.rate.decimals, rule_set.rounding.mode)


def _share(
    payment: Payment, before: Sequence[Payment], lots: Sequence[Lot], line: Line
) -> Fraction | None:
    bales = [bale for lot in lots for bale in lot.bales]
    if payment.tested_on is TestedOn.BALE:
        met = sum(
            _bale_meets(payment, bale) and not any(_bale_meets(each, bale) for each in before)
            for bale in bales
        )
        items = dict.fromkeys(each.item for each in payment.conditions)
        of = sum(all(_has(bale, item) for item in items) for bale in bales)
        if of == 0:
            line.reasons.add(f"NO_VALUE:{'+'.join(items)}")
        return Fraction(met, max(of, 1))
    if payment.tested_on is TestedOn.LOT:
        weights = [
            (lot.weight or 0, _meets(payment, [lot], line) and not _any_meets(before, [lot]))
            for lot in lots
        ]
        whole = sum(weight for weight, _ in weights)
        return Fraction(sum(w for w, met in weights if met), whole) if whole else None
    return Fraction(_meets(payment, lots, line) and not _any_meets(before, lots))


def _any_meets(payments: Sequence[Payment], lots: Sequence[Lot]) -> bool:
    return any(_meets(each, lots, Line()) for each in payments)


def _meets(payment: Payment, lots: Sequence[Lot], line: Line) -> bool:
    """Whether lots as a whole meet all conditions."""
    # Each is asked, so that all reasons are told.
    holds = [_holds(each, payment, lots, line) for each in payment.conditions]
    return all(holds)


def _holds(condition: PayCondition, payment: Payment, lots: Sequence[Lot], line: Line) -> bool:
    item = condition.item
    bales = [bale for lot in lots for bale in lot.bales]
    if item == "colour":
        if not any(grades.colour(bale) for bale in bales):
            line.reasons.add("NO_VALUE:colour")
        return grades.main_colour(bales) in condition.classes
    holds = True
    if item in grades.MEASURES:
        by_weight = payment.weighting is Weighting.WEIGHT and payment.tested_on is not TestedOn.LOT
        mean = _weighted(item, lots) if by_weight else _mean(item, bales)
        if mean is None:
            line.reasons.add(f"NO_VALUE:{item}")
            holds = False
        else:
            if payment.values is Values.ROUNDED:
                mean = Fraction(round(mean / 10) * 10)
            classes = condition.classes if condition.by is ConditionBy.MEAN else ()
            holds = _keeps(condition, mean, classes)
    if condition.classes and condition.by is ConditionBy.MAIN:
        holds &= _main_holds(condition, bales, line)
    return holds


def _keeps(condition: PayCondition, value: Fraction, classes: Sequence[str]) -> bool:
    if condition.at_least is not None and value < condition.at_least:
        return False
    if condition.at_most is not None and value > condition.at_most:
        return False
    return not classes or bool(_names_of(condition.item, _tier(condition.item, value)) & {*classes})


def _main_holds(condition: PayCondition, bales: Sequence[Bale], line: Line) -> bool:
    counts: Counter[str] = Counter()
    for bale in bales:
        its_class = _class(bale, condition.item)
        if its_class is not None:
            named = (its_class, its_class[0]) if condition.item == "micronaire" else (its_class,)
            counts[next((name for name in named if name in condition.classes), its_class)] += 1
    if not counts:
        line.reasons.add(f"NO_VALUE:{condition.item}")
        return False
    most = max(counts.values())
    first = [name for name, count in counts.items() if count == most]
    if len(first) > 1:
        line.reasons.add(f"TIE:{condition.item}")
        return False
    return first[0] in condition.classes


def _mean(item: str, bales: Sequence[Bale]) -> Fraction | None:
    """Of official values, in hundredths."""
    values = [int(grades.official(v) * 100) for bale in bales if (v := bale[item]) is not None]
    return Fraction(sum(values), len(values)) if values else None


def _weighted(item: str, lots: Sequence[Lot]) -> Fraction | None:
    means = [
        (lot.weight, mean)
        for lot in lots
        if lot.weight and (mean := _mean(item, lot.bales)) is not None
    ]
    if not means:
        return None
    return sum((w * mean for w, mean in means), Fraction(0)) / sum(w for w, _ in means)


def _tier(item: str, hundredths: Fraction) -> str:
    """The tier whose lower bound a value reaches."""
    value = hundredths / 100
    if item == "length":
        return str(min(max(floor(value), 25), 32))
    return next(name for name, limit in grades.LIMITS[item] if value >= Fraction(limit))


def _names_of(item: str, its_class: str) -> set[str]:
    """The names by which a condition may name a class: its own, and its grade of micronaire."""
    return {its_class, its_class[0]} if item == "micronaire" else {its_class}


def _class(bale: Bale, item: str) -> str | None:
    if item == "colour":
        return grades.colour(bale)
    if item == "preparation":
        return grades.classes(item, bale[item], grades.OLD)
    value = bale[item]
    return None if value is None else _tier(item, Fraction(grades.official(value) * 100))


def _has(bale: Bale, item: str) -> bool:
    return (bale[item] if item in grades.MEASURES else _class(bale, item)) is not None


def _bale_meets(payment: Payment, bale: Bale) -> bool:
    for condition in payment.conditions:
        item = condition.item
        if not _has(bale, item):
            return False
        if item not in grades.MEASURES:
            if _class(bale, item) not in condition.classes:
                return False
            continue
        measured = bale[item] or 0
        is_official = payment.values is Values.ROUNDED
        value = Fraction(grades.official(measured) * 100 if is_official else measured)
        if not _keeps(condition, value, condition.classes):
            return False
    return True
