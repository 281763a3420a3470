"""Writes frames as the CSV that the readers read back identically."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_client.fields import HUNDREDTHS_FIELDS
from cotton_client.frames import (
    AMENDMENT_COLUMNS,
    LOTS_SCHEMA,
    READINGS_SCHEMA,
    WEIGHTS_SCHEMA,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

_WEIGHTS: Final = ("gross", "tare", "regain", "trash", "resolution", "truck_gross", "truck_tare")
_CHINA_OFFSET_S: Final = 8 * 3600


def _decimal(name: str) -> pl.Expr:
    """Hundredths as a decimal with two places."""
    value = pl.col(name)
    sign = pl.when(value < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    whole = (value.abs() // 100).cast(pl.String)
    fraction = (value.abs() % 100).cast(pl.String).str.zfill(2)
    return pl.concat_str(sign, whole, pl.lit("."), fraction).alias(name)


def _time(name: str) -> pl.Expr:
    """Seconds as ISO 8601 in China time."""
    local = pl.from_epoch(pl.col(name) + _CHINA_OFFSET_S, time_unit="s")
    return local.dt.strftime("%Y-%m-%dT%H:%M:%S+08:00").alias(name.removesuffix("_s"))


def _texts(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as its CSV prints it."""
    columns = []
    for name in frame.columns:
        if name in HUNDREDTHS_FIELDS or name in _WEIGHTS:
            columns.append(_decimal(name))
        elif name.endswith("_at_s"):
            columns.append(_time(name))
        elif name == "preparation":
            columns.append(pl.format("P{}", name).alias(name))
        else:
            columns.append(pl.col(name))
    return frame.select(columns)


def _write(frames: Iterable[pl.DataFrame], file: BinaryIO, columns: list[str]) -> None:
    header = True
    for frame in frames:
        _texts(frame.select(columns)).write_csv(file, include_header=header, null_value="")
        header = False


def write_readings(frames: Iterable[pl.DataFrame], path: Path, columns: Iterable[str]) -> None:
    """Writes readings frames to one CSV, with the named columns of READINGS_SCHEMA only."""
    wanted = set(columns)
    with path.open("wb") as file:
        _write(frames, file, [name for name in READINGS_SCHEMA if name in wanted])


def _first_records(schema: pl.Schema) -> list[str]:
    """The columns of records that take the place of no other, as simulated ones do not."""
    return [name for name in schema if name not in AMENDMENT_COLUMNS]


def write_lots(frames: Iterable[pl.DataFrame], path: Path) -> None:
    """Writes lots frames to one CSV with all columns but those of an amendment."""
    with path.open("wb") as file:
        _write(frames, file, _first_records(LOTS_SCHEMA))


def write_weights(frames: Iterable[pl.DataFrame], path: Path) -> None:
    """Writes weights frames to one CSV with all columns but those of an amendment."""
    with path.open("wb") as file:
        _write(frames, file, _first_records(WEIGHTS_SCHEMA))
