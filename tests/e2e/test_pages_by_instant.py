"""Pages and tables of an instant go on as they began, over a real server that takes more in."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cotton.inspection.v1 import summary_pb2, summary_pb2_grpc
from cotton_client import CottonClient, errors, grades_query
from cotton_client.retry import Patience, RetryPolicy
from cotton_client.tabulate import CertificatesWay, GradesWay, gather
from polars.testing import assert_frame_equal

from tests.support.bales import bale
from tests.support.calls import Calls
from tests.support.server import Servers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

LOTS = tuple(f"6514024100{number}" for number in range(1, 8))
LATER_LOTS = ("65140241000", "65140241008")
"""One before and one behind the others, of which the instant knows nothing."""

LOT = summary_pb2.SUMMARY_KEY_LOT


@dataclass(frozen=True, slots=True)
class Past:
    """A server that has taken more in since an instant."""

    address: str
    instant_us: int
    revision: int


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Seven lots before the instant, two more and further bales of the seven behind it."""
    directory: Path = tmp_path_factory.mktemp("server")
    with Servers(directory) as servers, (server := servers.start()).channel() as channel:
        calls = Calls(channel)
        for number, lot_no in enumerate(LOTS):
            calls.register(f"r{lot_no}", lot_no, declared_bales=4)
            calls.submit([bale(10 * number + place, lot_no) for place in range(3)], f"b{lot_no}")
        revision = calls.summarise().revision
        instant_us = time.time_ns() // 1000
        for number, lot_no in enumerate((*LATER_LOTS, *LOTS), 50):
            calls.submit([bale(10 * number, lot_no)], f"later-{lot_no}")
        yield Past(server.address, instant_us, revision)


class Cut:
    """A call that breaks after its first messages."""

    def __init__(self, call: Any, messages: int) -> None:
        """Takes the call, and after how many it breaks."""
        self._call, self._left = call, messages

    async def __aiter__(self) -> AsyncIterator[Any]:
        """The messages up to there."""
        async for message in self._call:
            if not self._left:
                break
            self._left -= 1
            yield message
        metadata = grpc.aio.Metadata()
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, metadata, metadata, "cut", None)

    def cancel(self) -> None:
        """Ends the call that it stands for."""
        self._call.cancel()


def cut_once(ask: Callable[[Any], Any], messages: int) -> Callable[[Any], Any]:
    """The first call breaks, the others are whole."""
    calls: list[Any] = []

    def asked(request: Any) -> Any:
        calls.append(ask(request))
        return calls[-1] if len(calls) > 1 else Cut(calls[-1], messages)

    return asked


def patience() -> Patience:
    """As that of any client."""
    return Patience(RetryPolicy(delay_first_s=0.001), answered=False)


async def test_pages_of_an_instant_follow_each_other(past: Past) -> None:
    """Two rows each, of the revision of the instant; together they are the whole answer."""
    query = grades_query([LOT], as_of_us=past.instant_us, page_size=2)
    async with CottonClient(past.address) as client:
        pages = [page async for page in client.summary_pages(query)]
        merged = await client.summarise_grades([LOT], as_of_us=past.instant_us, page_size=2)
        whole = await client.summarise_grades([LOT], revision=past.revision)
        now = await client.summarise_grades([LOT])
    assert [len(page.rows) for page in pages] == [2, 2, 2, 1]
    assert {page.revision for page in pages} == {past.revision}
    assert all(page.total == whole.total for page in pages)
    assert list(merged.rows) == list(whole.rows)
    assert [row.keys[0].value for row in whole.rows] == list(LOTS)
    assert [row.bales for row in whole.rows] == [3] * len(LOTS)
    assert len(now.rows) == len(LOTS) + len(LATER_LOTS)


async def test_a_page_takes_the_revision_of_its_token_and_no_other(past: Past) -> None:
    """Beside the same instant, as a client may keep it; another instant is another question."""
    query = grades_query([LOT], as_of_us=past.instant_us, page_size=2)
    async with CottonClient(past.address) as client:
        first = await anext(aiter(client.summary_pages(query)))
        query.page_token = first.next_page_token
        second = await anext(aiter(client.summary_pages(query)))
        assert second.revision == first.revision
        assert [row.keys[0].value for row in second.rows] == list(LOTS[2:4])
        query.as_of_us += 1
        with pytest.raises(errors.Refused):
            await anext(aiter(client.summary_pages(query)))


@pytest.mark.parametrize("messages", [0, 1, 3])
async def test_a_table_of_an_instant_goes_on_where_it_broke(past: Past, messages: int) -> None:
    """By the token of its last page; no row is lost, none comes twice."""
    query = grades_query([LOT], as_of_us=past.instant_us, page_size=2)
    async with CottonClient(past.address) as client:
        whole = await client.tabulate_grades(grades_query([LOT], revision=past.revision))
        stub = summary_pb2_grpc.SummaryServiceStub(client.channel)
        table = await gather(
            cut_once(stub.TabulateGrades, messages),
            GradesWay(summary_pb2.TabulateGradesRequest(query=query)),
            patience=patience,
            target=past.address,
        )
    assert table.header == whole.header
    assert table.frame["lot"].to_list() == list(LOTS)
    assert_frame_equal(table.frame, whole.frame)


@pytest.mark.parametrize("messages", [0, 1])
async def test_certificates_of_an_instant_go_on_where_they_broke(past: Past, messages: int) -> None:
    """Behind the last lot, which may have been the last of all."""
    async with CottonClient(past.address) as client:
        whole = await client.tabulate_certificates(revision=past.revision)
        stub = summary_pb2_grpc.SummaryServiceStub(client.channel)
        request = summary_pb2.TabulateCertificatesRequest(as_of_us=past.instant_us)
        table = await gather(
            cut_once(stub.TabulateCertificates, messages),
            CertificatesWay(request),
            patience=patience,
            target=past.address,
        )
    assert table.frame["lot_no"].to_list() == list(LOTS)
    assert_frame_equal(table.frame, whole.frame)


async def test_behind_the_last_lot_there_is_an_empty_page_with_columns(past: Past) -> None:
    """Of a revision and of an instant; with the columns asked for, or those of every lot."""
    async with CottonClient(past.address) as client:
        whole = await client.tabulate_certificates(as_of_us=past.instant_us)
        rest = await client.tabulate_certificates(as_of_us=past.instant_us, after_lot_no=LOTS[-1])
        some = await client.tabulate_certificates(
            columns=["bales"], revision=past.revision, after_lot_no=LOTS[-1]
        )
    assert (rest.frame.height, rest.header.revision) == (0, past.revision)
    assert rest.columns
    assert set(rest.names) <= set(whole.names)
    assert rest.names[0] == "lot_no"
    assert some.frame.columns == ["lot_no", "bales"]
    assert some.frame.height == 0
