"""Bales priced alone, one by one by the loan schedule of the USDA, from frames in memory.

Run as `python -m benchmarks.national.price_bales LOTS SCANS`; writes a list of Graded as JSON to
stdout.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from cotton_server.grading.standards import load_standards
from cotton_server.settlement.bales import BalePrices
from cotton_server.settlement.schedule import TableFactor
from cotton_server.summary.standing import BALES_AT_ONCE_MAX

from benchmarks.errors import BenchmarkError
from benchmarks.national import schedules
from benchmarks.national.plan import SEED
from benchmarks.national.results import Graded

if TYPE_CHECKING:
    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.schedule import Schedule

BALES_A_LOT: Final = 186

UNUSUAL: Final = 1 << 14
"""Of so many bales one is of any colour that there is: some combinations have no rate."""

_MEASURED: Final = {
    "micronaire": (270, 560, 10),
    "strength": (2550, 3450, 10),
    "uniformity": (7800, 8650, 10),
}
"""Least, greatest and step, in hundredths."""
_LONGEST: Final = 140
"""Hundredths of an inch; the last tier is open."""
_KEYS: Final = ("colour", "leaf", "length")


def bales_of(lots: int, schedule: Schedule, standard: Standard) -> pl.DataFrame:
    """Random bales, those of a lot together, of the colours, leaves and lengths that are paid."""
    random = np.random.default_rng(SEED)
    count = lots * BALES_A_LOT
    paid = np.array(_combinations(schedule, standard), np.int16)
    colour, leaf, shortest, longest = paid[random.integers(0, len(paid), count)].T
    unusual = random.integers(0, UNUSUAL, count, np.int16) == 0
    colour[unusual] = random.choice(_colours(standard), int(unusual.sum()))
    found = {"length": random.integers(shortest, longest, dtype=np.int16, endpoint=True)}
    for name, (least, most, step) in _MEASURED.items():
        steps = random.integers(0, (most - least) // step, count, np.int16, endpoint=True)
        found[name] = least + step * steps
    return pl.DataFrame(
        {
            "lot": np.repeat(np.arange(lots, dtype=np.int32), BALES_A_LOT),
            "colour_grade": colour.astype(np.int8),
            "leaf_grade": leaf.astype(np.int8),
            **found,
        }
    )


def _combinations(schedule: Schedule, standard: Standard) -> list[tuple[int, int, int, int]]:
    """Colour, leaf, and the least and greatest length of what the table by these three pays."""
    found = []
    leaves = {each.name: each.code for each in standard.items["leaf"].classes}
    tiers = {tier.name: tier for tier in standard.measures["length"].tiers}
    for table in schedule.factors:
        if not isinstance(table, TableFactor) or len(table.axes) != len(_KEYS):
            continue
        places = [[axis.classes.item for axis in table.axes].index(item) for item in _KEYS]
        covers = table.axes[places[2]].classes.covers
        for key in table.rates:
            colour, leaf, staple = (key[place] for place in places)
            of_staple = [tiers[name] for name in covers.get(staple, (staple,))]
            shortest = min(tier.lower or 0 for tier in of_staple)
            longest = max(tier.upper or _LONGEST for tier in of_staple)
            found.append((int(colour), leaves[leaf], shortest, longest))
    return found


def _colours(standard: Standard) -> list[int]:
    return [] if standard.colour is None else [grade.code for grade in standard.colour.grades]


def priced(lots: int, scans: int) -> list[Graded]:
    """All bales priced and added up by lot, timed after one run to warm up."""
    schedule = schedules.parsed(schedules.shipped(schedules.USDA))
    standard = load_standards()[schedule.standards[0]]
    bales = bales_of(lots, schedule, standard)
    numbers = pl.Series(range(lots), dtype=pl.Int32)

    def price() -> int:
        begun = time.perf_counter_ns()
        prices = BalePrices(schedule, standard)
        for portion in bales.iter_slices(BALES_AT_ONCE_MAX):
            prices.add(portion)
        paid = int((~prices.priced(numbers).without_rate).sum())
        took_us = (time.perf_counter_ns() - begun) // 1000
        if not paid:
            raise BenchmarkError("No lot is paid.")
        return took_us

    price()
    return [Graded(schedule.head.id, bales.height, tuple(price() for _ in range(scans)))]


if __name__ == "__main__":
    print(json.dumps([asdict(each) for each in priced(int(sys.argv[1]), int(sys.argv[2]))]))
