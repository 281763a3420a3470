"""Which call a line of the log belongs to: its request id and its place in a trace.

A caller may name a call by `x-request-id` and by `traceparent` (W3C Trace Context); what it does
not name, or names in a way that is not allowed, is named here. Names are short and of few
characters, so that no caller can write into the log what it likes.
"""

from __future__ import annotations

import re
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_Result = TypeVar("_Result")

REQUEST_ID_KEY: Final = "x-request-id"
TRACEPARENT_KEY: Final = "traceparent"

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII
)
"""Version, trace, parent and flags; what later versions add behind these is not taken."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """The names of one call."""

    request_id: str
    traceparent: str


CURRENT: Final[ContextVar[Correlation | None]] = ContextVar("cotton_call", default=None)
"""The call that is served; None outside of any."""


def correlation_of(metadata: Iterable[tuple[str, str | bytes]]) -> Correlation:
    """The names of a call with the metadata; the first of several that are given counts."""
    given: dict[str, str] = {}
    for key, value in metadata:
        if key in (REQUEST_ID_KEY, TRACEPARENT_KEY) and isinstance(value, str):
            given.setdefault(key, value)
    request_id = given.get(REQUEST_ID_KEY, "")
    traceparent = given.get(TRACEPARENT_KEY, "")
    return Correlation(
        request_id if _REQUEST_ID.fullmatch(request_id) else secrets.token_hex(16),
        traceparent
        if _TRACEPARENT.fullmatch(traceparent)
        else f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00",
    )


class CallThreads(ThreadPoolExecutor):
    """Threads whose work belongs to the call that asked for it."""

    def submit(
        self, work: Callable[..., _Result], /, *arguments: Any, **named: Any
    ) -> Future[_Result]:
        """As ThreadPoolExecutor does, in the context of who submits."""
        return super().submit(copy_context().run, work, *arguments, **named)
