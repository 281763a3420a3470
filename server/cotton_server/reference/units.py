"""Units of an organisation and the periods in which they are in force."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LEVELS: Final = ("region", "division", "regiment", "county")
"""Region (兵团, 地方, 内地), division (师), regiment (团场), county (县)."""

LEVEL_ABOVE: Final = {"division": "region", "regiment": "division", "county": "region"}
"""The level of the parents of a level; a region has none."""

OPEN_FROM: Final = -(2**31)
"""The first day of a period without beginning: before any day of an Int32."""

OPEN_TO: Final = 2**31 - 1
"""The last day of a period without end."""

EPOCH: Final = date(1970, 1, 1)

_FIRST = attrgetter("first")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as it was from `first` to `last`, both included: days since 1970-01-01, China time.

    `parent` is the code of the unit above, "" for none; `line` is where its file says so.
    """

    level: str
    code: str
    name: str
    name_en: str
    parent: str
    first: int
    last: int
    line: int

    @property
    def words(self) -> tuple[str, ...]:
        """What names the unit: its code and its name; once where they are the same."""
        return (self.code,) if self.code == self.name else (self.code, self.name)


Periods = list[Unit]
"""Units in order of their first days, no two of which are in force on one day."""


def by_code(units: Iterable[Unit]) -> Mapping[tuple[str, str], Periods]:
    """Units by level and code, in order of their first days."""
    return _ordered(((unit.level, unit.code), unit) for unit in units)


def by_word(units: Iterable[Unit]) -> Mapping[tuple[str, str], Periods]:
    """Units by level and either word that names them, in order of their first days."""
    return _ordered(((unit.level, word), unit) for unit in units for word in unit.words)


def in_force(periods: Periods, day: int) -> Unit | None:
    """The unit in force on a day."""
    place = bisect_right(periods, day, key=_FIRST)
    return periods[place - 1] if place and periods[place - 1].last >= day else None


def first_overlap(periods: Sequence[Unit]) -> tuple[Unit, Unit] | None:
    """The first two units that are in force on one day; None where all may stand as Periods.

    Of units in order of their first days: where any two share a day, two neighbours do.
    """
    return next((pair for pair in pairwise(periods) if pair[1].first <= pair[0].last), None)


def shared_word(one: Unit, other: Unit) -> str:
    """The first, in order of their characters, of the words that name both."""
    return min({*one.words} & {*other.words})


def joined(periods: Periods) -> list[tuple[int, int]]:
    """First and last days of the runs that periods without a day between them make up."""
    runs: list[tuple[int, int]] = []
    for unit in periods:
        if runs and runs[-1][1] + 1 == unit.first:
            runs[-1] = (runs[-1][0], unit.last)
        else:
            runs.append((unit.first, unit.last))
    return runs


def uncovered(runs: Sequence[tuple[int, int]], first: int, last: int) -> int | None:
    """The first day from `first` to `last` that lies in none of the runs; None for none."""
    place = bisect_right(runs, first, key=lambda run: run[0]) - 1
    if place < 0 or runs[place][1] < first:
        return first
    end = runs[place][1]
    return None if end >= last else end + 1


def spelled_period(unit: Unit) -> str:
    """The period of a unit in words."""
    return f"from {spelled_day(unit.first)} to {spelled_day(unit.last)}"


def spelled_day(day: int) -> str:
    """A day of a period in words; its ends may be open."""
    if day == OPEN_FROM:
        return "the beginning"
    return "the end" if day == OPEN_TO else (EPOCH + timedelta(days=day)).isoformat()


def _ordered(pairs: Iterable[tuple[tuple[str, str], Unit]]) -> Mapping[tuple[str, str], Periods]:
    found: defaultdict[tuple[str, str], Periods] = defaultdict(list)
    for key, unit in pairs:
        found[key].append(unit)
    for periods in found.values():
        periods.sort(key=_FIRST)
    return found
