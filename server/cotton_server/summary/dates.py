"""Days in China, of inspections and of deadlines: a day closes at 24:00 China time."""

from __future__ import annotations

from datetime import date
from typing import Final

CHINA_OFFSET_S: Final = 8 * 3600
"""China has one time zone and no summer time."""

_DAY_S: Final = 24 * 3600
_EPOCH: Final = date(1970, 1, 1).toordinal()
_LAST: Final = date.max.toordinal()

DAY_MAX: Final = _LAST - _EPOCH
"""The last day there is, of the year 9999, counted from 1970-01-01."""


def china_day(seconds: int) -> int:
    """The day in China, counted from 1970-01-01, of seconds since 1970 UTC; any integer."""
    return (seconds + CHINA_OFFSET_S) // _DAY_S


def day_number(day: date) -> int:
    """A calendar day counted from 1970-01-01."""
    return day.toordinal() - _EPOCH


def day_text(day: int) -> str:
    """The day of that count, "YYYY-MM-DD"; what lies after the year 9999 is its last day."""
    return date.fromordinal(max(1, min(_EPOCH + day, _LAST))).isoformat()


def china_date(seconds: int) -> str:
    """The day in China, "YYYY-MM-DD", of seconds since 1970 UTC; "" for 0, not known."""
    return "" if seconds == 0 else day_text(china_day(seconds))
