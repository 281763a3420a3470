"""Places lots in the organisation of their day."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from cotton.inspection.v1 import reference_pb2

from cotton_server.reference.organisation import Organisation, parse_organisation
from cotton_server.reference.units import LEVELS, OPEN_FROM, OPEN_TO, by_word, in_force

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton_server.reference.units import Unit
    from cotton_server.registry.references import Document
    from cotton_server.registry.registry import Registry

DIFFERS: Final = "organisation_differs"
"""The column that says whether a lot's own words contradict where it is placed."""

ORGANISATION: Final = reference_pb2.REFERENCE_KIND_ORGANISATION

_PLACINGS_MAX: Final = 8
"""Placings kept: of the latest revision, and of a few older ones that are asked for in turn."""

_PERIOD: Final = "reference.period"
_UPWARDS: Final = {
    "region": ("region",),
    "division": ("division", "region"),
    "regiment": ("regiment", "division", "region"),
    "county": ("county", "region"),
}
"""A level and those above it."""


class Placing:
    """All organisations in force at one revision, as one."""

    def __init__(self, organisations: Sequence[Organisation]) -> None:
        """Takes organisations that go together: no word of a level names two units on one day."""
        units = [unit for each in organisations for unit in each.units]
        self._by_word = by_word(units)
        self._numbers = {unit: number for number, unit in enumerate(units)}
        self._names = pl.Series([unit.name for unit in units], dtype=pl.String)
        self._codes = pl.Series([unit.code for unit in units], dtype=pl.String)
        starts = {unit.first for unit in units} | {
            unit.last + 1 for unit in units if unit.last != OPEN_TO
        }
        self._starts = np.array(sorted(starts - {OPEN_FROM}), np.int64)
        self.english_names: Mapping[str, Mapping[str, str]] = _english_names(units)
        """By level the English name of units by their name, where one is given; the latest."""

    def place(self, frame: pl.DataFrame, day_column: str) -> pl.DataFrame:
        """The frame with every lot placed in the organisation of its day.

        `frame` has String columns LEVELS, "" where absent, and an Int32 day since 1970-01-01,
        China time. A unit is found by its code or its name, and the lot gets its name. The
        regiment decides the division, and this the region; without either, a county does. What is
        not known on the day stays as it is. Adds DIFFERS (Boolean): a division or region that the
        lot names is another than the one that it gets.
        """
        days = frame[day_column].cast(pl.Int64).fill_null(0).to_numpy()
        periods = np.searchsorted(self._starts, days, side="right").astype(np.int32)
        keyed = frame.with_columns(pl.Series(_PERIOD, periods))
        keys = [*LEVELS, _PERIOD]
        # Lots are many, and what they say is said again and again within a period.
        said = keyed.select(keys).unique(maintain_order=True)
        placed = said.select(*keys, *self._placed(said))
        return (
            keyed.join(placed, on=keys, how="left", maintain_order="left")
            .with_columns(pl.col(_to(name)).alias(name) for name in LEVELS)
            .drop(_PERIOD, *map(_to, LEVELS))
        )

    def _placed(self, said: pl.DataFrame) -> list[pl.Series]:
        """The names that lots of each row get, by `_to` of their level, and DIFFERS."""
        known = said
        for level in LEVELS:
            known = known.join(
                self._chains(level, said),
                on=[level, _PERIOD],
                how="left",
                maintain_order="left",
            )
        units = known.select(
            # A regiment of the XPCC lies in a county too, whose region is another.
            region=pl.coalesce(
                _above("regiment", "region"),
                _above("division", "region"),
                pl.when(pl.col("division") == "", pl.col("regiment") == "").then(
                    _above("county", "region")
                ),
                _above("region", "region"),
            ),
            division=pl.coalesce(_above("regiment", "division"), _above("division", "division")),
            regiment=_above("regiment", "regiment"),
            county=_above("county", "county"),
        )
        names = {level: self._names.gather(units[level]) for level in LEVELS}
        differs = [
            ((word != "") & (word != names[level]) & (word != self._codes.gather(units[level])))
            # Null where no unit is known: then nothing is contradicted.
            .fill_null(value=False)
            for level in ("region", "division")
            for word in (said[level],)
        ]
        return [
            *(names[level].fill_null(said[level]).alias(_to(level)) for level in LEVELS),
            (differs[0] | differs[1]).alias(DIFFERS),
        ]

    def _chains(self, level: str, said: pl.DataFrame) -> pl.DataFrame:
        """By word of a level and period: the number of its unit, and of those above it."""
        pairs = said.select(level, _PERIOD).unique()
        levels = _UPWARDS[level]
        return pairs.hstack(
            pl.DataFrame(
                [self._chain(levels, word, period) for word, period in pairs.iter_rows()],
                schema={f"{level}.{each}": pl.Int32() for each in levels},
                orient="row",
            )
        )

    def _chain(self, levels: Sequence[str], word: str, period: int) -> list[int | None]:
        day = int(self._starts[period - 1]) if period else OPEN_FROM
        chain: list[int | None] = []
        for level in levels:
            unit = in_force(self._by_word.get((level, word), []), day)
            chain.append(None if unit is None else self._numbers[unit])
            word = "" if unit is None else unit.parent
        return chain


def placing_at(registry: Registry, revision: int) -> tuple[Placing | None, int]:
    """The organisations in force at a revision, None for none, and the revision of the last."""
    book = registry.references
    documents = tuple(version.record for version in book.in_force(ORGANISATION, revision))
    return (
        _placing_of(documents) if documents else None,
        book.changed_at(ORGANISATION, revision),
    )


@lru_cache(maxsize=_PLACINGS_MAX)
def _placing_of(documents: tuple[Document, ...]) -> Placing:
    return Placing([organisation_of(each) for each in documents])


@lru_cache(maxsize=128)
def organisation_of(document: Document) -> Organisation:
    """What a stored document says."""
    return parse_organisation(document.content, document.id)


def _english_names(units: Sequence[Unit]) -> Mapping[str, Mapping[str, str]]:
    names: dict[str, dict[str, str]] = {level: {} for level in LEVELS}
    for unit in sorted(units, key=lambda unit: (unit.first, unit.code)):
        if unit.name_en:
            names[unit.level][unit.name] = unit.name_en
    return names


def _above(level: str, above: str) -> pl.Expr:
    """The number of the unit of a level that the one of a lower level, or itself, belongs to."""
    return pl.col(f"{level}.{above}")


def _to(name: str) -> str:
    return f"reference.{name}"
