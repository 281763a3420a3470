"""What the columns of a settlement are called: names, titles, units and decimals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton_server.settlement.rule_set import FixedRate, PaidOn, TestedOn
from cotton_server.summary.catalogue import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.rule_set import Payment, RuleSet
    from cotton_server.settlement.schedule import Schedule

MEASURES: Final = ("length", "micronaire", "strength", "uniformity")
"""The measures whose means stand in lines."""

WORDS: Final = {
    "season": ("Season", "年度"),
    "region": ("Region", "地区"),
    "division": ("Division", "师"),
    "regiment": ("Regiment", "团场"),
    "county": ("County", "县"),
    "gin": ("Gin", "加工企业"),
    "production_line": ("Production line", "生产线"),
    "warehouse": ("Warehouse", "仓库"),
    "cotton_type": ("Cotton type", "棉花类型"),
    "picking_mode": ("Picking", "采摘方式"),
    "channel": ("Channel", "检验渠道"),
    "traceability_unit": ("Traceability unit", "追溯单元"),
    "agency": ("On-site agency", "在库机构"),
    "standard": ("Standard", "标准"),
    "state": ("State", "状态"),
}
"""The keys of a lot that stand in its line."""

GRADES: Final = {
    "main_colour": ("Main colour grade", "主体颜色级"),
    "length_level": ("Length level of the mean", "长度级"),
    "main_micronaire": ("Main micronaire grade", "主体马克隆值级"),
    "strength_tier": ("Strength tier of the mean", "断裂比强度档"),
    "uniformity_tier": ("Uniformity tier of the mean", "长度整齐度指数档"),
}

_STATUS: Final = {
    "status": ("Status of payment", "结算状态"),
    "reasons": ("Reasons", "原因"),
}

_FACTORS_ZH: Final = {
    "colour": "颜色级",
    "length": "长度",
    "micronaire": "马克隆值",
    "strength": "断裂比强度",
    "uniformity": "长度整齐度指数",
    "preparation": "轧工质量",
    "foreign_fibre": "异性纤维",
    "leaf": "叶屑",
    "class": "等级",
    "main_colour": "主体颜色级",
}

_MEANS: Final = {
    "length": ("Mean length", "平均长度"),
    "micronaire": ("Mean micronaire", "平均马克隆值"),
    "strength": ("Mean strength", "平均断裂比强度"),
    "uniformity": ("Mean uniformity", "平均长度整齐度指数"),
}

_OF_PAYMENTS: Final = {
    "quantity": ("quantity paid for", "计补量"),
    "rate": ("rate", "标准"),
    "amount": ("amount", "金额"),
}


def lot_columns(schedule: Schedule | None, standards: Sequence[Standard]) -> Iterator[Column]:
    """The columns of lines of lots; `standards` are those of all of them."""
    yield _text("lot_no", "Lot number", "批号")
    yield from _texts(WORDS)
    yield from _texts(_STATUS)
    yield from _texts(GRADES)
    factors = () if schedule is None else tuple(each.name for each in schedule.factors)
    for name in factors:
        yield _class(name)
    yield Column("bales", "Bales", "包数", "bales")
    yield Column("quantity", "Quantity priced", "计价重量", "kg", 2)
    yield from mean_columns(standards)
    if schedule is None:
        return
    unit, price, money = schedule.unit.value, *_decimals(schedule)
    for name in factors:
        yield _factor(name, unit, price)
    yield Column("factors_sum", "Sum of printed premiums", "升贴水合计（印出值）", unit, price)
    yield Column("premium", "Premium", "升贴水", unit, price)
    yield Column("base_price", "Price of the base quality", "基准价", unit, 2)
    yield Column("price", "Price", "结算价", unit, price)
    currency = schedule.unit.currency
    yield Column("premium_amount", "Amount of the premium", "升贴水金额", currency, money)
    yield Column("amount", "Amount", "金额", currency, money)
    yield Column("sold_price", "Price sold at", "成交价", unit, 2)
    yield Column(
        "equivalent_price", "Price in terms of the base quality", "折基准品价", unit, price
    )


def bale_columns(schedule: Schedule) -> Iterator[Column]:
    """The columns of lines of bales."""
    yield _text("bale", "Bale", "条码")
    yield _text("lot_no", "Lot number", "批号")
    yield from _texts(_STATUS)
    unit, price = schedule.unit.value, schedule.rounding.price_decimals
    for factor in schedule.factors:
        yield _class(factor.name)
    for factor in schedule.factors:
        yield _factor(factor.name, unit, price)
    yield Column("rate", "Rate", "价格", unit, price)


def mean_columns(standards: Sequence[Standard]) -> Iterator[Column]:
    """Means of measures, at the resolution of the standard of each line."""
    for name in MEASURES:
        units = {each.measures[name].unit for each in standards}
        title, title_zh = _MEANS[name]
        yield Column(f"{name}_mean", title, title_zh, units.pop() if len(units) == 1 else "", 2)


def unit_columns(
    rule_sets: Sequence[RuleSet],
    standards: Sequence[Standard],
    *,
    schedule: Schedule | None,
    target_decimals: int | None,
    money_decimals: int,
) -> Iterator[Column]:
    """The columns of lines of units; `target_decimals` are those of the rate of a target price."""
    names = ("traceability_unit", "region", "division", "regiment")
    yield from _texts({name: WORDS[name] for name in names})
    yield from _texts(_STATUS)
    yield from _counts(standards)
    yield from payment_columns(rule_sets, by_regiment=False)
    if target_decimals is not None:
        title, title_zh = "Rate of the target price", "目标价格补贴标准"
        yield Column("target_rate", title, title_zh, "yuan/kg", target_decimals)
        title, title_zh = "Amount of the target price", "目标价格补贴"
        yield Column("target_amount", title, title_zh, "CNY", money_decimals)
    yield _pay_amount(money_decimals)
    if schedule is not None:
        yield Column(
            "premium_amount",
            "Amount of the premiums of its lots",
            "升贴水金额",
            schedule.unit.currency,
            schedule.rounding.money_decimals,
        )


def regiment_columns(
    rule_sets: Sequence[RuleSet], standards: Sequence[Standard], *, money_decimals: int
) -> Iterator[Column]:
    """The columns of lines of regiments."""
    yield from _texts({name: WORDS[name] for name in ("regiment", "division", "region")})
    yield from _texts(_STATUS)
    yield Column("units", "Traceability units", "追溯单元数", "units")
    yield from _counts(standards)
    yield from payment_columns(rule_sets, by_regiment=True)
    yield _pay_amount(money_decimals)


def _pay_amount(decimals: int) -> Column:
    return Column("pay_amount", "Amount of all pays", "补贴合计", "CNY", decimals)


def total_columns(
    schedule: Schedule | None, paid: Sequence[Column], money_decimals: int | None
) -> Iterator[Column]:
    """The columns of totals; `paid` are the amounts of units and regiments.

    `money_decimals` are those of all pays together, None where no units are added up.
    """
    yield Column("lots", "Lots", "批数", "lots")
    yield Column("lots_payable", "Lots payable", "可结算批数", "lots")
    yield Column("lots_held", "Lots held", "暂扣批数", "lots")
    yield Column("bales", "Bales", "包数", "bales")
    yield Column("bales_payable", "Bales payable", "可结算包数", "bales")
    yield Column("quantity", "Quantity payable", "可结算重量", "kg", 2)
    if schedule is not None:
        unit, price, money = schedule.unit.value, *_decimals(schedule)
        currency = schedule.unit.currency
        yield Column("premium", "Mean premium", "平均升贴水", unit, price)
        yield Column("price", "Mean price", "平均结算价", unit, price)
        yield Column(
            "equivalent_price",
            "Mean price in terms of the base quality",
            "平均折基准品价",
            unit,
            price,
        )
        for name, title, title_zh in (
            ("premium_amount", "Amount of the premiums", "升贴水金额"),
            ("amount", "Amount", "金额"),
        ):
            yield Column(name, title, title_zh, currency, money)
            yield Column(
                f"{name}_of_lines",
                f"{title}: sum of lines",
                f"{title_zh}（各行合计）",
                currency,
                money,
            )
    if money_decimals is not None:
        yield Column("units", "Traceability units", "追溯单元数", "units")
        yield Column("units_held", "Traceability units held", "暂扣追溯单元数", "units")
        yield Column("seed_cotton", "Seed cotton delivered", "籽棉交售量", "kg", 2)
        yield Column("area", "Area planted", "种植面积", "mu", 2)
        yield from paid
        yield _pay_amount(money_decimals)
        title, title_zh = "Amount of all pays: sum of lines", "补贴合计（各行合计）"
        yield Column("pay_amount_of_lines", title, title_zh, "CNY", money_decimals)


def payment_columns(rule_sets: Sequence[RuleSet], *, by_regiment: bool) -> Iterator[Column]:
    """Quantity, rate and amount of each payment of units, or of those of regiments."""
    for rule_set in rule_sets:
        for payment in rule_set.payments:
            if (payment.tested_on is TestedOn.REGIMENT) is by_regiment:
                yield from _payment(rule_set, payment)


def rate_decimals(rule_set: RuleSet, payment: Payment) -> int:
    """Decimals of the rate of a payment: those of prices, or more where it has more."""
    rate = payment.rate
    own = -int(rate.amount.as_tuple().exponent) if isinstance(rate, FixedRate) else rate.decimals
    return max(own, rule_set.rounding.price_decimals)


def payment_name(rule_set: RuleSet, payment: Payment, what: str) -> str:
    """The name of a column of a payment."""
    return f"pay.{rule_set.head.id}.{payment.name}.{what}"


def _payment(rule_set: RuleSet, payment: Payment) -> Iterator[Column]:
    rounding = rule_set.rounding
    unit = payment.rate.unit
    units = {
        # Kilograms, also where the rate is of a tonne.
        "quantity": ("mu" if payment.paid_on is PaidOn.AREA else "kg", 2),
        "rate": (unit.value, rate_decimals(rule_set, payment)),
        "amount": (unit.currency, rounding.money_decimals),
    }
    for what, (words, words_zh) in _OF_PAYMENTS.items():
        name = payment_name(rule_set, payment, what)
        yield Column(
            name, f"{payment.title}: {words}", f"{payment.title_zh}：{words_zh}", *units[what]
        )


def _counts(standards: Sequence[Standard]) -> Iterator[Column]:
    yield Column("lots", "Lots", "批数", "lots")
    yield Column("lots_held", "Lots held", "暂扣批数", "lots")
    yield Column("bales", "Bales", "包数", "bales")
    yield Column("lint", "Conditioned weight of lint", "皮棉公定重量", "kg", 2)
    yield Column("seed_cotton", "Seed cotton delivered", "籽棉交售量", "kg", 2)
    yield Column("area", "Area planted", "种植面积", "mu", 2)
    yield from mean_columns(standards)


def _decimals(schedule: Schedule) -> tuple[int, int]:
    return schedule.rounding.price_decimals, schedule.rounding.money_decimals


def _texts(titles: Mapping[str, tuple[str, str]]) -> Iterable[Column]:
    return (_text(name, title, title_zh) for name, (title, title_zh) in titles.items())


def _class(factor: str) -> Column:
    return _text(f"class.{factor}", f"Class: {_title(factor)}", f"{_zh(factor)}：档级")


def _factor(factor: str, unit: str, decimals: int) -> Column:
    title, title_zh = f"Premium: {_title(factor)}", f"{_zh(factor)}升贴水"
    return Column(f"factor.{factor}", title, title_zh, unit, decimals)


def _text(name: str, title: str, title_zh: str) -> Column:
    return Column(name, title, title_zh, is_text=True)


def _title(factor: str) -> str:
    return factor.replace("_", " ")


def _zh(factor: str) -> str:
    return _FACTORS_ZH.get(factor, factor)
