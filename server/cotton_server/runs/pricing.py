"""Rates of lots put together: each standard is priced by itself, in any order of lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cotton_server.settlement.exact import Exact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from cotton_server.runs.reasons import Reasons
    from cotton_server.runs.table import BoolArray, Int64Array
    from cotton_server.settlement.priced import Priced
    from cotton_server.settlement.schedule import Schedule

    Part = tuple[npt.NDArray[np.intp], Priced]
    """The places of lines, and what prices them, in this order."""


@dataclass(frozen=True, slots=True)
class Rated:
    """What lines are paid per unit, by factor and together; 0 where `there` says that nothing is.

    `classes` are String, "" where a factor tells none.
    """

    classes: Mapping[str, pl.Series]
    factors: Mapping[str, Exact]
    factor_there: Mapping[str, BoolArray]
    rate: Exact
    there: BoolArray


def put_together(schedule: Schedule, parts: Sequence[Part], rows: int, reasons: Reasons) -> Rated:
    """What the parts price, in the order of lines; tells why a line is held."""
    spread = Spread([places for places, _ in parts], rows)
    for places, priced in parts:
        for code, held in priced.held.items():
            if code in priced.counts:
                reasons.tell_counts(code, np.where(held, priced.counts[code], 0), places)
            else:
                reasons.tell(code, held, places)
    names = [factor.name for factor in schedule.factors]
    factor_there = {
        name: spread.flags([~priced.absent[name] for _, priced in parts]) for name in names
    }
    there = spread.flags([np.ones(len(places), np.bool_) for places, _ in parts])
    for each in factor_there.values():
        there &= each
    return Rated(
        {name: spread.texts([priced.classes[name] for _, priced in parts]) for name in names},
        {name: spread.exact([priced.factors[name] for _, priced in parts]) for name in names},
        factor_there,
        spread.exact([priced.rate for _, priced in parts]),
        there,
    )


class Spread:
    """Puts columns of parts of lines where the lines are; what is in no part has nothing."""

    def __init__(self, places: Sequence[npt.NDArray[np.intp]], rows: int) -> None:
        """Takes the places of the lines of each part."""
        given = np.concatenate([np.zeros(0, np.intp), *places])
        self._missing = rows - len(given)
        rest = np.setdiff1d(np.arange(rows), given) if self._missing else given[:0]
        order = np.concatenate([given, rest])
        self._at = np.empty(rows, np.intp)
        self._at[order] = np.arange(rows)

    def exact(self, parts: Sequence[Exact]) -> Exact:
        """Exact values, 0 where nothing is."""
        den = parts[0].den if parts and isinstance(parts[0].den, int) else 1
        nothing = Exact(np.zeros(self._missing, np.int64), den)
        return Exact.concatenate([*parts, nothing] if self._missing else parts).take(self._at)

    def flags(self, parts: Sequence[npt.NDArray[np.bool_]]) -> BoolArray:
        """Flags, False where nothing is."""
        every = np.concatenate([*parts, np.zeros(self._missing, np.bool_)])
        return every[self._at]

    def numbers(self, parts: Sequence[Int64Array]) -> Int64Array:
        """Numbers, 0 where nothing is."""
        every = np.concatenate([*parts, np.zeros(self._missing, np.int64)])
        return every[self._at]

    def texts(self, parts: Sequence[pl.Series | Sequence[str | None]]) -> pl.Series:
        """Texts, "" where nothing is."""
        made = [pl.Series(each, dtype=pl.String).fill_null("") for each in parts]
        nothing = pl.Series([""], dtype=pl.String).new_from_index(0, self._missing)
        return pl.concat([*made, nothing], rechunk=True).gather(self._at)
