"""Readings that are to be kept, and what they do to bales: between deciding and applying."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cotton_server.domain.fields import ABSENT, VALUE_FIELDS
from cotton_server.domain.readings import RAW_ABSENT, ReadingTable
from cotton_server.registry.courses import NO_ROW, CourseEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.domain.readings import Int32Array

Rows = npt.NDArray[np.intp] | slice
"""Rows of a table; a slice where they are all of it, so that nothing is picked."""


def of_table(table_row: int) -> int:
    """How an event names a reading that is not stored yet: the row of its table, negative."""
    return -2 - table_row


@dataclass(frozen=True, slots=True)
class BaleEvent:
    """An event of one bale: of the row that the index gives for it, or will give.

    `key_row`, and the rows of the event, are rows of the store, or `of_table` of a row that is
    stored with it. `differs` is the outcome of a conflict that begins.
    """

    key_row: int
    event: CourseEvent
    differs: int = 0


@dataclass(frozen=True, slots=True)
class KeptReadings:
    """Readings to keep: rows of a table, in its order, and what they and others did to bales.

    `hashes` (of the index), `position` (uint32, ledger position), `batch_row` (uint16, place in
    the batch), `is_first` (bool: the store has nothing of its bale) and `is_plain` (bool: a new
    bale and nothing else) have one element for each of `rows`. What happens to bales that are
    not plain stands in `events`, in order of the table.
    """

    table: ReadingTable
    rows: npt.NDArray[np.intp]
    hashes: UInt64Array
    position: npt.NDArray[np.uint32]
    batch_row: npt.NDArray[np.uint16]
    is_first: npt.NDArray[np.bool_]
    is_plain: npt.NDArray[np.bool_]
    events: Sequence[BaleEvent]


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring plain rows of one lot and one position: places [first, stop)."""

    lot: int
    position: int
    first: int
    stop: int


def runs_of(kept: KeptReadings, lots: Int32Array) -> Iterator[Run]:
    """The runs of what is plain, in order, given the lot number of each row."""
    plain = kept.is_plain
    if len(lots) == 0 or not plain.any():
        return
    edge = (
        (lots[1:] != lots[:-1])
        | (kept.position[1:] != kept.position[:-1])
        | (plain[1:] != plain[:-1])
    )
    ends = [*(np.flatnonzero(edge) + 1).tolist(), len(lots)]
    first = 0
    for end in ends:
        if plain[first]:
            yield Run(int(lots[first]), int(kept.position[first]), first, end)
        first = end


def resolved(kept: KeptReadings, start: int) -> Iterator[BaleEvent]:
    """The events with rows of the store, from `start` on, in place of those of the table."""
    if not kept.events:
        return
    stored_at = {row: start + place for place, row in enumerate(kept.rows.tolist())}

    def row_of(row: int) -> int:
        return row if row >= NO_ROW else stored_at[-2 - row]

    for each in kept.events:
        event = replace(
            each.event, row=row_of(each.event.row), supersedes=row_of(each.event.supersedes)
        )
        yield replace(each, key_row=row_of(each.key_row), event=event)


def stored_values(table: ReadingTable, rows: Rows) -> dict[str, npt.NDArray[np.signedinteger]]:
    """The values of rows as the store keeps them."""
    if table.matrix is None:
        return {
            field.name: _stored(table.values[field.name][rows], field.dtype)
            for field in VALUE_FIELDS
            if field.name in table.values
        }
    kept = table.matrix[:, rows] if isinstance(rows, slice) else table.matrix.take(rows, axis=1)
    # Of what is kept, no value but RAW_ABSENT is below ABSENT.
    kept = np.maximum(kept, np.int32(ABSENT))
    return {
        field.name: kept[place]
        for place, field in enumerate(VALUE_FIELDS)
        if field.name in table.values
    }


def _stored(
    received: Int32Array, dtype: np.dtype[np.signedinteger]
) -> npt.NDArray[np.signedinteger]:
    absent = received == RAW_ABSENT
    if absent.any():
        received = np.where(absent, np.int32(ABSENT), received)
    return received.astype(dtype)
