"""What a reader of a summary must know of its figures, and what they rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton.inspection.v1 import summary_pb2
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.parts import UNKNOWN
from cotton_client.render.values import china_time, count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType


def notes(answer: summary_pb2.SummariseGradesResponse) -> Iterator[RenderableType]:
    """What a reader must know of the figures."""
    warnings = [*_left_out(answer), *_not_complete(answer.total)]
    if answer.basis == summary_pb2.BASIS_FIRST_INSPECTION:
        warnings.append("First inspections only, as corrected: re-tests are left out 仅首检.")
    if warnings:
        yield Text("\n" + "\n".join(warnings), style="yellow")
    if unverified := names.unverified(answer.unverified):
        yield Text(f"\n{unverified}", style="dim")
    standards = ", ".join(answer.standards) or UNKNOWN
    yield Text(
        f"\nMeans of the table are weighted by {answer.weighting or 'bales'} · shares of an item"
        f" total 100 % · standard {standards} · revision 版本 {answer.revision}{_rests_on(answer)}",
        style="dim",
    )


def _left_out(answer: summary_pb2.SummariseGradesResponse) -> Iterator[str]:
    """Groups that are withheld, and up to which day the season before was counted."""
    if withheld := sum(row.withheld for row in answer.rows):
        yield (
            f"{counted(withheld, 'group')} withheld 不公布: of few bales, or so that those cannot"
            " be told from the total and the other groups."
        )
    if answer.total.HasField("last_season") and answer.header.last_inspected_through:
        yield f"Last season 上年度: {_days(answer.header)}."


def _not_complete(total: summary_pb2.SummaryRow) -> Iterator[str]:
    """Lots and bales that are in some figures only, or in none."""
    if total.lots_with_conditioned_weight < total.lots:
        missing = count(total.lots - total.lots_with_conditioned_weight)
        yield f"{missing} of {count(total.lots)} lots have no conditioned weight yet."
    if total.lots_unregistered:
        bales = counted(total.bales_unregistered - total.bales_without_lot, "bale")
        yield f"{bales} of {counted(total.lots_unregistered, 'lot')} not registered so far."
    if total.bales_without_lot:
        yield f"{counted(total.bales_without_lot, 'bale')} of imported cotton without a lot."
    if total.bales_without_standard:
        yield (
            f"{counted(total.bales_without_standard, 'bale')} that no standard grades:"
            " counted, not graded."
        )
    if total.lots_organisation_differs:
        yield (
            f"{count(total.lots_organisation_differs)} of {counted(total.lots, 'lot')} registered"
            " in another division or region than the organisation of their day, by which they are"
            " counted 归属与登记不符."
        )
    if total.lots_withdrawn or total.bales_withdrawn:
        bales = counted(total.bales_withdrawn, "bale")
        lots = counted(total.lots_withdrawn, "lot")
        yield f"{bales} withdrawn ({lots} as a whole): in no figure 已撤销."


def _rests_on(answer: summary_pb2.SummariseGradesResponse) -> str:
    """When the revision was received, and the charts and the organisation that it used."""
    header = answer.header
    said = ""
    if header.received_at_us:
        said += f" of {china_time(header.received_at_us // 1_000_000)}"
    if header.inspected_from or header.inspected_through:
        first = header.inspected_from or "the beginning"
        said += f" · inspected 检验日期 {first} to {header.inspected_through or 'now'}"
    if header.charts:
        said += f" · charts 颜色图 {', '.join(header.charts)}"
    if header.organisation_revision:
        said += f" · organisation 机构 of revision {header.organisation_revision}"
    return said


def _days(header: summary_pb2.SummaryHeader) -> str:
    """The days of the season before that were counted."""
    first = header.last_inspected_from or "its beginning"
    return f"inspected from {first} through {header.last_inspected_through}"
