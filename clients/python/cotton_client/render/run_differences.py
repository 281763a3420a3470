"""Where two settlement runs differ, for the terminal: a line a figure, in order as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from cotton_client.render import names
from cotton_client.render.parts import UNKNOWN
from cotton_client.render.settlement import terms_text
from cotton_client.render.values import count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton.inspection.v1 import settlement_pb2


def beginning(first: settlement_pb2.CompareRunsResponse) -> Iterator[Text]:
    """Which runs are compared, and how many lines differ."""
    for label, stored in (("Before 原批次", first.before), ("After 现批次", first.after)):
        run = stored.run
        yield Text.assemble(
            (f"{label}  ", "dim"),
            (run.id, "bold"),
            f"  revision {run.terms.revision}  {terms_text(run.terms)}",
        )
    yield Text(
        f"{counted(first.lines_differing, 'line')} {_differ(first.lines_differing)} 不同,"
        f" {count(first.lines_only_before)} only before 仅原批次,"
        f" {count(first.lines_only_after)} only after 仅现批次",
        style="bold",
    )


def line_heading(found: settlement_pb2.LineDifference) -> Text:
    """The lot, unit or regiment of the differences that follow."""
    return Text(f"{_one(names.settlement_table(found.table))} {found.line}", style="bold")


def difference(found: settlement_pb2.LineDifference) -> Text:
    """One column before and after; of a line that only one run has, which."""
    if not found.column:
        where = "only before 仅原批次" if found.before else "only after 仅现批次"
        return Text(f"    {where}", style="yellow")
    return Text.assemble(
        (f"    {found.column}  ", "dim"),
        f"{found.before or UNKNOWN} → ",
        (found.after or UNKNOWN, "bold"),
    )


def end(told: int, listed: int) -> Text:
    """How many differences there were, and how many of them were not listed."""
    more = f", {count(told - listed)} not listed; --output writes all" if told > listed else ""
    return Text(f"\n{counted(told, 'difference')}{more}", style="dim")


def _one(table: str | None) -> str:
    return (table or "").removesuffix("s")


def _differ(lines: int) -> str:
    return "differs" if lines == 1 else "differ"
