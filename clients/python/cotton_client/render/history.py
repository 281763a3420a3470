"""The history of a bale for the terminal: every event, what it changed, why, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.comparison import TOLERANCES_UNVERIFIED, measures, verdict
from cotton_client.render.decisions import why
from cotton_client.render.events import Entry, entries
from cotton_client.render.parts import UNKNOWN
from cotton_client.render.values import china_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton.inspection.v1 import trace_pb2
    from rich.console import RenderableType


def history(events: Sequence[trace_pb2.BaleEvent]) -> Iterator[RenderableType]:
    """The events in order; what belongs to one stands below it."""
    for entry in entries(events):
        yield _headline(entry.event)
        for line in _lines(entry):
            yield Padding(line, (0, 0, 0, 4))
    if any(each.comparison.unverified for each in events):
        yield Text(f"\n{TOLERANCES_UNVERIFIED}", style="dim")


def _headline(event: trace_pb2.BaleEvent) -> Text:
    """Revision, time, what happened, and whether its reading counts."""
    line = Text.assemble(
        (f"{event.revision}", "bold"),
        f"  {china_time(event.received_at_us // 1_000_000)}  ",
        (names.BALE_EVENTS.get(event.kind, names.bale_event(event.kind) or ""), "bold"),
    )
    if event.in_force:
        line.append("  in force 有效", style="bold green")
    if event.first_inspection:
        line.append("  counts as first inspection 计入首检", style="cyan")
    return line


def _lines(entry: Entry) -> Iterator[Text]:
    """Who sent it, what it changed, why, and how a re-test compares."""
    event = entry.event
    reading = event.reading
    sent = f"sent by {event.producer_id}" if event.producer_id else ""
    if event.principal:
        sent += f" ({event.principal})"
    laboratory = " ".join(
        filter(
            None,
            (reading.laboratory, f"instrument {reading.instrument}" if reading.instrument else ""),
        )
    )
    kind = names.READING_KINDS.get(reading.kind, "") if event.HasField("reading") else ""
    yield Text(" · ".join(filter(None, (kind, laboratory, sent, f"row {event.row}"))), style="dim")
    for each in entry.differences:
        yield Text(f"{each.name}: {each.before or UNKNOWN} → {each.after or UNKNOWN}")
    if event.superseded_revision:
        yield Text(f"takes the place of the reading of revision {event.superseded_revision}")
    if event.HasField("amendment") and (reason := why(event.amendment)):
        yield Text(reason)
    if event.conflict_id:
        yield Text(f"conflict {event.conflict_id}", style="yellow")
    if event.HasField("comparison"):
        comparison = event.comparison
        style = "green" if comparison.within_tolerance else "bold yellow"
        yield Text(
            f"compared with revision {comparison.original_revision}: {verdict(comparison)}",
            style=style,
        )
        for line in measures(comparison):
            yield Text(f"  {line}")
