"""The stream of readings, received and decoded as the service does, into a store of another kind.

Run as `python -m benchmarks.peers.server STORE DIRECTORY GROUP_BALES`. It says where it listens
as the service does, in a JSON line on stderr, ends on SIGTERM, and then says what it has. As in
the service, the loop decodes and one thread stores: whatever came while it committed is stored
together, and acknowledged when that is committed.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from collections import deque
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import grpc
from cotton.inspection.v1 import ingest_pb2, lots_pb2, readings_pb2
from cotton_server.config import Config
from cotton_server.intake.decode import BatchLimits, decode, parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cotton_server.domain.readings import ReadingTable

    from benchmarks.peers.stores import Store

Context = grpc.aio.ServicerContext[Any, Any]
Due = asyncio.Future[None]

STORES: Final = {
    "memory": ("stores", "Memory"),
    "postgresql": ("postgres", "StagedStore"),
    "postgresql-plain": ("postgres", "PlainStore"),
    "duckdb": ("duck", "DuckStore"),
    "chdb": ("clickhouse", "ChdbStore"),
}
"""Module and class of every store; a module is imported by its own peer alone."""

_INGEST: Final = ingest_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name
_LOTS: Final = lots_pb2.DESCRIPTOR.services_by_name["LotService"].full_name
_LIMITS: Final = BatchLimits(Config().batch_bales_max)
_AHEAD_MAX: Final = 64
"""Batches of a stream that are read ahead of their answers."""


class Storing:
    """A thread that stores what has queued, and answers when it is committed."""

    def __init__(self, store: Store, group_bales: int) -> None:
        """Starts; `group_bales`: most bales stored together."""
        self._store = store
        self._group_bales = group_bales
        self._loop = asyncio.get_running_loop()
        self._wake = threading.Condition()
        self._waiting: deque[tuple[ReadingTable, Due]] = deque()
        self._closing = False
        self.created = 0
        self._thread = threading.Thread(target=self._run, name="storing")
        self._thread.start()

    def submit(self, table: ReadingTable) -> Due:
        """Queues a batch; done when it is committed."""
        due: Due = self._loop.create_future()
        with self._wake:
            self._waiting.append((table, due))
            self._wake.notify()
        return due

    async def close(self) -> None:
        """Stores what is queued and ends the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while group := self._take():
            try:
                self.created += self._store.append([table for table, _ in group])
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
                self._loop.call_soon_threadsafe(_fail, [due for _, due in group], error)
            else:
                self._loop.call_soon_threadsafe(_answer, [due for _, due in group])

    def _take(self) -> list[tuple[ReadingTable, Due]]:
        with self._wake:
            while not self._waiting and not self._closing:
                self._wake.wait()
            group: list[tuple[ReadingTable, Due]] = []
            bales = 0
            while self._waiting:
                bales += len(self._waiting[0][0])
                if group and bales > self._group_bales:
                    break
                group.append(self._waiting.popleft())
            return group


def _answer(dues: list[Due]) -> None:
    for due in dues:
        if not due.done():
            due.set_result(None)


def _fail(dues: list[Due], error: Exception) -> None:
    for due in dues:
        if not due.done():
            due.set_exception(error)


class Handlers:
    """The two methods that a client of bulk calls."""

    def __init__(self, storing: Storing) -> None:
        """Takes what stores."""
        self._storing = storing

    async def append_readings(
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """One answer a batch, in order."""
        answers: asyncio.Queue[tuple[int, int, Due] | Exception | None] = asyncio.Queue(_AHEAD_MAX)
        reader = asyncio.create_task(self._read(requests, answers))
        try:
            yield ingest_pb2.AppendReadingsResponse(
                opened=ingest_pb2.StreamOpened(next_sequence=1)
            ).SerializeToString()
            while (due := await answers.get()) is not None:
                if isinstance(due, Exception):
                    await context.abort(grpc.StatusCode.INTERNAL, repr(due))
                sequence, bales, stored = due
                try:
                    await stored
                except Exception as error:  # noqa: BLE001 - of whatever the store is
                    await context.abort(grpc.StatusCode.INTERNAL, repr(error))
                yield _stored(sequence, bales)
        finally:
            reader.cancel()

    async def register_lots(self, payload: bytes, _context: Context) -> bytes:
        """Says that lots are registered; no peer keeps any."""
        lots = len(lots_pb2.RegisterLotsRequest.FromString(payload).lots)
        return lots_pb2.RegisterLotsResponse(
            outcome=lots_pb2.LotsOutcome(received=lots, created=lots)
        ).SerializeToString()

    async def _read(
        self,
        requests: AsyncIterator[bytes],
        answers: asyncio.Queue[tuple[int, int, Due] | Exception | None],
    ) -> None:
        try:
            async for payload in requests:
                batch = parse(ingest_pb2.AppendReadingsRequest, payload).batch
                if batch.WhichOneof("readings") is None:
                    continue  # the opening, which is answered already
                table = decode(batch, _LIMITS)
                due = self._storing.submit(table)
                await answers.put((batch.sequence, len(table), due))
        except Exception as error:  # noqa: BLE001 - told to the client
            await answers.put(error)
        else:
            await answers.put(None)


def _stored(sequence: int, bales: int) -> bytes:
    return ingest_pb2.AppendReadingsResponse(
        result=ingest_pb2.BatchResult(
            sequence=sequence,
            outcome=readings_pb2.BatchOutcome(received=bales, created=bales),
        )
    ).SerializeToString()


async def serve(store: Store, group_bales: int) -> int:
    """Serves on a free port of the loopback until SIGTERM; the bales that were new."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    storing = Storing(store, group_bales)
    handlers = Handlers(storing)
    # As the service takes and gives messages.
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", 2 * Config().message_bytes_max),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        ],
    )
    append = grpc.stream_stream_rpc_method_handler(handlers.append_readings)
    register = grpc.unary_unary_rpc_method_handler(handlers.register_lots)
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(_INGEST, {"AppendReadings": append}),
            grpc.method_handlers_generic_handler(_LOTS, {"RegisterLots": register}),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    say({"event": "serving", "listen": f"127.0.0.1:{port}", "metrics": "off"})
    await stop.wait()
    await server.stop(None)
    await storing.close()
    return storing.created


def say(event: dict[str, Any]) -> None:
    """An event, as a line of JSON on stderr."""
    print(json.dumps(event), file=sys.stderr, flush=True)


def main() -> None:
    """Serves, then says what was kept."""
    name, directory, group_bales = sys.argv[1:]
    module, kind = STORES[name]
    store = cast(
        "Store", getattr(import_module(f"benchmarks.peers.{module}"), kind)(Path(directory))
    )
    created = asyncio.run(serve(store, int(group_bales)))
    say({"event": "kept", "created": created, **asdict(store.close())})


if __name__ == "__main__":
    main()
