"""Bales that somebody has to look at, a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import summary_pb2
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.parts import UNKNOWN
from cotton_client.render.values import china_time, count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BALE_WIDTH: Final = 32
_LOT_WIDTH: Final = 11
_DAY: Final = len("2024-10-05")


def heading() -> Text:
    """What stands above the lines."""
    line = f"{'Bale':<{_BALE_WIDTH}}  {'Lot':<{_LOT_WIDTH}}  {'Day':<{_DAY}}  Cause 原因"
    return Text(line, style="dim")


def line(bale: summary_pb2.ListedBale) -> Text:
    """A bale: its name, its lot, when it was inspected, and why it is listed."""
    causes = [_cause(each, bale) for each in bale.causes]
    laboratory = f" · {bale.laboratory}" if bale.laboratory else ""
    day = china_time(bale.inspected_at_s)[:_DAY] or UNKNOWN
    return Text.assemble(
        f"{bale.bale:<{_BALE_WIDTH}}  {bale.lot_no or UNKNOWN:<{_LOT_WIDTH}}  {day:<{_DAY}}  ",
        ("; ".join(causes), "yellow"),
        (laboratory, "dim"),
    )


def end(bales: int, causes: Mapping[str, int], revision: int) -> Iterator[Text]:
    """How many there were, by cause."""
    by_cause = " · ".join(
        f"{word.replace('_', ' ')} {count(number)}" for word, number in sorted(causes.items())
    )
    said = f"{counted(bales, 'bale')} ({by_cause})" if bales else "No bale is listed 无"
    yield Text(f"{said} · revision 版本 {revision}", style="dim")


def _cause(cause: int, bale: summary_pb2.ListedBale) -> str:
    """Why a bale is listed; with both grades where laboratory and chart disagree."""
    if cause == summary_pb2.BALE_CAUSE_CHART_DIFFERS:
        return f"laboratory 检验 {bale.colour_grade}, chart 颜色图 {bale.chart_colour_grade}"
    return names.BALE_CAUSES.get(cause, names.bale_cause(cause) or "")
