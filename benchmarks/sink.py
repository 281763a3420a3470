"""A service that only acknowledges: what gRPC allows when nothing is decoded or stored.

Run as `python -m benchmarks.sink`; it says where it listens as the real server does, in a
JSON line on stderr, and ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import ingest_pb2, lots_pb2, readings_pb2
from cotton_server.config import Config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Context = grpc.aio.ServicerContext[Any, Any]

_INGEST: Final = ingest_pb2.DESCRIPTOR.services_by_name["IngestService"].full_name
_LOTS: Final = lots_pb2.DESCRIPTOR.services_by_name["LotService"].full_name
_BALES: Final = 4096
_ACKNOWLEDGEMENT: Final = ingest_pb2.AppendReadingsResponse(
    revision=1 << 20,
    result=ingest_pb2.BatchResult(
        sequence=1 << 20,
        revision=1 << 20,
        received_at_us=1_700_000_000_000_000,
        outcome=readings_pb2.BatchOutcome(received=_BALES, created=_BALES),
    ),
).SerializeToString()
"""As long as the real answer to a batch of new bales."""


async def _append_readings(
    requests: AsyncIterator[bytes], _context: Context
) -> AsyncIterator[bytes]:
    async for _ in requests:
        yield _ACKNOWLEDGEMENT


async def _register_lots(_payload: bytes, _context: Context) -> bytes:
    return lots_pb2.RegisterLotsResponse().SerializeToString()


async def serve() -> None:
    """Serves on a free port of the loopback until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # As the real server takes and gives messages.
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", 2 * Config().message_bytes_max),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        ],
    )
    append = grpc.stream_stream_rpc_method_handler(_append_readings)
    register = grpc.unary_unary_rpc_method_handler(_register_lots)
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(_INGEST, {"AppendReadings": append}),
            grpc.method_handlers_generic_handler(_LOTS, {"RegisterLots": register}),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    line = {"event": "serving", "listen": f"127.0.0.1:{port}", "metrics": "off"}
    print(json.dumps(line), file=sys.stderr, flush=True)
    await stop.wait()
    await server.stop(None)


if __name__ == "__main__":
    asyncio.run(serve())
