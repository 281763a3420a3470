"""Records that money needs, as tests send them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cotton.inspection.v1 import accounts_pb2

from tests.support.bales import code

if TYPE_CHECKING:
    from cotton_server.intake.content import AccountsRequest
    from cotton_server.registry.account_records import AccountMessage
    from cotton_server.registry.registry import Registry


def delivery(number: int | str = 1, **fields: Any) -> accounts_pb2.Delivery:
    """A delivery of 3 t in the season 2024."""
    plain = {
        "season": 2024,
        "delivery_no": f"D-{number}",
        "traceability_unit": "U-1",
        "region": "兵团",
        "division": "第八师",
        "regiment": "121团",
        "gin_code": "65140",
        "weight": 300_000,
    }
    return accounts_pb2.Delivery(**{**plain, **fields})


def area(unit: str = "U-1", **fields: Any) -> accounts_pb2.Area:
    """An area of 50 mu in the season 2024."""
    plain = {"season": 2024, "traceability_unit": unit, "regiment": "121团", "area": 5_000}
    return accounts_pb2.Area(**{**plain, **fields})


def price(day: str = "2024-10-05", **fields: Any) -> accounts_pb2.MarketPrice:
    """A price of lint."""
    plain = {
        "series": "xinjiang-purchase",
        "day": day,
        "basis": accounts_pb2.PRICE_BASIS_LINT,
        "price": 1_450_000,
    }
    return accounts_pb2.MarketPrice(**{**plain, **fields})


def bale_weight(number: int = 1, **fields: Any) -> accounts_pb2.BaleWeight:
    """A bale of 227 kg."""
    plain = {"bale": code(number), "net": 22_700, "unit": accounts_pb2.MASS_UNIT_KILOGRAM}
    return accounts_pb2.BaleWeight(**{**plain, **fields})


def request_of(*records: AccountMessage, **named: str) -> AccountsRequest:
    """A request that holds records of one kind."""
    some: Any = records
    match records[0]:
        case accounts_pb2.Delivery():
            return accounts_pb2.RecordDeliveriesRequest(deliveries=some, **named)
        case accounts_pb2.Area():
            return accounts_pb2.RecordAreasRequest(areas=some, **named)
        case accounts_pb2.MarketPrice():
            return accounts_pb2.RecordMarketPricesRequest(prices=some, **named)
        case accounts_pb2.BaleWeight():
            return accounts_pb2.RecordBaleWeightsRequest(weights=some, **named)


def held(registry: Registry) -> list[list[tuple[object, ...]]]:
    """Every row of every kind that a registry holds: position, values, amendment, versions."""
    tables = [registry.accounts.table(kind) for kind in accounts_pb2.AccountKind.values() if kind]
    return [
        [
            (
                table.position(row),
                table.values(row),
                table.amendment(row),
                table.versions_up_to(row),
            )
            for row in range(len(table))
        ]
        for table in tables
    ]
