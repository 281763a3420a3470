"""What a rule set of quality-linked pay asks of a standard, checked before any use of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cotton_server.grading.standard import MEASURE_NAMES
from cotton_server.settlement.classes import PricingError, partition
from cotton_server.settlement.document import RateUnit
from cotton_server.settlement.rule_set import ConditionBy, PaidOn, TestedOn
from cotton_server.settlement.schedule import Classes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cotton_server.grading.standard import Measure, Standard
    from cotton_server.settlement.classes import Partition
    from cotton_server.settlement.rule_set import PayCondition, Payment, RuleSet


class PayRuleError(ValueError):
    """A rule set asks for what no standard of it has, or contradicts itself."""

    def __init__(self, rule_set: str, payment: str, problem: str) -> None:
        self.rule_set = rule_set
        self.payment = payment
        self.problem = problem
        super().__init__(
            f"Rule set {rule_set}, payment {payment}: {problem} "
            "Load a rule set that says otherwise and supersedes this one."
        )


class Range(NamedTuple):
    """Values in hundredths from `lower` to below `end`; None is open."""

    lower: int | None
    end: int | None


def standard_of(rule_set: RuleSet, standards: Mapping[str, Standard]) -> Standard:
    """The newest standard of a rule set that has all items and classes of its conditions.

    `standards` are those that are loaded, oldest first. Raises PayRuleError where none has all,
    with what the newest lacks, and where the rule set contradicts itself.
    """
    _check(rule_set)
    newest_first = [
        each for each in reversed([*standards.values()]) if each.id in rule_set.standards
    ]
    lacking: tuple[str, str] | None = None
    for standard in newest_first:
        found = _lacking(rule_set.payments, standard)
        if found is None:
            return standard
        lacking = lacking or found
    if lacking is None:
        known = ", ".join(rule_set.standards)
        lacking = rule_set.payments[0].name, f"None of its standards ({known}) is known."
    raise PayRuleError(rule_set.head.id, *lacking)


def payments_on(rule_set: RuleSet, what: TestedOn) -> list[Payment]:
    """The payments that are tested on this, in their order."""
    return [each for each in rule_set.payments if each.tested_on is what]


def classes_of(condition: PayCondition, standard: Standard) -> Partition:
    """The classes of the item of a condition: first those that will do, then the others."""
    classes = Classes(condition.item, condition.classes)
    return partition(classes, standard, f"Condition on {condition.item}")


def allowed(condition: PayCondition, standard: Standard) -> frozenset[str]:
    """The tiers, colour grades or judged classes that will do."""
    joined = classes_of(condition, standard)
    return frozenset(
        element
        for element, place in zip(joined.elements, joined.places, strict=True)
        if place < joined.listed
    )


def ranges_of(measure: Measure, tiers: Collection[str]) -> list[Range]:
    """The values of tiers of a measure, from the lowest.

    A tier reaches to where the next one begins, so that what lies between official values, such as
    an exact mean of 28.95, is in a tier too: in that whose lower bound it reaches.
    """
    ascending = measure.ascending_tiers
    ends = [*(tier.lower for tier in ascending[1:]), None]
    return [
        Range(tier.lower, end)
        for tier, end in zip(ascending, ends, strict=True)
        if tier.name in tiers
    ]


def _check(rule_set: RuleSet) -> None:
    """Raises PayRuleError where a rule set contradicts itself."""
    tests = sorted({payment.tested_on.value for payment in rule_set.payments})
    if rule_set.exclusive and len(tests) > 1:
        raise PayRuleError(
            rule_set.head.id,
            rule_set.payments[0].name,
            f"Payments exclude each other, but are tested on {' and on '.join(tests)}: nothing "
            "says which of them comes first.",
        )
    for payment in rule_set.payments:
        unit = payment.rate.unit
        is_area = payment.paid_on is PaidOn.AREA
        if unit is RateUnit.CENTS_PER_POUND or is_area is not (unit is RateUnit.YUAN_PER_MU):
            problem = f"A rate in {unit.value} cannot be paid on {payment.paid_on.value}."
            raise PayRuleError(rule_set.head.id, payment.name, problem)


def _lacking(payments: Iterable[Payment], standard: Standard) -> tuple[str, str] | None:
    """The first payment with a condition that the standard cannot test, and why; else None."""
    for payment in payments:
        for condition in payment.conditions:
            why = _why_not(condition, standard, per_bale=payment.tested_on is TestedOn.BALE)
            if why:
                return payment.name, why
    return None


def _why_not(condition: PayCondition, standard: Standard, *, per_bale: bool) -> str:
    """Why the standard cannot test a condition; "" where it can."""
    item = condition.item
    if item not in MEASURE_NAMES:
        if condition.at_least is not None or condition.at_most is not None:
            return f"{item} has no values to compare under {standard.id}."
        if condition.by is ConditionBy.MEAN and not per_bale:
            return f"{item} has no mean under {standard.id}."
        colour = standard.colour if item == "colour" else None
        if colour is not None and colour.main is None and not per_bale:
            return f"{standard.id} has no rule of the main colour grade that is known."
    if condition.classes or item not in MEASURE_NAMES:
        try:
            classes_of(condition, standard)
        except PricingError as error:
            return error.problem
    return ""
