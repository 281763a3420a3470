"""What a summary is asked for, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import MINYEAR, date
from typing import TYPE_CHECKING, Final

from cotton_server.summary.dates import day_number
from cotton_server.summary.errors import (
    DayError,
    LastSeasonError,
    UnknownStandardError,
    UnknownStateError,
    WithholdError,
)
from cotton_server.summary.facts import STATES
from cotton_server.summary.keys import (
    DAY_KEYS,
    PLACE_KEYS,
    STANDARD_KEY,
    check_request,
    day_code,
    season_code,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


_FORMS: Final = {"day": "2024-10-05", "week": "2024-W40", "month": "2024-10"}


@dataclass(frozen=True, slots=True)
class Days:
    """Days of inspection, counted from 1970-01-01 China time, both included; None: open."""

    first: int | None = None
    last: int | None = None

    def __bool__(self) -> bool:
        """Whether any day is left out."""
        return self.first is not None or self.last is not None

    def year_earlier(self) -> Days:
        """The same days of the year before; of 29 February the 28th."""
        return Days(
            *(None if day is None else _year_earlier(day) for day in (self.first, self.last))
        )


@dataclass(frozen=True, slots=True)
class Query:
    """Keys and filters of a summary, and which days of inspection it is about.

    Filters: all must hold; a value of "" is for what lacks the key.
    """

    keys: tuple[str, ...] = ()
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    days: Days = Days()
    with_last_season: bool = False
    withhold_below: int = 0

    @property
    def asks_of_bales(self) -> bool:
        """Whether bales of one lot may part, so that lots cannot be weighed against each other."""
        asked = {*self.keys, *self.filters}
        return bool(self.days) or not asked.isdisjoint(PLACE_KEYS)

    def of_season_before(self) -> Query:
        """The same question of the season before."""
        (season,) = self.filters["season"]
        filters = {**self.filters, "season": (str(int(season) - 1),)}
        return Query(self.keys, filters, self.days.year_earlier())


def checked_query(
    keys: Sequence[str],
    filters: Mapping[str, Sequence[str]],
    *,
    standards: Iterable[str],
    inspected_from: str = "",
    inspected_through: str = "",
    with_last_season: bool = False,
    withhold_below: int = 0,
    without: Sequence[str] = (),
) -> Query:
    """A query; raises a SummaryRequestError for what has no answer.

    `standards` are the ids of those that there are; keys in `without` are not known to this kind
    of request.
    """
    check_request(keys, filters, without=without)
    _check_values(filters, list(standards))
    if withhold_below < 0:
        raise WithholdError(
            f"Rows cannot be withheld below {withhold_below} bales; name 0 or more."
        )
    days = Days(
        _day("inspected_from", inspected_from), _day("inspected_through", inspected_through)
    )
    if days.first is not None and days.last is not None and days.last < days.first:
        raise DayError("inspected_through", "The last day of inspection lies before the first.")
    if with_last_season:
        _check_last_season(keys, filters)
    return Query(
        tuple(keys),
        {key: tuple(values) for key, values in filters.items()},
        days,
        with_last_season,
        withhold_below,
    )


def _check_values(filters: Mapping[str, Sequence[str]], standards: Sequence[str]) -> None:
    """Refuses values that nothing can have, where it is known what can be."""
    for standard in filters.get(STANDARD_KEY, ()):
        if standard and standard not in standards:
            raise UnknownStandardError(standard, standards)
    for state in filters.get("state", ()):
        if state not in STATES:
            raise UnknownStateError(state, STATES)
    for key in DAY_KEYS:
        for value in filters.get(key, ()):
            if day_code(key, value) is None:
                raise DayError("filters", f'"{value}" is no {key}; write it as {_FORMS[key]}.')


def _check_last_season(keys: Sequence[str], filters: Mapping[str, Sequence[str]]) -> None:
    seasons = filters.get("season", ())
    if len(seasons) != 1 or season_code(seasons[0]) <= 0:
        raise LastSeasonError(
            "Beside which season the one before is to stand is not clear; filter on one season."
        )
    for key in ("season", "day", "week", "month"):
        if key in keys:
            raise LastSeasonError(
                f'By "{key}" a season and the one before have no row in common; leave the key out.'
            )


def _day(field_name: str, text: str) -> int | None:
    if not text:
        return None
    try:
        on = date.fromisoformat(text)
    except ValueError as error:
        raise DayError(field_name, f'"{text}" is no day; write it as YYYY-MM-DD.') from error
    # Days of a week and days without dashes are ISO days too.
    if on.isoformat() != text:
        raise DayError(field_name, f'"{text}" is no day; write it as YYYY-MM-DD.')
    return day_number(on)


def _year_earlier(day: int) -> int:
    on = date.fromordinal(day + date(1970, 1, 1).toordinal())
    year = max(on.year - 1, MINYEAR)
    if (on.month, on.day) == (2, 29):
        return day_number(on.replace(year=year, day=28))
    return day_number(on.replace(year=year))
