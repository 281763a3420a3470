"""Over gRPC: tables and certificates as columns decode to what summaries and certificates say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import common_pb2, summary_pb2

from tests.grading import oracle as grades
from tests.support.bales import bale, usda_bale
from tests.support.calls import CALL_S_MAX, Calls, refused
from tests.support.server import Servers
from tests.support.table_rows import Place, cells_of_figures, cells_of_row, rows_of_page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD, NEW, ROLLER = grades.OLD, grades.NEW, grades.ROLLER
SAW_LOT, NEW_LOT, ROLLER_LOT, UNREGISTERED = (
    "65140231001", "65140241002", "65140241003", "65140241004",
)  # fmt: skip
DAY_S = 1_728_100_000
LOT_KEY, DAY = summary_pb2.SUMMARY_KEY_LOT, summary_pb2.SUMMARY_KEY_DAY
STANDARD, SEASON = summary_pb2.SUMMARY_KEY_STANDARD, summary_pb2.SUMMARY_KEY_SEASON


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    """A server with lots under three standards, one that is not registered, and USDA bales."""
    directory: Path = tmp_path_factory.mktemp("server")
    with Servers(directory) as servers, servers.start().channel() as channel:
        calls = Calls(channel)
        cotton = {
            SAW_LOT: common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND,
            NEW_LOT: common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND,
            ROLLER_LOT: common_pb2.COTTON_TYPE_ROLLER_GINNED_UPLAND,
        }
        for lot_no, cotton_type in cotton.items():
            calls.register(f"r{lot_no}", lot_no, cotton_type=cotton_type, declared_bales=4)
            calls.weigh(f"w{lot_no}", lot_no)
        number = 0
        for lot_no in (*cotton, UNREGISTERED):
            bales = []
            for place in range(4):
                number += 1
                made = bale(
                    number, lot_no, length=2750 + 55 * place, micronaire=340 + 30 * number % 200
                )
                laboratory, at_s = f"L{place % 2}", DAY_S + 40_000 * place
                bales.append(replace(made, laboratory=laboratory, inspected_at_s=at_s))
            calls.submit(bales, f"b{lot_no}")
        # The chart says 41 of this Rd and +b; one laboratory reports 31, another nothing.
        imported = usda_bale(1, 2024, rd=7700, plus_b=740)
        calls.submit(
            [
                replace(imported, standard="USDA"),
                replace(usda_bale(2, 2024).but(colour_grade=None), standard="USDA"),
                usda_bale(3, 2024),
            ],
            "usda",
        )
        yield calls


def asked(*keys: int, **fields: Any) -> summary_pb2.SummariseGradesRequest:
    """A question."""
    return summary_pb2.SummariseGradesRequest(keys=keys, **fields)  # type: ignore[arg-type]  # any integer


def summarise(
    calls: Calls, request: summary_pb2.SummariseGradesRequest
) -> summary_pb2.SummariseGradesResponse:
    """The answer in rows."""
    return calls.summary.SummariseGrades(request, timeout=CALL_S_MAX)


def tabulate(
    calls: Calls, request: summary_pb2.SummariseGradesRequest, *columns: str
) -> list[summary_pb2.TabulateGradesResponse]:
    """The answer in columns."""
    table = summary_pb2.TabulateGradesRequest(query=request, columns=columns)
    return list(calls.summary.TabulateGrades(table, timeout=CALL_S_MAX))


@pytest.mark.parametrize(
    "request_",
    [
        asked(),
        asked(LOT_KEY),
        asked(STANDARD, SEASON),
        asked(DAY, share_decimals=1),
        asked(LOT_KEY, withhold_below=5),
        asked(LOT_KEY, page_size=2),
        asked(
            STANDARD,
            filters=[summary_pb2.KeyFilter(key=SEASON, values=["2024"])],
            with_last_season=True,
            inspected_through="2024-12-31",
        ),
    ],
)
def test_a_table_decodes_to_the_summary(
    calls: Calls, request_: summary_pb2.SummariseGradesRequest
) -> None:
    """Every cell of every row and of the total; the header is the same, pages or not."""
    whole = summary_pb2.SummariseGradesRequest()
    whole.CopyFrom(request_)
    whole.page_size = 0
    answer = summarise(calls, whole)
    messages = tabulate(calls, request_)
    columns = messages[0].columns
    assert messages[0].header == answer.header
    rows = [row for message in messages for row in rows_of_page(message.page, columns)]
    (total,) = rows_of_page(messages[0].total, columns)
    assert len(messages) == (-(-len(rows) // request_.page_size) if request_.page_size else 1)
    for found, row in zip([*rows, total], [*answer.rows, answer.total], strict=True):
        assert found.withheld == row.withheld
        expected = cells_of_row(row, answer.standards)
        if row.HasField("last_season"):
            expected |= cells_of_row(row.last_season, answer.standards, last=True)
        assert {p: cell for p, cell in found.cells.items() if p in expected} == expected
        assert all(cell in (None, "") for p, cell in found.cells.items() if p not in expected)


def test_certificates_decode_to_the_certificates(calls: Calls) -> None:
    """The figures of each lot under its own standard, by the rule of certificates."""
    request = summary_pb2.TabulateCertificatesRequest()
    messages = list(calls.summary.TabulateCertificates(request, timeout=CALL_S_MAX))
    rows = [row for each in messages for row in rows_of_page(each.page, messages[0].columns)]
    lot_nos = [str(row.cells[Place("lot_no")]) for row in rows]
    assert lot_nos == [SAW_LOT, NEW_LOT, ROLLER_LOT, UNREGISTERED]
    families = {OLD: (OLD, NEW), NEW: (OLD, NEW), ROLLER: (ROLLER,)}
    for lot_no, row in zip(lot_nos, rows, strict=True):
        made = calls.certificate(lot_no)
        assert row.cells[Place("standard")] == made.standard
        assert row.cells[Place("bales")] == made.bales == 4
        assert row.cells[Place("laboratories")] == ";".join(made.laboratories) == "L0;L1"
        assert row.cells[Place("first_inspected_on")] == made.first_inspected_on
        conditioned = made.weight.conditioned if made.weight.HasField("conditioned") else None
        assert row.cells[Place("conditioned")] == conditioned
        if made.standard:
            own = cells_of_figures(made.figures, families[made.standard])
            assert {place: row.cells[place] for place in own} == own


def test_pages_go_on_from_a_token_whatever_arrives(calls: Calls) -> None:
    """Of the first page's revision; a token of another question is refused with a reason."""
    first = summarise(calls, asked(LOT_KEY, page_size=2))
    calls.submit([bale(900, "65140241009")], "between-the-pages")
    rows, token = list(first.rows), first.next_page_token
    while token:
        page = summarise(calls, asked(LOT_KEY, page_size=2, page_token=token))
        assert (page.revision, page.total) == (first.revision, first.total)
        rows += page.rows
        token = page.next_page_token
    whole = summarise(calls, asked(LOT_KEY, revision=first.revision))
    assert rows == list(whole.rows)
    assert len(summarise(calls, asked(LOT_KEY)).rows) == len(rows) + 1
    for wrong in (
        asked(STANDARD, page_token=first.next_page_token),
        asked(LOT_KEY, page_token="no token"),  # noqa: S106 - of a page
    ):
        error = refused(calls.summary.SummariseGrades, wrong, timeout=CALL_S_MAX)
        assert (error.reason, error.fields) == ("INVALID_FIELD", ["page_token"])


