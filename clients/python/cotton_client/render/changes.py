"""Changes to lots for the terminal: old and new figures side by side, only what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.differences import Difference, between_figures
from cotton_client.render.parts import UNKNOWN
from cotton_client.render.values import china_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cotton.inspection.v1 import lifecycle_pb2
    from rich.console import RenderableType


def change(change: lifecycle_pb2.LotChange) -> Iterator[RenderableType]:
    """What happened to a lot, then every figure that differs."""
    states = " → ".join(
        (names.lot_state(each) or "").replace("_", " ")
        for each in (change.state_before, change.state_after)
        if each
    )
    yield Text.assemble(
        f"{china_time(change.received_at_us // 1_000_000)}  revision {change.revision}  ",
        (f"lot {change.lot_no}", "bold"),
        "  ",
        (names.LOT_CHANGES.get(change.kind, names.lot_change(change.kind) or ""), "bold green"),
        f"  {states}",
    )
    if not change.HasField("after"):
        return
    found = between_figures(change)
    if not found:
        yield Text("    no printed figure differs 数据无变化", style="dim")
        return
    yield side_by_side(found)


def side_by_side(found: Iterable[Difference]) -> Table:
    """Values before and after, a line each."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("Before 原值", overflow="fold")
    table.add_column("After 现值", overflow="fold")
    for each in found:
        name = each.name.replace("_kg", " kg").replace("_percent", " %").replace("_", " ")
        table.add_row(
            f"  {name.replace('.', ' ')}",
            each.before or UNKNOWN,
            Text(each.after or UNKNOWN, style="bold"),
        )
    return table
