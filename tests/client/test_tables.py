"""Tables of figures: pages of columns become frames of exact integers, and exact decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest
from cotton.inspection.v1 import readings_pb2, summary_pb2
from cotton_client import errors
from cotton_client.tables import Table, column_names, decode_page, to_units
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import encode_bits, encode_page, figure_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn

DIVISION = summary_pb2.SUMMARY_KEY_DIVISION
GIN = summary_pb2.SUMMARY_KEY_GIN
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.one_of(st.none(), st.sampled_from(["第八师", "31", "=1+1"]), st.text(min_size=1))


@st.composite
def columns_of(draw: DrawFn) -> tuple[int, list[list[str | None]], list[list[int | None]]]:
    """Some rows of texts and figures, of few and of many different values."""
    rows = draw(st.integers(1, 40))
    narrow: st.SearchStrategy[int | None] = st.integers(-(2**31), 2**31 - 1)
    figure = st.one_of(
        st.lists(st.one_of(st.none(), INT64), min_size=rows, max_size=rows),
        st.one_of(st.none(), st.integers(-5, 5)).map(lambda value: [value] * rows),
        st.lists(narrow, min_size=rows, max_size=rows),
    )
    text = st.lists(TEXTS, min_size=rows, max_size=rows)
    return (
        rows,
        draw(st.lists(text, min_size=2, max_size=4)),
        draw(st.lists(figure, max_size=5)),
    )


@given(columns_of(), st.booleans(), st.booleans())
def test_a_page_is_read_as_it_was_written(
    content: tuple[int, list[list[str | None]], list[list[int | None]]], short: bool, wide: bool
) -> None:
    """Whatever is absent, however wide, and whether one value stands for all rows or not."""
    rows, texts, figures = content
    withheld = [place % 3 == 0 for place in range(rows)]
    page = encode_page(
        rows,
        keys=texts[:1],
        texts=texts[1:],
        figures=figures,
        withheld=withheld,
        short=short,
        wide=wide,
    )
    page = summary_pb2.TablePage.FromString(page.SerializeToString())
    columns = [figure_column(f"t{place}", is_text=True) for place in range(len(texts) - 1)]
    columns += [figure_column(f"f{place}") for place in range(len(figures))]
    frame, told = decode_page(page, [DIVISION], columns)
    assert frame.columns == ["division", *(each.name for each in columns)]
    assert [each.to_list() for each in frame.get_columns()] == [*texts, *figures]
    assert frame.schema["division"] == pl.String
    assert all(frame.schema[f"f{place}"] == pl.Int64 for place in range(len(figures)))
    assert told.to_list() == withheld


@given(st.lists(st.one_of(st.none(), INT64), min_size=1, max_size=20), st.integers(0, 6))
def test_real_units_are_exact(values: list[int | None], decimals: int) -> None:
    """Every digit of any integer of 64 bits is kept, and no float comes near it."""
    frame = to_units(table_of([figure_column("a", decimals=decimals)], figures=[values]))
    expected = [None if each is None else Decimal(each).scaleb(-decimals) for each in values]
    assert frame["a"].to_list() == expected
    kind = frame.schema["a"]
    assert kind == (pl.Decimal(38, decimals) if decimals else pl.Int64)


def table_of(
    columns: Sequence[summary_pb2.FigureColumn],
    *,
    keys: Sequence[Sequence[str | None]] = (),
    texts: Sequence[Sequence[str | None]] = (),
    figures: Sequence[Sequence[int | None]] = (),
) -> Table:
    """A table of one page."""
    rows = len([*keys, *texts, *figures][0])
    named = (DIVISION, GIN)[: len(keys)]
    page = encode_page(rows, keys=keys, texts=texts, figures=figures)
    frame, withheld = decode_page(page, named, columns)
    return Table(summary_pb2.SummaryHeader(revision=9), named, tuple(columns), frame, withheld)


def test_columns_of_one_name_are_told_apart() -> None:
    """By the season, and by their standards where several families have the same figure."""
    columns = [
        figure_column("bales"),
        figure_column("bales", last_season=True),
        figure_column("length.min", standards=["A", "B"]),
        figure_column("length.min", standards=["USDA"]),
        figure_column("length.min", standards=["A"], last_season=True),
    ]
    assert column_names(columns) == (
        "bales",
        "last_season.bales",
        "length.min@A+B",
        "length.min@USDA",
        "last_season.length.min",
    )


def test_a_page_without_keys_has_them_absent() -> None:
    """As the total of a summary."""
    page = encode_page(1, figures=[[7]])
    frame, _ = decode_page(page, [DIVISION, GIN], [figure_column("bales")])
    assert frame.rows() == [(None, None, 7)]


def test_a_page_without_rows_is_a_frame_without_rows() -> None:
    """Nothing that matches is no error; the columns stand."""
    page = summary_pb2.TablePage(
        keys=[readings_pb2.TextColumn()], figures=[summary_pb2.FigureValues()]
    )
    frame, withheld = decode_page(page, [DIVISION], [figure_column("bales")])
    assert (frame.height, frame.columns, withheld.len()) == (0, ["division", "bales"], 0)
    assert frame.schema == {"division": pl.String, "bales": pl.Int64}


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (summary_pb2.TablePage(rows=2), "has 0 keys"),
        (encode_page(3, keys=[["a", "b", "a"]], figures=[[1, 2, 3]]), "Column division"),
        (encode_page(3, keys=[["a"]], figures=[[1, 2]]), "Column bales of a table has 2 values"),
        (
            summary_pb2.TablePage(
                rows=2,
                keys=[readings_pb2.TextColumn(dictionary=["a"], index=[0, 1])],
                figures=[summary_pb2.FigureValues(narrow=[1])],
            ),
            "not in its dictionary",
        ),
        (
            summary_pb2.TablePage(
                rows=2,
                keys=[readings_pb2.TextColumn(dictionary=["a", "b"])],
                figures=[summary_pb2.FigureValues(narrow=[1])],
            ),
            "no place of each row",
        ),
        (
            summary_pb2.TablePage(
                rows=2,
                keys=[readings_pb2.TextColumn(dictionary=["a"])],
                figures=[summary_pb2.FigureValues(narrow=[1, 2], wide=[1, 2])],
            ),
            "two widths",
        ),
        (
            summary_pb2.TablePage(
                rows=9,
                keys=[readings_pb2.TextColumn(dictionary=["a"])],
                figures=[summary_pb2.FigureValues(narrow=[1], absent=b"\1")],
            ),
            "1 bytes of bits for 9 rows",
        ),
    ],
)
def test_a_page_that_breaks_the_contract_is_refused(page: summary_pb2.TablePage, said: str) -> None:
    """What does not fit is never filled up or cut off."""
    if said == "Column division":
        page.rows = 2
    with pytest.raises(errors.ContractViolation, match=said):
        decode_page(page, [DIVISION], [figure_column("bales")])


def test_two_columns_of_one_name_are_refused() -> None:
    """A key and a text of the same name would hide each other."""
    page = encode_page(1, keys=[["a"]], texts=[["b"]])
    with pytest.raises(errors.ContractViolation, match="one name"):
        decode_page(page, [DIVISION], [figure_column("division", is_text=True)])


def test_bits_are_least_significant_first() -> None:
    """The ninth row is the first bit of the second byte."""
    assert encode_bits([True, *[False] * 7, True]) == b"\1\1"
