"""What a standard says, as immutable values: tiers, colour grades, classes, constants."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

MEASURE_NAMES: Final = (
    "length",
    "micronaire",
    "strength",
    "uniformity",
    "rd",
    "plus_b",
    "short_fibre",
)
"""The measured items of a certificate, by their column names. Every standard describes each."""


class Confidence(StrEnum):
    """How well a part of a standard is established."""

    HIGH = "H"
    """Seen in a source, or recomputed from published inspection records."""
    MEDIUM = "M"
    """One weaker source, or inferred from several."""
    LOW = "L"
    """Recalled, not read: shown as unverified where a user could rely on it."""


class Tiering(StrEnum):
    """Whether a standard sorts a measure into tiers."""

    LISTED = "listed"
    """It does, and the tiers are here."""
    NONE = "none"
    """It does not."""
    UNKNOWN = "unknown"
    """It does, and the tiers are not public: tiers stay empty, nothing is guessed."""


class Units(StrEnum):
    """The units of the readings that a standard grades; nothing is ever converted."""

    METRIC = "metric"
    """Millimetres and cN/tex: bales with a 32-digit bar code."""
    USDA = "usda"
    """Inches and g/tex: bales with a USDA bale id."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a part of a standard comes from, and how well that is established."""

    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier of a measure; both ends inclusive, in hundredths, None where open."""

    name: str
    lower: int | None
    upper: int | None
    grade: str | None = None
    """The grade that the tier belongs to (micronaire: A, B, C); None for other measures."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured item and its tiers, in the order in which a certificate lists the classes."""

    name: str
    title: str
    title_zh: str
    unit: str
    resolution: int
    """Hundredths of the unit to which the official value is rounded."""
    tiering: Tiering
    tiers: tuple[Tier, ...]
    standard: str | None
    """Name of the tier or grade that is the standard one; None without tiers."""
    provenance: Provenance

    @property
    def ascending_tiers(self) -> tuple[Tier, ...]:
        """The tiers from the lowest values to the highest."""
        return tuple(sorted(self.tiers, key=lambda tier: (tier.lower is not None, tier.lower or 0)))

    @property
    def grades(self) -> tuple[str, ...]:
        """The grades that tiers belong to, in the order of the tiers."""
        return tuple(dict.fromkeys(tier.grade for tier in self.tiers if tier.grade is not None))


@dataclass(frozen=True, slots=True)
class ColourType:
    """A type of colour (类型): `digit` is the second digit of its grades."""

    name: str
    """Such as "white", "light_spotted"."""
    digit: int
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class ColourGrade:
    """One colour grade (颜色级); `neighbours` are the codes adjacent to it."""

    code: int
    title: str
    title_zh: str
    neighbours: frozenset[int]

    @property
    def name(self) -> str:
        """The code as it is printed."""
        return str(self.code)


@dataclass(frozen=True, slots=True)
class MainColour:
    """The rule of the main colour grade (主体颜色级)."""

    share: int
    """Share of the graded bales, in hundredths of a percent, from which a grade is the main one."""
    provenance: Provenance
    neighbours_provenance: Provenance


@dataclass(frozen=True, slots=True)
class Colour:
    """The colour grades in the order of a certificate, and their types."""

    grades: tuple[ColourGrade, ...]
    types: tuple[ColourType, ...]
    standard: int | None
    main: MainColour | None
    """None where the standard has no rule of a main grade, or it is not known."""
    provenance: Provenance

    def grades_of(self, colour_type: ColourType) -> tuple[ColourGrade, ...]:
        """The grades of a type."""
        return tuple(each for each in self.grades if each.code % 10 == colour_type.digit)


@dataclass(frozen=True, slots=True)
class CodedClass:
    """One class that a reading names by a number: `code` is that number."""

    name: str
    code: int
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class CodedItem:
    """An item that is judged, not measured: preparation, visual grade, leaf.

    Classes stand in the order of a certificate. `column` is the field of a reading that has the
    code; `standard` the class that is the standard one, None where there is none or it is not
    known.
    """

    name: str
    column: str
    title: str
    title_zh: str
    classes: tuple[CodedClass, ...]
    standard: str | None
    provenance: Provenance


