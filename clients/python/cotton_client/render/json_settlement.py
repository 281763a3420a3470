"""Settlements as JSON objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cotton_client.render import names
from cotton_client.render.json_parts import Json, instant_us, present
from cotton_client.render.json_references import document_head
from cotton_client.render.json_tables import table_rows
from cotton_client.render.values import scaled

if TYPE_CHECKING:
    from cotton.inspection.v1 import settlement_pb2

    from cotton_client.render.settlement import Settled


def settled(found: Settled) -> Json:
    """What a settlement came to."""
    return {
        "revision": found.header.revision,
        "header": header(found.header),
        "total": table_rows(found.total)[0],
        "keys": list(found.totals.key_names) if found.totals is not None else [],
        "totals": [_keyed(row, found) for row in table_rows(found.totals)]
        if found.totals is not None
        else [],
        "held": [{"reason": reason, "lots": lots} for reason, lots in found.held],
        "lines": {
            "table": names.settlement_table(found.lines.kind),
            "rows": table_rows(found.lines.table),
        }
        if found.lines is not None
        else None,
    }


def header(header: settlement_pb2.SettlementHeader) -> Json:
    """What a settlement was computed by."""
    return {
        "revision": header.revision,
        "received_at": instant_us(header.received_at_us),
        "terms": terms(header.terms),
        "documents": [
            {
                "kind": names.reference_kind(each.kind),
                "id": each.id,
                "stored_revision": each.revision,
                "sha256": each.sha256,
                "head": document_head(each.head),
            }
            for each in header.documents
        ],
        "settlement_version": header.settlement_version,
        "grading_version": header.grading_version or None,
        "standards": list(header.standards),
        "unverified": list(header.unverified),
        "not_checked": list(header.not_checked),
        "currency": header.currency or None,
        "unit": header.unit or None,
        "charts": list(header.charts),
        "organisation_revision": header.organisation_revision or None,
        "digest": header.digest or None,
        "lots": header.lots,
        "units": header.units,
        "regiments": header.regiments,
        "lots_held": header.lots_held,
        "units_held": header.units_held,
        "target_price": _target_price(header.target_price)
        if header.HasField("target_price")
        else None,
    }


def terms(terms: settlement_pb2.SettlementTerms) -> Json:
    """What is settled, at which revision and by which documents."""
    return {
        "revision": terms.revision or None,
        "season": terms.season or None,
        "filters": [
            {
                "key": names.summary_key(each.key),
                "values": [names.key_value(each.key, value) for value in each.values],
            }
            for each in terms.filters
        ],
        "basis": names.basis(terms.basis),
        "schedule": terms.schedule or None,
        "schedule_series": terms.schedule_series or None,
        "schedule_day": terms.schedule_day or None,
        "rule_sets": list(terms.rule_sets),
        "target_price": terms.target_price or None,
        "base_price": present(terms, "base_price"),
        "base_price_series": terms.base_price_series or None,
        "base_price_day": terms.base_price_day or None,
        "eligible_output_kg": present(terms, "eligible_output"),
    }


def frozen(answer: settlement_pb2.FreezeRunResponse) -> Json:
    """What became of a run that was to be frozen."""
    (result,) = answer.outcome.results or (None,)
    return {
        "revision": answer.revision,
        "repeated": answer.repeated_request,
        "created": answer.outcome.created,
        "existing": answer.outcome.existing,
        "conflicting": answer.outcome.conflicting,
        "rejected": answer.outcome.rejected,
        "message": (result.message or None) if result else None,
        "stored_revision": (result.stored_revision or None) if result else None,
    }


def _target_price(result: settlement_pb2.TargetPriceResult) -> Json:
    return {
        "target": present(result, "target"),
        "market": present(result, "market"),
        "market_by": result.market_by or None,
        "market_prices": result.market_prices,
        "output_kg": present(result, "output"),
        "cap_kg": present(result, "cap"),
        "eligible_output_kg": present(result, "eligible_output"),
        "fund": present(result, "fund"),
        "delivered_kg": present(result, "delivered"),
        "rate": scaled(result.rate, result.rate_decimals) if result.HasField("rate") else None,
        "rate_by": result.rate_by or None,
        "problem": result.problem or None,
        "lots_left_out": result.lots_left_out,
    }


def _keyed(row: dict[str, Any], found: Settled) -> Json:
    """A row with its keys apart, as a summary has them."""
    keys = found.totals.key_names if found.totals is not None else ()
    return {
        "keys": {name: row[name] for name in keys},
        **{name: value for name, value in row.items() if name not in keys},
    }
