"""The revision that a request is answered at."""

from __future__ import annotations

from cotton_server.errors import Reason, ServiceError


def answered_at(requested: int, latest: int, field: str = "revision") -> int:
    """The revision requested, or the latest for 0; ServiceError for one that is not there yet.

    `field` is that of the request which says it.
    """
    if requested > latest:
        raise ServiceError(
            Reason.FUTURE_REVISION,
            f"Revision {requested} was asked for; the latest is {latest}.",
            {field: f"at most {latest}"},
        )
    return requested or latest
