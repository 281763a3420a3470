"""The page RESULTS.md and its charts, of the newest results of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks import report, results
from benchmarks.instruments import report as instruments_report
from benchmarks.instruments import results as instruments_results
from benchmarks.national import charts as national_charts
from benchmarks.national import report as national_report
from benchmarks.national import results as national_results

if TYPE_CHECKING:
    from pathlib import Path

PAGE: Final = "RESULTS.md"

_HEAD: Final = """\
# What was measured

<!-- Written by `make bench` and `make bench-national` from the newest files in results; never
edited by hand. -->

"""


def newest(directory: Path, suffix: str) -> Path | None:
    """The latest file of results of a kind; their names start with the date."""
    return max(directory.glob(f"*{suffix}"), default=None)


def rewrite(directory: Path) -> str:
    """Writes page and charts in `directory` from the files of its `results`; gives the tables.

    Raises FileNotFoundError when there are none, ValueError when one is not readable.
    """
    sections: list[str] = []
    texts: list[str] = []
    bulk = newest(directory / "results", report.SUFFIX)
    if bulk is not None:
        of_bulk = results.read(bulk)
        (directory / report.PLOT).write_text(report.chart(of_bulk), encoding="utf-8")
        sections.append(report.section(of_bulk, bulk.name))
        texts.append(report.text(of_bulk))
    single = newest(directory / "results", instruments_results.SUFFIX)
    if single is not None:
        of_single = instruments_results.read(single)
        chart = instruments_report.chart(of_single)
        (directory / instruments_report.PLOT).write_text(chart, encoding="utf-8")
        sections.append(instruments_report.section(of_single, single.name))
        texts.append(instruments_report.text(of_single))
    season = newest(directory / "results", national_results.SUFFIX)
    if season is not None:
        of_season = national_results.read(season)
        for plot, chart in national_charts.drawn(of_season).items():
            (directory / plot).write_text(chart, encoding="utf-8")
        sections.append(national_report.section(of_season, season.name))
        texts.append(national_report.text(of_season))
    if not sections:
        raise FileNotFoundError("There are no results yet: run without --report.")
    (directory / PAGE).write_text(_HEAD + "\n".join(sections), encoding="utf-8")
    return "\n\n".join(texts)
