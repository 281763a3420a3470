"""Tables of lines: texts and figures in columns, a row a lot, unit or regiment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from cotton_server.summary.printing import Values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_server.settlement.exact import Exact
    from cotton_server.summary.catalogue import Column

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

LOTS: Final = "lots"
UNITS: Final = "units"
REGIMENTS: Final = "regiments"
TOTALS: Final = "totals"
BALES: Final = "bales"

LINE_KEYS: Final = {
    LOTS: ("lot_no", "season"),
    UNITS: ("traceability_unit",),
    REGIMENTS: ("regiment", "division", "region"),
}
"""The texts that name a line, and by which lines are sorted."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of as many values as there are rows, by name.

    `texts` are String without nulls, "" where there is none. `exact` has what the figures of lines
    that count were rounded from, 0 for others and where there is nothing: totals are sums of it.
    """

    name: str
    rows: int
    columns: tuple[Column, ...]
    texts: Mapping[str, pl.Series]
    figures: Mapping[str, Values]
    exact: Mapping[str, Exact] = field(default_factory=dict)

    def cut(self, first: int, rows: int) -> Table:
        """Some of the rows, without what is exact."""
        chosen = slice(first, first + rows)
        return Table(
            self.name,
            max(0, min(rows, self.rows - first)),
            self.columns,
            {name: texts.slice(first, rows) for name, texts in self.texts.items()},
            {
                name: Values(
                    each.values[chosen], None if each.absent is None else each.absent[chosen]
                )
                for name, each in self.figures.items()
            },
        )

    def there(self, name: str) -> BoolArray:
        """The rows that have a figure."""
        absent = self.figures[name].absent
        return np.ones(self.rows, np.bool_) if absent is None else ~absent


def line_names(table: Table) -> pl.Series:
    """What each line is called, alone in its table: a lot number, a unit, a regiment's place.

    Bales without a lot are one line a crop year, "/2021".
    """
    first, *others = (table.texts[key] for key in LINE_KEYS[table.name])
    if table.name == UNITS:
        return first
    if table.name == LOTS:
        (season,) = others
        frame = pl.DataFrame({"lot": first, "season": season})
        named = pl.when(pl.col("lot") != "").then("lot").otherwise(pl.lit("/") + pl.col("season"))
        return frame.select(named.alias("line")).to_series()
    frame = pl.DataFrame([others[1].alias("2"), others[0].alias("1"), first.alias("0")])
    return frame.select(pl.concat_str("2", "1", "0", separator="/").alias("line")).to_series()
