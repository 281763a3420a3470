"""A schedule of quality differentials (升贴水): factors, each with its own rule of aggregation."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from cotton_server.grading.shares import ShareRule
    from cotton_server.settlement.document import Band, Head, RateUnit, Rounding


class Ties(Enum):
    """Which class is the main one when two have equally many bales."""

    BEST_PAID = "best paid"
    WORST_PAID = "worst paid"
    MEAN = "class of the mean"
    """That of the lot's mean value; only of measures."""
    HOLD = "hold"
    """None is: the lot is held."""


class By(Enum):
    """Which class of an item counts along an axis of a table, or for a refusal."""

    MEAN = "mean"
    """That of the lot's mean, rounded to the resolution of the measure."""
    MAIN = "main"
    """The class with most bales; of colour the main colour grade (主体颜色级) of the standard."""
    BALE = "bale"
    """That of each bale, in a schedule that prices bales."""


class Per(Enum):
    """What a schedule prices."""

    LOT = "lot"
    BALE = "bale"


class Ungraded(Enum):
    """What bales without a class do to a factor by share, main class or count."""

    HOLD = "hold"
    """The lot is held until each bale has one."""
    LEAVE_OUT = "leave out"
    """Shares are of the bales that have one."""


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of an item that a factor tells apart.

    Exactly one of the two has entries. `names` are classes of the standard: a colour grade ("31"),
    a class of an item that is judged ("P1"), a tier ("S1"), or a grade of micronaire ("B") for all
    tiers of it that are not named themselves. `bands` are of official values.
    """

    item: str
    names: tuple[str, ...] = ()
    bands: tuple[Band, ...] = ()
    covers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of names that stand for several tiers of a measure, which: "38" for "38", "39" and "40". A
    name that is a key here stands for exactly these, whether or not a tier or grade has its name;
    no tier is covered by two."""

    @property
    def all(self) -> tuple[str, ...]:
        """The names of all, in order."""
        return self.names or tuple(band.name for band in self.bands)


@dataclass(frozen=True, slots=True)
class ShareFactor:
    """Sum over classes of rate times share of bales (颜色级、轧工质量)."""

    name: str
    classes: Classes
    rates: Mapping[str, Decimal]
    others: Decimal | None
    """Rate of classes that are not listed; None: a lot with such bales has no rate and is held."""


@dataclass(frozen=True, slots=True)
class MeanFactor:
    """Rate of the class of the lot's mean (长度、断裂比强度、长度整齐度)."""

    name: str
    classes: Classes
    rates: Mapping[str, Decimal]
    others: Decimal | None


@dataclass(frozen=True, slots=True)
class MainFactor:
    """Rate of the class with most bales (主体马克隆值级); classes not listed are each their own."""

    name: str
    classes: Classes
    rates: Mapping[str, Decimal]
    others: Decimal | None
    ties: Ties


@dataclass(frozen=True, slots=True)
class CountFactor:
    """A rate for each bale in which something was found, beyond the first ones (异性纤维)."""

    name: str
    item: str
    free: int
    each: Decimal


@dataclass(frozen=True, slots=True)
class BonusFactor:
    """A rate when the lot has a main class at all: of colour by the standard's rule of one."""

    name: str
    item: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class ThresholdFactor:
    """A rate when the share of bales in some classes reaches a limit, else another."""

    name: str
    classes: Classes
    at_least: Decimal
    """In percent; reached exactly counts. Compared with the exact share, whatever the resolution
    at which shares enter."""
    rate: Decimal
    otherwise: Decimal


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of a table."""

    classes: Classes
    by: By


@dataclass(frozen=True, slots=True)
class TableFactor:
    """A rate for every combination of classes; one dimension or more.

    In a schedule per bale every factor is one, with axes By.BALE. A combination that is not there
    has no rate: what falls into it is held, never paid at nothing.
    """

    name: str
    axes: tuple[Axis, ...]
    rates: Mapping[tuple[str, ...], Decimal]


Factor: TypeAlias = (
    ShareFactor
    | MeanFactor
    | MainFactor
    | CountFactor
    | BonusFactor
    | ThresholdFactor
    | TableFactor
)


class RefusalTest(Enum):
    """What makes a lot not deliverable."""

    ANY_BALE = "any bale"
    """A bale is in one of the classes."""
    SHARE_ABOVE = "share above"
    """More than `limit` percent of the bales are."""
    CLASS = "class"
    """The lot's class (by mean or main) is one of the classes.

    For the main one, tiers that the rule does not name count by their grade: C1 is set beside A, B
    (B1 and B2) and C2.
    """
    MEAN_OUTSIDE = "mean outside"
    """The lot's mean (rounded to the resolution) is below `lower` or above `upper`."""
    VALUE_ABOVE = "value above"
    """What was sampled of the lot (trash, regain) is above `limit` percent."""
    BALES_OUTSIDE = "bales outside"
    """The lot has fewer bales than `lower` or more than `upper`."""
    NOT_MEASURED = "not measured"
    """Nothing that the service is told says so: listed in every answer as not checked."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule by which a lot is not deliverable; it is listed with every one that it breaks.

    `lower`, `upper` and `limit` are in units of the item (bales, mm, percent).
    """

    name: str
    test: RefusalTest
    classes: Classes | None = None
    by: By | None = None
    item: str = ""
    lower: Decimal | None = None
    upper: Decimal | None = None
    limit: Decimal | None = None


class Quantity(Enum):
    """What weight a rate is paid for."""

    CONDITIONED = "conditioned"
    """Conditioned weight (公定重量) of the lot, as certified."""
    NET = "net"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule, patches applied.

    `share_decimals`: 1 or 2, those of the percentages of bales that enter factors by share, made to
    total 100 by `share_rule` as where they are printed; None: shares enter exactly.
    `base_quality` has the class at which the base price stands, by item. `patch_of`: id of the
    schedule that this one is a dated patch of, "" for none. `standards`: ids of the standards
    whose classes it prices; lots of others are held. `bale_weights`: whether single bales count by
    their own weight where it is recorded (per bale only); else bales of a lot count alike.
    """

    head: Head
    unit: RateUnit
    standards: tuple[str, ...]
    per: Per
    quantity: Quantity
    base_quality: Mapping[str, str]
    base_rate: Decimal
    """What is paid before all factors: 0 where the schedule has differentials only."""
    share_decimals: int | None
    share_rule: ShareRule
    rounding: Rounding
    ungraded: Ungraded
    bale_weights: bool
    factors: tuple[Factor, ...]
    refusals: tuple[Refusal, ...]
    patch_of: str
