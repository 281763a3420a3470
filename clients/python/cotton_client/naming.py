"""Names that every call carries, so that it is found again in the log of the service.

`x-request-id` is drawn anew for each attempt; the answer repeats it, and so do errors
(`CottonError.request_id`). `traceparent` (W3C Trace Context) is that of a trace of the channel,
or, where the variable TRACEPARENT holds one, continues the trace that this process runs in.
"""

from __future__ import annotations

import os
import re
import secrets
from typing import TYPE_CHECKING, Any, Final, Self

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

REQUEST_ID_KEY: Final = "x-request-id"
TRACEPARENT_KEY: Final = "traceparent"
TRACEPARENT_VARIABLE: Final = "TRACEPARENT"

_TRACEPARENT: Final = re.compile(
    r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})", re.ASCII
)


class Trace:
    """One trace; each call in it has a parent id of its own."""

    def __init__(self, traceparent: str = "") -> None:
        """Continues the trace of a traceparent; begins one where it is none."""
        found = _TRACEPARENT.fullmatch(traceparent)
        self._trace_id, self._flags = found.groups() if found else (secrets.token_hex(16), "00")

    def names(self) -> tuple[tuple[str, str], ...]:
        """Metadata of one more call."""
        parent_id = secrets.token_hex(8)
        return (
            (REQUEST_ID_KEY, secrets.token_hex(16)),
            (TRACEPARENT_KEY, f"00-{self._trace_id}-{parent_id}-{self._flags}"),
        )


class NamingChannel(grpc.aio.Channel):
    """A channel whose calls are named; everything else is as on the channel below.

    gRPC's interceptors would do it too, but put a queue and a task before every message of a
    stream.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._trace = Trace(os.environ.get(TRACEPARENT_VARIABLE, ""))

    def unary_unary(self, *arguments: Any, **named: Any) -> Any:
        """As grpc.aio.Channel.unary_unary."""
        return self._naming(self._channel.unary_unary(*arguments, **named))

    def unary_stream(self, *arguments: Any, **named: Any) -> Any:
        """As grpc.aio.Channel.unary_stream."""
        return self._naming(self._channel.unary_stream(*arguments, **named))

    def stream_unary(self, *arguments: Any, **named: Any) -> Any:
        """As grpc.aio.Channel.stream_unary."""
        return self._naming(self._channel.stream_unary(*arguments, **named))

    def stream_stream(self, *arguments: Any, **named: Any) -> Any:
        """As grpc.aio.Channel.stream_stream."""
        return self._naming(self._channel.stream_stream(*arguments, **named))

    async def close(self, grace: float | None = None) -> None:
        """Closes the channel below."""
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """State of the channel below."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Waits for the channel below."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Waits for the channel below."""
        await self._channel.channel_ready()

    async def __aenter__(self) -> Self:
        """Nothing is connected yet."""
        await self._channel.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Closes the channel below."""
        return await self._channel.__aexit__(kind, error, traceback)

    def _naming(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, metadata: Any = (), **named: Any) -> Any:
            return method(*arguments, metadata=(*(metadata or ()), *self._trace.names()), **named)

        return call


def request_id_of(metadata: Any) -> str:
    """The request id in the metadata of an answer; "" where there is none."""
    for key, value in metadata or ():
        if key == REQUEST_ID_KEY and isinstance(value, str):
            return value
    return ""
