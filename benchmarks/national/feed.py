"""Sends a prepared season to the service, slice by slice, and checks every answer."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import common_pb2, ingest_pb2, lots_pb2, reference_pb2

from benchmarks.data import read_messages
from benchmarks.errors import BenchmarkError
from benchmarks.national import plan
from benchmarks.streams import connection, ended, next_answer, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from types import TracebackType
    from typing import Any, Self

    from benchmarks.national.season import Prepared
    from benchmarks.streams import Call

_WINDOW: Final = 16
_LOT_SERVICE: Final = "/cotton.inspection.v1.LotService/"
_REFERENCE_SERVICE: Final = "/cotton.inspection.v1.ReferenceService/"
_OTHER_GIN: Final = "66001"
"""A gin that is not simulated."""
_METHODS: Final[dict[str, tuple[str, Any]]] = {
    plan.LOTS: ("RegisterLots", lots_pb2.RegisterLotsResponse),
    plan.WEIGHTS: ("RecordLotWeights", lots_pb2.RecordLotWeightsResponse),
    plan.CLOSURES: ("CloseLots", lots_pb2.CloseLotsResponse),
}


class Feeder:
    """One stream of readings a producer, open from the first slice to the last."""

    def __init__(self, address: str, prepared: Prepared, *, resumed: bool = False) -> None:
        """Takes where the service listens and what is sent.

        `resumed`: the readings have been sent before; only records of lots follow.
        """
        self._resumed = resumed
        self._prepared = prepared
        self._directory = Path(prepared.source.directory)
        self._address = address
        self._calls: dict[str, Call] = {}
        self._stack = AsyncExitStack()
        self._others = 0
        self.bales = 0
        """Bales acknowledged as new."""
        self.readings_ns = 0
        """How long bales took, from the first batch of each slice to its last answer."""

    async def __aenter__(self) -> Self:
        """Opens all streams."""
        self._records = connection(self._address)
        self._stack.push_async_callback(self._records.close, None)
        for producer in () if self._resumed else self._prepared.producers:
            channel = connection(self._address)
            self._stack.push_async_callback(channel.close, None)
            self._calls[producer] = await opened(channel, producer)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the streams in order, unless something failed."""
        try:
            if error is None:
                for call in self._calls.values():
                    await ended(call)
        finally:
            await self._stack.aclose()

    async def records(self, place: int, what: str) -> None:
        """Sends records of lots of a slice; BenchmarkError unless all are new."""
        method, answer_type = _METHODS[what]
        call = self._records.unary_unary(_LOT_SERVICE + method, None, None)
        for producer in self._sending(place):
            path = plan.messages_path(self._directory, place, producer, what)
            for request in read_messages(path):
                answer = answer_type.FromString(await call(request))
                if answer.outcome.created != answer.outcome.received:
                    raise BenchmarkError(f"Records were not stored as new: {answer.outcome}")

    async def chart(self, content: str) -> None:
        """Loads a colour chart; BenchmarkError unless it is new."""
        await self._document(reference_pb2.REFERENCE_KIND_COLOUR_CHART, "benchmark", content)

    async def schedule(self, id_: str, content: str) -> None:
        """Loads a schedule; BenchmarkError unless it is new."""
        await self._document(reference_pb2.REFERENCE_KIND_SCHEDULE, id_, content)

    async def one_more_lot(self) -> None:
        """Registers a lot of the season before: a change, of which this season has nothing."""
        self._others += 1
        lot = lots_pb2.Lot(
            lot_no=f"{_OTHER_GIN}{(plan.SEASON - 1) % 100}1{self._others:03}",
            cotton_type=common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND,
            declared_bales=186,
        )
        request = lots_pb2.RegisterLotsRequest(
            producer_id="benchmark", request_id=f"lot-{lot.lot_no}", lots=[lot]
        )
        call = self._records.unary_unary(_LOT_SERVICE + "RegisterLots", None, None)
        payload = await call(request.SerializeToString())
        outcome = lots_pb2.RegisterLotsResponse.FromString(payload).outcome
        if outcome.created != outcome.received:
            raise BenchmarkError(f"The lot was not stored as new: {outcome}")

    async def _document(
        self, kind: reference_pb2.ReferenceKind.ValueType, id_: str, content: str
    ) -> None:
        request = reference_pb2.LoadReferencesRequest(
            producer_id="benchmark",
            request_id=f"document-{kind}-{id_}",
            references=[reference_pb2.Reference(kind=kind, id=id_, content=content)],
        )
        call = self._records.unary_unary(_REFERENCE_SERVICE + "LoadReferences", None, None)
        payload = await call(request.SerializeToString())
        outcome = reference_pb2.LoadReferencesResponse.FromString(payload).outcome
        if outcome.created != outcome.received:
            raise BenchmarkError(f"The document was not stored as new: {outcome}")

    async def readings(self, place: int, *, but: Iterable[str] = ()) -> None:
        """Sends the readings of a slice from all producers at once, but for some of them."""
        messages = {
            producer: self._batches(place, producer)
            for producer in self._sending(place)
            if producer not in but
        }
        begun = time.perf_counter_ns()
        async with asyncio.TaskGroup() as group:
            for producer, batches in messages.items():
                group.create_task(self._send(producer, batches))
        self.readings_ns += time.perf_counter_ns() - begun

    async def one_by_one(
        self,
        place: int,
        producers: Iterable[str],
        acknowledged: Callable[[int, int], Awaitable[None]],
    ) -> None:
        """Sends what is left of a slice batch by batch.

        After every answer `acknowledged` gets the revision, and how long it took in microseconds.
        """
        for producer in producers:
            for batch in self._batches(place, producer):
                begun = time.perf_counter_ns()
                await self._calls[producer].write(batch)
                revision = self._count(await next_answer(self._calls[producer]))
                await acknowledged(revision, (time.perf_counter_ns() - begun) // 1000)

    def last_producers(self, place: int, batches: int) -> list[str]:
        """Warehouses at the end of a slice that have at least so many batches, if all have."""
        chosen: list[str] = []
        found = 0
        for each in reversed([one for one in self._prepared.slices if one.place == place]):
            if found >= batches:
                break
            chosen.append(each.producer)
            found += each.batches
        return chosen

    def _sending(self, place: int) -> list[str]:
        return [each.producer for each in self._prepared.slices if each.place == place]

    def _batches(self, place: int, producer: str) -> list[bytes]:
        return read_messages(plan.messages_path(self._directory, place, producer, plan.READINGS))

    async def _send(self, producer: str, batches: list[bytes]) -> None:
        call = self._calls[producer]
        slots = asyncio.Semaphore(_WINDOW)

        async def write() -> None:
            for batch in batches:
                await slots.acquire()
                await call.write(batch)

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            async for answer in _answers(call, len(batches)):
                slots.release()
                self._count(answer)

    def _count(self, payload: bytes) -> int:
        """Counts the bales of an answer; gives its revision. BenchmarkError unless all are new."""
        answer = ingest_pb2.AppendReadingsResponse.FromString(payload)
        outcome = answer.result.outcome
        if answer.WhichOneof("response") != "result" or outcome.created != outcome.received:
            raise BenchmarkError(f"A batch was not stored as new: {answer}")
        self.bales += outcome.created
        return answer.result.revision


async def _answers(call: Call, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield await next_answer(call)
