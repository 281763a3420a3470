"""Target prices (目标价格): target, market price and its determination, cap of volume, rate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from cotton_server.settlement.document import Head, Rounding


class MarketMean(Enum):
    """How prices of a window become one."""

    DAYS = "days"
    """Each day counts alike; a day with several prices counts with their mean."""
    VOLUME = "volume"
    """Each price counts by its volume; all must have one."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """Seed cotton (籽棉) to lint: (price - (1 - turnout) x seed price) / turnout + processing.

    `turnout` (衣分) in percent, prices in yuan per kg, `processing` in yuan per tonne of lint.
    """

    turnout: Decimal
    seed_price: Decimal
    processing: Decimal


@dataclass(frozen=True, slots=True)
class Determination:
    """The market price from recorded ones: of a series, from a day through a day of the season.

    Days as (month, day); grades are marks such as "3128", empty for any. `conversion` is needed
    once a price of the series is one of seed cotton.
    """

    series: str
    first: tuple[int, int]
    last: tuple[int, int]
    grades: tuple[str, ...]
    mean: MarketMean
    conversion: Conversion | None


@dataclass(frozen=True, slots=True)
class Cap:
    """The most output that is paid for: tonnes, or a share in percent of a base output.

    `tonnes` None: the base output is not known, and a run must state the eligible output.
    """

    tonnes: Decimal | None
    percent: Decimal | None
    base_tonnes: Decimal | None


@dataclass(frozen=True, slots=True)
class SeasonTarget:
    """One season. Prices in yuan per tonne of lint; `rate` in yuan per kg of seed cotton.

    `market` where the price was announced, else it is determined; `rate` where that was.
    """

    season: int
    target: Decimal
    market: Decimal | None
    rate: Decimal | None
    cap: Cap | None


@dataclass(frozen=True, slots=True)
class TargetPrice:
    """fund = max(0, target - market) x eligible output; rate = fund / seed cotton delivered."""

    head: Head
    scope: Mapping[str, tuple[str, ...]]
    seasons: Mapping[int, SeasonTarget]
    determination: Determination | None
    rounding: Rounding
    """Decimals of the rate per kg as `price_decimals`."""
