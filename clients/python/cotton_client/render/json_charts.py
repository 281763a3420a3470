"""Colour charts as JSON objects: the contract of --json, described in docs/cli.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton_client.render.values import shortest

if TYPE_CHECKING:
    from cotton_server.grading.chart import Chart
    from cotton_server.grading.chart_check import ChartReport, Gap

    from cotton_client.render.json_parts import Json


def chart(chart: Chart) -> Json:
    """A chart with its rectangles of cells, in real units, both ends included."""
    rd, plus_b = chart.rd.resolution, chart.plus_b.resolution
    return {
        **_about(chart),
        "rectangles": [
            {
                "grade": str(each.grade),
                "plus_b_from": shortest(each.plus_b_from * plus_b),
                "plus_b_to": shortest(each.plus_b_to * plus_b),
                "rd_from": shortest(each.rd_from * rd),
                "rd_to": shortest(each.rd_to * rd),
            }
            for each in chart.rectangles
        ],
    }


def report(chart: Chart, report: ChartReport) -> Json:
    """What was found in a chart."""
    return {
        **_about(chart),
        "usable": report.usable,
        "problems": list(report.problems),
        "cells": report.cells,
        "gap_cells": report.gap_cells,
        "gaps": [_gap(each) for each in report.gaps],
        "overlaps": [
            {"grade": str(each.grade), "line": each.line, "other_line": each.other_line}
            for each in report.overlaps
        ],
        "unreachable": list(map(str, report.unreachable)),
        "unlisted": list(map(str, report.unlisted)),
    }


def _about(chart: Chart) -> Json:
    return {
        "id": chart.id,
        "standard": chart.standard,
        "title": chart.title,
        "provenance": {
            "source": chart.provenance.source,
            "confidence": chart.provenance.confidence.value,
        },
        "rd_resolution": shortest(chart.rd.resolution),
        "rd_rounding": chart.rd.rounding.value,
        "plus_b_resolution": shortest(chart.plus_b.resolution),
        "plus_b_rounding": chart.plus_b.rounding.value,
    }


def _gap(gap: Gap) -> Json:
    """A run of unknown cells along one axis, at one value of the other."""
    return {
        "axis": gap.axis,
        "at": shortest(gap.at),
        "from": shortest(gap.first),
        "to": shortest(gap.last),
    }
