"""Where the columns of blocks lie in memory.

Readers need no lock. One number for each block says which entry of the table holds, and what an
entry says never changes once it is in force. A reader takes the numbers of its blocks, reads, and
looks at the numbers again: where one has changed, the memory may have been used for something
else, and it reads once more. A block changes twice at most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cotton_server.domain.fields import ABSENT
from cotton_server.registry.bale_columns import COLUMNS, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton_server.registry.packing import Packed, Views

NOWHERE: Final = -1
"""The entry of a block that is not here."""


class BlockTable:
    """Which entry holds for each block, and what each entry says of the block's columns.

    Entry 2 b is that of block b while it is wide, 2 b + 1 that when it is packed.
    """

    def __init__(self, blocks: int, block_bits: int, views: Views) -> None:
        """Takes the number of blocks, the rows of each as a power of two, and their memory."""
        self.bits, self.rows, self.views = block_bits, 1 << block_bits, views
        self.entry_of = np.full(blocks, NOWHERE, np.int32)
        shape = (2 * blocks, len(KINDS))
        self.codes = np.zeros(shape, np.uint8)
        self.offsets = np.zeros(shape, np.int64)
        self.bases = np.zeros(shape, np.uint64)
        self.lowest = np.zeros(shape, np.int64)
        self.is_split = np.zeros(2 * blocks, np.bool_)
        self.starts = np.zeros(2 * blocks, np.int64)
        self.stops = np.zeros(2 * blocks, np.int64)

    def is_wide(self, block: int) -> bool:
        """Whether a block is here and not packed."""
        return int(self.entry_of[block]) == 2 * block

    def set_wide(self, block: int, start: int, offsets: npt.NDArray[np.int64]) -> None:
        """Puts in force that a block is wide from byte `start` on, its columns at `offsets`."""
        entry = 2 * block
        self.codes[entry, : len(COLUMNS)] = _WIDTHS
        self.offsets[entry, : len(COLUMNS)] = offsets + start
        self.lowest[entry] = ABSENT
        self.starts[entry] = start
        self.entry_of[block] = entry

    def set_packed(
        self, block: int, start: int, columns: Iterable[tuple[int, Packed]], *, split: bool
    ) -> int:
        """Copies packed columns, by number, to the bytes from `start` on and puts them in force.

        Gives where they end.
        """
        entry, at = 2 * block + 1, start
        for number, packed in columns:
            self.codes[entry, number] = packed.code
            self.offsets[entry, number] = at
            self.bases[entry, number] = packed.base % (1 << 64)
            self.lowest[entry, number] = min(packed.lowest, _INT64_MAX)
            self.views.put(at, packed.arrays)
            at += packed.size_bytes
        self.is_split[entry] = split
        self.starts[entry], self.stops[entry] = start, at
        self.entry_of[block] = entry
        return at


_WIDTHS: Final = np.asarray([of.dtype.itemsize for of in COLUMNS], np.uint8)
_INT64_MAX: Final = (1 << 63) - 1
