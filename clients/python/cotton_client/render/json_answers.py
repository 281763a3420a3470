"""Answers as JSON objects: the contract of --json, described in docs/cli.md.

Decimals are strings in real units in their shortest exact form, counts are integers, what
is not known is null, and every answer names its revision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton_client.render import names
from cotton_client.render.events import entries
from cotton_client.render.json_figures import figures
from cotton_client.render.json_parts import (
    Json,
    amendment_of,
    comparison_of,
    differences,
    grade,
    instant,
    instant_us,
    present,
    reading,
)
from cotton_client.render.json_status import lot_status
from cotton_client.render.values import shortest
from cotton_client.render.warned import warned_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton.inspection.v1 import lots_pb2, readings_pb2, summary_pb2, trace_pb2

    from cotton_client.errors import CottonError
    from cotton_client.lots import LotsReceipt
    from cotton_client.upload import UploadTotals

_UPLOAD_COUNTS = (
    "received",
    "created",
    "existing",
    "conflicting",
    "rejected",
    "superseded",
    "corrected",
    "retested",
    "warned",
    "unregistered",
    "batches",
    "repeated_batches",
    "resent_batches",
)


def certificate(answer: summary_pb2.GetLotCertificateResponse) -> Json:
    """A lot's certificate."""
    weight = answer.weight if answer.HasField("weight") else None
    return {
        "revision": answer.revision,
        "lot_no": answer.lot.lot_no,
        "state": names.lot_state(answer.state),
        "season": answer.season or None,
        "standard": answer.standard or None,
        "grading_version": answer.grading_version or None,
        "mark": answer.mark or None,
        "main_colour": answer.main_colour or None,
        "length_level": answer.length_level or None,
        "main_micronaire": answer.main_micronaire or None,
        "first_inspected_on": answer.first_inspected_on or None,
        "last_inspected_on": answer.last_inspected_on or None,
        "laboratories": list(answer.laboratories),
        "bales": answer.bales,
        "bales_under_other_standards": answer.bales_under_other_standards,
        "bales_without_standard": answer.bales_without_standard,
        "unverified": list(answer.unverified),
        "lot": lot(answer.lot),
        "weight": None if weight is None else certificate_weight(weight),
        "figures": figures(answer.figures),
        "basis": names.basis(answer.basis),
        "status": lot_status(answer.status) if answer.HasField("status") else None,
        "region": answer.region or None,
        "division": answer.division or None,
        "regiment": answer.regiment or None,
        "county": answer.county or None,
        "organisation_differs": answer.organisation_differs,
        "organisation_revision": answer.organisation_revision or None,
        "charts": list(answer.charts),
    }


def lot(lot: lots_pb2.Lot) -> Json:
    """A lot as it was registered."""
    return {
        "lot_no": lot.lot_no,
        "gin_code": lot.gin_code or None,
        "gin_name": lot.gin_name or None,
        "warehouse": lot.warehouse or None,
        "region": lot.region or None,
        "division": lot.division or None,
        "regiment": lot.regiment or None,
        "county": lot.county or None,
        "cotton_type": names.cotton_type(lot.cotton_type),
        "picking_mode": names.picking_mode(lot.picking_mode),
        "channel": names.channel(lot.channel),
        "traceability_unit": lot.traceability_unit or None,
        "origin": lot.origin or None,
        "agency": lot.agency or None,
        "declared_bales": lot.declared_bales or None,
        "gate_in_at": instant(lot.gate_in_at_s),
        "standard": lot.standard or None,
        "quality_certificate_no": lot.quality_certificate_no or None,
        "production_line": lot.production_line or None,
        "amendment": amendment_of(lot),
    }


def certificate_weight(weight: summary_pb2.CertificateWeight) -> Json:
    """What a lot weighs; kilograms and percent."""
    record = weight.record
    return {
        "gross_kg": shortest(record.gross),
        "tare_kg": shortest(record.tare),
        "net_kg": shortest(weight.net),
        "conditioned_kg": present(weight, "conditioned"),
        "regain_percent": present(record, "regain"),
        "trash_percent": present(record, "trash"),
        "resolution_kg": shortest(record.resolution),
        "truck_gross_kg": shortest(record.truck_gross) if record.truck_gross else None,
        "truck_tare_kg": shortest(record.truck_tare) if record.truck_tare else None,
        "scale": record.scale or None,
        "operator": record.operator or None,
        "weighed_at": instant(record.weighed_at_s),
        "weight_certificate_no": record.weight_certificate_no or None,
        "amendment": amendment_of(record),
    }