CODED_COLUMNS: Final = {
    "preparation": "preparation",
    "visual_grade": "visual_grade",
    "leaf": "leaf_grade",
}
"""The items that are judged, by name, and the field of a reading that has each."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of a standard, in hundredths of a percent."""

    value: int
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Standard:
    """One edition of a standard for one or more cotton types.

    `cotton_types` are names of the contract's enum CottonType without their prefix;
    `first_season` and `last_season` are crop years (2024 is the season that starts on
    2024-09-01), None where open.
    """

    id: str
    title: str
    title_zh: str
    issued: date | None
    in_force_from: date | None
    """None where the day is not known."""
    in_force_to: date | None
    supersedes: str | None
    cotton_types: tuple[str, ...]
    units: Units
    """Only bales that were read in these units are graded."""
    first_season: int | None
    last_season: int | None
    seasons_provenance: Provenance
    measures: dict[str, Measure]
    colour: Colour | None
    """None where it does not grade colour."""
    items: dict[str, CodedItem]
    """By name, in the order of CODED_COLUMNS; those that the standard has."""
    standard_trash: Constant | None
    """Z0 of the conditioned weight; None where it is not known."""
    official_regain: Constant | None
    """R0 of the conditioned weight; None where it is not known."""
    rounding_provenance: Provenance
    unknown_parts: tuple[str, ...]
    """Parts other than tiers that it has or may have and that are not known: "colour.main"."""
    provenance: Provenance

    def covers(self, cotton_type: str, season: int) -> bool:
        """Whether cotton of this type and crop year is graded by this standard."""
        return (
            cotton_type in self.cotton_types
            and (self.first_season is None or self.first_season <= season)
            and (self.last_season is None or season <= self.last_season)
        )

    @property
    def grades_usda_bales(self) -> bool:
        """Whether it grades bales with a USDA bale id; else those with a 32-digit bar code."""
        return self.units is Units.USDA

    @property
    def unknown(self) -> tuple[str, ...]:
        """Parts that it has, or may have, and that are not known: they stay empty, none is guessed.

        What it does not have at all is not among them.
        """
        untiered = (
            f"measures.{name}"
            for name, measure in self.measures.items()
            if measure.tiering is Tiering.UNKNOWN
        )
        return (*untiered, *self.unknown_parts)

    @property
    def parts(self) -> dict[str, Provenance]:
        """The provenance of every part that is there, by name such as "measures.length"."""
        parts = {"standard": self.provenance, "seasons": self.seasons_provenance}
        parts |= {f"measures.{name}": measure.provenance for name, measure in self.measures.items()}
        if self.colour is not None:
            parts["colour"] = self.colour.provenance
            if self.colour.main is not None:
                parts["colour.neighbours"] = self.colour.main.neighbours_provenance
                parts["colour.main"] = self.colour.main.provenance
        parts |= {name: item.provenance for name, item in self.items.items()}
        constants = (
            ("standard_trash", self.standard_trash),
            ("official_regain", self.official_regain),
        )
        parts |= {f"weight.{name}": each.provenance for name, each in constants if each is not None}
        parts["rounding"] = self.rounding_provenance
        return parts

    @property
    def unverified(self) -> tuple[str, ...]:
        """Parts of low confidence, to be shown as unverified where a user could rely on them."""
        return tuple(
            part
            for part, provenance in self.parts.items()
            if provenance.confidence is Confidence.LOW
        )


def unverified_parts(standards: Iterable[Standard]) -> tuple[str, ...]:
    """The unverified parts of standards, such as "GB1103.1-2023: weight.standard_trash"."""
    return tuple(f"{each.id}: {part}" for each in standards for part in each.unverified)
