"""The page RESULTS.md and its charts, of the newest results of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks import report, results
from benchmarks.instruments import report as instruments_report
from benchmarks.instruments import results as instruments_results
from benchmarks.national import charts as national_charts
from benchmarks.national import report as national_report
from benchmarks.national import results as national_results
from benchmarks.peers import report as peers_report
from benchmarks.peers import results as peers_results
from benchmarks.scale import index_report
from benchmarks.scale import report as scale_report
from benchmarks.scale import results as scale_results

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PAGE: Final = "RESULTS.md"

_HEAD: Final = """\
# What was measured

<!-- Written by `make bench` and `make bench-national` from the newest files in results; never
edited by hand. -->

"""


@dataclass(frozen=True, slots=True)
class _Part:
    """A kind of results: what the names of its files end with, how one is read and shown."""

    suffix: str
    read: Callable[[Path], Any]
    section: Callable[[Any, str], str]
    text: Callable[[Any], str]
    charts: Callable[[Any], Mapping[str, str]]
    """SVG by the name of its file."""


_PARTS: Final = (
    _Part(
        report.SUFFIX,
        results.read,
        report.section,
        report.text,
        lambda found: {report.PLOT: report.chart(found)},
    ),
    _Part(
        peers_results.SUFFIX,
        peers_results.read,
        peers_report.section,
        peers_report.text,
        lambda found: {peers_report.PLOT: peers_report.chart(found)},
    ),
    _Part(
        scale_results.STORED_SUFFIX,
        scale_results.read_stored,
        scale_report.stored_section,
        scale_report.stored_text,
        lambda found: {scale_report.STORED_PLOT: scale_report.stored_chart(found)},
    ),
    _Part(
        scale_results.INDEX_SUFFIX,
        scale_results.read_index,
        index_report.section,
        index_report.text,
        lambda _: {},
    ),
    _Part(
        scale_results.PROFILE_SUFFIX,
        scale_results.read_profile,
        scale_report.profile_section,
        scale_report.profile_text,
        lambda found: {scale_report.PROFILE_PLOT: scale_report.profile_chart(found)},
    ),
    _Part(
        instruments_results.SUFFIX,
        instruments_results.read,
        instruments_report.section,
        instruments_report.text,
        lambda found: {instruments_report.PLOT: instruments_report.chart(found)},
    ),
    _Part(
        national_results.SUFFIX,
        national_results.read,
        national_report.section,
        national_report.text,
        national_charts.drawn,
    ),
)
"""In the order of the page."""


def newest(directory: Path, suffix: str) -> Path | None:
    """The latest file of results of a kind; their names start with the date."""
    return max(directory.glob(f"*{suffix}"), default=None)


def rewrite(directory: Path) -> str:
    """Writes page and charts in `directory` from the files of its `results`; gives the tables.

    Raises FileNotFoundError when there are none, ValueError when one is not readable.
    """
    sections: list[str] = []
    texts: list[str] = []
    for part in _PARTS:
        source = newest(directory / "results", part.suffix)
        if source is None:
            continue
        found = part.read(source)
        for plot, chart in part.charts(found).items():
            (directory / plot).write_text(chart, encoding="utf-8")
        sections.append(part.section(found, source.name))
        texts.append(part.text(found))
    if not sections:
        raise FileNotFoundError("There are no results yet: run without --report.")
    (directory / PAGE).write_text(_HEAD + "\n".join(sections), encoding="utf-8")
    return "\n\n".join(texts)
