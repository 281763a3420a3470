"""A rule set of quality-linked pay (与质量挂钩): conditions, what they are tested on, the pay."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from cotton_server.settlement.document import Head, RateUnit, Rounding


class TestedOn(Enum):
    """What a condition is tested on."""

    BALE = "bale"
    """Each bale: of a unit the share of its bales that meet all conditions is paid; bales that lack
    an item of a condition enter neither side."""
    LOT = "lot mean"
    """Each lot: of a unit the share of its conditioned weight that lies in lots that meet all."""
    UNIT = "unit mean"
    """The traceability unit (追溯单元) as a whole: all of it is paid, or nothing."""
    REGIMENT = "regiment mean"
    """The regiment (团场) as a whole, of all lots of its units."""


class Values(Enum):
    """Which value is compared."""

    ROUNDED = "rounded"
    """Rounded once, to the resolution of the measure; of a bale the official value."""
    EXACT = "exact"
    """The mean as it is; of a bale the hundredths that were measured."""


class Weighting(Enum):
    """How the mean of a unit or regiment weighs its lots."""

    BALES = "bales"
    WEIGHT = "conditioned weight"


class ConditionBy(Enum):
    """Which class of an item is compared, of a lot, unit or regiment."""

    MEAN = "mean"
    MAIN = "main"


class PaidOn(Enum):
    """What a rate is paid for."""

    SEED_COTTON = "seed cotton"
    """Kilograms of seed cotton delivered (RecordDeliveries)."""
    LINT = "lint"
    """Conditioned weight of the unit's lots."""
    AREA = "area"
    """Area planted, in mu (RecordAreas)."""


@dataclass(frozen=True, slots=True)
class PayCondition:
    """What one item must be: at least or at most a value, of some classes, or several of these.

    `at_least` and `at_most` are in hundredths of the unit of the measure.
    """

    item: str
    at_least: int | None = None
    at_most: int | None = None
    classes: tuple[str, ...] = ()
    by: ConditionBy = ConditionBy.MEAN


@dataclass(frozen=True, slots=True)
class FixedRate:
    """A stated amount."""

    amount: Decimal
    unit: RateUnit


@dataclass(frozen=True, slots=True)
class ShareOfRate:
    """A share of the season's rate of a target price, rounded once to `decimals`.

    `rate` where the document states the rate itself, else that of the run's target price.
    """

    percent: Decimal
    rate: Decimal | None
    unit: RateUnit
    decimals: int


Rate: TypeAlias = FixedRate | ShareOfRate


@dataclass(frozen=True, slots=True)
class Payment:
    """One pay: what must hold, of what it is tested, and what it pays."""

    name: str
    title: str
    title_zh: str
    conditions: tuple[PayCondition, ...]
    tested_on: TestedOn
    values: Values
    weighting: Weighting
    rate: Rate
    paid_on: PaidOn


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Quality-linked pay of some seasons.

    `scope` has values of keys of lots (`region`, `cotton_type` …) outside which it pays nothing.
    `exclusive`: of the payments whose conditions a unit meets only the first pays; of payments
    tested on bales or lots, each bale or lot counts for the first that it meets.
    """

    head: Head
    seasons: tuple[int, ...]
    standards: tuple[str, ...]
    scope: Mapping[str, tuple[str, ...]]
    exclusive: bool
    rounding: Rounding
    payments: tuple[Payment, ...]
