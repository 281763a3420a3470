"""The grade of one bale, under the standard that its reading or its lot names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cotton_server.grading.bales import grade_bales
from cotton_server.summary.facts import default_standard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_server.grading.chart import Chart
    from cotton_server.grading.standard import Standard
    from cotton_server.registry.bales import BaleStore
    from cotton_server.trace.history import BaleAt


@dataclass(frozen=True, slots=True)
class Grade:
    """Id of a standard, and what it makes of a bale: a row of `grade_bales`."""

    standard: str
    tiers: Mapping[str, Any]


def grade_of(
    bale: BaleAt,
    bales: BaleStore,
    standards: Mapping[str, Standard],
    charts: Mapping[str, Chart],
) -> Grade | None:
    """The grade of the bale's reading; `charts` are those of the bale's revision, by standard.

    None where no loaded standard covers the cotton or grades readings of its units.
    """
    named = bale.reading.standard
    standard = standards.get(named) if named else default_standard(bale.lot, standards)
    if standard is None or standard.grades_usda_bales != bale.key.is_usda:
        return None
    frame = bales.frame(np.asarray([[bale.row, bale.row + 1]], np.int32))
    graded = grade_bales(frame, standard, charts.get(standard.id))
    return Grade(standard.id, graded.row(0, named=True))
