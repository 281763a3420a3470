"""Conflicts as pages for the terminal: one by one, and counted by laboratory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.decisions import why
from cotton_client.render.differences import where_readings_differ
from cotton_client.render.parts import UNKNOWN
from cotton_client.render.values import china_time, count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton.inspection.v1 import amendments_pb2
    from rich.console import RenderableType


def conflicts(revision: int, listed: Sequence[amendments_pb2.Conflict]) -> Iterator[RenderableType]:
    """Every conflict with all that differs, in order of arrival."""
    if not listed:
        yield Text("No conflict matches.", style="yellow")
    for each in listed:
        yield from _conflict(each)
    number = counted(len(listed), "conflict")
    yield Text(f"\n{number} · revision 版本 {revision}", style="dim")


def counts(answer: amendments_pb2.CountConflictsResponse) -> Iterator[RenderableType]:
    """A line a laboratory, and the total."""
    if answer.counts:
        table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
        table.add_column("Laboratory 实验室", overflow="fold")
        for heading in ("Open 未处理", "Kept 维持", "Accepted 采纳"):
            table.add_column(heading, justify="right", no_wrap=True)
        for each in answer.counts:
            table.add_row(
                each.laboratory or "not given",
                Text(count(each.open), style="bold yellow" if each.open else ""),
                count(each.kept),
                count(each.accepted),
            )
        table.add_row(
            "Total 合计",
            count(sum(each.open for each in answer.counts)),
            count(sum(each.kept for each in answer.counts)),
            count(sum(each.accepted for each in answer.counts)),
            style="bold",
        )
        yield table
    else:
        yield Text("No conflict is stored.", style="green")
    yield Text(f"\nRevision 版本 {answer.revision}", style="dim")


def _conflict(conflict: amendments_pb2.Conflict) -> Iterator[RenderableType]:
    """Which bale, from whom, and a table of both readings."""
    state = names.conflict_state(conflict.state) or ""
    yield Text.assemble(
        (f"{conflict.conflict_id}", "bold"),
        f"  bale {conflict.bale}  ",
        (state, "bold yellow" if state == "open" else "green"),
    )
    arrivals = f", {count(conflict.arrivals)} times" if conflict.arrivals > 1 else ""
    laboratory = conflict.received_reading.laboratory or "no laboratory given"
    received = china_time(conflict.received_at_us // 1_000_000)
    yield Text(f"  {received} from {conflict.producer_id}, {laboratory}{arrivals}", style="dim")
    grounds = [
        text
        for holds, text in (
            (conflict.two_seasons, "lots of two seasons 跨年度"),
            (conflict.two_warehouses, "lots at two warehouses 跨仓库"),
        )
        if holds
    ]
    if grounds:
        yield Text(f"  {', '.join(grounds)}", style="bold red")
    yield _readings(conflict)
    if not conflict.in_force_revision:
        yield Text("  nothing of the bale is in force now", style="yellow")
    if conflict.resolved_revision:
        yield Text(
            f"  {state} at revision {conflict.resolved_revision}: {why(conflict.resolution)}",
            style="green",
        )


def _readings(conflict: amendments_pb2.Conflict) -> Table:
    """What differs between the reading that was met, the one received and the one in force now.

    The one that was met is said to be in force only while it is.
    """
    then, now = conflict.stored_revision, conflict.in_force_revision
    readings = [conflict.stored_reading, conflict.received_reading]
    headings = [f"{'In force' if then == now else 'Then in force'} (revision {then})", "Received"]
    if now not in (0, then):
        readings.append(conflict.in_force_reading)
        headings.append(f"In force now (revision {now})")
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("Field", no_wrap=True)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    first = names.field(conflict.field)
    differing = where_readings_differ(readings)
    for name, values in differing.items():
        style = "bold" if name == first else "dim"
        table.add_row(name, *(value or UNKNOWN for value in values), style=style)
    if not differing:
        table.add_row(first or UNKNOWN, conflict.stored or UNKNOWN, conflict.received or UNKNOWN)
    return table
