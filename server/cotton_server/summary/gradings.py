"""What bales are graded and lots are placed by at a revision: standards, charts, organisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cotton_server.grading.definitions import load_definitions
from cotton_server.reference.charts import charts_at
from cotton_server.reference.placing import ORGANISATION, placing_at
from cotton_server.summary.standing import GradingBasis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cotton_server.grading.definitions import Definition
    from cotton_server.grading.standard import Standard
    from cotton_server.registry.records import Version
    from cotton_server.registry.references import Document
    from cotton_server.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Grading:
    """What grades and places at a revision, and how an answer names it.

    Two revisions with the same `charts` and `organisation_revision` grade and place alike.
    """

    basis: GradingBasis
    charts: Mapping[str, str]
    """By id of their standard the id of each chart, with the revision that loaded it:
    "usda-upland", "xinjiang@812"."""
    organisation_revision: int
    """The revision that loaded the organisation; 0 without one."""

    def charts_of(self, standards: Iterable[str]) -> tuple[str, ...]:
        """The charts of these standards."""
        return tuple(self.charts[name] for name in standards if name in self.charts)

    def charted_otherwise(self, other: Grading) -> frozenset[str]:
        """Ids of the standards that have another chart, or one beside none."""
        mine, others = self.charts, other.charts
        return frozenset(name for name in {*mine, *others} if mine.get(name) != others.get(name))

    def places_as(self, other: Grading) -> bool:
        """Whether both place lots alike."""
        return self.organisation_revision == other.organisation_revision

    def same_as(self, other: Grading) -> bool:
        """Whether both grade bales and place lots alike."""
        return self.charts == other.charts and self.places_as(other)


class Gradings:
    """Tells what graded at a revision: the standards of the package, and documents loaded then."""

    def __init__(
        self,
        registry: Registry,
        standards: Mapping[str, Standard],
        definitions: Sequence[Definition] | None = None,
    ) -> None:
        """Takes the standards by id, oldest first; without definitions those of the package."""
        self.standards = standards
        self._registry = registry
        self._definitions = load_definitions() if definitions is None else tuple(definitions)

    def at(self, revision: int) -> Grading:
        """What grades and places at a revision."""
        charts = charts_at(self._registry, revision)
        placing, loaded = placing_at(self._registry, revision)
        basis = GradingBasis(
            self.standards,
            self._definitions,
            {standard: each.chart for standard, each in charts.items()},
            placing,
        )
        labels = {standard: each.label for standard, each in charts.items()}
        return Grading(basis, labels, loaded)

    def organisations(self, revision: int) -> list[Version[Document]]:
        """The documents of organisations in force at a revision, by id."""
        return self._registry.references.in_force(ORGANISATION, revision)
