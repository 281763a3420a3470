"""Where lots stand, as JSON: steps with their times, holds, objections with deadlines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton_client.render import names
from cotton_client.render.json_parts import Json, amendment_of, instant, instant_us

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton.inspection.v1 import ingest_pb2, lots_pb2, summary_pb2


def lots(revision: int, statuses: Iterable[summary_pb2.LotStatus]) -> Json:
    """A list of lots."""
    return {"revision": revision, "lots": [lot_status(each) for each in statuses]}


def lot_status(status: summary_pb2.LotStatus) -> Json:
    """The course of one lot."""
    return {
        "lot_no": status.lot_no,
        "state": names.lot_state(status.state),
        "holds": [names.lot_hold(each) for each in status.holds],
        "season": status.season or None,
        "declared_bales": status.declared_bales or None,
        "bales": status.bales,
        "bales_withdrawn": status.bales_withdrawn,
        "open_conflicts": status.open_conflicts,
        "closure": _closure(status.closure) if status.HasField("closure") else None,
        "certificates": (
            _certificates(status.certificates) if status.HasField("certificates") else None
        ),
        "objections": [_objection(each) for each in status.objections],
        "gate_in_at": instant(status.gate_in_at_s),
        "registered_at": instant_us(status.registered_at_us),
        "first_read_at": instant_us(status.first_read_at_us),
        "last_read_at": instant_us(status.last_read_at_us),
        "weighed_at": instant_us(status.weighed_at_us),
        "tested_at": instant_us(status.tested_at_us),
        "final_at": instant_us(status.final_at_us),
        "final_revision": status.final_revision or None,
        "revised_at": instant_us(status.revised_at_us),
        "revised_revision": status.revised_revision or None,
        "withdrawn_at": instant_us(status.withdrawn_at_us),
        "withdrawal": amendment_of(status, "withdrawal"),
        "certified_at": instant(status.certified_at_s),
        "objection_until": status.objection_until or None,
        "age_seconds": status.age_s if status.HasField("age_s") else None,
        "as_of": instant(status.as_of_s),
        "changed_revision": status.changed_revision or None,
        "registration_revision": status.registration_revision or None,
        "weight_revision": status.weight_revision or None,
    }


def producer(answer: ingest_pb2.GetProducerResponse) -> Json:
    """Where a producer stands."""
    return {
        "revision": answer.revision,
        "producer_id": answer.producer_id,
        "next_sequence": answer.next_sequence or None,
        "batches": answer.batches,
        "bales_received": answer.bales_received,
        "last_revision": answer.last_revision or None,
        "last_received_at": instant_us(answer.last_received_at_us),
        "stream_open": answer.stream_open,
    }


def _closure(closure: lots_pb2.LotClosure) -> Json:
    return {
        "laboratory": closure.laboratory or None,
        "bales_received": closure.bales_received,
        "bales_tested": closure.bales_tested,
        "closed_at": instant(closure.closed_at_s),
        "amendment": amendment_of(closure),
    }


def _certificates(certificates: lots_pb2.LotCertificates) -> Json:
    return {
        "quality_certificate_no": certificates.quality_certificate_no or None,
        "weight_certificate_no": certificates.weight_certificate_no or None,
        "issued_at": instant(certificates.issued_at_s),
        "amendment": amendment_of(certificates),
    }


def _objection(status: summary_pb2.ObjectionStatus) -> Json:
    objection = status.objection
    return {
        "objection_no": objection.objection_no,
        "raised_by": objection.raised_by or None,
        "raised_at": instant(objection.raised_at_s),
        "late": status.late,
        "decision_until": status.decision_until or None,
        "overdue": status.overdue,
        "decision": names.decision(objection.decision),
        "decided_by": objection.decided_by or None,
        "decided_at": instant(objection.decided_at_s),
        "note": objection.note or None,
    }
