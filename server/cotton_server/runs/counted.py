"""Bales that meet the conditions of payments tested on bales, counted by line of lots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cotton_server.grading.standard import CODED_COLUMNS, MEASURE_NAMES
from cotton_server.runs.portions import portions
from cotton_server.settlement.bale_conditions import count_bales

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cotton_server.runs.lots import LotLines
    from cotton_server.runs.pay_tables import PayRules
    from cotton_server.runs.sources import Sources
    from cotton_server.runs.terms import Terms
    from cotton_server.settlement.rule_set import RuleSet


def counted_bales(
    lines: LotLines, rules: Sequence[PayRules], sources: Sources, terms: Terms
) -> pl.DataFrame:
    """A column (Int64) for every count that the rule sets read, a row a line; 0 where none is."""
    counts = {name: np.zeros(lines.rows, np.int64) for each in rules for name in each.counted}
    if not counts:
        return pl.DataFrame()
    numbers = lines.lots["lot"].to_numpy()
    line_of = lines.line_of
    for name, places in lines.places.items():
        testing = [each for each in rules if each.counted and name in each.standards]
        if not testing:
            continue
        rule_sets = [each.rule_set for each in testing]
        lots = numbers[places[lines.sums[name]["bales"].to_numpy() > 0]]
        standard = sources.standards[name]
        values = _values(rule_sets)
        for bales in portions(np.sort(lots).tolist(), standard, values, sources, terms):
            found = count_bales(bales, rule_sets, standard)
            rows = line_of[found["lot"].to_numpy()]
            for column in found.columns:
                if column != "lot":
                    counts[column][rows] += found[column].to_numpy()
    return pl.DataFrame(counts)


def _values(rule_sets: Iterable[RuleSet]) -> list[str]:
    """The value fields of bales that conditions read."""
    items = {
        condition.item
        for rule_set in rule_sets
        for payment in rule_set.payments
        for condition in payment.conditions
    }
    return [item if item in MEASURE_NAMES else column_of(item) for item in sorted(items)]


def column_of(item: str) -> str:
    """The value field that has the code of an item that is judged, or of colour."""
    return "colour_grade" if item == "colour" else CODED_COLUMNS[item]
