"""The keys by which grades are summed up, and what makes a request for them well-formed.

A key of lots is the same for all bales of a lot. A key of bales may differ within one: the
standard that graded it, the laboratory and the instrument that read it, and the day.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_server.summary.errors import EmptyFilterError, RepeatedKeyError, UnknownKeyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STANDARD_KEY: Final = "standard"
DAY_KEYS: Final = ("day", "week", "month")
PLACE_KEYS: Final = ("laboratory", "instrument", *DAY_KEYS)
"""The keys of bales that say where and when they were read."""

LOT_WORDS: Final = (
    "region",
    "division",
    "regiment",
    "county",
    "gin",
    "production_line",
    "warehouse",
    "cotton_type",
    "picking_mode",
    "channel",
    "traceability_unit",
    "agency",
)
"""The keys of lots that a registration gives, as texts."""

LOT_KEYS: Final = ("season", *LOT_WORDS, "state", "lot")
"""Every key of lots."""

SUMMARY_KEYS: Final = (*LOT_KEYS, STANDARD_KEY, *PLACE_KEYS)
"""Every key by which a summary can group and filter."""

_EPOCH: Final = date(1970, 1, 1)


def check_request(
    keys: Sequence[str], filters: Mapping[str, Sequence[str]], *, without: Sequence[str] = ()
) -> None:
    """Raises UnknownKeyError, RepeatedKeyError or EmptyFilterError for what has no answer.

    Keys in `without` are not known to this kind of request.
    """
    known = [key for key in SUMMARY_KEYS if key not in without]
    for key in (*keys, *filters):
        if key not in known:
            raise UnknownKeyError(key, known)
    for key in keys:
        if keys.count(key) > 1:
            raise RepeatedKeyError(key)
    for key, values in filters.items():
        if not values:
            raise EmptyFilterError(key)


def key_column(key: str) -> str:
    """Name of the column that holds the values of a key in summed-up frames."""
    return f"key.{key}"


def place_code(key: str) -> pl.Expr:
    """The integer of a key of where and when, from the columns of a cell; 0 where not known.

    Laboratories and instruments are numbers of their books. A day counts from 1970-01-01, China
    time; a week is its Monday and a month its first day, counted so too.
    """
    if key in ("laboratory", "instrument"):
        return pl.col(key)
    day = pl.col("day")
    if key == "day":
        return day
    truncated = day.cast(pl.Date).dt.truncate("1w" if key == "week" else "1mo")
    return pl.when(day > 0).then(truncated.cast(pl.Int32)).otherwise(0)


def season_code(label: str) -> int:
    """The season that a text names; 0 for "", and -1, which no lot has, for any other text."""
    if label == "":
        return 0
    digits = len(label) == len("2024") and label.isascii() and label.isdigit()
    return (int(label) or -1) if digits else -1


def day_label(key: str, code: int) -> str:
    """The text of a day, an ISO week or a month by its code; "" for 0."""
    if code == 0:
        return ""
    on = _EPOCH + timedelta(days=code)
    if key == "week":
        year, week, _ = on.isocalendar()
        return f"{year:04d}-W{week:02d}"
    return on.isoformat() if key == "day" else f"{on.year:04d}-{on.month:02d}"


def day_code(key: str, label: str) -> int | None:
    """The code of a day, an ISO week or a month by its text, None where it names none."""
    if label == "":
        return 0
    try:
        if key == "week":
            year, week = label.split("-W")
            on = date.fromisocalendar(int(year), int(week), 1)
        else:
            on = date.fromisoformat(label if key == "day" else f"{label}-01")
    except ValueError:
        return None
    code = (on - _EPOCH).days
    return code if code > 0 and day_label(key, code) == label else None
