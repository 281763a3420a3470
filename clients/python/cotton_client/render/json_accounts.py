"""Records of what money needs as JSON objects: what became of them, and what is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton_client.render import names
from cotton_client.render.json_parts import Json, amendment_of, instant
from cotton_client.render.values import shortest

if TYPE_CHECKING:
    from cotton.inspection.v1 import accounts_pb2

    from cotton_client.accounts import AccountsReceipt
    from cotton_client.render.account_totals import AccountTotals


def receipt(receipt: AccountsReceipt) -> Json:
    """What became of records that were sent."""
    return {
        "revision": receipt.revision,
        "repeated": receipt.repeated,
        "requests": receipt.requests,
        "repeated_requests": receipt.repeated_requests,
        "received": receipt.received,
        "created": receipt.created,
        "existing": receipt.existing,
        "conflicting": receipt.conflicting,
        "rejected": receipt.rejected,
        "corrected": receipt.corrected,
        "superseded": receipt.superseded,
        "issues": [_result(each) for each in receipt.issues],
        "amended": [_result(each) for each in receipt.amended],
    }


def record(record: accounts_pb2.AccountRecord, revision: int) -> Json:
    """One record in force, in real units."""
    match record.WhichOneof("record"):
        case "delivery":
            said = _delivery(record.delivery)
        case "area":
            said = _area(record.area)
        case "price":
            said = _price(record.price)
        case _:
            said = _weight(record.weight)
    message = getattr(record, str(record.WhichOneof("record")))
    return {
        **said,
        "amendment": amendment_of(message),
        "stored_revision": record.revision,
        "versions": record.versions,
        "revision": revision,
    }


def end(totals: AccountTotals, revision: int) -> Json:
    """How many records there were, and what they add up to."""
    sums = {name: shortest(number) for name, number in totals.sums.items()}
    return {"event": "end", "revision": revision, "records": totals.records, **sums}


def _delivery(delivery: accounts_pb2.Delivery) -> Json:
    return {
        "event": "delivery",
        "season": delivery.season,
        "delivery_no": delivery.delivery_no,
        "traceability_unit": delivery.traceability_unit,
        "region": delivery.region or None,
        "division": delivery.division or None,
        "regiment": delivery.regiment or None,
        "gin_code": delivery.gin_code or None,
        "weight_kg": shortest(delivery.weight),
        "delivered_at": instant(delivery.delivered_at_s),
    }


def _area(area: accounts_pb2.Area) -> Json:
    return {
        "event": "area",
        "season": area.season,
        "traceability_unit": area.traceability_unit,
        "region": area.region or None,
        "division": area.division or None,
        "regiment": area.regiment or None,
        "area_mu": shortest(area.area),
    }


def _price(price: accounts_pb2.MarketPrice) -> Json:
    return {
        "event": "price",
        "series": price.series,
        "day": price.day,
        "mark": price.mark or None,
        "lot_no": price.lot_no or None,
        "basis": names.price_basis(price.basis),
        "price_yuan_per_tonne": shortest(price.price),
        "volume_kg": shortest(price.volume) if price.volume else None,
    }


def _weight(weight: accounts_pb2.BaleWeight) -> Json:
    return {
        "event": "bale_weight",
        "bale": weight.bale,
        "net": shortest(weight.net),
        "unit": names.MASS_UNITS.get(weight.unit),
    }


def _result(result: accounts_pb2.AccountResult) -> Json:
    return {
        "record": result.row + 1,
        "key": result.key,
        "outcome": names.lot_outcome(result.outcome),
        "field": names.account_field(result.field),
        "received": result.received or None,
        "stored": result.stored or None,
        "message": result.message or None,
        "stored_revision": result.stored_revision or None,
    }
