"""Messages to send: a simulated season, encoded ahead of every clock and kept in files."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import ingest_pb2, lots_pb2, readings_pb2
from cotton_client.encode import encode_columns, encode_rows
from cotton_client.frames import lot_messages, rebatch
from cotton_client.simulate import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import polars as pl
    from cotton_client.simulate import SimulatedWarehouse

    from benchmarks.cases import Case, Shape

SEED: Final = 1
SEASON: Final = 2024
"""The crop year; no bale and no lot of another one is the same."""

BALES_A_LOT: Final = 186
"""What lots hold in the mean, to choose how many lots make a number of bales."""

_LOTS_PER_REQUEST: Final = 5000
_LENGTH: Final = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class StreamData:
    """What one producer sends: files of messages for the timed part and the part before it.

    `registrations` holds messages RegisterLotsRequest, the other two AppendReadingsRequest;
    `registrations` and `before` are None where nothing is sent ahead. Sequences of `timed` start at
    `first_sequence`; where `batch_ids` is not empty the batches have ids instead: that text, and
    the number that would be the sequence.
    """

    producer: str
    registrations: str | None
    before: str | None
    timed: str
    first_sequence: int
    batch_ids: str = ""


@dataclass(frozen=True, slots=True)
class CaseData:
    """What a case sends; `messages`, `bales` and `bytes` are those of the timed part."""

    streams: tuple[StreamData, ...]
    lots: int
    messages: int
    bales: int
    bytes: int


def write_messages(path: Path, messages: Iterable[bytes]) -> tuple[int, int]:
    """Writes messages, each after its length; gives their number and their bytes."""
    count = size_bytes = 0
    with path.open("wb") as file:
        for message in messages:
            file.write(_LENGTH.pack(len(message)))
            file.write(message)
            count += 1
            size_bytes += len(message)
    return count, size_bytes


def read_messages(path: Path) -> list[bytes]:
    """The messages of a file that `write_messages` wrote."""
    content = path.read_bytes()
    messages: list[bytes] = []
    place = 0
    while place < len(content):
        (length,) = _LENGTH.unpack_from(content, place)
        place += _LENGTH.size
        messages.append(content[place : place + length])
        place += length
    return messages


def prepare(case: Case, bales: int, directory: Path, *, season: int = SEASON) -> CaseData:
    """Encodes about `bales` readings of a season for a case into files of `directory`.

    Every case of as many streams sends the very same bales, cut into its own message size.
    """
    lots = max(round(bales / BALES_A_LOT), case.streams)
    simulation = Simulation(lots=lots, seed=SEED, season=season, warehouses=case.streams)
    streams: list[StreamData] = []
    messages = size_bytes = 0
    for warehouse in simulation:
        stem = f"{case.name}-{warehouse.name}"
        registrations = directory / f"{stem}.lots"
        write_messages(registrations, registrations_of(warehouse, warehouse.name))
        before = directory / f"{stem}.before" if case.existing else None
        first_sequence = 1
        if before is not None:
            sent_before, _ = write_messages(before, _batches(warehouse, case, 1))
            first_sequence += sent_before
        timed = directory / f"{stem}.timed"
        of_stream = write_messages(timed, _batches(warehouse, case, first_sequence))
        messages += of_stream[0]
        size_bytes += of_stream[1]
        streams.append(
            StreamData(
                warehouse.name,
                str(registrations),
                None if before is None else str(before),
                str(timed),
                first_sequence,
            )
        )
    return CaseData(tuple(streams), lots, messages, simulation.bales, size_bytes)


def registrations_of(
    warehouse: SimulatedWarehouse, producer: str, request: str = "lots"
) -> Iterator[bytes]:
    """The messages with which a producer registers the lots of a warehouse.

    `request`: what the ids of its requests begin with.
    """
    lots = lot_messages(warehouse.lots())
    for start in range(0, len(lots), _LOTS_PER_REQUEST):
        yield lots_pb2.RegisterLotsRequest(
            producer_id=producer,
            request_id=f"{request}-{start}",
            lots=lots[start : start + _LOTS_PER_REQUEST],
        ).SerializeToString()


def _batches(warehouse: SimulatedWarehouse, case: Case, first_sequence: int) -> Iterator[bytes]:
    frames = rebatch(warehouse.readings(), case.bales_a_message)
    for sequence, frame in enumerate(frames, first_sequence):
        yield ingest_pb2.AppendReadingsRequest(
            batch=_batch(case.shape, sequence, frame)
        ).SerializeToString()


def encoded(identity: int | str, columns: readings_pb2.ReadingColumns) -> bytes:
    """A message of columns under a sequence or a batch id."""
    batch = readings_pb2.ReadingBatch(columns=columns)
    if isinstance(identity, str):
        batch.batch_id = identity
    else:
        batch.sequence = identity
    return ingest_pb2.AppendReadingsRequest(batch=batch).SerializeToString()


def _batch(shape: Shape, sequence: int, frame: pl.DataFrame) -> readings_pb2.ReadingBatch:
    if shape == "columns":
        return readings_pb2.ReadingBatch(sequence=sequence, columns=encode_columns(frame))
    return readings_pb2.ReadingBatch(sequence=sequence, rows=encode_rows(frame))
