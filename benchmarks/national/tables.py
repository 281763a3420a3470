"""A season as Parquet files, as an analyst would keep it: a row a bale, and a row a lot.

Values are the official ones: whoever writes the files has rounded them by the rule (half to even,
once). The arithmetic here is not that of the service, so that the figures of both can be held
against each other.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import polars as pl
from cotton_client.frames import bale_keys

from benchmarks.national.plan import tables_path

if TYPE_CHECKING:
    from pathlib import Path

KEYS: Final = (
    "region",
    "division",
    "regiment",
    "gin",
    "warehouse",
    "cotton_type",
    "picking_mode",
    "channel",
)
"""What every bale carries of its lot: a join less for whoever asks."""

MEASURES: Final = (
    "length",
    "micronaire",
    "strength",
    "uniformity",
    "rd",
    "plus_b",
    "short_fibre",
)
"""What the standard grades; the files hold it as multiples of 0.1, in hundredths."""

WEIGHTS: Final = ("declared_bales", "gross", "tare", "net", "conditioned")

SAMPLED: Final = ("trash", "regain")
"""What was sampled of a lot, in hundredths of a percent."""

BALES: Final = "bales"
LOTS: Final = "lots"

_OTHERS: Final = ("elongation", "maturity", "trash_area", "trash_count", "moisture")
_CODES: Final = ("colour_grade", "preparation", "foreign_fibre")
_ROW_GROUP: Final = 122_880
"""What DuckDB itself cuts its tables into."""
_TENTH: Final = 10
_STANDARD_TRASH: Final = 250
_OFFICIAL_REGAIN: Final = 850
_WHOLE: Final = 10_000


def lot_facts(lots: pl.DataFrame, weights: pl.DataFrame) -> pl.DataFrame:
    """A row a lot, in the order given: number, KEYS, WEIGHTS, SAMPLED."""
    net = weights["gross"] - weights["tare"]
    return lots.select(
        "lot_no",
        *(pl.col("gin_code").alias("gin") if key == "gin" else pl.col(key) for key in KEYS),
        pl.col("declared_bales").cast(pl.Int64),
        pl.Series("gross", weights["gross"], pl.Int64),
        pl.Series("tare", weights["tare"], pl.Int64),
        pl.Series("net", net, pl.Int64),
        pl.Series(
            "conditioned",
            [
                _conditioned(*row)
                for row in zip(
                    net, weights["trash"], weights["regain"], weights["resolution"], strict=True
                )
            ],
            pl.Int64,
        ),
        *(pl.Series(name, weights[name], pl.Int64) for name in SAMPLED),
    )


def write(
    readings: pl.DataFrame | None,
    facts: pl.DataFrame,
    directory: Path,
    level: int,
    warehouse: str,
) -> None:
    """Writes the bales and lots that a level adds at one warehouse, sorted by lot."""
    if readings is None:
        return
    high, low, _ = bale_keys(readings)
    bales = (
        readings.select(
            pl.Series("bale_high", high),
            pl.Series("bale_low", low),
            "lot_no",
            "laboratory",
            "instrument",
            "inspected_at_s",
            *(_official(name).cast(pl.Int16) for name in MEASURES),
            *(pl.col(name).cast(pl.Int16) for name in _OTHERS),
            *(pl.col(name).cast(pl.Int8) for name in _CODES),
        )
        .join(facts.select("lot_no", *KEYS), on="lot_no", how="left", maintain_order="left")
        .sort("lot_no", maintain_order=True)
    )
    for what, frame in ((BALES, bales), (LOTS, facts.sort("lot_no"))):
        path = tables_path(directory, level, what)
        path.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(
            path / f"{warehouse}.parquet", compression="zstd", row_group_size=_ROW_GROUP
        )


def _official(name: str) -> pl.Expr:
    """The nearest multiple of 0.1; of two equally near the even one."""
    value = pl.col(name)
    beyond, tenths = value % _TENTH, value // _TENTH
    half = _TENTH // 2
    up = (beyond > half) | ((beyond == half) & (tenths % 2 == 1))
    return ((tenths + up.cast(pl.Int32)) * _TENTH).alias(name)


def _conditioned(net: int, trash: int, regain: int, resolution: int) -> int:
    """Conditioned weight: net x (100 - Z) / (100 - 2.5) x (100 + 8.5) / (100 + R), rounded once."""
    exact = Fraction(
        net * (_WHOLE - trash) * (_WHOLE + _OFFICIAL_REGAIN),
        (_WHOLE - _STANDARD_TRASH) * (_WHOLE + regain) * resolution,
    )
    # Python rounds a fraction half to even.
    return round(exact) * resolution
