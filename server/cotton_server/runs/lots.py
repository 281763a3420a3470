"""Lines of lots: what each is graded as, priced at and held for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.grading.lots import grade_lots, mean
from cotton_server.registry.lifecycle import LotState
from cotton_server.runs.columns import GRADES, MEASURES
from cotton_server.runs.objections import objected
from cotton_server.runs.pricing import Spread
from cotton_server.runs.reasons import WITHDRAWN, Reasons
from cotton_server.runs.sums import lot_sums
from cotton_server.summary.adding import passing_lots
from cotton_server.summary.keys import STANDARD_KEY, key_column
from cotton_server.summary.printing import Values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from cotton_server.grading.standard import Measure, Standard
    from cotton_server.runs.sources import Sources
    from cotton_server.runs.table import BoolArray, Int64Array
    from cotton_server.runs.terms import Terms
    from cotton_server.summary.query import Query

_FINAL: Final = (LotState.FINAL.name, LotState.REVISED.name)


@dataclass(frozen=True, slots=True)
class LotLines:
    """The lots of a settlement in the order of their lines, and what they are.

    `lots` has `lot`, `part` and the facts of each as the standing has them; `lot_no` and `own`, the
    id of its standard ("" without one), are String. `places` are the lines of each standard, and
    `sums` their figures under it. `reasons` has what holds a lot whatever it is priced by.
    """

    lots: pl.DataFrame
    lot_no: pl.Series
    own: pl.Series
    places: Mapping[str, npt.NDArray[np.intp]]
    sums: Mapping[str, pl.DataFrame]
    reasons: Reasons
    settled: BoolArray
    """The lots that none of these reasons holds."""

    @property
    def rows(self) -> int:
        """Lines."""
        return self.lots.height

    def fact(self, name: str) -> Int64Array:
        """An additive fact of each."""
        return self.lots[name].to_numpy()

    @property
    def line_of(self) -> npt.NDArray[np.intp]:
        """The line of each lot by its number in the registry; those of others mean nothing."""
        numbers = self.lots["lot"].to_numpy()
        found = np.zeros(int(numbers.max(initial=-1)) + 1, np.intp)
        found[numbers] = np.arange(self.rows)
        return found

    @property
    def conditioned(self) -> Int64Array:
        """Conditioned weight in hundredths of a kilogram, 0 where there is none."""
        return self.fact("conditioned")


def lot_lines(sources: Sources, terms: Terms, needed: Mapping[str, Sequence[str]]) -> LotLines:
    """The lots of a settlement; `needed` has by standard the figures that it reads."""
    stands, words = sources.lots.standing, sources.names.words
    lots = settled_lots(sources, terms.query)
    lots = lots.with_columns(lot_no=words.texts(lots[key_column("lot")]))
    lots = lots.sort("lot_no", key_column("season"))
    own = words.texts(lots[key_column(STANDARD_KEY)])
    codes = lots[key_column(STANDARD_KEY)].to_numpy()
    standards = sources.lots.grading.basis.standards
    places = {
        name: found
        for name in standards
        if len(found := np.flatnonzero(codes == words.number_of(name)))
    }
    sums = {
        name: lot_sums(
            stands,
            name,
            lots.select("lot", "part")[rows],
            list(dict.fromkeys([*graded_figures(standards[name]), *needed.get(name, ())])),
        )
        for name, rows in places.items()
    }
    graded = np.zeros(lots.height, np.int64)
    for name, rows in places.items():
        graded[rows] = sums[name]["bales"].to_numpy()
    reasons = _reasons(lots, graded, sources, terms)
    return LotLines(lots, lots["lot_no"], own, places, sums, reasons, ~reasons.any())


def settled_lots(sources: Sources, query: Query) -> pl.DataFrame:
    """The lots that pass a query, and the bales without a lot that do; as the standing has them."""
    passing = passing_lots(sources.lots.standing.lots, query, sources.names)
    return passing.filter(pl.col("has_number") | (pl.col("bales_read") > 0))


def graded_figures(standard: Standard) -> Iterator[str]:
    """The figures that the grades and means of lines are made of."""
    yield "bales"
    if standard.colour is not None:
        yield "colour.bales"
        yield from (f"colour.{grade.name}.bales" for grade in standard.colour.grades)
    for name in MEASURES:
        yield from (f"{name}.bales", f"{name}.sum")
    yield from (f"micronaire.{tier.name}.bales" for tier in standard.measures["micronaire"].tiers)


def grades(lines: LotLines, standards: Mapping[str, Standard]) -> pl.DataFrame:
    """The grades of lines by the names of GRADES, String, "" where there is none."""
    spread = Spread(list(lines.places.values()), lines.rows)
    graded = [grade_lots(sums, standards[name]) for name, sums in lines.sums.items()]
    return pl.DataFrame(
        [spread.texts([frame[name] for frame in graded]).alias(name) for name in GRADES]
    )


def means(lines: LotLines, standards: Mapping[str, Standard]) -> dict[str, Values]:
    """Means of measures in hundredths, rounded once to the resolution of the line's standard."""
    spread = Spread(list(lines.places.values()), lines.rows)
    found = {}
    for name in MEASURES:
        bales = [sums[f"{name}.bales"].to_numpy() for sums in lines.sums.values()]
        rounded = [
            sums.select(_mean(standards[standard].measures[name]))["mean"].to_numpy()
            for standard, sums in lines.sums.items()
        ]
        found[f"{name}_mean"] = Values(spread.numbers(rounded), spread.numbers(bales) == 0)
    return found


def _mean(measure: Measure) -> pl.Expr:
    return mean(measure, measure.resolution).fill_null(0).alias("mean")


def _reasons(lots: pl.DataFrame, graded: Int64Array, sources: Sources, terms: Terms) -> Reasons:
    """What holds lots whatever they are priced by; weights are told where they are known.

    `graded` are the bales of each that its own standard grades.
    """
    reasons = Reasons(lots.height)
    withdrawn = lots["lots_withdrawn"].to_numpy() > 0
    reasons.tell(WITHDRAWN, withdrawn)
    final = [sources.names.words.number_of(state) for state in _FINAL]
    states = lots[key_column("state")]
    is_final = states.is_in(final).to_numpy()
    has_number, bales = lots["has_number"].to_numpy(), lots["bales_read"].to_numpy()
    # Bales without a lot have no course that could end.
    reasons.tell("NOT_FINAL", has_number & ~withdrawn & ~is_final)
    undecided = objected(lots["lot"].to_list(), sources.registry, terms.revision)
    reasons.tell("OBJECTED", undecided & ~withdrawn)
    reasons.tell("NO_BALES", (bales == 0) & ~withdrawn)
    reasons.tell("NO_STANDARD", (bales > 0) & (graded == 0))
    return reasons
