"""Settles: from terms to tables of lines, with everything that names what they were made of."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from cotton_server.runs.bale_table import bale_tables
from cotton_server.runs.counted import counted_bales
from cotton_server.runs.documents import header_of, manifest_entries
from cotton_server.runs.lot_table import lots_table, weighed_lots
from cotton_server.runs.lots import lot_lines
from cotton_server.runs.pay_tables import pay_rules, pay_tables
from cotton_server.runs.rates import figures_of, rated_lots
from cotton_server.runs.reasons import PAYABLE, WITHDRAWN
from cotton_server.runs.settlement import Settlement
from cotton_server.runs.sources import Sources
from cotton_server.runs.table import LOTS, REGIMENTS, UNITS
from cotton_server.runs.target import target_message, target_of
from cotton_server.runs.terms import resolved
from cotton_server.runs.units import units_of
from cotton_server.summary.adding import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cotton.inspection.v1 import settlement_pb2

    from cotton_server.grading.standard import Standard
    from cotton_server.registry.registry import Registry
    from cotton_server.runs.table import Table
    from cotton_server.runs.terms import Terms
    from cotton_server.summary.at_revision import LotsAtRevision

KEPT_MAX: Final = 2
"""Settlements that are kept, for what follows on a trial: 100 MB each for a national season."""


class Settler:
    """Computes settlements at any revision; keeps the last few."""

    def __init__(
        self,
        registry: Registry,
        lots: LotsAtRevision,
        standards: Mapping[str, Standard],
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """Takes what is read, the standards by id, and the clock of the service."""
        self._registry = registry
        self._lots = lots
        self._standards = standards
        self._names = Names(lots.words, registry.texts)
        self._now_us = now_us
        self._kept: OrderedDict[bytes, Settlement] = OrderedDict()
        self._lock = threading.Lock()

    def resolve(self, asked: settlement_pb2.SettlementTerms) -> Terms:
        """The terms at their revision; raises ServiceError for what cannot be settled."""
        return resolved(asked, self._registry, self._standards, self._now_us())

    def settle(self, asked: settlement_pb2.SettlementTerms) -> Settlement:
        """What terms come to, perhaps as it was computed before; raises ServiceError.

        What was at a revision never changes, so what is kept is not out of date.
        """
        terms = self.resolve(asked)
        key = terms.message.SerializeToString(deterministic=True)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        settlement = self.compute(terms)
        with self._lock:
            self._kept[key] = settlement
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return settlement

    def compute(self, terms: Terms) -> Settlement:
        """What terms come to, computed now; raises ServiceError."""
        sources = self._sources(terms)
        rules = pay_rules(terms, sources.standards)
        lines = lot_lines(sources, terms, figures_of(terms, rules, sources))
        reasons = lines.reasons.copy()
        rated, of_bales = rated_lots(lines, reasons, sources, terms) or (None, None)
        weighed = weighed_lots(lines, of_bales, terms, reasons)
        lots = lots_table(lines, rated, weighed, reasons, sources, terms)
        tables = {LOTS: lots}
        header = header_of(terms, sources, list(lines.places))
        if terms.pays:
            units = units_of(lines, sources, terms)
            target = None
            if terms.target_price is not None:
                target = target_of(terms.target_price.value, lines, units, sources, terms)
                header.target_price.CopyFrom(target_message(target))
            counted = counted_bales(lines, rules, sources, terms)
            premiums = lots.exact.get("premium_amount")
            for table in pay_tables(lines, units, rules, target, counted, premiums, sources, terms):
                tables[table.name] = table
        _count(header, tables)
        return Settlement(terms, header, tables, list(manifest_entries(terms, header)))

    def bale_tables(self, settlement: Settlement) -> Iterator[Table]:
        """The lines of bales, some at a time; raises ServiceError where lots are priced."""
        sources = self._sources(settlement.terms)
        return bale_tables(settlement, lot_lines(sources, settlement.terms, {}), sources)

    def _sources(self, terms: Terms) -> Sources:
        lots = self._lots.all_lots(terms.revision, terms.basis)
        return Sources(self._registry, lots, self._names)


def _count(header: settlement_pb2.SettlementHeader, tables: dict[str, Table]) -> None:
    """Counts the lines of each table, and those that are not payable."""
    for name, field in ((LOTS, "lots"), (UNITS, "units"), (REGIMENTS, "regiments")):
        if name in tables:
            setattr(header, field, tables[name].rows)
    for name, field in ((LOTS, "lots_held"), (UNITS, "units_held")):
        if name in tables:
            statuses = tables[name].texts["status"]
            setattr(header, field, int((~statuses.is_in([PAYABLE, WITHDRAWN])).sum()))
