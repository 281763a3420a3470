"""`cotton charts`: colour charts in files, checked and shown on this machine, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cotton_client.cli.exits import Exit
from cotton_client.cli.output import TABLE_WIDTH_MAX, emit
from cotton_client.cli.reference_kinds import COLOUR_CHART
from cotton_client.errors import InputError
from cotton_client.render import json_charts
from cotton_client.render.chart import ChartPage
from cotton_client.render.chart_report import ChartReportPage

if TYPE_CHECKING:
    from cotton_server.grading.chart import Chart

_json: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
_file: Final = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))


@click.group(name="charts")
def command() -> None:
    """Check and show colour charts.

    A chart (颜色分级图) is a CSV file (docs/files.md): which cells of Rd and +b have which colour
    grade under a standard. `cotton reference load` has a server grade by it.
    """


@command.command(name="check")
@_file
@_json
def check(file: Path, as_json: bool) -> Exit:
    """Check a chart before it is loaded.

    Lists gaps, overlaps, grades of the standard that no cell has and those that it does not
    have. Exits 3 where the chart cannot be used; gaps and overlaps of one grade do not
    prevent it: a bale in a gap gets no grade by the chart.
    """
    from cotton_server.grading.chart_check import check_chart  # noqa: PLC0415 - loads numpy
    from cotton_server.grading.standards import load_standards  # noqa: PLC0415 - as above

    chart = _read(file)
    standard = load_standards().get(chart.standard)
    if standard is None:
        raise InputError(
            f"{file}: there is no standard {chart.standard}.",
            reason="INVALID_FILE",
            remedy=f"Name one of {', '.join(load_standards())} in the key standard.",
            metadata={"file": str(file)},
        )
    report = check_chart(chart, standard)
    emit(ChartReportPage(chart, report), json_charts.report(chart, report), as_json=as_json)
    return Exit.OK if report.usable else Exit.BAD_INPUT


@command.command(name="show")
@_file
@_json
def show(file: Path, as_json: bool) -> None:
    """Show a chart as a grid: Rd downwards, +b across."""
    chart = _read(file)
    emit(ChartPage(chart), json_charts.chart(chart), as_json=as_json, width_max=TABLE_WIDTH_MAX)


def _read(file: Path) -> Chart:
    """The chart of a file; raises InputError for one that cannot be used."""
    from cotton_server.grading.chart_file import parse_chart  # noqa: PLC0415 - loads numpy

    from cotton_client.cli.reference_files import read_document  # noqa: PLC0415 - as above

    content = read_document(file, COLOUR_CHART, None).document.content
    return parse_chart(content, str(file))
