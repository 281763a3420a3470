"""Published inspection records under GB 1103.1-2012, and frames of readings, in hundredths.

`lot186_readings.csv` holds the 186 micronaire and strength values that a public trading client
shows for one lot; the other records are of the public inspection itself.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from cotton_server.domain.fields import VALUE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence


def hundredths(text: str) -> int:
    """An exact decimal in hundredths."""
    return int(Decimal(text).scaleb(2))


def bale_frame(**columns: Sequence[int | None]) -> pl.DataFrame:
    """A frame of readings; value columns that are left out are absent, lot is 0."""
    count = len(next(iter(columns.values())))
    absent = [None] * count
    return pl.DataFrame(
        {
            "lot": pl.Series(columns.get("lot", [0] * count), dtype=pl.Int32),
            **{
                field.name: pl.Series(
                    columns.get(field.name, absent),
                    dtype=pl.Int8 if field.dtype.itemsize == 1 else pl.Int16,
                )
                for field in VALUE_FIELDS
            },
        }
    )


def random_bales(count: int, lots: int, seed: int) -> pl.DataFrame:
    """Bales over the whole range of each value and a tenth of them absent, in any order."""
    rng = np.random.default_rng(seed)
    ranges = {"length": (2400, 3400), "micronaire": (300, 560), "strength": (2200, 3300),
              "uniformity": (7500, 8800), "rd": (3000, 9500), "plus_b": (200, 2000),
              "short_fibre": (0, 4000), "preparation": (0, 5), "foreign_fibre": (0, 2)}  # fmt: skip
    codes = np.array([11, 21, 31, 41, 51, 12, 22, 32, 13, 23, 33, 14, 24, 61, 42, 34])
    columns = {name: rng.integers(low, high, count) for name, (low, high) in ranges.items()}
    columns["colour_grade"] = rng.choice(codes, count)
    frame = bale_frame(
        lot=rng.integers(0, lots, count).tolist(),
        **{name: values.tolist() for name, values in columns.items()},
    )
    absent = {name: pl.Series(rng.random(count) < 0.1) for name in columns}
    return frame.with_columns(
        pl.when(~mask).then(pl.col(name)).alias(name) for name, mask in absent.items()
    )


@dataclass(frozen=True)
class Weight:
    """A published weight record; kilograms and percent in hundredths."""

    gross: int
    tare: int
    trash: int
    regain: int
    resolution: int
    net: int
    conditioned: int


LOT186_WEIGHT: Final = Weight(
    gross=42620_00, tare=246_00, trash=230, regain=820, resolution=100,
    net=42374_00, conditioned=42579_00,
)  # fmt: skip

LOT65079161001_WEIGHT: Final = Weight(
    gross=42200_00, tare=260_40, trash=240, regain=460, resolution=10,
    net=41939_60, conditioned=43547_90,
)  # fmt: skip


def lot186() -> pl.DataFrame:
    """The real micronaire and strength of 186 bales; colour 136 x 31 and 50 x 21 as published."""
    path = Path(__file__).with_name("lot186_readings.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return bale_frame(
        micronaire=[hundredths(row["micronaire"]) for row in rows],
        strength=[hundredths(row["strength"]) for row in rows],
        colour_grade=[31] * 136 + [21] * 50,
    )


@dataclass(frozen=True)
class PublishedItem:
    """Printed shares (hundredths of a percent) and class means (hundredths) of an item.

    `bales` are the counts of 186 that the printed shares stand for.
    """

    bales: dict[str, int]
    shares: dict[str, int]
    means: dict[str, int]


LOT65079161001: Final = {
    "colours": PublishedItem({"31": 172, "41": 14}, {"31": 9250, "41": 750}, {}),
    "length": PublishedItem(
        {"28": 50, "29": 108, "30": 21, "31": 5, "32": 2},
        {"28": 2690, "29": 5810, "30": 1130, "31": 270, "32": 100},
        {},
    ),
    "micronaire": PublishedItem(
        {"A": 10, "B2": 176}, {"A": 540, "B2": 9460}, {"A": 410, "B2": 460}
    ),
    "strength": PublishedItem(
        {"S1": 8, "S2": 53, "S3": 125},
        {"S1": 430, "S2": 2850, "S3": 6720},
        {"S1": 3170, "S2": 2960, "S3": 2810},
    ),
    "uniformity": PublishedItem(
        {"U2": 24, "U3": 154, "U4": 8},
        {"U2": 1290, "U3": 8280, "U4": 430},
        {"U2": 8330, "U3": 8180, "U4": 7970},
    ),
    "preparations": PublishedItem({"P2": 183, "P3": 3}, {"P2": 9840, "P3": 160}, {}),
}
"""Lot 65079161001: 186 bales, main colour 31, length level 29, main micronaire grade B."""

BALE_114104: Final = {
    "colour_grade": 31, "length": 2820, "micronaire": 460, "strength": 2640,
    "uniformity": 8250, "preparation": 2, "foreign_fibre": 0, "rd": 8130, "plus_b": 740,
}  # fmt: skip
"""Bale 32651401611141221550000121114104: length level 28, B2, B, S3, U3, P2."""
