"""The client of Arrow Flight: the bales of the same messages as record batches, made ahead.

Run as `python -m benchmarks.peers.flight_feed`, with a Job as JSON on stdin; writes a Fed as
JSON to stdout, as `benchmarks.feed` does.
"""

from __future__ import annotations

import json
import struct
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.flight as fl
from cotton.inspection.v1 import ingest_pb2
from cotton_server.config import Config
from cotton_server.intake.decode import BatchLimits, decode, parse

from benchmarks.clock import Clock
from benchmarks.data import read_messages
from benchmarks.errors import BenchmarkError
from benchmarks.feed import job_of
from benchmarks.peers.duck import columns_of
from benchmarks.peers.rows import COLUMNS, Group, TextBook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.clock import Fed
    from benchmarks.feed import Job

_NUMBER: Final = struct.Struct("<Q")
_LIMITS: Final = BatchLimits(Config().batch_bales_max)


def batches_of(messages: Sequence[bytes]) -> list[pa.RecordBatch]:
    """A record batch for every message, all of one schema."""
    book = TextBook()
    schema = pa.schema([(name, pa.from_numpy_dtype(dtype)) for name, dtype in COLUMNS.items()])
    made: list[pa.RecordBatch] = []
    for message in messages:
        batch = parse(ingest_pb2.AppendReadingsRequest, message).batch
        table = columns_of(Group([decode(batch, _LIMITS)], book))
        columns = [
            table[name].combine_chunks() if name in table.column_names else None
            for name in schema.names
        ]
        made.append(
            pa.record_batch(
                [
                    pa.nulls(table.num_rows, field.type) if column is None else column
                    for field, column in zip(schema, columns, strict=True)
                ],
                schema=schema,
            )
        )
    return made


def feed(job: Job) -> Fed:
    """Puts a job's batches and measures; raises BenchmarkError for any wrong answer."""
    (stream,) = job.streams
    batches = batches_of(read_messages(Path(stream.timed)))
    sent_ns: list[int] = []
    answered_ns: list[int] = []
    slots = threading.Semaphore(job.window)
    with fl.connect(f"grpc://{job.address}") as client:
        descriptor = fl.FlightDescriptor.for_path("bales")
        writer, reader = client.do_put(descriptor, batches[0].schema)
        clock = Clock(job.pid)

        def write() -> None:
            for number, batch in enumerate(batches):
                slots.acquire()
                sent_ns.append(time.perf_counter_ns())
                writer.write_with_metadata(batch, _NUMBER.pack(number))

        writing = threading.Thread(target=write)
        writing.start()
        for number in range(len(batches)):
            answer = reader.read()
            answered_ns.append(time.perf_counter_ns())
            if answer is None or answer.to_pybytes() != _NUMBER.pack(number):
                raise BenchmarkError(f"Batch {number} was not acknowledged in its turn.")
            slots.release()
        lap = clock.stop()
        writing.join()
        writer.done_writing()
        writer.close()
    bales = sum(batch.num_rows for batch in batches)
    if bales != job.bales:
        raise BenchmarkError(f"{bales} bales were sent, not {job.bales}.")
    latencies = (after - before for before, after in zip(sent_ns, answered_ns, strict=True))
    return lap.fed(latencies, {}, {})


def main() -> int:
    """Runs the job of stdin; 1, with what went wrong on stderr, when there is no result."""
    try:
        fed = feed(job_of(sys.stdin.read()))
    except (BenchmarkError, pa.ArrowException) as error:
        print(str(error), file=sys.stderr)
        return 1
    print(json.dumps(asdict(fed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
