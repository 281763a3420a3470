"""The list of standards as a page for the terminal, and the words that pages of them share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton.inspection.v1 import common_pb2
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.parts import table

if TYPE_CHECKING:
    from cotton.inspection.v1 import grading_pb2
    from rich.console import Console, ConsoleOptions, RenderResult


class StandardList:
    """The page of all standards."""

    def __init__(self, answer: grading_pb2.ListStandardsResponse) -> None:
        self._answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A line a standard, and what is not known of each below."""
        listed = table(
            [
                ("Standard 标准", ""),
                ("Title 名称", ""),
                ("Cotton 棉花类型", ""),
                ("In force 实施", ""),
                ("Seasons 年度", ""),
            ]
        )
        for each in self._answer.standards:
            listed.add_row(
                Text(each.id, style="bold"),
                " ".join(filter(None, (each.title, each.title_zh))),
                ", ".join(map(cotton_type, each.cotton_types)),
                in_force(each),
                seasons(each),
            )
        yield listed
        for each in self._answer.standards:
            if each.unknown:
                yield Text(f"{each.id} not known 未知: {', '.join(each.unknown)}", style="yellow")
            if each.unverified:
                unverified = ", ".join(each.unverified)
                yield Text(f"{each.id} unverified 未核实: {unverified}", style="yellow")
        yield Text(f"\nGrading version 定级版本 {self._answer.grading_version}", style="dim")


def cotton_type(word: str) -> str:
    """A cotton type by its name in the contract, without prefix."""
    known = dict(common_pb2.CottonType.items())
    return names.COTTON_TYPES.get(known.get(f"COTTON_TYPE_{word}", 0), word.lower())


def in_force(summary: grading_pb2.StandardSummary) -> str:
    """From when to when; says so where the day is not known."""
    start, end = summary.in_force_from, summary.in_force_to
    if not start and "in_force_from" in summary.unknown:
        return "day not known 未知"
    return f"{start} to {end}" if end else f"from {start}"


def seasons(summary: grading_pb2.StandardSummary) -> str:
    """The crop years that it grades by itself."""
    first, last = summary.first_season, summary.last_season
    if first and last:
        return f"{first} to {last}"
    if first:
        return f"from {first}"
    return f"to {last}" if last else "all"
