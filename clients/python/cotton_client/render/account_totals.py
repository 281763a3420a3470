"""Sums over records of what money needs, in the integers of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import accounts_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton.inspection.v1.accounts_pb2 import AccountRecord

_SUMS: Final[Mapping[int, tuple[str, ...]]] = {
    accounts_pb2.ACCOUNT_KIND_DELIVERY: ("weight_kg",),
    accounts_pb2.ACCOUNT_KIND_AREA: ("area_mu",),
    accounts_pb2.ACCOUNT_KIND_MARKET_PRICE: ("volume_kg",),
    accounts_pb2.ACCOUNT_KIND_BALE_WEIGHT: ("net_kg", "net_lb"),
}


class AccountTotals:
    """The number of records of one kind, and the exact sums of what can be added up.

    `sums`: hundredths by the name that JSON has for them.
    """

    def __init__(self, kind: int) -> None:
        self.records = 0
        self.sums = dict.fromkeys(_SUMS[kind], 0)

    def add(self, record: AccountRecord) -> None:
        """Adds one record."""
        self.records += 1
        match record.WhichOneof("record"):
            case "delivery":
                self.sums["weight_kg"] += record.delivery.weight
            case "area":
                self.sums["area_mu"] += record.area.area
            case "price":
                self.sums["volume_kg"] += record.price.volume
            case "weight":
                in_pounds = record.weight.unit == accounts_pb2.MASS_UNIT_POUND
                self.sums["net_lb" if in_pounds else "net_kg"] += record.weight.net
