"""What every document of money says of itself: schedule, rule set, target price."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decimal import Decimal

    from cotton_server.grading.standard import Provenance

SCOPE_KEYS: Final = (
    "region",
    "division",
    "regiment",
    "county",
    "gin",
    "production_line",
    "warehouse",
    "cotton_type",
    "picking_mode",
    "channel",
    "traceability_unit",
    "agency",
)
"""The keys of lots that a scope may have. They are part of how a stored document is decided: what
else summaries come to group by is none of them."""


class RateUnit(Enum):
    """What a rate is paid for; its currency is part of it."""

    YUAN_PER_TONNE = "yuan/t"
    YUAN_PER_KG = "yuan/kg"
    YUAN_PER_MU = "yuan/mu"
    CENTS_PER_POUND = "cents/lb"

    @property
    def currency(self) -> str:
        """The ISO 4217 code of what amounts are in."""
        return "USD" if self is RateUnit.CENTS_PER_POUND else "CNY"


class RoundingMode(Enum):
    """How the one rounding of a printed figure treats what lies half way."""

    HALF_EVEN = "half even"
    HALF_UP = "half up"
    """Half way goes away from zero (四舍五入)."""


class MoneyFrom(Enum):
    """What a lot's money is computed of."""

    EXACT = "exact"
    """Of the unrounded price."""
    PRINTED = "printed"
    """Of the price as printed."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """How amounts are printed: each is rounded once.

    Decimals of prices in the unit of the document ("80.65 yuan/t") and of money ("3 433.21").
    """

    mode: RoundingMode
    price_decimals: int
    money_decimals: int
    money_from: MoneyFrom


@dataclass(frozen=True, slots=True)
class Head:
    """What a document says of itself.

    Days count from 1970-01-01, China time, both included; None is open. Documents of one `series`
    take turns: no two of them are in force on one day, unless one `supersedes` the other (by id),
    which then is in force no more wherever both would be.
    """

    id: str
    title: str
    title_zh: str
    series: str
    effective_from: int | None
    effective_through: int | None
    supersedes: str
    provenance: Provenance
    note: str
    """What the sources do not state and the document therefore assumes; "" where nothing is."""


@dataclass(frozen=True, slots=True)
class Band:
    """Official values from `lower` to `upper`, in hundredths, both included; None is open."""

    name: str
    lower: int | None
    upper: int | None


@dataclass(frozen=True, slots=True)
class Rated:
    """What a class or a band is paid."""

    name: str
    rate: Decimal


def is_verified(head: Head) -> bool:
    """Whether the source of a document is of high confidence; users are shown which is not."""
    return head.provenance.confidence.value == "H"
