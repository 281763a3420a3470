"""Looks at a chart beside its standard: what it leaves open, says twice, and never gives."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cotton_server.domain.fields import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.grading.chart import Chart, Rectangle
    from cotton_server.grading.standard import Standard

LISTED_MAX: Final = 1_000
"""Gaps and overlaps of a report; `gap_cells` counts all."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Unknown cells between known ones: a run along one axis, at one value of the other.

    All in hundredths; `axis` is that along which the run goes, "rd" or "plus_b", both ends
    included, `at` the value of the other one.
    """

    axis: str
    at: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two rows of the file, by their lines, that give a cell the same grade."""

    grade: int
    line: int
    other_line: int


@dataclass(frozen=True, slots=True)
class ChartReport:
    """What was found in a chart; gaps and overlaps leave it usable, `problems` do not."""

    cells: int
    """Cells that have a grade."""
    gap_cells: int
    gaps: tuple[Gap, ...]
    """At most LISTED_MAX, by axis and place."""
    overlaps: tuple[Overlap, ...]
    """At most LISTED_MAX, in the order of the file."""
    unreachable: tuple[int, ...]
    """Grades of the standard that no cell has."""
    unlisted: tuple[int, ...]
    """Grades of the chart that the standard does not have."""
    problems: tuple[str, ...]
    """Why the chart cannot grade bales under the standard, and what to do."""

    @property
    def usable(self) -> bool:
        """Whether the chart can grade bales under the standard."""
        return not self.problems


def check_chart(chart: Chart, standard: Standard) -> ChartReport:
    """What the chart leaves open, says twice, never gives, and gives without right."""
    known = chart.cells != ABSENT
    along_rd, along_b = _between(known, 0), _between(known, 1)
    colour = standard.colour
    codes = () if colour is None else tuple(grade.code for grade in colour.grades)
    return ChartReport(
        cells=int(known.sum()),
        gap_cells=int((along_rd | along_b).sum()),
        gaps=tuple(islice(_gaps(chart, along_rd, along_b), LISTED_MAX)),
        overlaps=tuple(islice(_overlaps(chart), LISTED_MAX)),
        unreachable=tuple(code for code in codes if code not in chart.grades),
        unlisted=_unlisted(chart, standard),
        problems=tuple(chart_problems(chart, standard)),
    )


def chart_problems(chart: Chart, standard: Standard) -> Iterator[str]:
    """Why the chart cannot grade bales under the standard, and what to do; without the report."""
    if chart.standard != standard.id:
        yield (
            f"The chart is of {chart.standard}, not of {standard.id}: check it with its own "
            "standard, or correct the key standard."
        )
    if standard.colour is None:
        yield f"{standard.id} has no colour grades that are known: no chart can grade by it."
    elif unlisted := _unlisted(chart, standard):
        names = ", ".join(map(str, unlisted))
        yield f"{standard.id} does not have {names}: correct the column grade."


def _unlisted(chart: Chart, standard: Standard) -> tuple[int, ...]:
    colour = standard.colour
    codes = () if colour is None else tuple(grade.code for grade in colour.grades)
    return tuple(code for code in chart.grades if code not in codes)


def _between(known: npt.NDArray[np.bool_], axis: int) -> npt.NDArray[np.bool_]:
    """The unknown cells that have known ones on both sides along an axis."""
    before = np.maximum.accumulate(known, axis)
    after = np.flip(np.maximum.accumulate(np.flip(known, axis), axis), axis)
    return before & after & ~known


def _gaps(
    chart: Chart, along_rd: npt.NDArray[np.bool_], along_b: npt.NDArray[np.bool_]
) -> Iterator[Gap]:
    rd, plus_b = chart.rd.resolution, chart.plus_b.resolution
    for column, first, last in _runs(along_rd.T):
        yield Gap(
            "rd",
            (chart.plus_b_first + column) * plus_b,
            (chart.rd_first + first) * rd,
            (chart.rd_first + last) * rd,
        )
    for row, first, last in _runs(along_b):
        yield Gap(
            "plus_b",
            (chart.rd_first + row) * rd,
            (chart.plus_b_first + first) * plus_b,
            (chart.plus_b_first + last) * plus_b,
        )


def _runs(marked: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Row, first and last place of every run of marked cells, row by row."""
    edges = np.diff(np.pad(marked.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, firsts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    for row, first, end in zip(rows.tolist(), firsts.tolist(), ends.tolist(), strict=True):
        yield row, first, end - 1


def _overlaps(chart: Chart) -> Iterator[Overlap]:
    """Rows that share a cell with an earlier one; which rows gave a cell is kept by cell."""
    lines = np.zeros(chart.cells.shape, np.int32)
    for each in chart.rectangles:
        region = _region(lines, chart, each)
        for line in np.unique(region[region != 0]).tolist():
            yield Overlap(each.grade, each.line, line)
        region[:] = each.line


def _region(
    cells: npt.NDArray[np.int32], chart: Chart, rectangle: Rectangle
) -> npt.NDArray[np.int32]:
    return cells[
        rectangle.rd_from - chart.rd_first : rectangle.rd_to - chart.rd_first + 1,
        rectangle.plus_b_from - chart.plus_b_first : rectangle.plus_b_to - chart.plus_b_first + 1,
    ]
