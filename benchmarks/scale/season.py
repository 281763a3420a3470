"""A season in parts: what is stored before the clock, new bales beside it, and all of it again."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from cotton_client.encode import encode_columns
from cotton_client.frames import rebatch
from cotton_client.simulate import Simulation

from benchmarks.data import (
    SEASON,
    SEED,
    StreamData,
    encoded,
    registrations_of,
    write_messages,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cotton_client.simulate import SimulatedWarehouse

BATCH_BALES: Final = 4096
WAREHOUSES_MAX: Final = 42
"""As many as the nation has."""

_LOTS_A_WAREHOUSE_MIN: Final = 40
_NEW: Final = "NEW"
_AGAIN: Final = "again-"
_SHUFFLED: Final = "SHUFFLED"


@dataclass(frozen=True, slots=True)
class Source:
    """What is made: `lots` that are stored beforehand, and about `new_lots` for the clock.

    `shuffled_bales`: about how many of the stored ones come again in an order drawn at random.
    """

    lots: int
    new_lots: int
    shuffled_bales: int
    directory: str

    @property
    def warehouses(self) -> int:
        """Of the lots that are stored beforehand."""
        return max(1, min(WAREHOUSES_MAX, self.lots // _LOTS_A_WAREHOUSE_MIN))

    @property
    def new_warehouses(self) -> int:
        """Beside those, with as many lots each."""
        return max(1, round(self.warehouses * self.new_lots / self.lots))

    def simulation(self) -> Simulation:
        """All of them, of one season."""
        warehouses = self.warehouses + self.new_warehouses
        lots = round(self.lots * warehouses / self.warehouses)
        return Simulation(lots=lots, seed=SEED, season=SEASON, warehouses=warehouses)


@dataclass(frozen=True, slots=True)
class Part:
    """Streams that are sent together, and their bales and messages."""

    streams: tuple[StreamData, ...]
    bales: int
    messages: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A season on disk.

    `stored` and `again`: the same bales, a part a warehouse, under sequences and under batch ids.
    `new` are no bales of these, on one stream; `shuffled` a sample of them, on one stream, in an
    order drawn at random.
    """

    stored: tuple[Part, ...]
    again: tuple[Part, ...]
    new: Part
    shuffled: Part


def joined(parts: Iterable[Part]) -> Part:
    """Parts that are sent together."""
    chosen = list(parts)
    return Part(
        tuple(stream for part in chosen for stream in part.streams),
        sum(part.bales for part in chosen),
        sum(part.messages for part in chosen),
    )


def prepare(source: Source, told: Callable[[int, int], None]) -> Prepared:
    """Writes all files; `told` gets the warehouses that are done, and all."""
    Path(source.directory).mkdir(parents=True, exist_ok=True)
    stored: list[Part] = []
    again: list[Part] = []
    samples: list[pl.DataFrame] = []
    # Spawned, not forked: the threads of polars do not survive a fork.
    workers = min(len(os.sched_getaffinity(0)), source.warehouses)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        places = range(source.warehouses)
        for first, repeated, sample in pool.map(_warehouse, [source] * len(places), places):
            stored.append(first)
            again.append(repeated)
            samples.append(pl.read_ipc(sample))
            told(len(stored), source.warehouses)
    return Prepared(tuple(stored), tuple(again), _new(source), _shuffled(source, samples))


def _warehouse(source: Source, place: int) -> tuple[Part, Part, Path]:
    """Writes the files of one warehouse; its parts, and a file with a sample of its bales."""
    simulation = source.simulation()
    warehouse = simulation.warehouse(place)
    directory = Path(source.directory)
    registrations, readings, again, sample = (
        directory / f"{warehouse.name}.{kind}" for kind in ("lots", "readings", "again", "sample")
    )
    write_messages(registrations, registrations_of(warehouse, warehouse.name))
    columns = [encode_columns(frame) for frame in rebatch(warehouse.readings(), BATCH_BALES)]
    numbers = range(1, len(columns) + 1)
    write_messages(readings, map(encoded, numbers, columns))
    write_messages(again, map(encoded, [f"{_AGAIN}{number}" for number in numbers], columns))
    share = min(source.shuffled_bales / (source.warehouses * warehouse.bales), 1)
    draw = np.random.default_rng(SEED + place)
    pl.concat(
        frame.filter(pl.Series(draw.random(frame.height) < share)) for frame in warehouse.readings()
    ).write_ipc(sample)
    return (
        Part(
            (StreamData(warehouse.name, str(registrations), None, str(readings), 1),),
            warehouse.bales,
            len(columns),
        ),
        Part(
            (StreamData(warehouse.name, None, None, str(again), 1, _AGAIN),),
            warehouse.bales,
            len(columns),
        ),
        sample,
    )


def _new(source: Source) -> Part:
    directory = Path(source.directory)
    simulation = source.simulation()
    places = range(source.warehouses, source.warehouses + source.new_warehouses)
    warehouses = [simulation.warehouse(place) for place in places]
    registrations, readings = directory / f"{_NEW}.lots", directory / f"{_NEW}.readings"
    requests = (
        request for each in warehouses for request in registrations_of(each, _NEW, each.name)
    )
    write_messages(registrations, requests)
    frames = rebatch(_readings(warehouses), BATCH_BALES)
    messages, _ = write_messages(
        readings, (encoded(number, encode_columns(frame)) for number, frame in enumerate(frames, 1))
    )
    stream = StreamData(_NEW, str(registrations), None, str(readings), 1)
    return Part((stream,), sum(each.bales for each in warehouses), messages)


def _readings(warehouses: Iterable[SimulatedWarehouse]) -> Iterable[pl.DataFrame]:
    for warehouse in warehouses:
        yield from warehouse.readings()


def _shuffled(source: Source, samples: Iterable[pl.DataFrame]) -> Part:
    path = Path(source.directory) / f"{_SHUFFLED}.readings"
    bales = pl.concat(samples).sample(fraction=1, shuffle=True, seed=SEED)
    messages, _ = write_messages(
        path,
        (
            encoded(f"{_SHUFFLED}{number}", encode_columns(frame))
            for number, frame in enumerate(rebatch([bales], BATCH_BALES), 1)
        ),
    )
    stream = StreamData(_SHUFFLED, None, None, str(path), 1, _SHUFFLED)
    return Part((stream,), bales.height, messages)
