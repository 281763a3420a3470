"""Tables that are being read: so many at once, each message made when the one before was sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from cotton_server.errors import Reason, ServiceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from concurrent.futures import Executor

    from google.protobuf.message import Message

_MessageT = TypeVar("_MessageT", bound="Message")


class OpenTables:
    """The tables of all services that are being read; lives on the event loop."""

    def __init__(self, readers: Executor, *, open_max: int) -> None:
        """Takes the threads that make messages, and the most tables at once."""
        self._readers = readers
        self._open_max = open_max
        self._open = 0

    async def each(
        self, table_of: Callable[[bytes], Iterator[_MessageT]], payload: bytes
    ) -> AsyncIterator[_MessageT]:
        """The messages of a table; raises ServiceError, also where too many are being read."""
        if self._open >= self._open_max:
            raise ServiceError(
                Reason.TOO_MANY_TABLES,
                f"{self._open_max} tables are being read, as many as may be.",
            )
        self._open += 1
        run = asyncio.get_running_loop().run_in_executor
        try:
            messages = await run(self._readers, table_of, payload)
            while (message := await run(self._readers, next, messages, None)) is not None:
                yield message
        finally:
            self._open -= 1
