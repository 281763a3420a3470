"""What is wrong in one delivery, area, market price or weight of a bale by itself.

Limits are far above anything real: they keep out values in other units, and sums of any number of
records below what 64 bits hold.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final, cast

from cotton.inspection.v1 import accounts_pb2

from cotton_server.domain.fields import in_units
from cotton_server.domain.identifiers import (
    USDA_CROP_YEARS,
    bale_key_of,
    is_lot_no,
    is_token,
)
from cotton_server.intake.lot_faults import Fault, text_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.intake.rules import RuleSet
    from cotton_server.registry.account_records import AccountMessage

WEIGHT_MAX: Final = 1_000_000_000
"""Of a delivery: 10 000 t in hundredths of a kilogram."""

AREA_MAX: Final = 1_000_000_000
"""Of a unit: 10 million mu in hundredths."""

PRICE_MAX: Final = 100_000_000
"""A million yuan per tonne in hundredths of a yuan."""

VOLUME_MAX: Final = 1_000_000_000_000
"""Traded at a price: 10 million tonnes in hundredths of a kilogram."""

NET_MAX: Final = 100_000
"""Of a bale: 1000 kg or pounds in hundredths."""

SEASONS: Final = USDA_CROP_YEARS
"""First and last crop year that is taken."""

_SERIES: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_GIN: Final = re.compile(r"[0-9]{5}", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_HUNDREDTHS: Final = frozenset({"weight", "area", "price", "volume", "net"})


def delivery_faults(delivery: accounts_pb2.Delivery, rules: RuleSet) -> Iterator[Fault]:
    """What is wrong with a delivery, gravest first."""
    yield from _season_faults(delivery.season)
    if not is_token(delivery.delivery_no):
        yield Fault(
            "delivery_no",
            delivery.delivery_no,
            "Give the buyer's number of it: 1 to 64 printable ASCII characters without blanks.",
        )
    yield from _unit_faults(delivery)
    if delivery.gin_code and not _GIN.fullmatch(delivery.gin_code):
        yield Fault("gin_code", delivery.gin_code, "A gin code has 5 digits. Correct or omit it.")
    yield from _range_faults("weight", delivery.weight, 1, WEIGHT_MAX, "kg")
    if delivery.delivered_at_s < 0:
        at = str(delivery.delivered_at_s)
        yield Fault("delivered_at_s", at, "A time before 1970 is not taken.")
    last = rules.lot_instant_max
    if last is not None and delivery.delivered_at_s > last:
        yield Fault(
            "delivered_at_s",
            str(delivery.delivered_at_s),
            f"Give seconds since 1970, not milli- or microseconds: at most {last} is taken.",
        )


def area_faults(area: accounts_pb2.Area, _rules: RuleSet) -> Iterator[Fault]:
    """What is wrong with an area, gravest first."""
    yield from _season_faults(area.season)
    yield from _unit_faults(area)
    yield from _range_faults("area", area.area, 1, AREA_MAX, "mu")


def price_faults(price: accounts_pb2.MarketPrice, _rules: RuleSet) -> Iterator[Fault]:
    """What is wrong with a price, gravest first."""
    if not _SERIES.fullmatch(price.series):
        yield Fault(
            "series",
            price.series,
            "Say who quotes it: 1 to 64 letters, digits, dots, dashes and underscores.",
        )
    if not _is_day(price.day):
        first, last = SEASONS
        yield Fault(
            "day", price.day, f"Give a day from {first} to {last} that there is, as YYYY-MM-DD."
        )
    yield from _text_faults(price)
    if "/" in price.mark:
        yield Fault("mark", price.mark, "A mark has no slash: prices are named with slashes.")
    if price.lot_no and not is_lot_no(price.lot_no):
        yield Fault(
            "lot_no",
            price.lot_no,
            "A lot number has 11 digits; leave it out for a price of the market.",
        )
    if price.basis == accounts_pb2.PRICE_BASIS_UNSPECIFIED:
        yield Fault("basis", "", "Say whether the price is of lint or of seed cotton.")
    yield from _range_faults("price", price.price, 1, PRICE_MAX, "yuan per tonne")
    yield from _range_faults("volume", price.volume, 0, VOLUME_MAX, "kg")


def bale_weight_faults(weight: accounts_pb2.BaleWeight, _rules: RuleSet) -> Iterator[Fault]:
    """What is wrong with the weight of a bale, gravest first."""
    if bale_key_of(weight.bale) is None:
        yield Fault(
            "bale",
            weight.bale,
            "A bale is named by 32 digits, or by crop year, slash and 12 digits.",
        )
    yield from _text_faults(weight)
    if weight.unit == accounts_pb2.MASS_UNIT_UNSPECIFIED:
        yield Fault("unit", "", "Say whether the weight is in kilograms or in pounds.")
    yield from _range_faults("net", weight.net, 1, NET_MAX, "kg or pounds")


def spelled(message: type[AccountMessage], name: str, value: str | int) -> str:
    """A value of a field of a message as a person reads it."""
    enum = message.DESCRIPTOR.fields_by_name[name].enum_type
    if enum is not None:
        return str(enum.values_by_number[cast("int", value)].name)
    return in_units(cast("int", value)) if name in _HUNDREDTHS else str(value)


def _season_faults(season: int) -> Iterator[Fault]:
    first, last = SEASONS
    if not first <= season <= last:
        yield Fault(
            "season",
            str(season),
            f"Give the crop year, 2024 for the season from September 2024: {first} to {last}.",
        )


def _unit_faults(record: accounts_pb2.Delivery | accounts_pb2.Area) -> Iterator[Fault]:
    if not record.traceability_unit:
        yield Fault("traceability_unit", "", "Name the grower's traceability unit.")
    yield from _text_faults(record)


def _text_faults(record: AccountMessage) -> Iterator[Fault]:
    fault = text_fault(record)
    if fault is not None:
        yield fault


def _range_faults(name: str, value: int, first: int, last: int, unit: str) -> Iterator[Fault]:
    if not first <= value <= last:
        yield Fault(
            name,
            in_units(value),
            f"Between {in_units(first)} and {in_units(last)} {unit} is taken, in hundredths.",
        )


def _is_day(text: str) -> bool:
    """Whether text is a calendar day of a season that is taken, as YYYY-MM-DD."""
    if not _DAY.fullmatch(text):
        return False
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return False
    first, last = SEASONS
    return first <= day.year <= last
