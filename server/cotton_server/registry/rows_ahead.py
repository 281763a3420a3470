"""Rows of the store whose lot and place are known before they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton_server.registry.bales import BaleStore

_COLUMNS: Final = ("lot", "position", "batch_row")


class KnownRow(NamedTuple):
    """Of a row the number of its lot, the position that brought it, and its place in the batch."""

    lot: int
    position: int
    batch_row: int


class RowsAhead:
    """Lot and place of any row, of which some were read ahead.

    One thread reads ahead; any may ask.
    """

    def __init__(self, bales: BaleStore) -> None:
        """Begins with no row."""
        self._bales = bales
        self._rows: dict[int, KnownRow] = {}

    def read(self, rows: Iterable[int]) -> None:
        """Has these rows and no others; raises what reading rows on disk raises."""
        wanted = set(rows)
        kept = {row: known for row, known in self._rows.items() if row in wanted}
        if missing := sorted(wanted - kept.keys()):
            found = self._bales.read(_COLUMNS, np.asarray(missing, np.int64))
            columns = (found[name].tolist() for name in _COLUMNS)
            kept.update(zip(missing, map(KnownRow, *columns), strict=True))
        self._rows = kept

    def note(self, row: int, known: KnownRow) -> None:
        """Has a row that is stored just now."""
        self._rows[row] = known

    def lots(self) -> set[int]:
        """Numbers of the lots of the rows that were read."""
        return {row.lot for row in self._rows.values()}

    def at(self, row: int) -> KnownRow:
        """A row, read now if it was not; raises what reading a row on disk raises."""
        known = self._rows.get(row)
        if known is not None:
            return known
        read = self._bales.read(_COLUMNS, slice(row, row + 1))
        return KnownRow(*(int(read[name][0]) for name in _COLUMNS))
