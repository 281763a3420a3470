"""Days of inspection: a day closes at 24:00 China time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

CHINA_OFFSET: Final = timedelta(hours=8)
"""China has one time zone and no summer time."""


def china_date(seconds: int) -> str:
    """The day in China, "YYYY-MM-DD", of seconds since 1970 UTC; "" for 0, not known."""
    if seconds == 0:
        return ""
    return (datetime.fromtimestamp(seconds, UTC) + CHINA_OFFSET).date().isoformat()
