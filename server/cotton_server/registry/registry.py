"""The registry: everything that is derived from the ledger, at one revision."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cotton_server.domain.fields import ABSENT, VALUE_FIELDS
from cotton_server.domain.identifiers import USDA_HIGH, crop_year_of_lot
from cotton_server.domain.readings import RAW_ABSENT, ReadingTable
from cotton_server.registry.bales import BaleColumns, BaleStore
from cotton_server.registry.lots import LotBook, LotEntry
from cotton_server.registry.texts import TextBook

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from cotton.inspection.v1 import lots_pb2

    from cotton_server.domain.identifiers import UInt64Array
    from cotton_server.domain.readings import Int32Array


@dataclass(frozen=True, slots=True)
class CreatedBales:
    """Bales to store: the rows of a table that are new.

    `hashes` (of the index) and `position` (uint32, ledger position) and `batch_row` (uint16,
    place in the batch) have one element for each of `rows`.
    """

    table: ReadingTable
    rows: npt.NDArray[np.intp]
    hashes: UInt64Array
    position: npt.NDArray[np.uint32]
    batch_row: npt.NDArray[np.uint16]


class Registry:
    """Bales, lots and producers as of `revision`, the last ledger position applied.

    One thread changes it, holding `lock`; readers take `lock` only to copy the few numbers
    that make a snapshot.
    """

    def __init__(self, *, bales_max: int) -> None:
        """Starts empty, at revision 0."""
        self.lock = threading.Lock()
        self.revision = 0
        self.bales = BaleStore(bales_max)
        self.lots = LotBook()
        self.texts = {name: TextBook() for name in ("standard", "laboratory", "instrument")}
        self.lots_registered = 0
        self._changed: set[int] = set()
        self._next_sequence: dict[str, int] = {}

    @property
    def producers(self) -> int:
        """Producers that have a sequence."""
        return len(self._next_sequence)

    def next_sequence(self, producer: str) -> int:
        """The sequence that the next batch of a producer must carry; the first is 1."""
        return self._next_sequence.get(producer, 1)

    def advance(self, producer: str, sequence: int) -> None:
        """Notes that a producer's batch was stored."""
        self._next_sequence[producer] = sequence + 1

    def store_bales(self, created: CreatedBales) -> None:
        """Stores new bales and enters their lots and texts."""
        table, rows = created.table, created.rows
        if len(rows) == 0:
            return
        start = self.bales.count
        lots = self._lot_numbers(table, rows)
        references = {"lot": lots}
        for name, book in self.texts.items():
            column = table.texts[name]
            used = np.unique(column.index[rows]).tolist()
            numbers = np.zeros(len(column.dictionary), np.int32)
            for place in used:
                numbers[place] = book.enter(column.dictionary[place])
            references[name] = numbers[column.index[rows]]
        self.bales.append(
            BaleColumns(
                high=table.high[rows],
                low=table.low[rows],
                hashes=created.hashes,
                values={
                    field.name: _stored(table.values[field.name][rows], field.dtype)
                    for field in VALUE_FIELDS
                    if field.name in table.values
                },
                references=references,
                position=created.position,
                batch_row=created.batch_row,
                inspected_at_s=table.inspected_at_s[rows].astype(np.uint32),
            )
        )
        ends = [*(np.flatnonzero(np.diff(lots)) + 1).tolist(), len(lots)]
        first = 0
        for end in ends:
            lot = self.lots[int(lots[first])]
            lot.add_run(start + first, start + end)
            self._touch(lot, int(created.position[end - 1]))
            first = end

    def register(self, lot: lots_pb2.Lot, position: int) -> None:
        """Stores the registration of a lot."""
        entry = self.lots[self.lots.enter(lot.lot_no, crop_year_of_lot(lot.lot_no))]
        entry.registration, entry.registered_at = lot, position
        self._touch(entry, position)
        self.lots_registered += 1

    def weigh(self, weight: lots_pb2.LotWeight, position: int) -> None:
        """Stores the weight of a lot."""
        entry = self.lots[self.lots.enter(weight.lot_no, crop_year_of_lot(weight.lot_no))]
        entry.weight, entry.weighed_at = weight, position
        self._touch(entry, position)

    def take_changed(self) -> list[int]:
        """Numbers of the lots touched since the last call, ascending; holds `lock`."""
        changed = sorted(self._changed)
        self._changed.clear()
        return changed

    def give_back_changed(self, numbers: Sequence[int]) -> None:
        """Marks lots as touched that were taken and could not be worked on; holds `lock`."""
        self._changed.update(numbers)

    def _touch(self, lot: LotEntry, position: int) -> None:
        lot.changed_at = position
        self._changed.add(lot.number)

    def _lot_numbers(self, table: ReadingTable, rows: npt.NDArray[np.intp]) -> Int32Array:
        column = table.texts["lot_no"]
        index = column.index[rows]
        numbers: Int32Array = np.full(len(column.dictionary), -1, np.int32)
        for place in np.unique(index).tolist():
            lot_no = column.dictionary[place]
            if lot_no:
                numbers[place] = self.lots.enter(lot_no, crop_year_of_lot(lot_no))
        lots = numbers[index]
        # Imported bales may come without a lot: they are kept together by crop year.
        for place in np.flatnonzero(lots < 0).tolist():
            crop_year = int(table.high[rows[place]]) - USDA_HIGH
            lots[place] = self.lots.enter("", crop_year)
        return lots


def _stored(
    received: Int32Array, dtype: np.dtype[np.signedinteger]
) -> npt.NDArray[np.signedinteger]:
    absent = received == RAW_ABSENT
    if absent.any():
        received = np.where(absent, np.int32(ABSENT), received)
    return received.astype(dtype)
