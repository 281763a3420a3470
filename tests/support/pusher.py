"""Warehouses that push without end: `python -m tests.support.pusher PUSH`, the Push as JSON.

Each has a connection and a stream of its own and sends as fast as it may. Those that are
stalled never read an answer, and what they send is refused bale by bale, which makes answers
large. Number of batches acknowledged by stream is written on stdout as JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

import grpc
from cotton.inspection.v1 import ingest_pb2

from tests.support.bales import append_request, bale, code
from tests.support.calls import APPEND
from tests.support.server import ROOT

BALES_A_STREAM_MAX: Final = 1_000_000
_EOF: Final[object] = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it


@dataclass(frozen=True)
class Push:
    """Streams `first` to `first + streams - 1`, in batches of so many bales."""

    address: str
    first: int
    streams: int
    bales: int
    push_s: float
    stalled: bool = False
    acknowledged_min: int = 0
    """Batches of all its streams until which it goes on after `push_s`, for `more_s_max`."""
    more_s_max: float = 0.0

    def start(self) -> subprocess.Popen[str]:
        """A process that pushes; it ends by itself."""
        command = [sys.executable, "-m", "tests.support.pusher", json.dumps(asdict(self))]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def producer_of(stream: int) -> str:
    """The producer whose stream has that number."""
    return f"warehouse-{stream}"


def _encoded(
    template: ingest_pb2.AppendReadingsRequest, push: Push, stream: int, sequence: int
) -> bytes:
    """The batch of that sequence: all but the numbers of its bales was made once."""
    columns = template.batch.columns
    first = int(code(0)[16:]) + stream * BALES_A_STREAM_MAX + sequence * push.bales
    del columns.bale_code_low[:]
    columns.bale_code_low.extend(range(first, first + push.bales))
    template.batch.sequence = sequence
    return template.SerializeToString()


class _Acknowledged:
    """Batches acknowledged by stream, and whether they are enough."""

    def __init__(self, push: Push) -> None:
        self.batches = dict.fromkeys(range(push.first, push.first + push.streams), 0)
        self.enough = asyncio.Event()
        self._missing = push.acknowledged_min
        self._look()

    def add(self, stream: int, answer: ingest_pb2.AppendReadingsResponse) -> None:
        """Counts an answer; raises AssertionError for one that was not due."""
        if answer.result.sequence != self.batches[stream] + 1:
            raise AssertionError(f"not the answer that was due: {answer}")
        self.batches[stream] += 1
        self._missing -= 1
        self._look()

    def _look(self) -> None:
        if self._missing <= 0:
            self.enough.set()


async def _push(
    push: Push,
    template: ingest_pb2.AppendReadingsRequest,
    stream: int,
    acknowledged: _Acknowledged,
) -> None:
    """Pushes on one stream until it is cancelled."""
    async with grpc.aio.insecure_channel(
        push.address, options=[("grpc.use_local_subchannel_pool", 1)]
    ) as channel:
        # Untyped: the stubs of grpc know calls that iterate over requests, not those written to.
        append: Any = channel.stream_stream(
            APPEND,
            request_serializer=None,
            response_deserializer=ingest_pb2.AppendReadingsResponse.FromString,
        )
        call = append()

        async def write() -> None:
            request = ingest_pb2.OpenStream(producer_id=producer_of(stream))
            await call.write(ingest_pb2.AppendReadingsRequest(open=request).SerializeToString())
            for sequence in range(1, BALES_A_STREAM_MAX // push.bales):
                await call.write(_encoded(template, push, stream, sequence))

        async def read() -> None:
            if push.stalled:
                return
            while (answer := await call.read()) is not _EOF:
                if not answer.HasField("opened"):
                    acknowledged.add(stream, answer)

        try:
            await asyncio.gather(write(), read())
        finally:
            call.cancel()


async def _run(push: Push) -> dict[int, int]:
    bales = [bale(number) for number in range(push.bales)]
    if push.stalled:
        bales = [each.but(length=9999) for each in bales]
    template = append_request(bales)
    acknowledged = _Acknowledged(push)
    async with asyncio.TaskGroup() as group:
        pushing = [
            group.create_task(_push(push, template, stream, acknowledged))
            for stream in acknowledged.batches
        ]
        await asyncio.sleep(push.push_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(push.more_s_max):
                await acknowledged.enough.wait()
        for each in pushing:
            each.cancel()
    return acknowledged.batches


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_run(Push(**json.loads(sys.argv[1]))))))
