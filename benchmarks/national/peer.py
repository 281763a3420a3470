"""A peer in a process of its own: answers SQL over Parquet files.

Run as `python -m benchmarks.national.peer NAME`; it says its version and its threads in a line of
JSON, then takes a line of JSON a question (`sql`, a list of statements, and `output`, a directory
for their answers or null) and gives one with the time from the question to all answers in memory,
as frames. Both engines keep their defaults but where it says so, and stay open from one question to
the next.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.national.sql import DUCKDB

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[[str], pl.DataFrame]


def _duckdb() -> tuple[dict[str, str], Ask]:
    import duckdb  # noqa: PLC0415 - only this peer's process needs it

    connection = duckdb.connect()
    ((threads,),) = connection.sql("SELECT current_setting('threads')").fetchall()
    return (
        {"version": duckdb.__version__, "threads": str(threads)},
        lambda sql: pl.DataFrame(connection.sql(sql)),
    )


def _chdb() -> tuple[dict[str, str], Ask]:
    import chdb  # noqa: PLC0415 - only this peer's process needs it

    connection = chdb.connect(":memory:")
    # The files have no nulls: without it every column would be read as one that may have some.
    connection.query("SET schema_inference_make_columns_nullable = 0")
    asked = "SELECT value FROM system.settings WHERE name = 'max_threads'"
    threads = str(connection.query(asked, "TSVRaw")).strip()
    return (
        {"version": chdb.__version__, "threads": threads},
        lambda sql: pl.read_ipc(connection.query(sql, "Arrow").bytes()),
    )


def main() -> None:
    """Answers until stdin ends."""
    about, ask = _duckdb() if sys.argv[1] == DUCKDB else _chdb()
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        begun = time.perf_counter_ns()
        frames = [ask(sql) for sql in question["sql"]]
        took_ns = time.perf_counter_ns() - begun
        if question["output"] is not None:
            for place, frame in enumerate(frames):
                frame.write_ipc(Path(question["output"]) / f"{place}.arrow")
        print(json.dumps({"took_us": took_ns // 1000}), flush=True)


if __name__ == "__main__":
    main()
