"""Memory of blocks that fill: it is used again and again, so none has to be provided meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cotton_server.registry.packing import aligned
from cotton_server.registry.region import populate

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from cotton_server.registry.packing import ColumnType
    from cotton_server.registry.region import Region

READY_BLOCKS: Final = 4
"""Blocks whose memory is kept ready: 20 MiB, a fifth of a second of the fastest bulk."""


class WideBlocks:
    """Places at the start of a region, each for the columns of one block.

    Whoever reads a place that was given back reads what another block has there.
    """

    def __init__(
        self, region: Region, blocks: int, rows: int, columns: Sequence[ColumnType]
    ) -> None:
        """Takes the region, which has room for `blocks` blocks of `rows` rows."""
        self._region = region
        self._blocks, self._rows, self._columns = blocks, rows, columns
        self.block_bytes = wide_bytes(rows, columns)
        sizes = [aligned(of.dtype.itemsize * rows) for of in columns]
        self.starts: npt.NDArray[np.int64] = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        """Where each column begins, in bytes from the start of the place."""
        self._ready: list[int] = []
        self._bare: list[int] = []
        self._used = 0
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """Memory of the places in use and of those that are ready."""
        return (self._used - len(self._bare)) * self.block_bytes

    def take(self) -> int:
        """A place for a block: the byte where it begins."""
        with self._lock:
            if self._ready:
                return self._ready.pop()
            return self._new()

    def give(self, place: int) -> None:
        """Takes back a place; memory beyond what is to be ready goes back to the system."""
        with self._lock:
            if len(self._ready) < READY_BLOCKS:
                self._ready.append(place)
                return
        self._region.give_back(place, place + self.block_bytes)
        with self._lock:
            self._bare.append(place)

    def give_back(self) -> None:
        """Memory that is ready goes back to the system: no block comes any more."""
        with self._lock:
            places, self._ready = self._ready, []
        for place in places:
            self._region.give_back(place, place + self.block_bytes)
        with self._lock:
            self._bare += places

    def reserve(self, blocks_to_come: int) -> None:
        """Has memory ready for the next blocks; one thread calls it."""
        while True:
            with self._lock:
                if len(self._ready) >= min(READY_BLOCKS, blocks_to_come):
                    return
                if not self._bare and self._used == self._blocks:
                    return
                place = self._new()
            populate(self._region.array(np.uint8, self.block_bytes, place))
            with self._lock:
                self._ready.append(place)

    def columns(self, place: int) -> list[npt.NDArray[Any]]:
        """The columns of the block at a place."""
        return [
            self._region.array(of.dtype, self._rows, place + start)
            for of, start in zip(self._columns, self.starts.tolist(), strict=True)
        ]

    def _new(self) -> int:
        if self._bare:
            return self._bare.pop()
        if self._used == self._blocks:
            raise AssertionError("more blocks are wide than there are")
        self._used += 1
        return (self._used - 1) * self.block_bytes


def wide_bytes(rows: int, columns: Sequence[ColumnType]) -> int:
    """Bytes of a block of `rows` rows while it is wide."""
    return sum(aligned(of.dtype.itemsize * rows) for of in columns)
