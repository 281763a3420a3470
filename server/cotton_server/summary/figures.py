"""The figures of a set of bales: what a certificate and a summary row print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cotton_server.grading.rounding import half_even
from cotton_server.grading.shares import (
    SHARE_DECIMALS,
    ShareDecimalsError,
    ShareRule,
    printed_shares,
)
from cotton_server.grading.standard import MEASURE_NAMES, Measure, Standard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class ClassShare:
    """One class of an item: a tier, a grade, a length level."""

    name: str
    bales: int
    share: int
    """Printed share in hundredths of a percent."""
    mean: int | None = None
    """Mean of the class in hundredths, rounded once to 0.1; None without values."""


@dataclass(frozen=True, slots=True)
class MeasureSummary:
    """A measured item over bales; sums and means in hundredths of its unit, bale-weighted."""

    bales: int
    sum: int
    mean_to_hundredths: int | None
    mean_to_tenths: int | None
    min: int | None
    max: int | None
    tier: str | None
    """Tier of `mean_to_tenths`; None without values, tiers, or where standards disagree."""
    classes: tuple[ClassShare, ...]


@dataclass(frozen=True, slots=True)
class GradeFigures:
    """Grades of any set of bales; classes in the order of the standard, those with bales only."""

    bales: int
    bales_ungraded_in_colour: int
    colours: tuple[ClassShare, ...]
    length: MeasureSummary
    micronaire: MeasureSummary
    micronaire_grades: tuple[ClassShare, ...]
    strength: MeasureSummary
    uniformity: MeasureSummary
    rd: MeasureSummary
    plus_b: MeasureSummary
    short_fibre: MeasureSummary
    preparations: tuple[ClassShare, ...]
    bales_examined_for_foreign_fibre: int
    bales_with_foreign_fibre: int


class FigureReader:
    """Reads figures out of rows of roll-ups that were made under the same standards.

    Where several standards have different classes, their classes stand one after the other
    in the order of the standards, each name once. Without any standard no class is known.
    """

    def __init__(
        self, standards: Sequence[Standard], *, rule: ShareRule, share_decimals: int
    ) -> None:
        if share_decimals not in SHARE_DECIMALS:
            raise ShareDecimalsError(share_decimals)
        self._rule = rule
        self._decimals = share_decimals
        self._colours = _item("colour", [[g.name for g in s.colour.grades] for s in standards])
        self._preparations = _item(
            "preparation", [[each.name for each in s.preparation.classes] for s in standards]
        )
        self._measures = {
            name: _MeasureLayout(name, [s.measures[name] for s in standards])
            for name in MEASURE_NAMES
        }

    def read(self, row: Mapping[str, int | None]) -> GradeFigures:
        """The figures of one row, which has the columns of `rollup.figure_columns`.

        A column that is not there, or is null, counts as 0.
        """
        bales = row.get("bales") or 0
        return GradeFigures(
            bales=bales,
            bales_ungraded_in_colour=bales - (row.get("colour.bales") or 0),
            colours=self._classes(_counts(row, self._colours)),
            preparations=self._classes(_counts(row, self._preparations)),
            micronaire_grades=self._micronaire_grades(row),
            bales_examined_for_foreign_fibre=row.get("foreign_fibre.bales") or 0,
            bales_with_foreign_fibre=row.get("foreign_fibre.found") or 0,
            length=self._measure(row, "length"),
            micronaire=self._measure(row, "micronaire"),
            strength=self._measure(row, "strength"),
            uniformity=self._measure(row, "uniformity"),
            rd=self._measure(row, "rd"),
            plus_b=self._measure(row, "plus_b"),
            short_fibre=self._measure(row, "short_fibre"),
        )

    def _measure(self, row: Mapping[str, int | None], name: str) -> MeasureSummary:
        layout = self._measures[name]
        bales = row.get(layout.bales) or 0
        total = row.get(layout.sum) or 0
        return MeasureSummary(
            bales=bales,
            sum=total,
            mean_to_hundredths=half_even(total, bales) if bales else None,
            mean_to_tenths=_mean_to_tenths(total, bales),
            min=row.get(layout.min),
            max=row.get(layout.max),
            tier=layout.tier_of_mean(total, bales),
            classes=self._classes(_counts(row, layout.tiers), _counts(row, layout.tier_sums)),
        )

    def _micronaire_grades(self, row: Mapping[str, int | None]) -> tuple[ClassShare, ...]:
        layout = self._measures["micronaire"]
        bales = dict.fromkeys(layout.grades.values(), 0)
        sums = bales.copy()
        for tier, grade in layout.grades.items():
            bales[grade] += row.get(f"micronaire.{tier}.bales") or 0
            sums[grade] += row.get(f"micronaire.{tier}.sum") or 0
        return self._classes(bales, sums)

    def _classes(
        self, bales: Mapping[str, int], sums: Mapping[str, int] | None = None
    ) -> tuple[ClassShare, ...]:
        """The classes that have bales, with printed share and, given sums, mean."""
        there = {name: count for name, count in bales.items() if count}
        shares = printed_shares(tuple(there.values()), rule=self._rule, decimals=self._decimals)
        return tuple(
            ClassShare(
                name, count, share, None if sums is None else _mean_to_tenths(sums[name], count)
            )
            for (name, count), share in zip(there.items(), shares, strict=True)
        )


class _MeasureLayout:
    """Where the figures of a measure stand in a row, and how its mean is sorted into a tier."""

    def __init__(self, name: str, measures: Sequence[Measure]) -> None:
        self.bales, self.sum, self.min, self.max = (
            f"{name}.{what}" for what in ("bales", "sum", "min", "max")
        )
        tiers = [[tier.name for tier in measure.tiers] for measure in measures]
        self.tiers = _item(name, tiers)
        self.tier_sums = _item(name, tiers, "sum")
        self.grades = {
            tier.name: tier.grade
            for measure in measures
            for tier in measure.tiers
            if tier.grade is not None
        }
        self._measures = measures

    def tier_of_mean(self, total: int, bales: int) -> str | None:
        """The tier on which all standards agree."""
        if not bales:
            return None
        names = {
            measure.tier_of(half_even(total, bales * measure.resolution) * measure.resolution)
            for measure in self._measures
        }
        return names.pop() if len(names) == 1 else None


def _item(item: str, classes: Iterable[Iterable[str]], what: str = "bales") -> dict[str, str]:
    """Class names, each once in order, to the columns of their figures."""
    return {name: f"{item}.{name}.{what}" for names in classes for name in names}


def _counts(row: Mapping[str, int | None], columns: Mapping[str, str]) -> dict[str, int]:
    return {name: row.get(column) or 0 for name, column in columns.items()}


def _mean_to_tenths(total: int, bales: int) -> int | None:
    return half_even(total, bales * 10) * 10 if bales else None
