"""The colour charts that come with the package; a server may have others loaded."""

from __future__ import annotations

from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

from cotton_server.grading.chart_check import check_chart
from cotton_server.grading.chart_file import ChartFileError, parse_chart
from cotton_server.grading.standards import load_standards

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cotton_server.grading.chart import Chart

    ChartsAt = Callable[[int], Mapping[str, Chart]]
    """Gives the charts that grade at a revision, by id of their standard."""


@cache
def load_charts() -> Mapping[str, Chart]:
    """The charts of the package by id of their standard; read once.

    Raises ChartFileError where a file is wrong or does not fit its standard.
    """
    folder = resources.files("cotton_server.grading").joinpath("charts")
    charts: dict[str, Chart] = {}
    for name in sorted(file.name for file in folder.iterdir() if file.name.endswith(".csv")):
        chart = parse_chart(folder.joinpath(name).read_text("utf-8"), name)
        if chart.standard in charts:
            raise ChartFileError(
                name, 1, f"{chart.standard} has another chart.", "Keep one chart a standard."
            )
        standard = load_standards().get(chart.standard)
        if standard is None:
            raise ChartFileError(
                name, 1, f"There is no standard {chart.standard}.", "Correct the key standard."
            )
        for problem in check_chart(chart, standard).problems:
            raise ChartFileError(name, 1, problem, "Correct the file.")
        charts[chart.standard] = chart
    return MappingProxyType(charts)


def packaged_charts(_revision: int) -> Mapping[str, Chart]:
    """The charts of the package, which grade at every revision when none were loaded."""
    return load_charts()
