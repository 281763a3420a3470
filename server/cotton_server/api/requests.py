"""What requests of several services have in common."""

from __future__ import annotations

from typing import Final

from cotton_server.domain.identifiers import is_producer_id
from cotton_server.errors import Reason, ServiceError

ANONYMOUS: Final = "anonymous"
"""The principal of a caller that did not have to say who it is."""


def require_size(payload: bytes, bytes_max: int) -> None:
    """Raises ServiceError when a message is larger than the configured limit.

    gRPC itself takes somewhat more, so that the answer can say what to do.
    """
    if len(payload) > bytes_max:
        raise ServiceError(
            Reason.MESSAGE_TOO_LARGE,
            f"The message has {len(payload)} bytes; at most {bytes_max} are taken.",
            metadata={"bytes_max": str(bytes_max)},
        )


def require_producer(producer: str) -> None:
    """Raises ServiceError when a producer id is missing or not of its form."""
    if not is_producer_id(producer):
        raise ServiceError(
            Reason.INVALID_FIELD,
            "The producer id is not 1 to 64 letters, digits, dots, dashes, underscores or colons.",
            {"producer_id": "missing, or not of its form"},
        )
