"""What the ledger says of single places: when and from whom, and why it was decided so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from cotton.inspection.v1 import common_pb2, readings_pb2

from cotton_server.domain.readings import ReadingTable
from cotton_server.intake.content import READINGS, REQUESTS, content_of, kind_of, outcome_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_server.intake.content import Content
    from cotton_server.ledger import Ledger, NewEntry
    from cotton_server.registry.conflicts import Place


class Detail(Enum):
    """What is wanted of a place beside the header of its entry."""

    NONE = "none"
    AMENDMENT = "amendment"
    """Why a correction, withdrawal or resolution was made, and who decided."""
    COMPARISON = "comparison"
    """How a re-test compared, if it was compared with anything."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The header of an entry, and the detail of one of its rows, None where none was wanted."""

    received_at_us: int
    producer: str
    principal: str
    amendment: common_pb2.Amendment | None = None
    comparison: readings_pb2.RetestComparison | None = None


def recorded(ledger: Ledger, wanted: Mapping[Place, Detail]) -> dict[Place, Recorded]:
    """What is recorded at places: ledger position, and row in the batch or request.

    Each entry is read once and decoded at most once; one at a time is held in memory.
    """
    by_position: dict[int, dict[int, Detail]] = {}
    for (position, row), detail in wanted.items():
        by_position.setdefault(position, {})[row] = detail
    answer: dict[Place, Recorded] = {}
    for position, details in sorted(by_position.items()):
        entry = ledger.at(position)
        if entry is None:
            raise AssertionError("what the registry holds has an entry in the ledger")
        answer |= {(position, row): each for row, each in _rows_of(entry.content, details).items()}
    return answer


def _rows_of(header: NewEntry, details: Mapping[int, Detail]) -> dict[int, Recorded]:
    amended = [row for row, detail in details.items() if detail is Detail.AMENDMENT]
    compared = Detail.COMPARISON in details.values()
    amendments: dict[int, common_pb2.Amendment] = {}
    if amended:
        content = content_of(header)
        amendments = {row: _amendment(content, row) for row in amended}
    comparisons = _comparisons(header) if compared else {}
    return {
        row: Recorded(
            header.received_at_us,
            header.producer,
            header.principal,
            amendments.get(row),
            comparisons.get(row) if detail is Detail.COMPARISON else None,
        )
        for row, detail in details.items()
    }


def _amendment(content: Content, row: int) -> common_pb2.Amendment:
    if not isinstance(content, ReadingTable):
        record = REQUESTS[kind_of(content)].records_of(content)[row]
        amendment: common_pb2.Amendment = record.amendment
        return amendment
    kinds = content.kinds
    if kinds is None:
        raise AssertionError("a batch with a correction says so")
    made = common_pb2.Amendment(
        supersedes_revision=int(kinds.supersedes[row]),
        note=kinds.note.at(row),
        decided_by=kinds.decided_by.at(row),
    )
    made.reason = int(kinds.reason[row])  # type: ignore[assignment]  # checked when it was stored
    return made


def _comparisons(header: NewEntry) -> dict[int, readings_pb2.RetestComparison]:
    outcome = outcome_of(header)
    if header.kind != READINGS or not isinstance(outcome, readings_pb2.BatchOutcome):
        raise AssertionError("only readings are compared")
    return {each.row: each.comparison for each in outcome.outcomes if each.HasField("comparison")}
