"""A rule on the main class of micronaire sets the class beside the grades of all others."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from cotton_server.grading.standards import load_standards
from cotton_server.settlement.library import shipped
from cotton_server.settlement.lots import figures_needed, price_lots
from cotton_server.settlement.schedule import Schedule

STANDARD = load_standards()["GB1103.1-2012"]
REFUSED = "NOT_DELIVERABLE:micronaire"


@pytest.mark.parametrize(
    ("bales", "refused"),
    [
        ({"C1": 70, "B1": 55, "B2": 55}, False),  # B leads with 110
        ({"C1": 100, "B1": 40, "B2": 40}, True),
        ({"C1": 80, "C2": 90, "A": 10}, False),
        ({"C1": 91, "C2": 89}, True),
    ],
)
def test_c1_is_the_main_class_where_no_grade_has_more(bales: dict[str, int], refused: bool) -> None:
    (schedule,) = (each.value for each in shipped() if each.id == "futures-2016-17")
    assert isinstance(schedule, Schedule)
    sums = {name: np.zeros(1, np.int64) for name in figures_needed(schedule, STANDARD)}
    sums["bales"][:] = sums["micronaire.bales"][:] = 180
    for tier, count in bales.items():
        sums[f"micronaire.{tier}.bales"][:] = count
    lots = pl.DataFrame(sums).with_columns(
        lot=pl.lit(0, pl.Int32), trash=pl.lit(150, pl.Int64), regain=pl.lit(800, pl.Int64)
    )
    assert (REFUSED in price_lots(lots, schedule, STANDARD).held) is refused
