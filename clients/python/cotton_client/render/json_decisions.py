"""Conflicts, withdrawals, corrections and lot changes, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton_client.render import json_answers, names
from cotton_client.render.differences import between_figures, between_readings
from cotton_client.render.json_parts import (
    Json,
    amendment_of,
    differences,
    instant_us,
    reading,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton.inspection.v1 import amendments_pb2, lifecycle_pb2, readings_pb2

    from cotton_client.amendments import AmendmentsReceipt
    from cotton_client.upload import UploadTotals


def conflicts(revision: int, listed: Iterable[amendments_pb2.Conflict]) -> Json:
    """A list of conflicts."""
    return {"revision": revision, "conflicts": [_conflict(each) for each in listed]}


def conflict_counts(answer: amendments_pb2.CountConflictsResponse) -> Json:
    """Conflicts by laboratory."""
    return {
        "revision": answer.revision,
        "counts": [
            {
                "laboratory": each.laboratory or None,
                "open": each.open,
                "kept": each.kept,
                "accepted": each.accepted,
            }
            for each in answer.counts
        ],
    }


def decisions(receipt: AmendmentsReceipt) -> Json:
    """What became of withdrawals or resolutions."""
    return {
        "revision": receipt.revision,
        "repeated": receipt.repeated,
        "received": receipt.received,
        "applied": receipt.applied,
        "existing": receipt.existing,
        "rejected": receipt.rejected,
        "results": [
            {
                "record": each.row + 1,
                "subject": each.subject,
                "outcome": names.amendment_outcome(each.outcome),
                "field": names.field(each.field),
                "message": each.message or None,
                "stored_revision": each.stored_revision or None,
            }
            for each in receipt.results
        ],
    }


def correction(
    before: readings_pb2.Reading, after: readings_pb2.Reading, totals: UploadTotals
) -> Json:
    """What became of a correction, and what it changes."""
    return {
        **json_answers.upload(totals),
        "superseded_revision": after.amendment.supersedes_revision,
        "changes": differences(between_readings(before, after)),
    }


def change(change: lifecycle_pb2.LotChange, *, with_figures: bool) -> Json:
    """One change to a lot: what differs, and both certificates whole."""
    before, after = (
        json_answers.certificate(getattr(change, name)) if change.HasField(name) else None
        for name in ("before", "after")
    )
    return {
        "event": "change",
        "revision": change.revision,
        "received_at": instant_us(change.received_at_us),
        "lot_no": change.lot_no,
        "kind": names.lot_change(change.kind),
        "state_before": names.lot_state(change.state_before),
        "state_after": names.lot_state(change.state_after),
        **(
            {
                "differences": differences(between_figures(change)),
                "before": before,
                "after": after,
            }
            if with_figures
            else {}
        ),
    }


def told(revision: int) -> Json:
    """The revision up to which every change has been told."""
    return {"event": "told", "revision": revision}


def _conflict(conflict: amendments_pb2.Conflict) -> Json:
    """One conflict, with its readings, and the one in force now."""
    return {
        "conflict_id": conflict.conflict_id,
        "state": names.conflict_state(conflict.state),
        "bale": conflict.bale,
        "outcome": names.outcome(conflict.outcome),
        "field": names.field(conflict.field),
        "received": conflict.received or None,
        "stored": conflict.stored or None,
        "received_reading": reading(conflict.received_reading),
        "stored_reading": reading(conflict.stored_reading),
        "stored_revision": conflict.stored_revision or None,
        "in_force_reading": (
            reading(conflict.in_force_reading) if conflict.HasField("in_force_reading") else None
        ),
        "in_force_revision": conflict.in_force_revision or None,
        "received_at": instant_us(conflict.received_at_us),
        "producer_id": conflict.producer_id,
        "two_seasons": conflict.two_seasons,
        "two_warehouses": conflict.two_warehouses,
        "arrivals": conflict.arrivals,
        "resolved_revision": conflict.resolved_revision or None,
        "resolution": amendment_of(conflict, "resolution"),
    }
