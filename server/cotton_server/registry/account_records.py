"""Records that money needs, in compact form: which values each kind has, and what names it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import numpy as np
from cotton.inspection.v1 import accounts_pb2

from cotton_server.domain.identifiers import BaleKey, bale_key_of
from cotton_server.registry.records import amendment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cotton.inspection.v1 import common_pb2

Kind: TypeAlias = accounts_pb2.AccountKind.ValueType
AccountMessage: TypeAlias = (
    accounts_pb2.Delivery | accounts_pb2.Area | accounts_pb2.MarketPrice | accounts_pb2.BaleWeight
)
Key: TypeAlias = str | int
Values: TypeAlias = tuple[str | int, ...]

DELIVERY: Final = accounts_pb2.ACCOUNT_KIND_DELIVERY
AREA: Final = accounts_pb2.ACCOUNT_KIND_AREA
MARKET_PRICE: Final = accounts_pb2.ACCOUNT_KIND_MARKET_PRICE
BALE_WEIGHT: Final = accounts_pb2.ACCOUNT_KIND_BALE_WEIGHT

_WORD_BITS: Final = 64


class Texts(Enum):
    """How a column of texts is kept."""

    SHARED = "shared"
    """Many rows have the same: by number, in a dictionary of their own."""
    OWN = "own"
    """Nearly every row has another."""


@dataclass(frozen=True, slots=True)
class Account:
    """A record: its values in the order of its layout, and what names it among those of its kind.

    The amendment is that of a record that takes the place of another.
    """

    key: Key
    values: Values
    amendment: common_pb2.Amendment | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """What records of a kind are made of.

    `columns` has, by name and in the order of values, the dtype of numbers or how texts are kept;
    `sorted_by` are the columns that name a record. `key_of` gives the key of a message, None where
    it has none, `parts_of` the values of `sorted_by` that a key is made of, and `label_of` what
    people call a message; `values_of` the values of a message without fault, and `message_of` a
    message without amendment.
    """

    kind: Kind
    columns: Mapping[str, type[np.integer[Any]] | Texts]
    sorted_by: tuple[str, ...]
    key_of: Callable[[Any], Key | None]
    parts_of: Callable[[Any], Values]
    label_of: Callable[[Any], str]
    values_of: Callable[[Any], Values]
    message_of: Callable[[Values], AccountMessage]

    def account(self, message: AccountMessage) -> Account:
        """The record that a message without fault is."""
        key = self.key_of(message)
        if key is None:
            raise AssertionError("a message without key has a fault")
        return Account(key, self.values_of(message), amendment_of(message))


def _plain(
    message: type[AccountMessage], columns: Mapping[str, type[np.integer[Any]] | Texts]
) -> dict[str, Any]:
    """How messages are read and made whose fields are the values."""
    names = tuple(columns)
    return {
        "columns": columns,
        "values_of": attrgetter(*names),
        "message_of": lambda values: message(**dict(zip(names, values, strict=True))),
    }


def _weight_values(weight: accounts_pb2.BaleWeight) -> Values:
    key = bale_key_of(weight.bale)
    if key is None:
        raise AssertionError("the name of a bale was checked before")
    return key.high, key.low, weight.net, weight.unit


def _weight_message(values: Values) -> accounts_pb2.BaleWeight:
    high, low, net, unit = cast("tuple[int, int, int, Any]", values)
    return accounts_pb2.BaleWeight(bale=str(BaleKey(high, low)), net=net, unit=unit)


def _bale_number(weight: accounts_pb2.BaleWeight) -> int | None:
    key = bale_key_of(weight.bale)
    return None if key is None else key.high << _WORD_BITS | key.low


def _delivery_label(delivery: accounts_pb2.Delivery) -> str:
    return f"{delivery.season}/{delivery.delivery_no}"


def _area_label(area: accounts_pb2.Area) -> str:
    return f"{area.season}/{area.traceability_unit}"


def _price_label(price: accounts_pb2.MarketPrice) -> str:
    # No part but the last may have a slash.
    return f"{price.series}/{price.day}/{price.mark}/{price.lot_no}".rstrip("/")


def _season_parts(key: str) -> Values:
    season, _, name = key.partition("/")
    return int(season), name


def _price_parts(key: str) -> Values:
    series, day, mark, lot_no = (*key.split("/", 3), "", "")[:4]
    return series, day, mark, lot_no


def _bale_parts(key: int) -> Values:
    return key >> _WORD_BITS, key & (1 << _WORD_BITS) - 1


LAYOUTS: Final[Mapping[Kind, Layout]] = {
    each.kind: each
    for each in (
        Layout(
            kind=DELIVERY,
            sorted_by=("season", "delivery_no"),
            key_of=_delivery_label,
            parts_of=_season_parts,
            label_of=_delivery_label,
            **_plain(
                accounts_pb2.Delivery,
                {
                    "season": np.int16,
                    "delivery_no": Texts.OWN,
                    "traceability_unit": Texts.SHARED,
                    "region": Texts.SHARED,
                    "division": Texts.SHARED,
                    "regiment": Texts.SHARED,
                    "gin_code": Texts.SHARED,
                    "weight": np.int64,
                    "delivered_at_s": np.int64,
                },
            ),
        ),
        Layout(
            kind=AREA,
            sorted_by=("season", "traceability_unit"),
            key_of=_area_label,
            parts_of=_season_parts,
            label_of=_area_label,
            **_plain(
                accounts_pb2.Area,
                {
                    "season": np.int16,
                    "traceability_unit": Texts.OWN,
                    "region": Texts.SHARED,
                    "division": Texts.SHARED,
                    "regiment": Texts.SHARED,
                    "area": np.int64,
                },
            ),
        ),
        Layout(
            kind=MARKET_PRICE,
            sorted_by=("series", "day", "mark", "lot_no"),
            key_of=_price_label,
            parts_of=_price_parts,
            label_of=_price_label,
            **_plain(
                accounts_pb2.MarketPrice,
                {
                    "series": Texts.SHARED,
                    "day": Texts.SHARED,
                    "mark": Texts.SHARED,
                    "lot_no": Texts.OWN,
                    "basis": np.int8,
                    "price": np.int64,
                    "volume": np.int64,
                },
            ),
        ),
        Layout(
            kind=BALE_WEIGHT,
            columns={"high": np.uint64, "low": np.uint64, "net": np.int32, "unit": np.int8},
            sorted_by=("high", "low"),
            key_of=_bale_number,
            parts_of=_bale_parts,
            label_of=attrgetter("bale"),
            values_of=_weight_values,
            message_of=_weight_message,
        ),
    )
}
"""The layout of every kind."""
