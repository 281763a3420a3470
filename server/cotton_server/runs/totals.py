"""Totals of a settlement by any keys of lots: exact sums, each printed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.runs.amounts import MONEY_PER_KG, QUANTITY_DECIMALS, quotient
from cotton_server.runs.columns import total_columns
from cotton_server.runs.reasons import PAYABLE, WITHDRAWN
from cotton_server.runs.table import LOTS, REGIMENTS, TOTALS, UNITS, Table
from cotton_server.settlement.document import RoundingMode
from cotton_server.settlement.exact import Exact, sum_by
from cotton_server.summary.keys import check_request
from cotton_server.summary.printing import Values
from cotton_server.summary.refusals import typed
from cotton_server.summary.selecting import NOT_OF_LOTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from cotton_server.runs.table import BoolArray, Int64Array
    from cotton_server.runs.terms import Terms
    from cotton_server.summary.catalogue import Column

REGIMENT_KEYS: Final = ("season", "region", "division", "regiment")
UNIT_KEYS: Final = (*REGIMENT_KEYS, "traceability_unit")
"""The keys by which regiments, and units, can be added up too."""

PAY_AMOUNT: Final = "pay_amount"


@dataclass(frozen=True, slots=True)
class Totals:
    """A row per combination of key values, sorted by them; without keys one row.

    `keys` has the values of each key, String.
    """

    keys: Sequence[pl.Series]
    table: Table


def totals(tables: Mapping[str, Table], keys: Sequence[str], terms: Terms) -> Totals:
    """The lines of a settlement added up; raises ServiceError for keys that lots do not have.

    Units, and what regiments are paid, are added up where all keys are keys of theirs.
    """
    with typed():
        check_request(keys, {}, without=NOT_OF_LOTS)
    added = [tables[LOTS]]
    for name, known in ((UNITS, UNIT_KEYS), (REGIMENTS, REGIMENT_KEYS)):
        if name in tables and set(keys) <= set(known):
            added.append(tables[name])
    groups, places = _grouped(keys, [_key_texts(table, keys, terms) for table in added], added)
    count = groups.height if keys else 1
    lots, *others = (
        _Group(table, group, count) for table, group in zip(added, places, strict=True)
    )
    figures = _of_lots(lots, terms)
    paid: list[Column] = []
    for each in others:
        amounts = [
            column
            for column in each.table.columns
            if column.name in each.table.exact and column.name != PAY_AMOUNT
        ]
        paid += amounts
        for column in amounts:
            exact = each.exact(column.name)
            mode = terms.pay_rounding[1]
            figures[column.name] = Values(exact.rounded(column.decimals, mode))
    if others:
        figures |= _of_units(others[0]) | _paid(others, terms)
    columns = total_columns(
        None if terms.schedule is None else terms.schedule.value,
        paid,
        terms.pay_rounding[0] if others else None,
    )
    return Totals(groups.get_columns(), Table(TOTALS, count, tuple(columns), {}, figures))


def _key_texts(table: Table, keys: Sequence[str], terms: Terms) -> pl.DataFrame:
    """The values of keys of each line."""
    columns = []
    for key in keys:
        if key == "season" and table.name != LOTS:
            column = pl.Series([str(terms.season)]).new_from_index(0, table.rows)
        else:
            column = table.texts["lot_no" if key == "lot" else key]
        columns.append(column.alias(key))
    return pl.DataFrame(columns)


class _Group:
    """Adds up columns of a table by group."""

    def __init__(self, table: Table, group: npt.NDArray[np.intp], count: int) -> None:
        self.table = table
        self.payable: BoolArray = (table.texts["status"] == PAYABLE).to_numpy()
        self._group = group
        self._count = count

    def number(self, rows: BoolArray) -> Int64Array:
        """How many of these rows."""
        return np.bincount(self._group[rows], minlength=self._count).astype(np.int64)

    def lines(self, name: str, rows: BoolArray) -> Int64Array:
        """The printed figures of these rows added up, where they are there."""
        values = np.where(rows & self.table.there(name), self.table.figures[name].values, 0)
        return sum_by(values, self._group, self._count).astype(np.int64)

    def exact(self, name: str) -> Exact:
        """What is exact of the lines that count."""
        return self.table.exact[name].sum_by(self._group, self._count)


def _of_lots(lots: _Group, terms: Terms) -> dict[str, Values]:
    table = lots.table
    is_lot = (table.texts["lot_no"] != "").to_numpy()
    counted = (table.texts["status"] != WITHDRAWN).to_numpy()
    everything = np.ones(table.rows, np.bool_)
    quantity = lots.exact("quantity")
    figures = {
        "lots": Values(lots.number(is_lot & counted)),
        "lots_payable": Values(lots.number(is_lot & lots.payable)),
        "lots_held": Values(lots.number(is_lot & counted & ~lots.payable)),
        "bales": Values(lots.lines("bales", everything)),
        "bales_payable": Values(lots.lines("bales", lots.payable)),
        "quantity": Values(quantity.rounded(QUANTITY_DECIMALS, RoundingMode.HALF_EVEN)),
    }
    if terms.schedule is None:
        return figures
    schedule = terms.schedule.value
    rounding = schedule.rounding
    to_price = 1 / MONEY_PER_KG[schedule.unit]
    no_quantity = quantity.num == 0
    no_price = no_quantity | (not terms.absolute)
    for name, amount, divisor, absent in (
        ("premium", "premium_amount", quantity, no_quantity),
        ("price", "amount", quantity, no_price),
    ):
        mean = quotient(lots.exact(amount) * to_price, divisor)
        figures[name] = Values(mean.rounded(rounding.price_decimals, rounding.mode), absent)
    weight = lots.exact("equivalent_quantity")
    mean = quotient(lots.exact("equivalent_amount") * to_price, weight)
    figures["equivalent_price"] = Values(
        mean.rounded(rounding.price_decimals, rounding.mode), weight.num == 0
    )
    for name in ("premium_amount", "amount"):
        absent = None if name == "premium_amount" or terms.absolute else no_price | True
        exact = lots.exact(name)
        figures[name] = Values(exact.rounded(rounding.money_decimals, rounding.mode), absent)
        figures[f"{name}_of_lines"] = Values(lots.lines(name, lots.payable), absent)
    return figures


def _of_units(units: _Group) -> dict[str, Values]:
    everything = np.ones(units.table.rows, np.bool_)
    return {
        "units": Values(units.number(everything)),
        "units_held": Values(units.number(~units.payable)),
        "seed_cotton": Values(units.lines("seed_cotton", everything)),
        "area": Values(units.lines("area", everything)),
    }


def _paid(groups: Sequence[_Group], terms: Terms) -> dict[str, Values]:
    """What units and regiments are paid: exact, and the sum of what their lines print."""
    exact = groups[0].exact(PAY_AMOUNT)
    lines = groups[0].lines(PAY_AMOUNT, groups[0].payable)
    for each in groups[1:]:
        exact = exact + each.exact(PAY_AMOUNT)
        lines = lines + each.lines(PAY_AMOUNT, each.payable)
    decimals, mode = terms.pay_rounding
    return {
        PAY_AMOUNT: Values(exact.rounded(decimals, mode)),
        f"{PAY_AMOUNT}_of_lines": Values(lines),
    }


def _grouped(
    keys: Sequence[str], frames: Sequence[pl.DataFrame], tables: Sequence[Table]
) -> tuple[pl.DataFrame, list[npt.NDArray[np.intp]]]:
    """The combinations of values in all frames, sorted, and the number of that of each row."""
    if not keys:
        return pl.DataFrame(), [np.zeros(table.rows, np.intp) for table in tables]
    groups = pl.concat([frame.unique() for frame in frames]).unique().sort(keys)
    numbered = groups.with_row_index("group")
    found = [
        frame.join(numbered, on=list(keys), how="left", maintain_order="left")["group"]
        for frame in frames
    ]
    return groups, [each.to_numpy().astype(np.intp) for each in found]
