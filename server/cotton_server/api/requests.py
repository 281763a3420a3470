"""What requests of several services have in common."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from cotton_server.domain.identifiers import is_producer_id
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.records import BatchAnswered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.intake.committer import Committer
    from cotton_server.intake.records import Observer

ANONYMOUS: Final = "anonymous"
"""The principal of a caller that did not have to say who it is."""


def require_producer(producer: str) -> None:
    """Raises ServiceError when a producer id is missing or not of its form."""
    if not is_producer_id(producer):
        raise ServiceError(
            Reason.INVALID_FIELD,
            "The producer id is not 1 to 64 letters, digits, dots, dashes, underscores or colons.",
            {"producer_id": "missing, or not of its form"},
        )


class Admission:
    """Lets messages in that will be decoded and submitted; what is refused is counted."""

    def __init__(self, committer: Committer, observer: Observer, *, message_bytes_max: int) -> None:
        """Takes what has the room, who is told of refusals, and the largest message."""
        self._committer = committer
        self._observer = observer
        self._message_bytes_max = message_bytes_max

    async def take_room(self, kind: str, payload: bytes) -> None:
        """Waits for room for a message; raises ServiceError for one that is too large.

        That one is refused before it waits for room that it may never get. gRPC itself takes
        somewhat more than the limit, so that the answer can say what to do.
        """
        if len(payload) > self._message_bytes_max:
            self._observer.batch_answered(BatchAnswered(kind, Reason.MESSAGE_TOO_LARGE.name))
            raise ServiceError(
                Reason.MESSAGE_TOO_LARGE,
                f"The message has {len(payload)} bytes; at most {self._message_bytes_max} are"
                " taken.",
                metadata={"bytes_max": str(self._message_bytes_max)},
            )
        await self._committer.reserve(len(payload))

    def give_back(self, payload: bytes) -> None:
        """Gives back the room of a message that there is nothing to submit of."""
        self._committer.release(len(payload))

    def count_refusal(self, kind: str, reason: Reason) -> None:
        """Counts a refusal that is no answer to a message."""
        self._observer.batch_answered(BatchAnswered(kind, reason.name))

    @contextmanager
    def decoding(self, kind: str, payload: bytes) -> Iterator[None]:
        """Gives the room of a message back, and counts it, when it cannot be submitted."""
        try:
            yield
        except Exception as error:
            self.give_back(payload)
            if isinstance(error, ServiceError):
                self._observer.batch_answered(BatchAnswered(kind, error.reason.name))
            raise
