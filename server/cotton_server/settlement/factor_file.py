"""Reads factors and rules of deliverability of a schedule, and what a patch changes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cotton_server.settlement.document import Band
from cotton_server.settlement.money_table import LIST_MAX
from cotton_server.settlement.schedule import (
    Axis,
    BonusFactor,
    By,
    Classes,
    CountFactor,
    MainFactor,
    MeanFactor,
    Refusal,
    RefusalTest,
    ShareFactor,
    TableFactor,
    ThresholdFactor,
    Ties,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_server.settlement.money_table import MoneyTable
    from cotton_server.settlement.schedule import Factor

FACTORS_MAX: Final = 50
BANDS_MAX: Final = 200
TABLE_RATES_MAX: Final = 5000
AXES_MAX: Final = 3
COMBINATIONS_MAX: Final = 50_000
"""Combinations of the classes of all axes of a table, whether they have a rate or not."""

_BALES_MAX: Final = 100_000
_VALUE_MAX: Final = Decimal(100_000)

Rates: TypeAlias = dict[str, Decimal] | dict[tuple[str, ...], Decimal]


class Rule(Enum):
    """How a factor is aggregated, as a file says it."""

    SHARE = "share"
    MEAN = "mean"
    MAIN = "main"
    COUNT = "count"
    BONUS = "bonus"
    THRESHOLD = "threshold"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class FactorChange:
    """What a patch does to a factor: take it out, put one in its place, or change parts of it."""

    name: str
    remove: bool = False
    whole: Factor | None = None
    rates: Rates = field(default_factory=dict)
    """Rates by class, or by combination of classes, that are added or take the place of others."""
    parts: Mapping[str, Any] = field(default_factory=dict)
    """Other values by field of the factor."""


@dataclass(frozen=True, slots=True)
class RefusalChange:
    """What a patch does to a rule of deliverability; it takes the place of a whole one."""

    name: str
    whole: Refusal | None
    """None: it is taken out."""


def read_factors(root: MoneyTable) -> tuple[Factor, ...]:
    """The factors of a schedule."""
    found = [_factor(table, table.name("name")) for table in _tables(root, "factors")]
    _check_names(root, "factors", [factor.name for factor in found])
    return tuple(found)


def read_factor_changes(root: MoneyTable) -> tuple[FactorChange, ...]:
    """The factors of a patch; none where it has no list of them."""
    if "factors" not in root:
        return ()
    found = [_factor_change(table) for table in _tables(root, "factors")]
    _check_names(root, "factors", [change.name for change in found])
    return tuple(found)


def read_refusals(root: MoneyTable) -> tuple[Refusal, ...]:
    """The rules of deliverability of a schedule; none where it has no list of them."""
    if "refusals" not in root:
        return ()
    found = [_refusal(table, table.name("name")) for table in _tables(root, "refusals")]
    _check_names(root, "refusals", [refusal.name for refusal in found])
    return tuple(found)


def read_refusal_changes(root: MoneyTable) -> tuple[RefusalChange, ...]:
    """Those of a patch."""
    if "refusals" not in root:
        return ()
    found = []
    for table in _tables(root, "refusals"):
        name = table.name("name")
        if table.flag("remove"):
            table.close()
            found.append(RefusalChange(name, None))
        else:
            found.append(RefusalChange(name, _refusal(table, name)))
    _check_names(root, "refusals", [change.name for change in found])
    return tuple(found)


def _tables(root: MoneyTable, key: str) -> list[MoneyTable]:
    tables = root.tables(key)
    if not 0 < len(tables) <= FACTORS_MAX:
        raise root.error(key, f"There are {len(tables)}.", f"Write 1 to {FACTORS_MAX}.")
    return tables


def _check_names(root: MoneyTable, key: str, names: list[str]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise root.error(
                f"{key}[{place + 1}].name", f"{name} is the name of another one.",
                "Give each a name of its own.",
            )  # fmt: skip


def _factor_change(table: MoneyTable) -> FactorChange:
    name = table.name("name")
    if table.flag("remove"):
        table.close()
        return FactorChange(name, remove=True)
    if "rule" in table:
        return FactorChange(name, whole=_factor(table, name))
    rates: Rates = {}
    if "rates" in table:
        rates = _table_rates(table) if table.is_list("rates") else _rates(table)
    parts: dict[str, Any] = {}
    for key in ("others", "each", "rate", "otherwise"):
        if key in table:
            parts[key] = table.decimal(key)
    if "ties" in table:
        parts["ties"] = table.choice("ties", Ties)
    if "free" in table:
        parts["free"] = table.whole("free", 0, _BALES_MAX)
    if "at_least" in table:
        parts["at_least"] = table.percent("at_least")
    table.close()
    if not rates and not parts:
        raise table.error(
            "name", f"Nothing of {name} is changed.",
            "Write the rates that change, remove = true, or a whole factor with its rule.",
        )  # fmt: skip
    return FactorChange(name, rates=rates, parts=parts)


def _factor(table: MoneyTable, name: str) -> Factor:
    factor = _FACTORS[table.choice("rule", Rule)](table, name)
    table.close()
    return factor


def _share(table: MoneyTable, name: str) -> Factor:
    classes, rates = _rated(table)
    return ShareFactor(name, classes, rates, _others(table))


def _mean(table: MoneyTable, name: str) -> Factor:
    classes, rates = _rated(table)
    return MeanFactor(name, classes, rates, _others(table))


def _main(table: MoneyTable, name: str) -> Factor:
    classes, rates = _rated(table)
    return MainFactor(name, classes, rates, _others(table), table.choice("ties", Ties))


def _count(table: MoneyTable, name: str) -> Factor:
    return CountFactor(
        name, table.text("item"), table.whole("free", 0, _BALES_MAX), table.decimal("each")
    )


def _bonus(table: MoneyTable, name: str) -> Factor:
    return BonusFactor(name, table.text("item"), table.decimal("rate"))


def _threshold(table: MoneyTable, name: str) -> Factor:
    return ThresholdFactor(
        name,
        _classes(table),
        table.percent("at_least"),
        table.decimal("rate"),
        table.decimal("otherwise"),
    )


def _table(table: MoneyTable, name: str) -> Factor:
    axes = []
    for each in table.tables("axes"):
        by = each.choice("by", By)
        axes.append(Axis(_classes(each), by))
        each.close()
    if not 0 < len(axes) <= AXES_MAX:
        raise table.error("axes", f"There are {len(axes)}.", f"Write 1 to {AXES_MAX}.")
    combinations = 1
    for axis in axes:
        combinations *= len(axis.classes.all)
    if combinations > COMBINATIONS_MAX:
        raise table.error(
            "axes", f"Their classes make {combinations} combinations.",
            f"Join classes until there are at most {COMBINATIONS_MAX}.",
        )  # fmt: skip
    rates = _table_rates(table)
    _check_combinations(table, axes, rates)
    return TableFactor(name, tuple(axes), rates)


_FACTORS: Final = {
    Rule.SHARE: _share,
    Rule.MEAN: _mean,
    Rule.MAIN: _main,
    Rule.COUNT: _count,
    Rule.BONUS: _bonus,
    Rule.THRESHOLD: _threshold,
    Rule.TABLE: _table,
}


def rule_of(factor: Factor) -> Rule:
    """How a factor is aggregated."""
    return _RULES[type(factor)]


_RULES: Final[Mapping[type[Factor], Rule]] = {
    ShareFactor: Rule.SHARE,
    MeanFactor: Rule.MEAN,
    MainFactor: Rule.MAIN,
    CountFactor: Rule.COUNT,
    BonusFactor: Rule.BONUS,
    ThresholdFactor: Rule.THRESHOLD,
    TableFactor: Rule.TABLE,
}


def _check_combinations(
    table: MoneyTable, axes: list[Axis], rates: Mapping[tuple[str, ...], Decimal]
) -> None:
    """Raises for a rate of what is no combination of the classes of the axes."""
    for row, combination in enumerate(rates, start=1):
        if len(combination) != len(axes):
            raise table.error(
                f"rates[{row}]",
                f"It has {len(combination)} classes before its rate; the table has {len(axes)}"
                " axes.",
                "Write a class of every axis, in their order, and then the rate.",
            )
        for place, (name, axis) in enumerate(zip(combination, axes, strict=True), start=1):
            if name not in axis.classes.all:
                raise table.error(
                    f"rates[{row}][{place}]",
                    f'"{name}" is no class of axis {place}, {axis.classes.item}.',
                    f"Its classes are {', '.join(axis.classes.all)}.",
                )


def _others(table: MoneyTable) -> Decimal | None:
    return table.decimal("others") if "others" in table else None


def _rated(table: MoneyTable) -> tuple[Classes, dict[str, Decimal]]:
    """Classes of an item with their rates: named ones in `rates`, or bands that have one each."""
    item = table.text("item")
    if "bands" not in table:
        rates = _rates(table)
        return Classes(item, tuple(rates), (), _covers(table)), rates
    bands, rates = [], {}
    for each in _band_tables(table):
        band = _band(each)
        rates[band.name] = each.decimal("rate")
        each.close()
        bands.append(band)
    _check_band_names(table, bands)
    return Classes(item, (), tuple(bands)), rates


def _classes(table: MoneyTable) -> Classes:
    """Classes of an item without rates: named ones in `classes`, or bands."""
    item = table.text("item")
    if "bands" not in table:
        return Classes(item, table.classes("classes"), (), _covers(table))
    bands = []
    for each in _band_tables(table):
        bands.append(_band(each))
        each.close()
    _check_band_names(table, bands)
    return Classes(item, (), tuple(bands))


def _rates(table: MoneyTable) -> dict[str, Decimal]:
    values = table.take("rates", dict)
    if not 0 < len(values) <= LIST_MAX:
        raise table.error("rates", f"There are {len(values)}.", f"Write 1 to {LIST_MAX}.")
    for name in values:
        table.check_class(name, ("rates", name))
    return {name: table.number(value, ("rates", name)) for name, value in values.items()}


def _table_rates(table: MoneyTable) -> dict[tuple[str, ...], Decimal]:
    """Rows of the classes along each axis and the rate."""
    rows = table.take("rates", list)
    if not 0 < len(rows) <= TABLE_RATES_MAX:
        raise table.error("rates", f"There are {len(rows)}.", f"Write 1 to {TABLE_RATES_MAX}.")
    rates: dict[tuple[str, ...], Decimal] = {}
    for place, row in enumerate(rows, start=1):
        if not isinstance(row, list) or not all(isinstance(each, str) for each in row):
            raise table.error(
                f"rates[{place}]", "It is no list of texts.",
                'Write the classes and the rate: ["21", "1", "36", "56.30"].',
            )  # fmt: skip
        if not row:
            raise table.error(f"rates[{place}]", "It is empty.", "Write classes and a rate.")
        combination = tuple(row[:-1])
        if combination in rates:
            raise table.error(
                f"rates[{place}]", f"{' '.join(combination)} has a rate already.",
                "Keep one of the two.",
            )  # fmt: skip
        rates[combination] = table.number(row[-1], ("rates", place, len(row)))
    return rates


def _covers(table: MoneyTable) -> dict[str, tuple[str, ...]]:
    if "covers" not in table:
        return {}
    covers = table.table("covers")
    found = {name: covers.classes(name) for name in covers.names()}
    covers.close()
    return found


def _band_tables(table: MoneyTable) -> list[MoneyTable]:
    for key in ("rates", "classes", "covers"):
        if key in table:
            raise table.error(
                key, f"There are bands and {key}.", "Write either bands or named classes."
            )
    tables = table.tables("bands")
    if not 0 < len(tables) <= BANDS_MAX:
        raise table.error("bands", f"There are {len(tables)}.", f"Write 1 to {BANDS_MAX}.")
    return tables


def _band(table: MoneyTable) -> Band:
    name = table.text("name")
    table.check_class(name, ("name",))
    return Band(name, table.bound("from"), table.bound("to"))


def _check_band_names(table: MoneyTable, bands: list[Band]) -> None:
    names = [band.name for band in bands]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise table.error(
                f"bands[{place + 1}].name", f"{name} is the name of another band.",
                "Give each band a name of its own.",
            )  # fmt: skip


def _refusal(table: MoneyTable, name: str) -> Refusal:
    test = table.choice("test", RefusalTest)
    refusal = _REFUSALS[test](table, name, test)
    table.close()
    return refusal


def _of_bales(table: MoneyTable, name: str, test: RefusalTest) -> Refusal:
    limit = table.percent("limit") if test is RefusalTest.SHARE_ABOVE else None
    return Refusal(name, test, classes=_classes(table), by=None, limit=limit)


def _of_class(table: MoneyTable, name: str, test: RefusalTest) -> Refusal:
    return Refusal(name, test, classes=_classes(table), by=table.choice("by", By))


def _of_mean(table: MoneyTable, name: str, test: RefusalTest) -> Refusal:
    lower, upper = _range(table, 2, _VALUE_MAX)
    return Refusal(name, test, item=table.text("item"), lower=lower, upper=upper)


def _of_value(table: MoneyTable, name: str, test: RefusalTest) -> Refusal:
    return Refusal(name, test, item=table.text("item"), limit=table.percent("limit"))


def _of_count(table: MoneyTable, name: str, test: RefusalTest) -> Refusal:
    lower, upper = _range(table, 0, Decimal(_BALES_MAX))
    return Refusal(name, test, item="bales", lower=lower, upper=upper)


def _of_nothing(table: MoneyTable, name: str, test: RefusalTest) -> Refusal:
    limit = table.percent("limit") if "limit" in table else None
    return Refusal(name, test, item=table.text("item"), limit=limit)


def _range(table: MoneyTable, places: int, most: Decimal) -> tuple[Decimal | None, Decimal | None]:
    lower, upper = (
        table.decimal(key, places=places, least=Decimal(0), most=most) if key in table else None
        for key in ("lower", "upper")
    )
    if lower is None and upper is None:
        raise table.error("lower", "Neither lower nor upper is there.", "Write one or both.")
    if lower is not None and upper is not None and upper < lower:
        raise table.error("upper", "It lies below lower.", "Exchange the two.")
    return lower, upper


_REFUSALS: Final = {
    RefusalTest.ANY_BALE: _of_bales,
    RefusalTest.SHARE_ABOVE: _of_bales,
    RefusalTest.CLASS: _of_class,
    RefusalTest.MEAN_OUTSIDE: _of_mean,
    RefusalTest.VALUE_ABOVE: _of_value,
    RefusalTest.BALES_OUTSIDE: _of_count,
    RefusalTest.NOT_MEASURED: _of_nothing,
}
