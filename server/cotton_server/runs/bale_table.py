"""Lines of bales by a schedule that prices them one by one, some lots at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.domain.identifiers import BaleKey
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading import GRADING_VERSION
from cotton_server.runs.columns import bale_columns
from cotton_server.runs.portions import portions
from cotton_server.runs.rates import refusing
from cotton_server.runs.reasons import HELD, PAYABLE
from cotton_server.runs.table import BALES, LOTS, Table
from cotton_server.settlement import SETTLEMENT_VERSION
from cotton_server.settlement.bales import bale_lines, values_needed
from cotton_server.settlement.schedule import Per
from cotton_server.summary.printing import Values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton_server.runs.lots import LotLines
    from cotton_server.runs.settlement import Settlement
    from cotton_server.runs.sources import Sources
    from cotton_server.runs.table import BoolArray
    from cotton_server.runs.terms import Terms
    from cotton_server.settlement.exact import Rows
    from cotton_server.settlement.schedule import Schedule

BALES_AT_ONCE: Final = 100_000
"""Bales whose lines are made together."""


def bale_tables(settlement: Settlement, lines: LotLines, sources: Sources) -> Iterator[Table]:
    """The bales of lots in order of their lines, those of a lot in order of arrival.

    At least one table, perhaps empty. A bale of a lot that is held is held with it. Raises
    ServiceError at once where the schedule prices lots.
    """
    schedule = settlement.terms.schedule
    if schedule is None or schedule.value.per is not Per.BALE:
        raise ServiceError(
            Reason.INVALID_FIELD,
            "The terms have no schedule that prices single bales, so there are no lines of bales."
            " Name one, or ask for lots.",
            {"table": "not made by these terms"},
        )
    lots, header = settlement.tables[LOTS].texts, settlement.header
    versions = header.settlement_version, header.grading_version
    same = versions == (SETTLEMENT_VERSION, GRADING_VERSION)
    if not same or not lines.lot_no.equals(lots["lot_no"]):
        raise ServiceError(
            Reason.RUN_DIFFERS,
            "The lines of bales are not kept, and this version of the service may come to others.",
        )
    payable = (lots["status"] == PAYABLE).to_numpy()
    return _Bales(schedule.value, lines, payable, sources, settlement.terms).tables()


class _Bales:
    """The bales of lines of lots, and what prices them."""

    def __init__(
        self,
        schedule: Schedule,
        lines: LotLines,
        payable: BoolArray,
        sources: Sources,
        terms: Terms,
    ) -> None:
        self._schedule = schedule
        self._lines = lines
        self._payable = payable
        self._sources = sources
        self._terms = terms
        self._columns = tuple(bale_columns(schedule))

    def tables(self) -> Iterator[Table]:
        """The lines, those of some lots at a time."""
        part = np.cumsum(self._lines.fact("bales_read")) // BALES_AT_ONCE
        places = {
            name: self._lines.places[name]
            for name in self._schedule.standards
            if name in self._lines.places
        }
        for number in np.unique(part).tolist() or [0]:
            found = [
                frame
                for name, mine in places.items()
                for frame in self._priced(name, mine[part[mine] == number])
            ]
            yield self._table(found)

    def _priced(self, name: str, places: Rows) -> Iterator[pl.DataFrame]:
        """The bales of lots of a standard: their row in the store, line of lots, and prices."""
        standard = self._sources.standards[name]
        numbers = self._lines.lots["lot"].to_numpy()[places].tolist()
        values = list(values_needed(self._schedule))
        for bales in portions(numbers, standard, values, self._sources, self._terms):
            with refusing():
                found = bale_lines(bales, self._schedule, standard)
            line = self._lines.line_of[bales["lot"].to_numpy()]
            yield found.with_columns(bales["row"], pl.Series("line", line))

    def _table(self, found: Sequence[pl.DataFrame]) -> Table:
        if not found:
            texts = {each.name: pl.Series([], dtype=pl.String) for each in self._columns}
            nothing = Values(np.zeros(0, np.int64))
            return Table(BALES, 0, self._columns, texts, dict.fromkeys(texts, nothing))
        frame = pl.concat(found).sort("line", maintain_order=True)
        line, row = frame["line"].to_numpy(), frame["row"].to_numpy()
        store = self._sources.registry.bales
        keys = zip(store.high[row].tolist(), store.low[row].tolist(), strict=True)
        held = ~self._payable[line] | (frame["reasons"] != "").to_numpy()
        texts = {
            "bale": pl.Series([str(BaleKey(high, low)) for high, low in keys], dtype=pl.String),
            "lot_no": self._lines.lot_no.gather(line),
            "status": pl.Series([PAYABLE, HELD]).gather(held.astype(np.uint32)),
        }
        figures = {}
        for column in self._columns:
            if column.name in texts:
                continue
            values = frame[column.name]
            if column.is_text:
                texts[column.name] = values.fill_null("")
            else:
                absent = values.is_null().to_numpy() if values.null_count() else None
                figures[column.name] = Values(values.fill_null(0).to_numpy(), absent)
        return Table(BALES, frame.height, self._columns, texts, figures)
