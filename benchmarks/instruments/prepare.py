"""Messages of one reading for every instrument, and bulk for a backfill, encoded ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
from cotton.inspection.v1 import ingest_pb2, readings_pb2
from cotton_client.encode import encode_rows
from cotton_client.simulate import Simulation

from benchmarks import data
from benchmarks.cases import Case
from benchmarks.data import StreamData, registrations_of, write_messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cotton_client.simulate import SimulatedWarehouse

    from benchmarks.data import CaseData

PRODUCER: Final = "instrument-"
"""How the producer ids of instruments start; the number of the instrument follows."""

BACKFILL: Final = Case("columns", 4096)
"""The messages of a backfill."""

_BALES_A_LOT_MIN: Final = 180
"""What every simulated lot holds at least."""


def prepare_instruments(
    instruments: int, readings: int, directory: Path, *, season: int = data.SEASON
) -> list[StreamData]:
    """Encodes `readings` messages of one reading for each instrument into files of `directory`.

    Every instrument reads the bales of lots of its own, one after the other; sequences start
    at 1, so that a run may send the first of them only.
    """
    lots = instruments * -(-readings // _BALES_A_LOT_MIN)
    simulation = Simulation(lots=lots, seed=data.SEED, season=season, warehouses=instruments)
    streams: list[StreamData] = []
    for number, warehouse in enumerate(simulation):
        producer = f"{PRODUCER}{number:04}"
        registrations = directory / f"{producer}.lots"
        write_messages(registrations, registrations_of(warehouse, producer))
        timed = directory / f"{producer}.timed"
        write_messages(timed, _messages(warehouse, readings))
        streams.append(StreamData(producer, str(registrations), None, str(timed), 1))
    return streams


def _messages(warehouse: SimulatedWarehouse, readings: int) -> Iterator[bytes]:
    frame = pl.concat(list(warehouse.readings())).head(readings)
    if frame.height < readings:
        raise AssertionError("lots were simulated for fewer readings than are sent")
    for sequence, reading in enumerate(encode_rows(frame).readings, 1):
        rows = readings_pb2.ReadingRows(readings=[reading])
        yield ingest_pb2.AppendReadingsRequest(
            batch=readings_pb2.ReadingBatch(sequence=sequence, rows=rows)
        ).SerializeToString()


def prepare_backfill(bales: int, directory: Path) -> CaseData:
    """Encodes about `bales` readings of the season before that of the instruments."""
    return data.prepare(BACKFILL, bales, directory, season=data.SEASON - 1)
