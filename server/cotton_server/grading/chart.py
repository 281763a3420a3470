"""A colour chart (颜色分级图) as a look-up table: the grade of a cell of Rd and +b, or none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cotton_server.domain.fields import ABSENT

if TYPE_CHECKING:
    from cotton_server.grading.standard import Provenance

Hundredths = npt.NDArray[np.int16]
Codes = npt.NDArray[np.int8]
Offsets = npt.NDArray[np.int32]

_INT16_VALUES: Final = 1 << 16
_ACCEPTED_VALUES: Final = 1 << 15
# Rows that are graded at once: their intermediate results stay in the cache.
_ROWS_AT_ONCE: Final = 1 << 15


class ChartRounding(StrEnum):
    """How a value is rounded to the cell that it falls in."""

    HALF_UP = "half-up"
    HALF_EVEN = "half-even"


@dataclass(frozen=True, slots=True)
class Axis:
    """How the values of one axis fall into cells; a cell is `resolution` hundredths wide."""

    resolution: int
    rounding: ChartRounding

    def cells_of(self, values: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The cell of each value, in hundredths and at least 0, as a multiple of the resolution."""
        floor, rest = np.divmod(values, self.resolution)
        tie = 2 * rest == self.resolution
        if self.rounding is ChartRounding.HALF_EVEN:
            tie &= floor % 2 == 1
        cells: npt.NDArray[np.int32] = floor + ((2 * rest > self.resolution) | tie)
        return cells


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Cells of one grade, both ends included, in multiples of the axes' resolutions."""

    grade: int
    plus_b_from: int
    plus_b_to: int
    rd_from: int
    rd_to: int
    line: int
    """Where in the file it stands."""


@dataclass(frozen=True)
class Chart:
    """A chart of one standard. Cells that no rectangle covers are unknown, never guessed.

    Rectangles of different grades do not overlap: `parse_chart` refuses a file in which they do.
    """

    id: str
    standard: str
    """Id of the standard whose colour grades it gives."""
    title: str
    provenance: Provenance
    rd: Axis
    plus_b: Axis
    rectangles: tuple[Rectangle, ...]

    @cached_property
    def grades(self) -> tuple[int, ...]:
        """The codes that it can give, sorted."""
        return tuple(sorted({each.grade for each in self.rectangles}))

    @cached_property
    def rd_first(self) -> int:
        """The lowest cell of Rd that has a grade."""
        return min(each.rd_from for each in self.rectangles)

    @cached_property
    def plus_b_first(self) -> int:
        """The lowest cell of +b that has a grade."""
        return min(each.plus_b_from for each in self.rectangles)

    @cached_property
    def cells(self) -> Codes:
        """The code of every cell of the smallest box around all grades, ABSENT where unknown.

        Rows are Rd from `rd_first` up, columns +b from `plus_b_first` up.
        """
        rows = max(each.rd_to for each in self.rectangles) - self.rd_first + 1
        columns = max(each.plus_b_to for each in self.rectangles) - self.plus_b_first + 1
        cells = np.full((rows, columns), ABSENT, np.int8)
        for each in self.rectangles:
            cells[
                each.rd_from - self.rd_first : each.rd_to - self.rd_first + 1,
                each.plus_b_from - self.plus_b_first : each.plus_b_to - self.plus_b_first + 1,
            ] = each.grade
        return cells

    def grades_of(self, rd: Hundredths, plus_b: Hundredths) -> Codes:
        """The code of each bale from its readings as they came, in hundredths.

        They are rounded here, once, as the chart says. ABSENT where a value is ABSENT, and where
        the chart says nothing of the cell.
        """
        rows, columns, codes = self._lookup
        graded = np.empty(len(rd), np.int8)
        for start in range(0, len(rd), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            # Every bit pattern of an Int16 has an entry, ABSENT too, so no bound is checked.
            cell = rows.take(rd[part].view(np.uint16), mode="wrap")
            cell += columns.take(plus_b[part].view(np.uint16), mode="wrap")
            codes.take(cell, mode="wrap", out=graded[part])
        return graded

    @cached_property
    def _lookup(self) -> tuple[Offsets, Offsets, Codes]:
        """By raw Rd where its row begins, by raw +b its column, and the codes of all cells."""
        bordered = np.pad(self.cells, ((1, 0), (1, 0)), constant_values=ABSENT)
        rows = _places(self.rd, self.rd_first, len(self.cells)) * bordered.shape[1]
        columns = _places(self.plus_b, self.plus_b_first, self.cells.shape[1])
        return rows.astype(np.int32), columns, np.ascontiguousarray(bordered.reshape(-1))


def _places(axis: Axis, first: int, count: int) -> Offsets:
    """By raw value as UInt16 the place among `count` cells, from 1; 0 outside and where absent."""
    places = np.zeros(_INT16_VALUES, np.int32)
    cells = axis.cells_of(np.arange(_ACCEPTED_VALUES, dtype=np.int32)) - first
    places[:_ACCEPTED_VALUES] = np.where((cells >= 0) & (cells < count), cells + 1, 0)
    return places
