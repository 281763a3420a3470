"""What a document of money says as names and texts in order, for reading and for comparing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, TypeAlias

from cotton_server.settlement.class_check import in_units
from cotton_server.settlement.factor_file import rule_of
from cotton_server.settlement.rule_set import FixedRate, RuleSet
from cotton_server.settlement.schedule import (
    BonusFactor,
    CountFactor,
    MainFactor,
    RefusalTest,
    Schedule,
    TableFactor,
    ThresholdFactor,
)
from cotton_server.settlement.target_price import TargetPrice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cotton_server.settlement.document import Band, Head, Rounding
    from cotton_server.settlement.rule_set import PayCondition, Payment
    from cotton_server.settlement.schedule import Classes, Factor, Refusal
    from cotton_server.settlement.target_price import Determination, SeasonTarget

Money: TypeAlias = Schedule | RuleSet | TargetPrice
"""A document of money, a patch with its base."""

_EPOCH = date(1970, 1, 1)


def described(document: Money) -> dict[str, str]:
    """Entries such as "factors.colour.21": "300", in the order of the document.

    What is left out has no entry.
    """
    if isinstance(document, Schedule):
        entries = _schedule(document)
    elif isinstance(document, RuleSet):
        entries = _rule_set(document)
    else:
        entries = _target_price(document)
    return {name: text for name, text in entries if text}


def differing(one: Money, other: Money) -> list[tuple[str, str, str]]:
    """Name and both texts of every entry in which two documents differ, "" where one has none.

    In the order of the first; what only the other has comes last.
    """
    here, there = described(one), described(other)
    names = dict.fromkeys((*here, *there))
    pairs = ((name, here.get(name, ""), there.get(name, "")) for name in names)
    return [pair for pair in pairs if pair[1] != pair[2]]


def _schedule(schedule: Schedule) -> Iterator[tuple[str, str]]:
    yield from _head(schedule.head)
    yield "patch_of", schedule.patch_of
    yield "unit", schedule.unit.value
    yield "standards", ", ".join(schedule.standards)
    yield "per", schedule.per.value
    yield "quantity", schedule.quantity.value
    for item, name in schedule.base_quality.items():
        yield f"base_quality.{item}", name
    yield "base_rate", str(schedule.base_rate)
    decimals = schedule.share_decimals
    yield "share_decimals", "exact" if decimals is None else str(decimals)
    if decimals is not None:
        yield "share_rule", schedule.share_rule.value
    yield from _rounding(schedule.rounding)
    yield "ungraded", schedule.ungraded.value
    yield "bale_weights", str(schedule.bale_weights).lower()
    for factor in schedule.factors:
        for name, text in _factor(factor):
            yield f"factors.{factor.name}.{name}", text
    for refusal in schedule.refusals:
        for name, text in _refusal(refusal):
            yield f"refusals.{refusal.name}.{name}", text


def _factor(factor: Factor) -> Iterator[tuple[str, str]]:
    yield "rule", rule_of(factor).value
    match factor:
        case CountFactor(item=item, free=free, each=each):
            yield from (("item", item), ("free", str(free)), ("each", str(each)))
        case BonusFactor(item=item, rate=rate):
            yield from (("item", item), ("rate", str(rate)))
        case ThresholdFactor(classes=classes):
            yield from _classes(classes)
            yield "at_least", str(factor.at_least)
            yield "rate", str(factor.rate)
            yield "otherwise", str(factor.otherwise)
        case TableFactor(axes=axes, rates=rates):
            for place, axis in enumerate(axes, start=1):
                yield f"axis_{place}.by", axis.by.value
                for name, text in _classes(axis.classes):
                    yield f"axis_{place}.{name}", text
            for combination, rate in rates.items():
                yield "/".join(combination), str(rate)
        case _:
            yield "item", factor.classes.item
            yield from _covered(factor.classes)
            yield from _bands(factor.classes.bands)
            for name, rate in factor.rates.items():
                yield name, str(rate)
            yield "others", "" if factor.others is None else str(factor.others)
            if isinstance(factor, MainFactor):
                yield "ties", factor.ties.value


def _classes(classes: Classes) -> Iterator[tuple[str, str]]:
    yield "item", classes.item
    yield "classes", ", ".join(classes.all)
    yield from _covered(classes)
    yield from _bands(classes.bands)


def _covered(classes: Classes) -> Iterator[tuple[str, str]]:
    for name, members in classes.covers.items():
        yield f"covers.{name}", ", ".join(members)


def _bands(bands: Iterable[Band]) -> Iterator[tuple[str, str]]:
    for band in bands:
        yield f"values.{band.name}", _range(band.lower, band.upper)


def _range(lower: int | None, upper: int | None) -> str:
    if lower is None:
        return "all" if upper is None else f"up to {in_units(upper)}"
    return (
        f"{in_units(lower)} and above"
        if upper is None
        else f"{in_units(lower)} to {in_units(upper)}"
    )


def _refusal(refusal: Refusal) -> Iterator[tuple[str, str]]:
    yield "test", refusal.test.value
    if refusal.classes is not None:
        yield from _classes(refusal.classes)
    if refusal.test is not RefusalTest.BALES_OUTSIDE:
        yield "item", refusal.item
    if refusal.by is not None:
        yield "by", refusal.by.value
    for name in ("lower", "upper", "limit"):
        value = getattr(refusal, name)
        yield name, "" if value is None else str(value)


def _rule_set(rule_set: RuleSet) -> Iterator[tuple[str, str]]:
    yield from _head(rule_set.head)
    yield "seasons", ", ".join(map(str, rule_set.seasons))
    yield "standards", ", ".join(rule_set.standards)
    yield from _scope(rule_set.scope)
    yield "exclusive", str(rule_set.exclusive).lower()
    yield from _rounding(rule_set.rounding)
    for payment in rule_set.payments:
        for name, text in _payment(payment):
            yield f"payments.{payment.name}.{name}", text


def _payment(payment: Payment) -> Iterator[tuple[str, str]]:
    yield "title", payment.title
    yield "title_zh", payment.title_zh
    for place, condition in enumerate(payment.conditions, start=1):
        yield f"condition_{place}", _condition(condition)
    yield "tested_on", payment.tested_on.value
    yield "values", payment.values.value
    yield "weighting", payment.weighting.value
    yield "paid_on", payment.paid_on.value
    rate = payment.rate
    if isinstance(rate, FixedRate):
        yield "rate", f"{rate.amount} {rate.unit.value}"
        return
    of = "the season's rate" if rate.rate is None else str(rate.rate)
    yield "rate", f"{rate.percent} % of {of}, {rate.unit.value}, {rate.decimals} decimals"


def _condition(condition: PayCondition) -> str:
    text = condition.item
    if condition.at_least is not None:
        text += f" at least {in_units(condition.at_least)}"
    if condition.at_most is not None:
        text += f" at most {in_units(condition.at_most)}"
    if condition.classes:
        text += f" {' or '.join(condition.classes)}"
    return f"{text}, by {condition.by.value}" if condition.classes else text


def _target_price(target: TargetPrice) -> Iterator[tuple[str, str]]:
    yield from _head(target.head)
    yield from _scope(target.scope)
    yield from _rounding(target.rounding)
    if target.determination is not None:
        for name, text in _determination(target.determination):
            yield f"determination.{name}", text
    for season in target.seasons.values():
        for name, text in _season(season):
            yield f"seasons.{season.season}.{name}", text


def _determination(found: Determination) -> Iterator[tuple[str, str]]:
    yield "series", found.series
    for name, (month, day) in (("first", found.first), ("last", found.last)):
        yield name, f"{month:02d}-{day:02d}"
    yield "grades", ", ".join(found.grades)
    yield "mean", found.mean.value
    if found.conversion is not None:
        for name in ("turnout", "seed_price", "processing"):
            yield f"conversion.{name}", str(getattr(found.conversion, name))


def _season(season: SeasonTarget) -> Iterator[tuple[str, str]]:
    for name in ("target", "market", "rate"):
        value = getattr(season, name)
        yield name, "" if value is None else str(value)
    if season.cap is not None:
        for name in ("tonnes", "percent", "base_tonnes"):
            value = getattr(season.cap, name)
            yield f"cap.{name}", "" if value is None else str(value)


def _scope(scope: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    for key, values in scope.items():
        yield f"scope.{key}", ", ".join(values)


def _rounding(rounding: Rounding) -> Iterator[tuple[str, str]]:
    yield "rounding.mode", rounding.mode.value
    yield "rounding.price_decimals", str(rounding.price_decimals)
    yield "rounding.money_decimals", str(rounding.money_decimals)
    yield "rounding.money_from", rounding.money_from.value


def _head(head: Head) -> Iterator[tuple[str, str]]:
    yield "id", head.id
    yield "title", head.title
    yield "title_zh", head.title_zh
    yield "series", head.series
    yield "effective_from", spelled(head.effective_from)
    yield "effective_through", spelled(head.effective_through)
    yield "supersedes", head.supersedes
    yield "source", head.provenance.source
    yield "confidence", head.provenance.confidence.value
    yield "note", head.note


def spelled(day: int | None) -> str:
    """A day as YYYY-MM-DD, "" for one that is open."""
    return "" if day is None else (_EPOCH + timedelta(days=day)).isoformat()
