"""Askers who each ask one question after the other, all at once; answers are taken undecoded.

What an asker would make of an answer is left out: several of them share this process, and its
decoding would be measured as the service's delay. Every kind of answer is decoded and checked when
the time is over.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import settlement_pb2, summary_pb2
from cotton_client.tabulate import Gathered, GradesWay

from benchmarks.errors import BenchmarkError
from benchmarks.national.ask import PATH, SETTLEMENT_PATH, PricedWay
from benchmarks.national.questions import CERTIFICATE, PRICE, TABULATE
from benchmarks.streams import connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import grpc

    from benchmarks.national.questions import Question

OF_ONE_LOT: Final = "certificate of one lot"


@dataclass(frozen=True, slots=True)
class Asking:
    """One kind of question: `request` gives each as it is sent; `check` takes the last answer.

    `before` is awaited before each, off the clock.
    """

    name: str
    method: str
    stream: bool
    request: Callable[[], bytes]
    check: Callable[[Sequence[bytes]], None]
    before: Callable[[], Awaitable[None]] | None = None

    async def asked(self, channel: grpc.aio.Channel) -> tuple[int, list[bytes]]:
        """Microseconds until the last byte of an answer was there, and its messages."""
        if self.before is not None:
            await self.before()
        request = self.request()
        begun = time.perf_counter_ns()
        if self.stream:
            call = channel.unary_stream(self.method, None, None)
            messages = [message async for message in call(request)]
        else:
            messages = [await channel.unary_unary(self.method, None, None)(request)]
        return (time.perf_counter_ns() - begun) // 1000, messages


class Same:
    """Keeps the first answer that comes, and wants all others to have its figures."""

    def __init__(self, name: str, way: Callable[[], tuple[Any, Callable[[bytes], Any]]]) -> None:
        """Takes what is asked, and what makes tables of messages."""
        self._name = name
        self._way = way
        self._kept: Any = None

    def check(self, messages: Sequence[bytes]) -> None:
        """BenchmarkError unless the figures are those of the first answer."""
        way, parse = self._way()
        gathered = Gathered()
        for message in messages:
            way.take(parse(message), gathered)
        frame = gathered.table().frame
        if self._kept is None:
            self._kept = frame
        elif not frame.equals(self._kept):
            raise BenchmarkError(
                f'"{self._name}" was answered otherwise while readings of another season came.'
            )


def tabulated(question: Question, season: int) -> Asking:
    """Grades of one season by the keys of a question, as columns."""
    query = question.query()
    query.filters.add(key="SUMMARY_KEY_SEASON", values=[str(season)])
    request = summary_pb2.TabulateGradesRequest(query=query, columns=question.columns)
    payload = request.SerializeToString()
    return Asking(
        question.name,
        PATH + TABULATE,
        True,
        lambda: payload,
        Same(
            question.name,
            # A way notes how far it has come in its request.
            lambda: (
                GradesWay(summary_pb2.TabulateGradesRequest()),
                summary_pb2.TabulateGradesResponse.FromString,
            ),
        ).check,
    )


def certificate(lots: Sequence[str]) -> Asking:
    """The certificate of one of the lots, at random, the same ones every time."""
    chosen = random.Random(1)  # noqa: S311 - which lot it is is no secret

    def request() -> bytes:
        lot_no = chosen.choice(lots)
        return summary_pb2.GetLotCertificateRequest(lot_no=lot_no).SerializeToString()

    def check(messages: Sequence[bytes]) -> None:
        (message,) = messages
        answer = summary_pb2.GetLotCertificateResponse.FromString(message)
        if not answer.figures.bales:
            raise BenchmarkError(f"The certificate of lot {answer.lot.lot_no} is of no bales.")

    return Asking(OF_ONE_LOT, PATH + CERTIFICATE, False, request, check)


def priced(
    name: str,
    request: settlement_pb2.PriceLotsRequest,
    before: Callable[[], Awaitable[None]] | None = None,
) -> Asking:
    """A table of a settlement at the latest revision."""
    payload = request.SerializeToString()
    return Asking(
        name,
        SETTLEMENT_PATH + PRICE,
        True,
        lambda: payload,
        Same(name, lambda: (PricedWay(), settlement_pb2.PriceLotsResponse.FromString)).check,
        before,
    )


@dataclass(slots=True)
class Crowd:
    """So many askers; times in microseconds and last answers by the names of the questions."""

    address: str
    askers: int
    took_us: dict[str, list[int]] = field(default_factory=dict)
    _last: dict[str, list[bytes]] = field(default_factory=dict)

    async def ask(self, kinds: Sequence[Asking], seconds: float) -> None:
        """Everybody asks kind after kind until the time is over, but each kind at least once."""
        self.took_us = {each.name: [] for each in kinds}
        deadline = time.perf_counter() + seconds
        async with asyncio.TaskGroup() as group:
            for number in range(self.askers):
                # They begin with different kinds: together they ask all of them all the time.
                first = number % len(kinds)
                group.create_task(self._asker((*kinds[first:], *kinds[:first]), deadline))

    def check(self, kinds: Sequence[Asking]) -> None:
        """BenchmarkError for a kind whose last answer was wrong."""
        for each in kinds if self.askers else ():
            each.check(self._last[each.name])

    async def _asker(self, kinds: Sequence[Asking], deadline: float) -> None:
        channel = connection(self.address)
        try:
            asked = 0
            while asked < len(kinds) or time.perf_counter() < deadline:
                kind = kinds[asked % len(kinds)]
                took_us, self._last[kind.name] = await kind.asked(channel)
                self.took_us[kind.name].append(took_us)
                asked += 1
        finally:
            await channel.close(None)
