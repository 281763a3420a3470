"""The canonical content as the client computes it, beside the server's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from cotton.inspection.v1 import settlement_pb2
from cotton_client import errors
from cotton_client.canonical import canonical, table_content
from cotton_client.settlements import settlement_of
from cotton_server.runs import canonical as server
from cotton_server.runs.table import LINE_KEYS, LOTS, REGIMENTS, UNITS, Table
from cotton_server.summary.catalogue import Column
from cotton_server.summary.printing import Values
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.settlement_service import (
    COLUMNS,
    LINES,
    LOADED,
    SCHEDULE_KIND,
    document_head,
    header,
    page,
    version,
)
from tests.support.tables import encode_page, figure_column

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = {
    LOTS: settlement_pb2.SETTLEMENT_TABLE_LOTS,
    UNITS: settlement_pb2.SETTLEMENT_TABLE_UNITS,
    REGIMENTS: settlement_pb2.SETTLEMENT_TABLE_REGIMENTS,
}

TEXTS = st.text(alphabet='abZ0第八师,"\n\r; ', max_size=6)
FIGURES = st.none() | st.integers(-(2**62), 2**62) | st.integers(-20, 20)


@st.composite
def tables(draw: Any) -> tuple[str, list[list[str]], list[list[int | None]], list[int]]:
    """The name of a table, its texts and figures as columns, the decimals of figures."""
    name = draw(st.sampled_from(sorted(KINDS)))
    rows = draw(st.integers(0, 4))
    keys = len(LINE_KEYS[name])
    named = draw(st.lists(st.tuples(*[TEXTS] * keys), min_size=rows, max_size=rows, unique=True))
    texts = [[row[key] for row in sorted(named)] for key in range(keys)]
    texts.append(draw(st.lists(TEXTS, min_size=rows, max_size=rows)))
    decimals = draw(st.lists(st.integers(0, 6), min_size=1, max_size=3))
    figures = [draw(st.lists(FIGURES, min_size=rows, max_size=rows)) for _ in decimals]
    return name, texts, figures, decimals


def server_table(
    name: str,
    texts: Sequence[Sequence[str]],
    figures: Sequence[Sequence[int | None]],
    decimals: Sequence[int],
) -> Table:
    """A table of the server."""
    text_names = [*LINE_KEYS[name], "reasons"]
    columns = [Column(each, each, each, is_text=True) for each in text_names]
    columns += [Column(f"f{place}", "", "", "", each) for place, each in enumerate(decimals)]
    return Table(
        name,
        len(texts[0]),
        tuple(columns),
        {
            each: pl.Series(each, values, pl.String)
            for each, values in zip(text_names, texts, strict=True)
        },
        {
            f"f{place}": Values(
                np.array([value or 0 for value in values], np.int64),
                np.array([value is None for value in values], np.bool_),
            )
            for place, values in enumerate(figures)
        },
    )


@settings(deadline=None, max_examples=60)
@given(tables())
def test_a_table_has_the_same_bytes_on_both_sides(
    made: tuple[str, list[list[str]], list[list[int | None]], list[int]],
) -> None:
    """Whatever texts and figures it holds, once they went over the wire."""
    name, texts, figures, decimals = made
    columns = [
        *(figure_column(each, is_text=True) for each in (*LINE_KEYS[name], "reasons")),
        *(figure_column(f"f{place}", decimals=each) for place, each in enumerate(decimals)),
    ]
    sent = encode_page(len(texts[0]), texts=texts, figures=figures, wide=True)
    received = settlement_of(settlement_pb2.SettlementHeader(), KINDS[name], columns, sent)
    expected = server.table_content(server_table(name, texts, figures, decimals))
    assert table_content(received) == expected


def told(kind: settlement_pb2.SettlementTable.ValueType, **terms: int) -> Any:
    """A table of the fixed answers."""
    of_terms = header()
    for name, value in terms.items():
        setattr(of_terms.terms, name, value)
    return settlement_of(of_terms, kind, COLUMNS[kind], page(kind, LINES[kind]))


def test_tables_are_of_one_settlement() -> None:
    """Lines of other terms are not put together."""
    with pytest.raises(errors.ContractViolation, match="other terms"):
        canonical(header(), LOADED, [told(KINDS[LOTS], season=2017)])


def test_a_patch_is_named_with_what_it_is_made_of() -> None:
    """Without its base the manifest would not say by what was paid."""
    made = canonical(header(), LOADED, [told(KINDS[LOTS])])
    lines = [line for line in made.manifest.splitlines() if line.startswith("document ")]
    assert [line.split(" ")[1:3] for line in lines] == [
        ["SCHEDULE", "patch"],
        ["SCHEDULE", "base"],
        ["RULE_SET", "pilot"],
    ]
    root = version(SCHEDULE_KIND, "root", document_head("H"))
    chained = [*LOADED, root]
    chained[0] = version(SCHEDULE_KIND, "base", document_head("H", patch_of="root"))
    manifest = canonical(header(), chained, []).manifest
    assert manifest.index(" base ") < manifest.index(" root ") < manifest.index(" pilot ")
    with pytest.raises(errors.ContractViolation, match="has no base"):
        canonical(header(), LOADED[1:3], [told(KINDS[LOTS])])


def test_no_value_ends_its_line() -> None:
    """A filter may hold anything."""
    of_terms = header()
    of_terms.terms.filters[0].values[:] = ["a\nterm season=1\\"]
    made = canonical(of_terms, LOADED, [])
    assert "term filter.division=a\\nterm season=1\\\\\n" in made.manifest
