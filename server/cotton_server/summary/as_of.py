"""Which revision a read is of: the one it names, the last of an instant, or the latest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton_server.errors import Reason, ServiceError
from cotton_server.summary.dates import CHINA_OFFSET_S, china_day, day_text

if TYPE_CHECKING:
    from cotton_server.registry.registry import Registry

_SECOND_US: Final = 1_000_000


def named_revision(revision: int, as_of_us: int, registry: Registry, now_us: int) -> int | None:
    """The revision that a request names, by itself or by an instant; None for the latest.

    `revision` and `as_of_us` (microseconds since 1970 UTC) are those of the request, 0 where left
    out; at most one is given. `now_us` is the clock of the service. Of an instant it is what
    `Registry.revision_at_instant` gives: 0 when nothing had been received by then, which is a
    revision at which there is nothing, not the latest.

    Raises ServiceError: INVALID_FIELD for both, or an instant before 1970; FUTURE_REVISION for a
    revision that is not there yet, or an instant that has not come.
    """
    if as_of_us:
        if revision:
            raise ServiceError(
                Reason.INVALID_FIELD,
                f"Both revision {revision} and an instant were asked for; one of them says which.",
                {"as_of_us": "given beside revision"},
            )
        _refuse_no_instant(as_of_us, now_us)
        return registry.revision_at_instant(as_of_us)
    refuse_future(revision, registry.revision)
    return revision or None


def requested_revision(revision: int, as_of_us: int, registry: Registry, now_us: int) -> int:
    """The revision to answer at: as `named_revision`, and the latest as a number, too."""
    latest = registry.revision
    named = named_revision(revision, as_of_us, registry, now_us)
    return latest if named is None else named


def refuse_future(revision: int, latest: int) -> None:
    """Raises ServiceError for a revision that is not there yet."""
    if revision > latest:
        raise ServiceError(
            Reason.FUTURE_REVISION,
            f"Revision {revision} was asked for; the latest is {latest}.",
            {"revision": f"at most {latest}"},
        )


def _refuse_no_instant(as_of_us: int, now_us: int) -> None:
    if as_of_us < 0:
        raise ServiceError(
            Reason.INVALID_FIELD,
            f"The instant {as_of_us} µs lies before 1970.",
            {"as_of_us": "negative"},
        )
    if as_of_us > now_us:
        # What will have been received by then is not known: an answer now would be another later.
        raise ServiceError(
            Reason.FUTURE_REVISION,
            f"The instant {_china_time(as_of_us)} was asked for; it is {_china_time(now_us)} by the"
            " clock of the service.",
            {"as_of_us": f"at most {now_us}"},
        )


def _china_time(at_us: int) -> str:
    """An instant as people write it; any that a message can carry."""
    seconds = at_us // _SECOND_US
    minutes, second = divmod(seconds + CHINA_OFFSET_S, 60)
    hour, minute = divmod(minutes % (24 * 60), 60)
    return f"{day_text(china_day(seconds))} {hour:02d}:{minute:02d}:{second:02d} China time"
