"""Tables of a settlement for the terminal: the columns that a page has room for."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import settlement_pb2

from cotton_client.render import grid, names
from cotton_client.render.labels import in_language, parts
from cotton_client.render.natural_order import natural_key
from cotton_client.render.parts import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cotton.inspection.v1 import summary_pb2
    from rich.text import Text

    from cotton_client.render.labels import Labels
    from cotton_client.tables import Table

OF_LINES: Final = "_of_lines"
"""Behind the name of an amount: the sum of the printed lines beside the printed total."""

_TOTAL: Final = "Total 合计"

_TOTALS: Final = (
    "lots",
    "lots_payable",
    "lots_held",
    "bales",
    "quantity",
    "premium",
    "price",
    "equivalent_price",
    "premium_amount",
    "amount",
    "units",
    "units_held",
    "seed_cotton",
    "area",
    "pay.*.amount",
    "pay_amount",
)
_LINES: Final[Mapping[int, tuple[str, ...]]] = {
    settlement_pb2.SETTLEMENT_TABLE_LOTS: (
        "lot_no",
        "status",
        "main_colour",
        "length_level",
        "main_micronaire",
        "bales",
        "quantity",
        "factor.*",
        "premium",
        "price",
        "premium_amount",
        "amount",
        "sold_price",
        "equivalent_price",
        "reasons",
    ),
    settlement_pb2.SETTLEMENT_TABLE_UNITS: (
        "traceability_unit",
        "status",
        "division",
        "regiment",
        "lots",
        "lots_held",
        "bales",
        "lint",
        "seed_cotton",
        "area",
        "length_mean",
        "micronaire_mean",
        "strength_mean",
        "pay.*.amount",
        "target_amount",
        "pay_amount",
        "premium_amount",
        "reasons",
    ),
    settlement_pb2.SETTLEMENT_TABLE_REGIMENTS: (
        "regiment",
        "division",
        "status",
        "units",
        "lots",
        "lots_held",
        "bales",
        "lint",
        "seed_cotton",
        "area",
        "length_mean",
        "micronaire_mean",
        "strength_mean",
        "pay.*.amount",
        "pay_amount",
        "reasons",
    ),
    settlement_pb2.SETTLEMENT_TABLE_BALES: (
        "bale",
        "lot_no",
        "status",
        "factor.*",
        "rate",
        "reasons",
    ),
}

_SHORT: Final[Mapping[str, str]] = {
    "lots": "Lots 批",
    "lots_payable": "Payable 可结",
    "lots_held": "Held 暂缓",
    "bales": "Bales 包",
    "quantity": "Quantity 计价重量",
    "premium": "Premium 升贴水",
    "price": "Price 结算价",
    "equivalent_price": "Base-quality price 折基准品价",
    "premium_amount": "Premium total 升贴水金额",
    "amount": "Amount 金额",
    "units": "Units 单元",
    "units_held": "Units held 暂缓",
    "seed_cotton": "Seed cotton 籽棉",
    "area": "Area 面积",
    "pay_amount": "Pay 补贴",
    "lot_no": "Lot 批号",
    "status": "Status 结算状态",
    "main_colour": "Colour 颜色级",
    "length_level": "Len. 长度级",
    "main_micronaire": "Mic. 马值级",
    "reasons": "Reasons 原因",
}
"""Shorter than the titles that the service gives, which files have."""

_LAST_TEXT: Final = "reasons"


def line_grid(
    table: Table,
    kind: settlement_pb2.SettlementTable.ValueType,
    rows: int,
    width: int,
    labels: Labels,
) -> Iterator[Text]:
    """The first rows of a table of lines."""
    shown = table.frame.head(rows)
    columns = [
        _column(each, shown[name].to_list(), labels) for name, each in _chosen(table, _LINES[kind])
    ]
    yield from grid.lines(columns, 1, width)


def total_grid(total: Table, totals: Table | None, width: int, labels: Labels) -> Iterator[Text]:
    """A row a group in the natural order of their keys, then the total.

    The sum of printed lines stands beside a total where they differ in any row.
    """
    keys: list[grid.GridColumn] = []
    order: list[int] = []
    if totals is not None:
        values = totals.frame.select(totals.key_names).rows()
        order = sorted(
            range(len(values)), key=lambda row: [natural_key(each or "") for each in values[row]]
        )
        for place, key in enumerate(totals.keys):
            cells = [names.key_value(key, values[row][place] or "") or "not given" for row in order]
            last = in_language(_TOTAL, labels) if place == 0 else ""
            above = _languages(names.SUMMARY_KEYS.get(key, ""), labels)
            keys.append(grid.GridColumn(above, (*cells, last), right=False))
    sums = {name for row in (totals, total) if row is not None for name in _differing(row)}
    wanted = [
        column
        for name in _TOTALS
        for column in (name, *([f"{name}{OF_LINES}"] if name in sums else []))
    ]
    columns = []
    for name, each in _chosen(total, wanted):
        cells_of = [] if totals is None else totals.frame[name].gather(order).to_list()
        columns.append(_column(each, [*cells_of, *total.frame[name].to_list()], labels))
    yield from grid.lines([*keys, *columns], len(keys), width, last_bold=bool(keys))


def differing_sums(table: Table) -> Iterator[tuple[dict[str, str], str, str, str]]:
    """Totals that are not the sum of their printed lines.

    Each with the keys of its row, the title of the amount, the total and the sum of lines.
    """
    for name in _differing(table):
        column = table.columns[table.names.index(name)]
        for row in table.frame.iter_rows(named=True):
            if row[name] != row[f"{name}{OF_LINES}"]:
                keys = {
                    key: names.key_value(number, row[key] or "") or "not given"
                    for key, number in zip(table.key_names, table.keys, strict=True)
                }
                yield (
                    keys,
                    parts(_SHORT.get(name, column.title or name))[0],
                    exact(row[name], column.decimals),
                    exact(row[f"{name}{OF_LINES}"], column.decimals),
                )


def exact(value: int | None, decimals: int) -> str:
    """An integer as the decimal that it stands for, with all its digits, in groups of three."""
    if value is None:
        return UNKNOWN
    return f"{Decimal(value).scaleb(-decimals):,f}".replace(",", " ")


def _differing(table: Table) -> list[str]:
    """Amounts that in some row are not the sum of their printed lines."""
    return [
        name
        for name in table.names
        if f"{name}{OF_LINES}" in table.names
        and not table.frame[name].eq_missing(table.frame[f"{name}{OF_LINES}"]).all()
    ]


def _chosen(table: Table, wanted: Iterable[str]) -> Iterator[tuple[str, summary_pb2.FigureColumn]]:
    """The columns of names, "*" standing for anything; those that have nothing are left out."""
    by_name = dict(zip(table.names, table.columns, strict=True))
    for name in wanted:
        before, star, behind = name.partition("*")
        found = (
            [each for each in by_name if each.startswith(before) and each.endswith(behind)]
            if star
            else [each for each in (name,) if each in by_name]
        )
        for each in found:
            if table.frame[each].null_count() < max(table.frame.height, 1):
                yield each, by_name[each]


def _column(
    column: summary_pb2.FigureColumn, values: Sequence[Any], labels: Labels
) -> grid.GridColumn:
    base = column.name.removesuffix(OF_LINES)
    label = _SHORT.get(base, " ".join(filter(None, (column.title or base, column.title_zh))))
    above = _languages(label, labels)
    if base != column.name:
        above = (*above, in_language("of lines 行合计", labels))
    unit = "" if column.unit in {"", "lots", "bales", "units"} else column.unit
    cells = tuple(
        (each or UNKNOWN).replace(";", " ; ")
        if column.is_text and column.name == _LAST_TEXT
        else (each or UNKNOWN)
        if column.is_text
        else exact(each, column.decimals)
        for each in values
    )
    return grid.GridColumn((*above, unit) if unit else above, cells, right=not column.is_text)


def _languages(label: str, labels: Labels) -> tuple[str, ...]:
    """English above Chinese."""
    return tuple(filter(None, parts(in_language(label, labels))))
