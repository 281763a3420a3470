"""What a settlement is computed from, at one revision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_server.grading.standard import Standard
    from cotton_server.registry.registry import Registry
    from cotton_server.summary.adding import Names
    from cotton_server.summary.at_revision import LotsAt


@dataclass(frozen=True, slots=True)
class Sources:
    """The registry, and all lots as they stand at the revision; `names` has what codes mean."""

    registry: Registry
    lots: LotsAt
    names: Names

    @property
    def standards(self) -> Mapping[str, Standard]:
        """The standards by id, oldest first."""
        return self.lots.grading.basis.standards
