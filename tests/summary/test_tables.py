"""Summaries and certificates as columns, and lists of bales, against a recount of histories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import lots_pb2, summary_pb2
from cotton_server.api import summary as summary_handlers
from cotton_server.errors import Reason, ServiceError
from cotton_server.summary import certificate_table
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grading import oracle as grades
from tests.support.chronicles import LOTS, Author
from tests.support.figures_oracle import answer, certificate, counted, listed
from tests.support.table_rows import (
    Cells,
    Place,
    cells_of_certificate,
    cells_of_row,
    cells_on_last_season,
    place_of,
    rows_of_page,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton.inspection.v1.summary_pb2 import SummaryRow

    from tests.support.table_rows import TableRow


BASES = summary_pb2.Basis.values()
ALL_CAUSES = summary_pb2.BaleCause.values()[1:]

seeds = st.integers(0, 2**32 - 1)


def written(seed: int, steps: int) -> Author:
    """A history that is over."""
    author = Author(seed)
    for _ in range(steps):
        author.step()
    return author


def of_season(cells: Cells, *, last: bool) -> Cells:
    """The cells of one season."""
    return {place: cell for place, cell in cells.items() if place.last_season is last}


def nothing(cells: Cells) -> bool:
    """Whether no cell tells anything."""
    return all(cell in (None, "") for cell in cells.values())


def check_row(found: TableRow, row: SummaryRow, standards: Iterable[str]) -> None:
    """A row of a table against the row of a summary, both seasons."""
    assert found.withheld == row.withheld
    cells = of_season(found.cells, last=False)
    expected = cells_of_row(row, standards)
    if Place("bales_on_last_season") in cells:
        expected |= cells_on_last_season(row)
    assert nothing(cells) if row.withheld else cells == expected
    beside = of_season(found.cells, last=True)
    if row.HasField("last_season") and not row.last_season.withheld:
        assert beside == cells_of_row(row.last_season, standards, last=True)
    else:
        assert nothing(beside)


@given(seed=seeds, page_size=st.sampled_from([0, 1, 3]))
@settings(max_examples=10)
def test_a_table_has_the_figures_of_the_summary(seed: int, page_size: int) -> None:
    """Every column of every row, in pages of any size, and from the middle of them on."""
    author = written(seed, 15)
    reader, past = author.chronicle.reader, author.chronicle.past
    for _ in range(2):
        question = author.question()
        expected = answer(past, question)
        question.page_size = page_size
        asked = summary_pb2.TabulateGradesRequest(query=question)
        messages = reader.tabulate(asked)
        columns = messages[0].columns
        assert list(messages[0].keys) == list(question.keys)
        assert all(not message.HasField("header") for message in messages[1:])
        assert messages[0].header.rows == len(expected.rows)
        rows = [row for each in messages for row in rows_of_page(each.page, columns)]
        assert [row.keys for row in rows] == [
            tuple(key.value for key in row.keys) for row in expected.rows
        ]
        (total,) = rows_of_page(messages[0].total, columns)
        for found, row in zip([*rows, total], [*expected.rows, expected.total], strict=True):
            check_row(found, row, expected.standards)
        assert messages[-1].next_page_token == ""
        if len(messages) > 1:
            asked.query.page_token = messages[0].next_page_token
            rest = reader.tabulate(asked)
            assert [message.page for message in rest] == [each.page for each in messages[1:]]
            assert (rest[0].header, rest[0].total) == (messages[0].header, messages[0].total)


def test_columns_by_name_or_by_what_stands_before_the_dot() -> None:
    """The chosen ones in the order of all, texts first; one that nobody knows is refused."""
    reader = written(7, 20).chronicle.reader
    every = [place_of(each) for each in _columns(reader.tabulate(_table()))]
    some = [place_of(each) for each in _columns(reader.tabulate(_table("mark", "length", "lots")))]
    assert some == [
        place
        for place in every
        if place.name in ("mark", "lots") or place.name.partition(".")[0] in ("length", "lots")
    ]
    with pytest.raises(ServiceError) as refused:
        reader.tabulate(_table("lots", "weather"))
    assert refused.value.reason is Reason.INVALID_FIELD
    assert list(refused.value.violations) == ["columns"]


def _table(*columns: str) -> summary_pb2.TabulateGradesRequest:
    return summary_pb2.TabulateGradesRequest(columns=columns)


def _columns(
    messages: list[summary_pb2.TabulateGradesResponse],
) -> list[summary_pb2.FigureColumn]:
    return list(messages[0].columns)


@given(seed=seeds, basis=st.sampled_from(BASES), decimals=st.sampled_from([0, 1, 2]))
@settings(max_examples=8)
def test_certificates_one_by_one_and_as_columns(
    seed: int, basis: summary_pb2.Basis.ValueType, decimals: int
) -> None:
    """Both are what a recount by the rule of certificates gives, at any revision."""
    author = written(seed, 15)
    chronicle = author.chronicle
    if not chronicle.revision:
        return
    revision = author.chance.randint(1, chronicle.revision)
    past = chronicle.pasts[revision]
    reader = chronicle.reader
    lots = {lot.lot.lot_no: lot for lot in counted(past, basis) if lot.lot.lot_no}
    expected = {
        lot_no: certificate(lot, decimals or 1, past.organisation_revision)
        for lot_no, lot in lots.items()
    }
    for lot_no, wanted in expected.items():
        request = summary_pb2.GetLotCertificateRequest(
            lot_no=lot_no, revision=revision, basis=basis, share_decimals=decimals
        )
        made = reader.certificate(request)
        assert (made.revision, made.status.state) == (revision, made.state)
        for name in ("revision", "status", "grading_version", "basis"):
            made.ClearField(name)
        assert made == wanted
    with pytest.MonkeyPatch.context() as patch:
        rows = author.chance.choice([1, 3, 1000])
        patch.setattr(summary_handlers, "message_rows", lambda _columns: rows)
        patch.setattr(certificate_table, "LOTS_AT_ONCE", author.chance.choice([1, 2, 1000]))
        after = author.chance.choice(["", "", LOTS[2]])
        asked = summary_pb2.TabulateCertificatesRequest(
            revision=revision, basis=basis, share_decimals=decimals, after_lot_no=after
        )
        messages = reader.certificates(asked)
    found = [row for each in messages for row in rows_of_page(each.page, messages[0].columns)]
    assert [row.cells[Place("lot_no")] for row in found] == sorted(n for n in lots if n > after)
    assert messages[0].header.rows == len(lots)
    for row in found:
        lot_no = str(row.cells[Place("lot_no")])
        standard = expected[lot_no].standard
        own = {
            place: cell
            for place, cell in row.cells.items()
            if not place.standards or standard in place.standards
        }
        assert own == cells_of_certificate(
            expected[lot_no], lots[lot_no], organised=past.organisation_revision > 0
        )
        assert nothing({place: cell for place, cell in row.cells.items() if place not in own})


def test_certificates_of_lots_that_pass_with_their_numbers() -> None:
    """Filters on what lots are and on their own standard; keys of bales are none of lots."""
    author = written(11, 40)
    chronicle = author.chronicle
    lot_no = next(lot.lot_no for lot in chronicle.past.lots if lot.registration is not None)
    record = lots_pb2.LotCertificates(
        lot_no=lot_no, quality_certificate_no="Q1", weight_certificate_no="W1"
    )
    request = lots_pb2.RecordCertificatesRequest(certificates=[record])
    chronicle.history.take(request)
    reader = chronicle.reader
    for standard in ("", *grades.STANDARDS):
        asked = summary_pb2.TabulateCertificatesRequest(columns=["lot_no", "standard"])
        asked.filters.add(key=summary_pb2.SUMMARY_KEY_STANDARD, values=[standard])
        messages = reader.certificates(asked)
        rows = [row for each in messages for row in rows_of_page(each.page, messages[0].columns)]
        assert [row.cells[Place("lot_no")] for row in rows] == sorted(
            lot.lot.lot_no
            for lot in counted(chronicle.past, 0)
            if lot.lot.lot_no and lot.standard == standard
        )
    asked = summary_pb2.TabulateCertificatesRequest(columns=["quality_certificate_no"])
    asked.filters.add(key=summary_pb2.SUMMARY_KEY_LOT, values=[lot_no])
    (message,) = reader.certificates(asked)
    (row,) = rows_of_page(message.page, message.columns)
    assert row.cells == {Place("lot_no"): lot_no, Place("quality_certificate_no"): "Q1"}
    asked.filters.add(key=summary_pb2.SUMMARY_KEY_DAY, values=["2024-10-05"])
    with pytest.raises(ServiceError) as refused:
        reader.certificates(asked)
    assert refused.value.reason is Reason.INVALID_FIELD
    with pytest.raises(ServiceError) as refused:
        reader.certificates(summary_pb2.TabulateCertificatesRequest(after_lot_no="9"))
    assert list(refused.value.violations) == ["after_lot_no"]


@given(
    seed=seeds,
    causes=st.lists(st.sampled_from(ALL_CAUSES), min_size=1, unique=True),
    basis=st.sampled_from(BASES),
    limit=st.sampled_from([0, 0, 1, 3]),
)
@settings(max_examples=14)
def test_listed_bales_are_those_of_a_recount(
    seed: int,
    causes: list[summary_pb2.BaleCause.ValueType],
    basis: summary_pb2.Basis.ValueType,
    limit: int,
) -> None:
    """By lot, in order of arrival, with every cause that was asked for, at any revision."""
    author = written(seed, 15)
    chronicle = author.chronicle
    if not chronicle.revision:
        return
    revision = author.chance.randint(1, chronicle.revision)
    filters = {}
    if author.chance.random() < 0.5:
        filters["standard"] = author.chance.sample(["", *grades.STANDARDS], 2)
    if author.chance.random() < 0.3:
        filters["season"] = ["2024"]
    asked = summary_pb2.ListBalesRequest(causes=causes, revision=revision, basis=basis, limit=limit)
    for name, values in filters.items():
        asked.filters.add(key=f"SUMMARY_KEY_{name.upper()}", values=values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(summary_handlers, "LISTED_MAX", 2)
        messages = chronicle.reader.bales(asked)
    assert {message.revision for message in messages} == {revision}
    found = [bale for message in messages for bale in message.bales]
    arrived = listed(chronicle.pasts[revision], basis, causes, filters)
    expected = sorted(arrived, key=lambda bale: bale.lot_no)
    assert found == expected[: limit or None]


@pytest.mark.parametrize(
    ("told", "fields"),
    [
        ({}, ["causes"]),
        ({"causes": [0]}, ["causes"]),
        ({"causes": [9]}, ["causes"]),
        (
            {"causes": [1], "filters": [{"key": "SUMMARY_KEY_DAY", "values": ["x"]}]},
            ["keys or filters"],
        ),
    ],
)
def test_lists_that_cannot_be_given(told: dict[str, Any], fields: list[str]) -> None:
    reader = Author(0).chronicle.reader
    with pytest.raises(ServiceError) as refused:
        reader.bales(summary_pb2.ListBalesRequest(**told))
    assert refused.value.reason is Reason.INVALID_FIELD
    assert list(refused.value.violations) == fields
