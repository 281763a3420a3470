"""Summaries in pages, tables as streams and lists of bales, against a service that breaks off."""

from __future__ import annotations

from concurrent import futures
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cotton.inspection.v1 import summary_pb2, summary_pb2_grpc
from cotton_client import CottonClient, RetryPolicy, SyncCottonClient, errors, grades_query

from tests.support.grades_service import (
    BALES,
    BALES_LISTED,
    COLUMNS,
    CONDITIONED,
    DIVISIONS,
    LOT_NOS,
    REVISION,
    WITHHELD,
    GradesService,
    header,
    summary_answer,
)
from tests.support.tables import figure_column

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cotton_client.tables import Table

QUICK = RetryPolicy(patience_s=5.0, patience_first_s=0.3, delay_first_s=0.001, delay_max_s=0.02)
SEASON = summary_pb2.SUMMARY_KEY_SEASON
DIVISION = summary_pb2.SUMMARY_KEY_DIVISION
CAUSES = [summary_pb2.BALE_CAUSE_UNREGISTERED, summary_pb2.BALE_CAUSE_CHART_DIFFERS]


def serving(service: GradesService) -> tuple[grpc.Server, str]:
    """The service in threads, and its address."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    summary_pb2_grpc.add_SummaryServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


def service_with(**told: Any) -> GradesService:
    """The service with some of its settings."""
    return GradesService(**told)  # type: ignore[abstract]  # methods that no test calls are inherited


@asynccontextmanager
async def connected(service: GradesService) -> AsyncIterator[CottonClient]:
    """A client of the service that is patient for a moment only."""
    server, address = serving(service)
    try:
        async with CottonClient(address, retry=QUICK) as client:
            yield client
    finally:
        server.stop(None).wait()


async def test_every_field_of_a_question_arrives() -> None:
    """A field that the client forgets would be a figure of something else."""
    service = service_with(pages=[summary_answer("第八师")])
    async with connected(service) as client:
        await client.summarise_grades(
            [DIVISION],
            {SEASON: ["2024"]},
            revision=5,
            as_of_us=6,
            share_decimals=1,
            basis=summary_pb2.BASIS_FIRST_INSPECTION,
            inspected_from="2024-10-01",
            inspected_through="2024-12-01",
            with_last_season=True,
            withhold_below=500,
            page_size=7,
        )
    (request,) = service.requests
    told = {field.name for field, _ in request.ListFields()}
    fields = summary_pb2.SummariseGradesRequest.DESCRIPTOR.fields_by_name
    assert told == set(fields) - {"page_token"}


async def test_pages_are_one_answer() -> None:
    """Rows of every page; what is said of the whole is said once."""
    pages = [summary_answer(each) for each in DIVISIONS]
    for number, page in enumerate(pages[:-1], 1):
        page.next_page_token = str(number)
    async with connected(service_with(pages=pages)) as client:
        answer = await client.summarise_grades([DIVISION])
        one_by_one = [len(page.rows) async for page in client.summary_pages(grades_query())]
    assert [row.keys[0].value for row in answer.rows] == list(DIVISIONS)
    assert (answer.next_page_token, answer.header) == ("", header())
    assert one_by_one == [1] * len(DIVISIONS)


@pytest.mark.parametrize("fault", ["another revision", "itself"])
async def test_pages_that_do_not_fit_are_refused(fault: str) -> None:
    """A sum over two revisions would be the sum of nothing."""
    pages = [summary_answer("第一师"), summary_answer("第八师")]
    pages[0].next_page_token = str(1)
    if fault == "itself":
        pages[1].next_page_token = str(1)
    else:
        pages[1].revision += 1
    async with connected(service_with(pages=pages)) as client:
        with pytest.raises(errors.ContractViolation, match=fault):
            await client.summarise_grades([DIVISION])


async def test_a_table_of_grades_is_gathered() -> None:
    """Keys, texts and figures of every page, the total, and what is withheld."""
    heard: list[tuple[int, int]] = []
    async with connected(service_with()) as client:
        table = await client.tabulate_grades(
            grades_query([DIVISION]), ["bales"], on_rows=lambda *rows: heard.append(rows)
        )
    assert table.header == header()
    assert table.frame["division"].to_list() == list(DIVISIONS)
    assert table.frame["bales"].to_list() == list(BALES)
    assert table.frame["conditioned"].to_list() == list(CONDITIONED)
    assert table.withheld.to_list() == list(WITHHELD)
    assert table.total is not None
    assert table.total["bales"].to_list() == [3_000_001_234]
    assert heard == [(2, 6), (4, 6), (6, 6)]


@pytest.mark.parametrize("broken", range(4))
@pytest.mark.parametrize("rows_a_call", [2, 4, 100])
async def test_a_table_that_breaks_anywhere_is_the_same(broken: int, rows_a_call: int) -> None:
    """No row is lost or comes twice: also where the last page came, but not the end of the call."""
    whole = service_with()
    service = service_with(break_after={1: broken, 2: broken}, rows_a_call=rows_a_call)
    async with connected(whole) as client:
        expected = await client.tabulate_grades(grades_query([DIVISION]))
    async with connected(service) as client:
        table = await client.tabulate_grades(grades_query([DIVISION]))
    assert table.frame.equals(expected.frame)
    assert table.withheld.equals(expected.withheld)
    assert {each.query.revision for each in service.requests} == {0}


async def test_pages_by_instant_are_asked_for_as_the_first_was() -> None:
    """A token belongs to its question, of which the instant is a part."""
    pages = [summary_answer(each) for each in DIVISIONS]
    for number, page in enumerate(pages[:-1], 1):
        page.next_page_token = str(number)
    service = service_with(pages=pages, break_after={len(DIVISIONS) + 1: 1})
    async with connected(service) as client:
        await client.summarise_grades([DIVISION], as_of_us=5, page_size=1)
        table = await client.tabulate_grades(grades_query([DIVISION], as_of_us=5))
    assert table.frame["division"].to_list() == list(DIVISIONS)
    *paged, first, second = service.requests
    assert [each.page_token for each in paged] == ["", *"12345"]
    assert (first.query.page_token, second.query.page_token) == ("", "2")
    for query in (*paged, first.query, second.query):
        assert (query.as_of_us, query.revision) == (5, 0)


async def test_before_anything_had_come_an_instant_stays_one() -> None:
    """Revision 0 in a request would be the latest."""
    service = service_with(break_after={1: 1, 3: 1}, revision=0)
    async with connected(service) as client:
        await client.tabulate_certificates(as_of_us=5)
        assert [bale async for bale in client.list_bales(CAUSES, as_of_us=5)]
    assert len(service.requests) == 4
    assert {(each.revision, each.as_of_us) for each in service.requests} == {(0, 5)}


@pytest.mark.parametrize("broken", range(4))
async def test_certificates_that_break_anywhere_are_the_same(broken: int) -> None:
    """They go on behind the last lot, at the revision of the first."""
    service = service_with(break_after={1: broken})
    async with connected(service) as client:
        table = await client.tabulate_certificates({SEASON: ["2024"]}, as_of_us=5)
    assert table.frame["lot_no"].to_list() == list(LOT_NOS)
    assert table.total is None
    first, second = service.requests
    assert (first.as_of_us, first.share_decimals) == (5, 1)
    if broken:
        assert (second.revision, second.as_of_us) == (REVISION, 0)
        assert second.after_lot_no == LOT_NOS[min(2 * broken, 5) - 1]


async def test_a_table_that_goes_on_as_another_is_refused() -> None:
    """The columns of the rest are among those of the beginning."""
    service = service_with(break_after={1: 1})
    original = service.TabulateGrades

    def changed(request: Any, context: Any) -> Any:
        if service.requests:
            service.columns = (*COLUMNS[:-1], figure_column("other"))
        return original(request, context)

    service.TabulateGrades = changed  # type: ignore[method-assign]
    async with connected(service) as client:
        with pytest.raises(errors.ContractViolation, match="other columns"):
            await client.tabulate_grades(grades_query([DIVISION]))


async def test_a_server_that_stays_away_is_said_after_a_while() -> None:
    """Patience ends when nothing more comes."""
    service = service_with(break_after=dict.fromkeys(range(1, 10_000), 0))
    async with connected(service) as client:
        with pytest.raises(errors.Unavailable):
            await client.tabulate_grades(grades_query([DIVISION]))


@pytest.mark.parametrize("broken", range(4))
async def test_bales_that_break_anywhere_come_once(broken: int) -> None:
    """The list at one revision is always the same: what was given is left out the second time."""
    service = service_with(break_after={1: broken, 2: broken})
    async with connected(service) as client:
        listing = client.list_bales(CAUSES, {SEASON: ["2024"]}, as_of_us=9, limit=7)
        bales = [bale async for bale in listing]
    assert tuple(bales) == BALES_LISTED
    assert listing.revision == REVISION
    request = service.requests[-1]
    assert (list(request.causes), request.limit) == (CAUSES, 7)
    pinned = (REVISION, 0) if broken else (0, 9)
    assert (request.revision, request.as_of_us) == pinned


def test_a_plain_program_asks_for_the_same() -> None:
    """The client without await has tables, pages and lists too."""
    server, address = serving(service_with(pages=[summary_answer("第八师")]))
    with SyncCottonClient(address) as client:
        assert client.tabulate_grades(grades_query()).frame.height == len(DIVISIONS)
        assert client.tabulate_certificates().frame.height == len(LOT_NOS)
        assert tuple(client.list_bales(CAUSES)) == BALES_LISTED
        assert [page.revision for page in client.summary_pages(grades_query())] == [REVISION]
    server.stop(None).wait()


async def test_certificates_go_on_without_the_columns_that_no_lot_has_any_more() -> None:
    """The rest may be of fewer families of standards: what is left out is absent, not lost."""
    service = service_with(break_after={1: 1})
    original = service.TabulateCertificates

    def fewer(request: Any, context: Any) -> Any:
        for message in original(request, context):
            if request.after_lot_no:
                kept = [place for place, each in enumerate(message.page.figures) if place]
                figures = [message.page.figures[place] for place in kept]
                del message.page.figures[:]
                message.page.figures.extend(figures)
                named = [each for each in message.columns if each.name != "bales"]
                del message.columns[:]
                message.columns.extend(named)
            yield message

    service.TabulateCertificates = fewer  # type: ignore[method-assign]
    async with connected(service) as client:
        table = await client.tabulate_certificates()
    assert table.frame["bales"].to_list() == [186, 0, None, None, None]
    assert table.frame["lot_no"].to_list() == list(LOT_NOS)
    assert table.frame["conditioned"].null_count() == 0


async def test_a_total_that_is_withheld_is_told() -> None:
    """It would give away the one row that is withheld."""
    service = service_with()
    original = service.TabulateGrades

    def withheld(request: Any, context: Any) -> Any:
        for message in original(request, context):
            if message.HasField("total"):
                message.total.withheld = b"\1"
            yield message

    service.TabulateGrades = withheld  # type: ignore[method-assign]
    async with connected(service) as client:
        table = await client.tabulate_grades(grades_query([DIVISION]))
    assert table.total_withheld
    assert not (await _plain()).total_withheld


async def _plain() -> Table:
    """The table of a service that withholds no total."""
    async with connected(service_with()) as client:
        return await client.tabulate_grades(grades_query([DIVISION]))
