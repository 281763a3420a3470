"""What a document of money says of itself, as a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cotton.inspection.v1 import reference_pb2

from cotton_server.settlement.describe import spelled
from cotton_server.settlement.rule_set import RuleSet
from cotton_server.settlement.schedule import Schedule
from cotton_server.settlement.schedule_file import SchedulePatch

if TYPE_CHECKING:
    from cotton_server.reference.money import Loaded, Said


def head_message(loaded: Loaded[Any]) -> reference_pb2.DocumentHead:
    """That of a document in force."""
    return said_head(loaded.value, loaded.superseded_by)


def said_head(said: Said, superseded_by: str = "") -> reference_pb2.DocumentHead:
    """That of what a file says; a patch has a unit only where it changes it."""
    head = said.head
    return reference_pb2.DocumentHead(
        title=head.title,
        title_zh=head.title_zh,
        series=head.series,
        effective_from=spelled(head.effective_from),
        effective_through=spelled(head.effective_through),
        supersedes=head.supersedes,
        patch_of=said.patch_of if isinstance(said, Schedule | SchedulePatch) else "",
        source=head.provenance.source,
        confidence=head.provenance.confidence.value,
        note=head.note,
        unit=_unit(said),
        superseded_by=superseded_by,
    )


def _unit(said: Said) -> str:
    if isinstance(said, Schedule):
        return said.unit.value
    if isinstance(said, SchedulePatch):
        return said.parts["unit"].value if "unit" in said.parts else ""
    if isinstance(said, RuleSet):
        return ", ".join(dict.fromkeys(each.rate.unit.value for each in said.payments))
    return ""
