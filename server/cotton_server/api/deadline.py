"""When a call's time is up, on the clock that measures durations."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import grpc


def deadline_of(context: grpc.aio.ServicerContext[Any, Any]) -> float | None:
    """The call's deadline in seconds of `time.perf_counter`; None when it has none.

    gRPC cancels a call whose deadline has passed, but only when the event loop comes to it;
    the committer's thread compares the clock itself.
    """
    remaining_s: float | None = context.time_remaining()
    return None if remaining_s is None else time.perf_counter() + remaining_s
