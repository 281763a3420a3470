"""The history of a bale, each event with what its reading changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import trace_pb2

from cotton_client.render.differences import Difference, between_readings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cotton.inspection.v1 import readings_pb2

_TAKES_FORCE: Final = frozenset(
    {
        trace_pb2.BALE_EVENT_KIND_READ,
        trace_pb2.BALE_EVENT_KIND_CORRECTED,
        trace_pb2.BALE_EVENT_KIND_CONFLICT_ACCEPTED,
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, and how its reading differs from the one in force before it."""

    event: trace_pb2.BaleEvent
    differences: tuple[Difference, ...]


def entries(history: Iterable[trace_pb2.BaleEvent]) -> Iterator[Entry]:
    """The events in their order.

    A reading takes force when it is the first one or a correction, or where the event says
    that it took another out of force; until then it stands beside the one that is.
    """
    in_force: readings_pb2.Reading | None = None
    for event in history:
        differences: list[Difference] = []
        if event.HasField("reading"):
            if in_force is not None:
                differences = between_readings(in_force, event.reading)
            if event.kind in _TAKES_FORCE or event.superseded_revision:
                in_force = event.reading
        yield Entry(event, tuple(differences))
