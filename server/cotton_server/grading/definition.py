"""A named quality that reports ask for, such as 双29: conditions on what a bale measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cotton_server.grading.standard import Measure, Provenance, Standard, Tier, Units


@dataclass(frozen=True, slots=True)
class Condition:
    """What one measure must be: at least a value, in a tier of a list, or both."""

    measure: str
    at_least: int | None
    """Least official value, in hundredths; None where any will do."""
    tiers: tuple[str, ...]
    """Names of tiers of the standard that grades the bale; empty where any will do."""

    def allowed(self, measure: Measure) -> tuple[Tier, ...]:
        """The tiers of the standard's measure that the condition names."""
        return tuple(tier for tier in measure.tiers if tier.name in self.tiers)

    def text(self, measure: Measure) -> str:
        """The condition in words: "length >= 29.0 mm", "micronaire A or B2"."""
        unit = f" {measure.unit}" if measure.unit else ""
        parts = []
        if self.at_least is not None:
            parts.append(f"{self.measure} >= {self.at_least / 100:.1f}{unit}")
        if self.tiers:
            parts.append(f"{self.measure} {' or '.join(self.tiers)}")
        return " and ".join(parts)


@dataclass(frozen=True, slots=True)
class Definition:
    """A named quality: a bale is of it when its official values meet every condition."""

    id: str
    title: str
    title_zh: str
    units: Units
    """The units of its values; it says nothing of bales read in others."""
    conditions: tuple[Condition, ...]
    provenance: Provenance

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures that it asks for, each once."""
        return tuple(dict.fromkeys(each.measure for each in self.conditions))

    def applies_to(self, standard: Standard) -> bool:
        """Whether the standard grades in its units and has every tier that it names."""
        return standard.units is self.units and all(
            len(each.allowed(standard.measures[each.measure])) == len(each.tiers)
            for each in self.conditions
        )

    def text(self, standard: Standard) -> str:
        """Its conditions in words: "length >= 29.0 mm and strength >= 29.0 cN/tex"."""
        return " and ".join(each.text(standard.measures[each.measure]) for each in self.conditions)
