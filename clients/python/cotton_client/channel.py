"""The channel to a service: its address, and the limits of what travels on it."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import grpc

from cotton_client import errors
from cotton_client.naming import NamingChannel

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGET_DEFAULT: Final = "127.0.0.1:7410"
"""Where a server listens unless it is told otherwise."""

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Largest message that is sent, as servers take them unless told otherwise."""

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""Largest answer that is taken: a summary of 30 000 rows, where servers give 1 000 by default."""

_OPTIONS: Final[Sequence[tuple[str, int]]] = (
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
    # A dead peer is noticed within 30 s; servers allow a ping every 10 s during a call.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # The pauses between attempts are RetryPolicy's; the channel's own only have to be shorter.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Repeats are made here, where it is known what was acknowledged.
    ("grpc.enable_retries", 0),
)


def open_channel(target: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    """A channel that connects with its first call; plain text without credentials.

    Each of its calls carries a request id and its place in a trace.
    """
    if credentials is None:
        return NamingChannel(grpc.aio.insecure_channel(target, options=_OPTIONS))
    return NamingChannel(grpc.aio.secure_channel(target, credentials, options=_OPTIONS))


def check_size(message_bytes: int, what: str) -> None:
    """Raises InputError for a message that is too large to be sent."""
    if message_bytes > MESSAGE_BYTES_MAX:
        raise errors.InputError(
            f"{what} of {message_bytes} bytes cannot be sent: the largest message is"
            f" {MESSAGE_BYTES_MAX} bytes.",
            reason="MESSAGE_TOO_LARGE",
            remedy="Send fewer records at a time.",
        )


def is_loopback(target: str) -> bool:
    """Whether HOST:PORT is this machine."""
    host = target.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def check_target(target: str) -> None:
    """Raises ConfigurationError unless this is HOST:PORT."""
    host, colon, port = target.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
        raise errors.ConfigurationError(
            f"{target!r} is not the address of a server.",
            reason="INVALID_ADDRESS",
            remedy=f"Give it as HOST:PORT, such as {TARGET_DEFAULT}.",
        )
