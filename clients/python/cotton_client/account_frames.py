"""The frames of what money needs, with fixed schemas, and their messages.

Deliveries of seed cotton (籽棉), areas, market prices and weights of single bales. All carry the
integers of the contract: weights in hundredths of a kilogram (of bales also of a pound), areas in
hundredths of a mu (亩), prices in hundredths of a yuan per tonne, times in seconds since
1970-01-01 UTC. Enums stand by name without their prefix. Null means absent. A row with an
amendment takes the place of the record that is in force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl
from cotton.inspection.v1 import accounts_pb2

from cotton_client.fields import enum_names
from cotton_client.frame_amendments import AMENDMENT_COLUMNS, amendable_rows, one_of
from cotton_client.frame_rules import RowRule, refuse_broken, require_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Columns = Mapping[str, pl.Series] | pl.DataFrame

_ORGANISATION: Final = dict.fromkeys(("region", "division", "regiment"), pl.String())

DELIVERIES_SCHEMA: Final = pl.Schema(
    {
        "season": pl.Int32(),
        "delivery_no": pl.String(),
        "traceability_unit": pl.String(),
        **_ORGANISATION,
        "gin_code": pl.String(),
        "weight": pl.Int64(),
        "delivered_at_s": pl.Int64(),
        **AMENDMENT_COLUMNS,
    }
)
"""The deliveries frame: the fields of the message Delivery."""

AREAS_SCHEMA: Final = pl.Schema(
    {
        "season": pl.Int32(),
        "traceability_unit": pl.String(),
        **_ORGANISATION,
        "area": pl.Int64(),
        **AMENDMENT_COLUMNS,
    }
)
"""The areas frame: the fields of the message Area."""

PRICES_SCHEMA: Final = pl.Schema(
    {
        "series": pl.String(),
        "day": pl.String(),
        "mark": pl.String(),
        "lot_no": pl.String(),
        "basis": pl.String(),
        "price": pl.Int64(),
        "volume": pl.Int64(),
        **AMENDMENT_COLUMNS,
    }
)
"""The prices frame: the fields of the message MarketPrice; `day` is "YYYY-MM-DD"."""

BALE_WEIGHTS_SCHEMA: Final = pl.Schema(
    {
        "bale": pl.String(),
        "net": pl.Int64(),
        "unit": pl.String(),
        **AMENDMENT_COLUMNS,
    }
)
"""The frame of weights of bales: the fields of the message BaleWeight."""

BASES: Final = enum_names(accounts_pb2.PriceBasis.keys(), "PRICE_BASIS_")
"""What a price is of: lint (皮棉), or seed cotton (籽棉)."""

MASS_UNITS: Final = enum_names(accounts_pb2.MassUnit.keys(), "MASS_UNIT_")
"""KILOGRAM, POUND."""

_DAY: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_BALE: Final = "^(?:[0-9]{32}|[0-9]{4}/[0-9]{12})$"


def present(columns: Columns, needed: Iterable[str]) -> Iterator[RowRule]:
    """The rules that columns are not null."""
    for column in needed:
        yield RowRule(columns[column].is_null(), column, "is empty", "every record must state it")


def delivery_rules(columns: Columns) -> Iterator[RowRule]:
    """The rules of deliveries: what names one, and its unit and weight, are there."""
    yield from present(columns, ("season", "delivery_no", "traceability_unit", "weight"))


def area_rules(columns: Columns) -> Iterator[RowRule]:
    """The rules of areas: season, unit and area are there."""
    yield from present(columns, ("season", "traceability_unit", "area"))


def price_rules(columns: Columns) -> Iterator[RowRule]:
    """The rules of prices: series, day, basis and price are there; the day is in the calendar."""
    yield from present(columns, ("series", "day", "basis", "price"))
    day = columns["day"]
    real = day.str.contains(_DAY) & day.str.to_date("%Y-%m-%d", strict=False).is_not_null()
    yield RowRule(
        ~real.fill_null(value=False), "day", "is not a day", "write it such as 2024-10-05"
    )
    yield one_of(columns["basis"], "basis", BASES)


def bale_weight_rules(columns: Columns) -> Iterator[RowRule]:
    """The rules of weights of bales: bale, weight and unit are there and of their form."""
    yield from present(columns, ("bale", "net", "unit"))
    yield RowRule(
        ~columns["bale"].str.contains(_BALE).fill_null(value=False),
        "bale",
        "names no bale",
        "write the 32 digits of its bar code, or crop year, a slash and 12 digits",
    )
    yield one_of(columns["unit"], "unit", MASS_UNITS)


def _rows(
    frame: pl.DataFrame, schema: pl.Schema, rules: Callable[[pl.DataFrame], Iterable[RowRule]]
) -> Iterator[dict[str, Any]]:
    """The rows of a frame that keeps its schema and rules, as `amendable_rows`."""
    require_schema(frame, schema)
    refuse_broken(rules(frame))
    return amendable_rows(frame, schema)


def delivery_messages(frame: pl.DataFrame) -> Iterator[accounts_pb2.Delivery]:
    """The messages Delivery of a deliveries frame, in its order, made as they are asked for.

    Raises FrameError on the call.
    """
    rows = _rows(frame, DELIVERIES_SCHEMA, delivery_rules)
    return (accounts_pb2.Delivery(**fields) for fields in rows)


def area_messages(frame: pl.DataFrame) -> Iterator[accounts_pb2.Area]:
    """The messages Area of an areas frame; otherwise as delivery_messages."""
    rows = _rows(frame, AREAS_SCHEMA, area_rules)
    return (accounts_pb2.Area(**fields) for fields in rows)


def price_messages(frame: pl.DataFrame) -> Iterator[accounts_pb2.MarketPrice]:
    """The messages MarketPrice of a prices frame; otherwise as delivery_messages."""
    return (
        accounts_pb2.MarketPrice(**{**fields, "basis": f"PRICE_BASIS_{fields['basis']}"})
        for fields in _rows(frame, PRICES_SCHEMA, price_rules)
    )


def bale_weight_messages(frame: pl.DataFrame) -> Iterator[accounts_pb2.BaleWeight]:
    """The messages BaleWeight of a frame of weights; otherwise as delivery_messages."""
    return (
        accounts_pb2.BaleWeight(**{**fields, "unit": f"MASS_UNIT_{fields['unit']}"})
        for fields in _rows(frame, BALE_WEIGHTS_SCHEMA, bale_weight_rules)
    )
