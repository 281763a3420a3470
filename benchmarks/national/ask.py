"""Asks the service through gRPC, and times answers until they are what the SDK gives."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import settlement_pb2, summary_pb2
from cotton_client.summaries import merged, pages
from cotton_client.tabulate import CertificatesWay, Gathered, GradesWay

from benchmarks.errors import BenchmarkError
from benchmarks.national.questions import (
    CERTIFICATES,
    FREEZE,
    PRICE,
    SUMMARISE,
    TABULATE,
    VERIFY,
)
from benchmarks.streams import connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from cotton_client.tables import Table

    from benchmarks.national.questions import Question

PATH: Final = "/cotton.inspection.v1.SummaryService/"
SETTLEMENT_PATH: Final = "/cotton.inspection.v1.SettlementService/"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: `client_us` until it was there, decoded; `places` of its calls among all.

    `places` has none where the server does not note its time; `table` is None for rows.
    """

    client_us: int
    places: tuple[int, ...]
    rows: int
    size_bytes: int
    revision: int
    bales: int
    table: Table | None = None

    def without_table(self) -> Answer:
        """The same, light enough to be kept."""
        return replace(self, table=None)


class Asker:
    """Asks one question at a time, and counts the calls: the server notes them in the same order.

    Used as an asynchronous context.
    """

    def __init__(self, address: str) -> None:
        """Takes where the service listens."""
        self._channel = connection(address)
        self.methods: list[str] = []
        """The method of every call so far."""

    async def close(self) -> None:
        """Closes the connection."""
        await self._channel.close(None)

    async def tabulate(self, question: Question, *, revision: int = 0, as_of_us: int = 0) -> Answer:
        """The answer in columns, as a frame of integers."""
        query = question.query(revision=revision, as_of_us=as_of_us)
        return await self.tabulate_query(query, question.columns)

    async def tabulate_query(
        self, query: summary_pb2.SummariseGradesRequest, columns: tuple[str, ...] = ()
    ) -> Answer:
        """The same for any query."""
        request = summary_pb2.TabulateGradesRequest(query=query, columns=columns)
        answer = await self._table(
            TABULATE, request, summary_pb2.TabulateGradesResponse.FromString, GradesWay(request)
        )
        table = answer.table
        if table is None or table.total is None or "bales" not in table.total.columns:
            return answer
        return replace(answer, bales=int(table.total["bales"][0]))

    async def certificates(self) -> Answer:
        """The certificates of all lots."""
        request = summary_pb2.TabulateCertificatesRequest()
        way = CertificatesWay(request)
        return await self._table(
            CERTIFICATES,
            request,
            summary_pb2.TabulateCertificatesResponse.FromString,
            way,
        )

    async def summarise(self, question: Question) -> Answer:
        """The answer in typed rows, all pages of it."""
        if question.columns:
            raise AssertionError("rows have all figures")
        call = self._channel.unary_unary(PATH + SUMMARISE, None, None)
        places: list[int] = []
        size_bytes = 0

        async def ask(
            request: summary_pb2.SummariseGradesRequest,
        ) -> summary_pb2.SummariseGradesResponse:
            nonlocal size_bytes
            places.append(self._called(SUMMARISE))
            payload = await call(request.SerializeToString())
            size_bytes += len(payload)
            return summary_pb2.SummariseGradesResponse.FromString(payload)

        begun = time.perf_counter_ns()
        whole = await merged(pages(ask, question.query()))
        took_us = (time.perf_counter_ns() - begun) // 1000
        return Answer(
            took_us, tuple(places), len(whole.rows), size_bytes, whole.revision, whole.total.bales
        )

    async def price(
        self, request: settlement_pb2.PriceLotsRequest
    ) -> tuple[Answer, settlement_pb2.SettlementHeader]:
        """A table of a settlement, and what it was computed by."""
        way = PricedWay()
        answer = await self._table(
            PRICE, request, settlement_pb2.PriceLotsResponse.FromString, way, path=SETTLEMENT_PATH
        )
        return answer, way.header

    async def freeze(self, run: settlement_pb2.Run) -> Answer:
        """Freezes a run; BenchmarkError unless it is stored as new."""
        request = settlement_pb2.FreezeRunRequest(
            producer_id="benchmark", request_id=f"freeze-{run.id}", runs=[run]
        )
        took_us, payload = await self._unary(FREEZE, request)
        answer = settlement_pb2.FreezeRunResponse.FromString(payload)
        if answer.outcome.created != 1:
            raise BenchmarkError(f"A run was not stored as new: {answer}")
        return Answer(took_us, (), 1, len(payload), answer.revision, 0)

    async def verify(self, run_id: str) -> Answer:
        """Has a run computed anew; BenchmarkError unless it holds."""
        place = self._called(VERIFY)
        took_us, payload = await self._unary(VERIFY, settlement_pb2.VerifyRunRequest(id=run_id))
        answer = settlement_pb2.VerifyRunResponse.FromString(payload)
        if not answer.holds:
            raise BenchmarkError(f"A run does not hold: {answer}")
        return Answer(took_us, (place,), 1, len(payload), answer.run.revision, 0)

    async def _unary(self, method: str, request: Any) -> tuple[int, bytes]:
        """How long it took at the client in microseconds, and the answer."""
        call = self._channel.unary_unary(SETTLEMENT_PATH + method, None, None)
        begun = time.perf_counter_ns()
        payload: bytes = await call(request.SerializeToString())
        return (time.perf_counter_ns() - begun) // 1000, payload

    async def _table(
        self,
        method: str,
        request: Any,
        parse: Callable[[bytes], Any],
        way: Any,
        *,
        path: str = PATH,
    ) -> Answer:
        call = self._channel.unary_stream(path + method, None, None)
        gathered = Gathered()
        place, size_bytes = self._called(method), 0
        begun = time.perf_counter_ns()
        async for payload in call(request.SerializeToString()):
            size_bytes += len(payload)
            way.take(parse(payload), gathered)
        table = gathered.table()
        took_us = (time.perf_counter_ns() - begun) // 1000
        return Answer(
            took_us, (place,), table.frame.height, size_bytes, table.header.revision, 0, table
        )

    def _called(self, method: str) -> int:
        self.methods.append(method)
        return len(self.methods) - 1


class PricedWay:
    """Pages of a settlement, which come in one stream."""

    def __init__(self) -> None:
        self.header = settlement_pb2.SettlementHeader()

    def take(self, message: settlement_pb2.PriceLotsResponse, gathered: Gathered) -> None:
        """Takes a page, and the header with the first one."""
        if message.HasField("header"):
            self.header.CopyFrom(message.header)
            header = summary_pb2.SummaryHeader(revision=message.header.revision)
            gathered.begin(header, message.columns, keys=message.keys)
        gathered.add(message.page)


def server_us(noted: list[tuple[str, int]], asker: Asker) -> list[int]:
    """What the server noted of every call; BenchmarkError unless it is of the same calls."""
    if [method for method, _ in noted] != asker.methods:
        raise BenchmarkError(
            f"{len(asker.methods)} questions were asked, and the server noted {len(noted)} answers"
            " or others."
        )
    return [took for _, took in noted]
