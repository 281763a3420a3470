"""A colour chart as a page for the terminal: a grid of cells, in blocks as wide as the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from cotton_client.render.parts import fields, heading, table
from cotton_client.render.values import count, fixed, shortest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.grading.chart import Axis, Chart
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

CELLS_DRAWN_MAX: Final = 20_000
"""Cells of a box up to which a grid can be looked through; above it stand extents only."""

_STYLES: Final = {
    "1": "default",
    "2": "yellow",
    "3": "green",
    "4": "magenta",
    "5": "red",
}
"""Colour of the types, by the second digit of a grade."""

_OPEN: Final = "·"
_MARGIN: Final = 6


class ChartPage:
    """The page of one chart."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What it is, the extent of every grade, and the grid."""
        chart = self._chart
        yield from about(chart, options.max_width)
        yield _extents(chart)
        if chart.cells.size > CELLS_DRAWN_MAX:
            yield Text(
                f"{count(chart.cells.size)} cells are too many for a grid of a page.", style="dim"
            )
            return
        yield from _grid(chart, options.max_width)


def about(chart: Chart, width: int) -> Iterator[RenderableType]:
    """What the chart is, where it comes from, and how values fall into its cells."""
    yield heading("Colour chart 颜色分级图")
    yield Text(f"{chart.id}: {chart.title}", style="bold")
    yield fields(
        [
            ("Standard 标准", chart.standard),
            ("Rd 反射率", _axis(chart.rd)),
            ("+b 黄色深度", _axis(chart.plus_b)),
            ("Confidence 可信度", chart.provenance.confidence.value),
        ],
        width,
    )
    yield Text(f"  {chart.provenance.source}", style="dim")


def _axis(axis: Axis) -> str:
    return f"to {shortest(axis.resolution)}, {axis.rounding.value}"


def _extents(chart: Chart) -> RenderableType:
    """Of every grade its cells, and between which values they lie."""
    listed = table([("Grade 级", ""), ("Cells", "right"), ("Rd", ""), ("+b", "")])
    listed.expand = False
    for grade in chart.grades:
        own = [each for each in chart.rectangles if each.grade == grade]
        rd = (min(each.rd_from for each in own), max(each.rd_to for each in own))
        plus_b = (min(each.plus_b_from for each in own), max(each.plus_b_to for each in own))
        listed.add_row(
            Text(str(grade), style=_style(grade)),
            count(int((chart.cells == grade).sum())),
            " to ".join(shortest(each * chart.rd.resolution) for each in rd),
            " to ".join(shortest(each * chart.plus_b.resolution) for each in plus_b),
        )
    return listed


def _grid(chart: Chart, width: int) -> Iterator[Text]:
    """The cells, Rd downwards from the highest; as many columns of +b as fit stand side by side."""
    decimals = len(shortest(chart.plus_b.resolution).partition(".")[2])
    columns = chart.cells.shape[1]
    labels = [
        fixed((chart.plus_b_first + column) * chart.plus_b.resolution, decimals)
        for column in range(columns)
    ]
    cell = max(map(len, labels)) + 1
    across = max((width - _MARGIN) // cell, 1)
    for start in range(0, columns, across):
        part = slice(start, start + across)
        yield Text()
        yield Text("+b".rjust(_MARGIN) + "".join(each.rjust(cell) for each in labels[part]), "dim")
        for row in range(len(chart.cells) - 1, -1, -1):
            rd = shortest((chart.rd_first + row) * chart.rd.resolution)
            line = Text(rd.rjust(_MARGIN), style="dim")
            for code in chart.cells[row, part].tolist():
                known = code > 0
                line.append(
                    (str(code) if known else _OPEN).rjust(cell), _style(code) if known else "dim"
                )
            yield line


def _style(grade: int) -> str:
    return _STYLES.get(str(grade)[-1], "default")
