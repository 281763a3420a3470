"""Streams of readings as every client of a measurement opens and reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import grpc
from cotton.inspection.v1 import ingest_pb2, lots_pb2

from benchmarks.data import read_messages
from benchmarks.errors import BenchmarkError

if TYPE_CHECKING:
    from benchmarks.data import StreamData

_OPTIONS: Final = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Every producer has a connection of its own, as machines apart from each other do.
    ("grpc.use_local_subchannel_pool", 1),
)
_APPEND: Final = "/cotton.inspection.v1.IngestService/AppendReadings"
_REGISTER: Final = "/cotton.inspection.v1.LotService/RegisterLots"

Call = grpc.aio.StreamStreamCall[bytes, bytes]


def connection(address: str) -> grpc.aio.Channel:
    """A connection that no other stream shares."""
    return grpc.aio.insecure_channel(address, options=_OPTIONS)


async def register(channel: grpc.aio.Channel, stream: StreamData, *, answers: bool) -> None:
    """Registers the lots of a stream; BenchmarkError unless all are new.

    `answers`: whether the service says what became of them.
    """
    if stream.registrations is None:
        return
    call = channel.unary_unary(_REGISTER, None, None)
    for request in read_messages(Path(stream.registrations)):
        answer = lots_pb2.RegisterLotsResponse.FromString(await call(request, wait_for_ready=True))
        if answers and answer.outcome.created != answer.outcome.received:
            raise BenchmarkError(f"Lots were not registered: {answer.outcome}")


async def opened(channel: grpc.aio.Channel, producer: str) -> Call:
    """A stream of a producer, its opening answered."""
    call = cast("Call", channel.stream_stream(_APPEND, None, None)(None))
    opening = ingest_pb2.OpenStream(producer_id=producer)
    await call.write(ingest_pb2.AppendReadingsRequest(open=opening).SerializeToString())
    await next_answer(call)
    return call


async def next_answer(call: Call) -> bytes:
    """The next answer as received; BenchmarkError when the stream has ended."""
    answer = await call.read()
    if not isinstance(answer, bytes):
        raise BenchmarkError(
            f"The stream ended before all batches were answered: {await call.code()}"
            f" {await call.details()}"
        )
    return answer


async def ended(call: Call) -> None:
    """Ends a stream whose batches are all answered; BenchmarkError when more answers come."""
    await call.done_writing()
    if await call.read() is not grpc.aio.EOF:  # type: ignore[attr-defined]  # not in the stubs
        raise BenchmarkError("The service sent more answers than there were batches.")


def problem(error: Exception) -> str:
    """What went wrong first, of a group of errors too."""
    if isinstance(error, ExceptionGroup):
        return problem(error.exceptions[0])
    if isinstance(error, grpc.aio.AioRpcError):
        return f"The call failed: {error.code().name}: {error.details()}"
    return str(error) if isinstance(error, BenchmarkError) else repr(error)
