"""What differs between two settlements: against a comparison line by line in plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from cotton.inspection.v1 import settlement_pb2
from cotton_server.runs.compare import PRESENT, Comparison, Difference
from cotton_server.runs.settlement import Settlement
from cotton_server.runs.table import UNITS, Table
from cotton_server.summary.catalogue import Column
from cotton_server.summary.printing import Values
from hypothesis import given
from hypothesis import strategies as st

FIGURES = st.none() | st.integers(-2, 2)
LINES = st.dictionaries(st.sampled_from("abcd"), st.tuples(st.sampled_from("xy"), FIGURES))
COLUMNS = st.sampled_from(["premium", "amount"])


def settled(lines: dict[str, tuple[str, int | None]], column: str) -> Settlement:
    """A settlement of units with a status and one figure."""
    names = sorted(lines)
    figures = [lines[name][1] for name in names]
    table = Table(
        UNITS,
        len(names),
        (
            Column("traceability_unit", "", "", is_text=True),
            Column("status", "", "", is_text=True),
            Column(column, "", "", decimals=1),
        ),
        {
            "traceability_unit": pl.Series(names, dtype=pl.String),
            "status": pl.Series([lines[name][0] for name in names], dtype=pl.String),
        },
        {
            column: Values(
                np.array([each or 0 for each in figures], np.int64),
                np.array([each is None for each in figures], np.bool_),
            )
        },
    )
    terms: Any = None
    return Settlement(terms, settlement_pb2.SettlementHeader(), {UNITS: table})


def said(lines: dict[str, tuple[str, int | None]], column: str, name: str) -> dict[str, str]:
    """A line as texts."""
    status, figure = lines[name]
    return {"status": status, column: "" if figure is None else f"{figure / 10:.1f}"}


@given(LINES, LINES, COLUMNS, COLUMNS)
def test_every_difference_is_told_once_in_order(
    one: dict[str, Any], other: dict[str, Any], column: str, other_column: str
) -> None:
    """Lines of one side alone, and of lines of both each column that differs or only one has."""
    expected = []
    for name in sorted({*one, *other}):
        if name not in one or name not in other:
            sides = [PRESENT if name in each else "" for each in (one, other)]
            expected.append(Difference(UNITS, name, "", *sides))
            continue
        before, after = said(one, column, name), said(other, other_column, name)
        for each in dict.fromkeys([*before, *after]):
            texts = before.get(each, ""), after.get(each, "")
            if texts[0] != texts[1]:
                expected.append(Difference(UNITS, name, each, *texts))
    compared = Comparison(settled(one, column), settled(other, other_column))
    assert [each for some in compared.differences() for each in some] == expected
    alone = [each for each in expected if not each.column]
    assert compared.only_before == sum(each.before == PRESENT for each in alone)
    assert compared.only_after == sum(each.after == PRESENT for each in alone)
    assert compared.differing == len({each.line for each in expected if each.column})
