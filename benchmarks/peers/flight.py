"""An Arrow Flight server that keeps what is put into it: what gRPC in C++ and Arrow allow.

Run as `python -m benchmarks.peers.flight`, with the lines and signals of `benchmarks.peers.server`.
"""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.flight as fl

from benchmarks.peers.server import say
from benchmarks.peers.stores import Kept

if TYPE_CHECKING:
    from types import FrameType


class Putting(fl.FlightServerBase):  # type: ignore[misc]  # not in any stubs
    """Keeps record batches in memory, and acknowledges each."""

    def __init__(self) -> None:
        """Listens on a free port of the loopback."""
        super().__init__("grpc://127.0.0.1:0")
        self.batches: list[pa.RecordBatch] = []

    def do_put(
        self,
        _context: fl.ServerCallContext,
        _descriptor: fl.FlightDescriptor,
        reader: fl.MetadataRecordBatchReader,
        writer: fl.FlightMetadataWriter,
    ) -> None:
        """Batch by batch; the answer is the number that came with it."""
        for chunk in reader:
            self.batches.append(chunk.data)
            writer.write(chunk.app_metadata)


def main() -> None:
    """Serves until SIGTERM, then says what was kept."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    # It serves from when it is made, in threads of its own.
    server = Putting()
    say({"event": "serving", "listen": f"127.0.0.1:{server.port}", "metrics": "off"})
    stop.wait()
    server.shutdown()
    bales = sum(batch.num_rows for batch in server.batches)
    say({"event": "kept", "created": bales, **asdict(Kept(bales, 0, {"version": pa.__version__}))})


if __name__ == "__main__":
    main()
