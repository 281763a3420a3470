"""Grading alone: how many bales a second go through the expressions, from frames in memory.

Run as `python -m benchmarks.national.grade LOTS SCANS`; writes a list of Graded as JSON to stdout.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import polars as pl
from cotton_client.simulate import Simulation
from cotton_server.domain.fields import VALUE_FIELDS
from cotton_server.grading.bales import grade_bales, grade_codes
from cotton_server.grading.definitions import load_definitions
from cotton_server.grading.rollup import roll_up
from cotton_server.grading.standards import load_standards

from benchmarks.national.plan import SEASON, SEED
from benchmarks.national.results import Graded
from benchmarks.national.sql import STANDARD

if TYPE_CHECKING:
    from collections.abc import Callable

CODES: Final = "grade_codes"
NAMES: Final = "grade_bales"
ROLL_UP: Final = "roll_up"

_CELL: Final = ("lot", "laboratory", "instrument", "day")
_CHINA_S: Final = 8 * 3600
_DAY_S: Final = 86_400


def frame_of(lots: int) -> pl.DataFrame:
    """Bales as the service has them in memory: small integers, keys as numbers."""
    (warehouse,) = Simulation(lots=lots, seed=SEED, season=SEASON, warehouses=1)
    readings = pl.concat(warehouse.readings())
    return readings.select(
        *(
            pl.col(each.name).cast(pl.Int8 if each.dtype.itemsize == 1 else pl.Int16)
            for each in VALUE_FIELDS
        ),
        *(
            (pl.col(name).rank("dense") - 1).cast(pl.Int32).alias(number)
            for name, number in (
                ("lot_no", "lot"),
                ("laboratory", "laboratory"),
                ("instrument", "instrument"),
            )
        ),
        ((pl.col("inspected_at_s") + _CHINA_S) // _DAY_S).cast(pl.Int32).alias("day"),
    ).rechunk()


def graded(lots: int, scans: int) -> list[Graded]:
    """Each way to grade, timed after one run to warm up."""
    frame = frame_of(lots)
    standard, definitions = load_standards()[STANDARD], load_definitions()
    ways: dict[str, Callable[[], pl.DataFrame]] = {
        CODES: lambda: grade_codes(frame, standard),
        NAMES: lambda: grade_bales(frame, standard),
        ROLL_UP: lambda: roll_up(frame, standard, definitions, _CELL),
    }
    found = []
    for name, way in ways.items():
        way()
        found.append(Graded(name, frame.height, tuple(_took_us(way) for _ in range(scans))))
    return found


def _took_us(way: Callable[[], pl.DataFrame]) -> int:
    begun = time.perf_counter_ns()
    way()
    return (time.perf_counter_ns() - begun) // 1000


if __name__ == "__main__":
    print(json.dumps([asdict(each) for each in graded(int(sys.argv[1]), int(sys.argv[2]))]))
