"""Canonical content: exact decimals, quoting, and a manifest that anybody can check."""

from __future__ import annotations

import csv
from decimal import Decimal
from hashlib import sha256
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from cotton_server.runs.canonical import canonical, table_content
from cotton_server.runs.table import UNITS, Table
from cotton_server.summary.catalogue import Column
from cotton_server.summary.printing import Values
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXTS = st.text(st.sampled_from('ab,"\r\n 师'), max_size=4)
FIGURES = st.none() | st.integers(-(2**62), 2**62) | st.integers(-1001, 1001)


def table(texts: Sequence[str], figures: Sequence[int | None], decimals: int) -> Table:
    """A table of units with one figure."""
    values = np.array([0 if each is None else each for each in figures], np.int64)
    absent = np.array([each is None for each in figures], np.bool_)
    return Table(
        UNITS,
        len(texts),
        (
            Column("traceability_unit", "", "", is_text=True),
            Column("amount", "", "", decimals=decimals),
        ),
        {"traceability_unit": pl.Series(texts, dtype=pl.String)},
        {"amount": Values(values, absent if absent.any() else None)},
    )


@given(st.lists(st.tuples(TEXTS, FIGURES), max_size=8), st.integers(0, 5))
def test_what_is_written_is_what_is_there(
    rows: list[tuple[str, int | None]], decimals: int
) -> None:
    """Each figure is its decimal with all its places; each text comes back as it was."""
    texts, figures = [text for text, _ in rows], [figure for _, figure in rows]
    content = table_content(table(texts, figures, decimals)).decode()
    expected = ["traceability_unit,amount\n"]
    for text, figure in rows:
        quoted = f'"{text.replace(chr(34), chr(34) * 2)}"'
        written = quoted if any(each in text for each in ',"\r\n') else text
        said = "" if figure is None else f"{Decimal(figure).scaleb(-decimals):f}"
        expected.append(f"{written},{said}\n")
    assert content == "".join(expected)
    read = list(csv.reader(StringIO(content, newline="")))
    assert [row[0] for row in read[1:]] == texts


def test_the_digest_is_that_of_the_manifest_and_the_manifest_names_the_files() -> None:
    """A line that would not be one is written in one."""
    lines = table(["U-1", "U-2"], [100, None], 2)
    made = canonical([("revision", "7"), ("term", "filter.lot=a\nb")], [lines])
    file = sha256(table_content(lines)).hexdigest()
    assert made.manifest == (
        f"cotton settlement 1\nrevision 7\nterm filter.lot=a\\nb\ntable units.csv 2 {file}\n"
    )
    assert made.digest == sha256(made.manifest.encode()).hexdigest()
