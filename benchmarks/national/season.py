"""A simulated season as messages of the contract, and the same bales as Parquet files.

Both are made of the simulation, so that the files hold what was sent, not what the service made
of it. Warehouses are prepared by processes, one warehouse at a time each.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from cotton.inspection.v1 import ingest_pb2, lots_pb2, readings_pb2
from cotton_client.encode import encode_columns
from cotton_client.frames import lot_messages, rebatch, weight_messages
from cotton_client.simulate import Simulation

from benchmarks.data import write_messages
from benchmarks.national import plan, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cotton_client.simulate import SimulatedWarehouse


@dataclass(frozen=True, slots=True)
class Source:
    """A season to prepare: its size, the parts in which it arrives, and where it is kept.

    `prefix`: what the names of its producers begin with; a producer has one sequence of batches.
    `with_tables`: the Parquet files are written too.
    """

    lots: int
    season: int
    warehouses: int
    slices: int
    directory: str
    prefix: str
    with_tables: bool


@dataclass(frozen=True, slots=True)
class Slice:
    """What one warehouse sends in one slice."""

    place: int
    producer: str
    lots: int
    bales: int
    batches: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A season on disk."""

    source: Source
    slices: tuple[Slice, ...]
    gins: int

    @property
    def producers(self) -> list[str]:
        """Their names, in order."""
        return sorted({each.producer for each in self.slices})

    def lots(self, slices: int) -> int:
        """Lots of the first slices."""
        return sum(each.lots for each in self.slices if each.place < slices)

    def bales(self, slices: int) -> int:
        """Bales of the first slices."""
        return sum(each.bales for each in self.slices if each.place < slices)


def prepare(source: Source, told: Callable[[int, int], None]) -> Prepared:
    """Writes all files of a season; `told` gets the warehouses that are done, and all."""
    # Spawned, not forked: the threads of polars do not survive a fork.
    workers = min(len(os.sched_getaffinity(0)), source.warehouses)
    slices: list[Slice] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        places = range(source.warehouses)
        for done, of_one in enumerate(
            pool.map(prepare_warehouse, [source] * len(places), places), 1
        ):
            slices += of_one
            told(done, source.warehouses)
    return Prepared(source, tuple(slices), _simulation(source).plan.gins)


def prepare_warehouse(source: Source, place: int) -> list[Slice]:
    """Writes the files of one warehouse."""
    directory = Path(source.directory)
    simulation = _simulation(source)
    warehouse = simulation.warehouse(place)
    own = slice(warehouse.first_lot, warehouse.last_lot)
    of_lot = _slices(source)[own]
    parts = _readings(warehouse, of_lot, simulation.plan.bales[own])
    lots, weights = warehouse.lots(), warehouse.weights()
    if source.with_tables:
        facts = tables.lot_facts(lots, weights)
        for level in range(len(plan.LEVELS)):
            mine = [number for number in parts if plan.level_of(number) == level]
            tables.write(
                pl.concat(parts[number] for number in mine) if mine else None,
                facts.filter(pl.Series(np.isin(of_lot, mine))),
                directory,
                level,
                warehouse.name,
            )
    producer = source.prefix + warehouse.name
    sequence = 1
    written: list[Slice] = []
    for number, readings in parts.items():
        here = pl.Series(of_lot == number)
        request = f"{source.season}-{number}"
        registered = lot_messages(lots.filter(here))
        for what, message in (
            (
                plan.LOTS,
                lots_pb2.RegisterLotsRequest(
                    producer_id=producer, request_id=f"lots-{request}", lots=registered
                ),
            ),
            (
                plan.WEIGHTS,
                lots_pb2.RecordLotWeightsRequest(
                    producer_id=producer,
                    request_id=f"weights-{request}",
                    weights=weight_messages(weights.filter(here)),
                ),
            ),
            (
                plan.CLOSURES,
                lots_pb2.CloseLotsRequest(
                    producer_id=producer,
                    request_id=f"closures-{request}",
                    closures=_closures(registered, warehouse.laboratory),
                ),
            ),
        ):
            path = plan.messages_path(directory, number, producer, what)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_messages(path, [message.SerializeToString()])
        path = plan.messages_path(directory, number, producer, plan.READINGS)
        batches, _ = write_messages(path, _batches(readings, sequence))
        written.append(Slice(number, producer, len(registered), readings.height, batches))
        sequence += batches
    return written


@lru_cache(maxsize=1)
def _simulation(source: Source) -> Simulation:
    return Simulation(
        lots=source.lots, seed=plan.SEED, season=source.season, warehouses=source.warehouses
    )


@lru_cache(maxsize=1)
def _slices(source: Source) -> np.ndarray:
    """The slice of every lot: as many lots in each, in the order in which they came to the gate."""
    order = np.argsort(_simulation(source).plan.gate_in_s, kind="stable")
    slices = np.empty(source.lots, np.int64)
    slices[order] = np.arange(source.lots) * source.slices // source.lots
    return slices


def _readings(
    warehouse: SimulatedWarehouse, of_lot: np.ndarray, bales: np.ndarray
) -> dict[int, pl.DataFrame]:
    """The readings of a warehouse by slice, in the order of the slices."""
    of_bale = np.repeat(of_lot, bales)
    found: dict[int, list[pl.DataFrame]] = {int(each): [] for each in np.unique(of_lot)}
    first = 0
    for frame in warehouse.readings():
        here = pl.Series(of_bale[first : first + frame.height])
        for number in np.unique(here.to_numpy()).tolist():
            found[number].append(frame.filter(here == number))
        first += frame.height
    return {number: pl.concat(frames) for number, frames in found.items()}


def _batches(readings: pl.DataFrame, first_sequence: int) -> Iterator[bytes]:
    for sequence, frame in enumerate(rebatch([readings], plan.BATCH_BALES), first_sequence):
        batch = readings_pb2.ReadingBatch(sequence=sequence, columns=encode_columns(frame))
        yield ingest_pb2.AppendReadingsRequest(batch=batch).SerializeToString()


def _closures(lots: Sequence[lots_pb2.Lot], laboratory: str) -> list[lots_pb2.LotClosure]:
    return [
        lots_pb2.LotClosure(
            lot_no=lot.lot_no,
            laboratory=laboratory,
            bales_received=lot.declared_bales,
            bales_tested=lot.declared_bales,
        )
        for lot in lots
    ]
