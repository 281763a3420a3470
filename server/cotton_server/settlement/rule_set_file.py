"""Reads a rule set of quality-linked pay from its TOML text."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from cotton_server.grading.standards import load_standards
from cotton_server.settlement.class_check import item_faults, named_fault, standard_faults
from cotton_server.settlement.document import RateUnit
from cotton_server.settlement.fault import Fault
from cotton_server.settlement.money_table import (
    DECIMALS_MAX,
    RATE_PLACES,
    fault_at,
    read_document,
)
from cotton_server.settlement.pay_rules import PayRuleError, standard_of
from cotton_server.settlement.rule_set import (
    ConditionBy,
    FixedRate,
    PaidOn,
    PayCondition,
    Payment,
    RuleSet,
    ShareOfRate,
    TestedOn,
    Values,
    Weighting,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.money_table import MoneyTable
    from cotton_server.settlement.rule_set import Rate

KIND: Final = "rule set"
PAYMENTS_MAX: Final = 50
CONDITIONS_MAX: Final = 20
SEASONS: Final = (2000, 2100)


def parse_rule_set(text: str, file: str) -> RuleSet:
    """The rule set that `text` describes; `file` is what errors call it.

    Raises DocumentFileError for what is malformed, missing, mistyped or unknown, for items and
    classes that the standards do not have, and for a rate that does not fit what it is paid on.
    """
    found, lines = read_document(text, file, KIND, _read)
    for fault in _faults(found):
        raise fault_at(lines, file, fault)
    return found


def _read(root: MoneyTable) -> RuleSet:
    return RuleSet(
        head=root.head(),
        seasons=_seasons(root),
        standards=root.listed("standards"),
        scope=root.scope(),
        exclusive=root.flag("exclusive"),
        rounding=root.rounding(),
        payments=_payments(root),
    )


def _seasons(root: MoneyTable) -> tuple[int, ...]:
    seasons = root.take("seasons", list)
    first, last = SEASONS
    for place, season in enumerate(seasons, start=1):
        if not isinstance(season, int) or not first <= season <= last:
            raise root.error(
                f"seasons[{place}]", f"{season!r} is no season.",
                f"Write a crop year from {first} to {last}, such as 2023.",
            )  # fmt: skip
    if not seasons or len(set(seasons)) < len(seasons):
        raise root.error("seasons", "It lists none, or one twice.", "List each season once.")
    return tuple(seasons)


def _payments(root: MoneyTable) -> tuple[Payment, ...]:
    tables = root.tables("payments")
    if not 0 < len(tables) <= PAYMENTS_MAX:
        raise root.error("payments", f"There are {len(tables)}.", f"Write 1 to {PAYMENTS_MAX}.")
    payments = [_payment(table) for table in tables]
    names = [payment.name for payment in payments]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise root.error(
                f"payments[{place + 1}].name", f"{name} is the name of another payment.",
                "Give each payment a name of its own.",
            )  # fmt: skip
    return tuple(payments)


def _payment(table: MoneyTable) -> Payment:
    name = table.name("name")
    tested_on = table.choice("tested_on", TestedOn)
    payment = Payment(
        name=name,
        title=table.text("title"),
        title_zh=table.text("title_zh"),
        conditions=_conditions(table),
        tested_on=tested_on,
        values=table.choice("values", Values),
        # A bale or a lot has one mean only.
        weighting=table.choice("weighting", Weighting)
        if tested_on in {TestedOn.UNIT, TestedOn.REGIMENT}
        else Weighting.BALES,
        rate=_rate(table.table("rate")),
        paid_on=table.choice("paid_on", PaidOn),
    )
    table.close()
    return payment


def _conditions(table: MoneyTable) -> tuple[PayCondition, ...]:
    tables = table.tables("conditions")
    if not 0 < len(tables) <= CONDITIONS_MAX:
        raise table.error(
            "conditions", f"There are {len(tables)}.", f"Write 1 to {CONDITIONS_MAX}."
        )
    return tuple(_condition(each) for each in tables)


def _condition(table: MoneyTable) -> PayCondition:
    condition = PayCondition(
        item=table.text("item"),
        at_least=table.bound("at_least"),
        at_most=table.bound("at_most"),
        classes=table.classes("classes") if "classes" in table else (),
        by=table.choice("by", ConditionBy) if "by" in table else ConditionBy.MEAN,
    )
    table.close()
    least, most = condition.at_least, condition.at_most
    if least is None and most is None and not condition.classes:
        raise table.error("item", "Nothing is asked of it.", "Write at_least, at_most or classes.")
    if least is not None and most is not None and most < least:
        raise table.error("at_most", "It lies below at_least.", "Exchange the two.")
    return condition


def _rate(table: MoneyTable) -> Rate:
    unit = table.choice("unit", RateUnit)
    rate: Rate
    if "amount" in table:
        rate = FixedRate(table.decimal("amount", least=Decimal(0)), unit)
    else:
        rate = ShareOfRate(
            percent=table.percent("percent"),
            rate=table.decimal("rate", places=RATE_PLACES, least=Decimal(0))
            if "rate" in table
            else None,
            unit=unit,
            decimals=table.whole("decimals", 0, DECIMALS_MAX),
        )
    table.close()
    return rate


def _faults(rule_set: RuleSet) -> Iterator[Fault]:
    missing = [*standard_faults(rule_set.standards)]
    yield from missing
    if missing:
        return
    standards = [load_standards()[name] for name in rule_set.standards]
    for payment in rule_set.payments:
        for place, condition in enumerate(payment.conditions, start=1):
            for fault in _condition_faults(condition, standards):
                steps = ("payments", payment.name, "conditions", place, *fault.steps)
                yield Fault(steps, fault.problem, fault.remedy)
    for standard in standards:
        try:
            standard_of(rule_set, {standard.id: standard})
        except PayRuleError as error:
            yield Fault(
                ("payments", error.payment),
                error.problem,
                f"Correct the payment, or take {standard.id} out of the standards.",
            )


def _condition_faults(condition: PayCondition, standards: Sequence[Standard]) -> Iterator[Fault]:
    yield from item_faults(condition.item, standards, "item")
    for standard in standards:
        for place, name in enumerate(condition.classes, start=1):
            fault = named_fault(name, condition.item, standard, ("classes", place))
            if fault is not None:
                yield fault