def bale(answer: trace_pb2.GetBaleResponse) -> Json:
    """One bale, its reading and its grade."""
    named = answer.reading
    usda = named.WhichOneof("bale") == "usda_bale"
    return {
        "revision": answer.revision,
        "bale_code": None if usda else named.bale_code,
        "usda_bale_id": named.usda_bale.bale_id if usda else None,
        "crop_year": named.usda_bale.crop_year if usda else None,
        "gin_code": answer.gin_code or None,
        "baled_on": answer.baled_on or None,
        "bale_number": answer.bale_number or None,
        "lot_registered": answer.lot_registered,
        "stored_at_revision": answer.stored_at_revision,
        "row": answer.row,
        "producer_id": answer.producer_id,
        "received_at": instant_us(answer.received_at_us),
        "reading": reading(answer.reading),
        "grade": grade(answer.grade),
        "withdrawn": answer.withdrawn,
        "lot_withdrawn": answer.lot_withdrawn,
        "awaiting_original": answer.awaiting_original,
        "history": [
            {
                "revision": each.event.revision,
                "row": each.event.row,
                "kind": names.bale_event(each.event.kind),
                "received_at": instant_us(each.event.received_at_us),
                "producer_id": each.event.producer_id,
                "principal": each.event.principal or None,
                "reading": reading(each.event.reading) if each.event.HasField("reading") else None,
                "differences": differences(each.differences),
                "amendment": amendment_of(each.event),
                "conflict_id": each.event.conflict_id or None,
                "comparison": comparison_of(each.event),
                "in_force": each.event.in_force,
                "first_inspection": each.event.first_inspection,
                "superseded_revision": each.event.superseded_revision or None,
            }
            for each in entries(answer.history)
        ],
    }


def upload(totals: UploadTotals) -> Json:
    """What became of the bales of an upload."""
    return {
        "revision": totals.revision,
        "batches": totals.batches,
        "received": totals.received,
        "created": totals.created,
        "existing": totals.existing,
        "conflicting": totals.conflicting,
        "rejected": totals.rejected,
        "superseded": totals.superseded,
        "corrected": totals.corrected,
        "retested": totals.retested,
        "warned": totals.warned,
        "unregistered": totals.unregistered,
        "repeated_batches": totals.repeated_batches,
        "resent_batches": totals.resent_batches,
        "issues": [_issue(each.bale, each.outcome) for each in totals.issues],
        "amended": [
            {
                "record": each.bale,
                "bale": each.outcome.bale,
                "outcome": names.outcome(each.outcome.outcome),
                "stored_revision": each.outcome.stored_revision or None,
                "comparison": comparison_of(each.outcome),
            }
            for each in totals.amended
        ],
        "warnings": [
            {
                "record": each.bale,
                "bale": each.name or None,
                "field": names.field(each.warning.field),
                "rule": names.rule(each.warning.rule),
                "received": received or None,
                "limit": limit or None,
            }
            for each in totals.warnings
            for received, limit in (warned_values(each.warning),)
        ],
        "existing_bales": [
            {"first": bales.start, "count": len(bales)} for bales in totals.existing_bales
        ],
    }


def uploads(files: Sequence[tuple[str, UploadTotals]]) -> Json:
    """What became of every file that was sent."""
    return {
        "revision": max((totals.revision for _, totals in files), default=0),
        **{name: sum(getattr(totals, name) for _, totals in files) for name in _UPLOAD_COUNTS},
        "files": [{"file": name, **upload(totals)} for name, totals in files],
    }


def lots_receipt(receipt: LotsReceipt) -> Json:
    """What became of lots or weights."""
    return {
        "revision": receipt.revision,
        "repeated": receipt.repeated,
        "received": receipt.received,
        "created": receipt.created,
        "existing": receipt.existing,
        "conflicting": receipt.conflicting,
        "rejected": receipt.rejected,
        "corrected": receipt.corrected,
        "superseded": receipt.superseded,
        "warned": receipt.warned,
        "results": [
            {
                "record": each.row + 1,
                "lot_no": each.lot_no,
                "outcome": names.lot_outcome(each.outcome),
                "field": names.field(each.field),
                "received": each.received or None,
                "stored": each.stored or None,
                "message": each.message or None,
                "stored_revision": each.stored_revision or None,
            }
            for each in receipt.results
        ],
        "warnings": [
            {
                "record": each.row + 1,
                "lot_no": each.lot_no,
                "field": names.field(each.field),
                "rule": names.rule(each.rule),
                "received": each.received or None,
                "limit": each.limit or None,
            }
            for each in receipt.warnings
        ],
    }


def error(error: CottonError) -> Json:
    """An error, as it goes to standard error."""
    body: Json = {"reason": error.reason, "message": error.message, "remedy": error.remedy}
    if error.violations:
        body["violations"] = [
            {"field": each.field, "description": each.description} for each in error.violations
        ]
    if error.metadata:
        body["metadata"] = error.metadata
    if error.request_id:
        body["request_id"] = error.request_id
    return {"error": body}


def _issue(bale: int, outcome: readings_pb2.BaleOutcome) -> Json:
    """One bale that conflicts or was rejected."""
    return {
        "record": bale,
        "bale": outcome.bale,
        "outcome": names.outcome(outcome.outcome),
        "field": names.field(outcome.field),
        "rule": names.rule(outcome.rule),
        "received": outcome.received or None,
        "stored": outcome.stored or None,
        "limit": outcome.limit or None,
        "stored_revision": outcome.stored_revision or None,
        "conflict_id": outcome.conflict_id or None,
    }
