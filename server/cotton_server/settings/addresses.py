"""Addresses that a server listens on: HOST:PORT, and who can reach it."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple

_PORT: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_PORT_MAX: Final = 65_535
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*",
    re.ASCII | re.IGNORECASE,
)


class Address(NamedTuple):
    """Where a server listens: host without brackets, and port, 0 for any free one."""

    host: str
    port: int


def split(listen: str) -> Address | None:
    """Host and port of "HOST:PORT", or None when it is not of that form."""
    host, colon, port = listen.rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) > _PORT_MAX:
        return None
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        # Digits and dots alone are a mistyped address, never a name.
        is_name = _HOST_NAME.fullmatch(bare) and not bare.replace(".", "").isdigit()
        return Address(bare, int(port)) if is_name and not bracketed else None
    return Address(bare, int(port)) if bracketed == (address.version == 6) else None  # noqa: PLR2004  # IPv6


def split_listen(listen: str) -> Address:
    """Host and port of a listen address that a Config holds; ValueError for any other text."""
    address = split(listen)
    if address is None:
        raise ValueError(f"{listen!r} is no HOST:PORT.")
    return address


def is_loopback(listen: str) -> bool:
    """Whether only this machine can reach `listen` ("HOST:PORT").

    A name other than localhost is taken as reachable from elsewhere: what it stands for can
    change after the check. Raises ValueError for a text that is no HOST:PORT.
    """
    host = split_listen(listen).host
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
