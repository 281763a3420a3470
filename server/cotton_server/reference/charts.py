"""The colour charts that grade at a revision: those of the package and those loaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import reference_pb2

from cotton_server.grading.chart_file import parse_chart
from cotton_server.grading.charts import load_charts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_server.grading.chart import Chart
    from cotton_server.registry.records import Version
    from cotton_server.registry.references import Document
    from cotton_server.registry.registry import Registry

COLOUR_CHART: Final = reference_pb2.REFERENCE_KIND_COLOUR_CHART

_STATES_MAX: Final = 16
"""Sets of charts kept: that of the latest revision, and of a few older ones asked for in turn."""


@dataclass(frozen=True, slots=True)
class LoadedChart:
    """A chart and how figures name it.

    That is by its document and the revision that loaded it, "id@12"; a chart of the package by
    its id alone.
    """

    chart: Chart
    label: str


def charts_at(registry: Registry, revision: int) -> Mapping[str, LoadedChart]:
    """The charts in force at a revision by id of their standard; a loaded one comes first."""
    return _charts_of(tuple(registry.references.in_force(COLOUR_CHART, revision)))


@lru_cache(maxsize=_STATES_MAX)
def _charts_of(versions: tuple[Version[Document], ...]) -> Mapping[str, LoadedChart]:
    charts = {standard: LoadedChart(chart, chart.id) for standard, chart in load_charts().items()}
    for version in versions:
        chart = chart_of(version.record)
        charts[chart.standard] = LoadedChart(chart, f"{version.record.id}@{version.position}")
    return MappingProxyType(charts)


@lru_cache(maxsize=128)
def chart_of(document: Document) -> Chart:
    """What a stored document says."""
    return parse_chart(document.content, document.id)
