"""What was found in a colour chart, as a page for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from cotton_client.render.chart import about
from cotton_client.render.values import count, counted, shortest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.grading.chart import Chart
    from cotton_server.grading.chart_check import ChartReport, Gap
    from rich.console import Console, ConsoleOptions, RenderResult

SHOWN_MAX: Final = 20
"""Gaps and overlaps that a page lists; --json lists a thousand."""

_NAMES: Final = {"rd": "Rd", "plus_b": "+b"}
_OTHER: Final = {"rd": "plus_b", "plus_b": "rd"}


class ChartReportPage:
    """The page of a check."""

    def __init__(self, chart: Chart, report: ChartReport) -> None:
        self._chart = chart
        self._report = report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What the chart is, what was found, and whether it can be used."""
        yield from about(self._chart, options.max_width)
        yield from _found(self._report)
        if self._report.usable:
            yield Text("It can be loaded 可载入: cotton reference load FILE", style="green")
            return
        yield Text("It cannot be used 不可用", style="bold red")
        for problem in self._report.problems:
            yield Text(f"  {problem}", style="red")


def _found(report: ChartReport) -> Iterator[Text]:
    yield Text(f"{counted(report.cells, 'cell')} with a grade")
    if report.gap_cells:
        yield Text(
            f"{counted(report.gap_cells, 'cell')} open between others 空缺: bales in them get no"
            " grade by the chart",
            style="yellow",
        )
        yield from _first([_gap(each) for each in report.gaps])
    if report.overlaps:
        yield Text("Rows that give a cell the same grade 重叠", style="yellow")
        yield from _first(
            [f"{each.grade}: lines {each.other_line} and {each.line}" for each in report.overlaps]
        )
    if report.unreachable:
        grades = " ".join(map(str, report.unreachable))
        yield Text(f"Grades that no cell has 无对应区域: {grades}", style="yellow")


def _first(lines: list[str]) -> Iterator[Text]:
    for line in lines[:SHOWN_MAX]:
        yield Text(f"  {line}")
    if len(lines) > SHOWN_MAX:
        yield Text(f"  and {count(len(lines) - SHOWN_MAX)} more; --json lists them", style="dim")


def _gap(gap: Gap) -> str:
    """Such as "+b 7.4: Rd 80 to 81"."""
    run = shortest(gap.first)
    if gap.last > gap.first:
        run += f" to {shortest(gap.last)}"
    return f"{_NAMES[_OTHER[gap.axis]]} {shortest(gap.at)}: {_NAMES[gap.axis]} {run}"
