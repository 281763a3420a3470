"""The type of `--as-of`: a time, or a day for its end, in microseconds."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import click

from cotton_client.identifiers import CHINA_TIME

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(click.ParamType[int]):
    """A time in ISO 8601, or a day for its end, as microseconds since 1970 UTC.

    China time where it states no offset. A day ends with its last microsecond before 24:00: what
    arrived on it is in, and deadlines are told as they stand on that day, not on the next.
    """

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The microseconds; anything that is no time, or before 1970, is refused."""
        if isinstance(value, int):
            return value
        try:
            moment = _end_of_day(value) or datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is neither a day such as 2024-11-01 nor a time such as"
                " 2024-11-01T12:00 or 2024-11-01T12:00+08:00.",
                param,
                ctx,
            )
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=CHINA_TIME)
        microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
        if microseconds <= 0:
            self.fail(f"{value!r} lies before 1970.", param, ctx)
        return microseconds


def _end_of_day(text: str) -> datetime | None:
    """The last moment of a day in China; None where the text is not a day alone."""
    try:
        return datetime.combine(date.fromisoformat(text), time.max, CHINA_TIME)
    except ValueError:
        return None