def test_listed_bales_say_why(calls: Calls) -> None:
    """Bales of a lot that is not registered, without a standard, without a colour, and disputed."""
    causes = summary_pb2.BaleCause.values()[1:]
    filters = [summary_pb2.KeyFilter(key=LOT_KEY, values=["", UNREGISTERED])]
    request = summary_pb2.ListBalesRequest(causes=causes, filters=filters)
    messages = list(calls.summary.ListBales(request, timeout=CALL_S_MAX))
    found = [bale for message in messages for bale in message.bales]
    unregistered, without = (
        summary_pb2.BALE_CAUSE_UNREGISTERED,
        summary_pb2.BALE_CAUSE_WITHOUT_STANDARD,
    )
    differs = summary_pb2.BALE_CAUSE_CHART_DIFFERS
    assert [list(each.causes) for each in found] == [
        [unregistered, differs],
        [unregistered],
        [unregistered, without],
        *[[unregistered, without]] * 4,
    ]
    assert (found[0].bale, found[0].colour_grade, found[0].chart_colour_grade) == (
        "2024/000000000001", 31, 41,
    )  # fmt: skip
    request = summary_pb2.ListBalesRequest(causes=causes, limit=2)
    (message,) = calls.summary.ListBales(request, timeout=CALL_S_MAX)
    assert list(message.bales) == found[:2]


@pytest.mark.parametrize(
    ("call", "request_", "reason", "field"),
    [
        ("SummariseGrades", asked(LOT_KEY, LOT_KEY), "INVALID_FIELD", "keys"),
        ("SummariseGrades", asked(revision=999), "FUTURE_REVISION", "revision"),
        (
            "SummariseGrades",
            asked(filters=[summary_pb2.KeyFilter(key=STANDARD, values=["GB0"])]),
            "UNKNOWN_STANDARD",
            "filters",
        ),
        (
            "TabulateGrades",
            summary_pb2.TabulateGradesRequest(columns=["weather"]),
            "INVALID_FIELD",
            "columns",
        ),
        (
            "TabulateGrades",
            summary_pb2.TabulateGradesRequest(query=asked(with_last_season=True)),
            "INVALID_FIELD",
            "with_last_season",
        ),
        (
            "TabulateCertificates",
            summary_pb2.TabulateCertificatesRequest(
                filters=[summary_pb2.KeyFilter(key=DAY, values=["2024-10-05"])]
            ),
            "INVALID_FIELD",
            "keys or filters",
        ),
        ("ListBales", summary_pb2.ListBalesRequest(), "INVALID_FIELD", "causes"),
    ],
)
def test_what_cannot_be_answered_ends_with_a_typed_error(
    calls: Calls, call: str, request_: Any, reason: str, field: str
) -> None:
    """A stream ends so at its first message, before anything is told."""

    def made() -> None:
        answer = getattr(calls.summary, call)(request_, timeout=CALL_S_MAX)
        if call != "SummariseGrades":
            next(answer)

    error = refused(made)
    assert (error.reason, error.fields) == (reason, [field])
