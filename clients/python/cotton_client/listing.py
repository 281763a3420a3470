"""Answers that come as a server stream: asked for again where they break, never given twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import grpc

from cotton_client import errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from cotton_client.retry import Patience

_T = TypeVar("_T")


class Listing(Generic[_T]):
    """The records of an answer, one after the other; iterate over it once.

    `revision` is the one that the answer was computed at, 0 until its first message is
    there. `ask` makes the call for a request, `records` takes the records out of a message,
    and `advance` changes the request so that it asks for what comes after a record; it says
    whether anything may. Without it an answer that breaks after its first record raises
    Unavailable: the records given so far are no answer, and it is to be asked for anew.
    """

    def __init__(
        self,
        ask: Callable[[Any], Any],
        request: Any,
        records: Callable[[Any], Iterable[_T]],
        *,
        patience: Callable[[], Patience],
        target: str,
        advance: Callable[[Any, _T], bool] | None = None,
    ) -> None:
        self.revision = 0
        self._ask = ask
        self._request = request
        self._records = records
        self._patience = patience
        self._target = target
        self._advance = advance

    async def __aiter__(self) -> AsyncIterator[_T]:
        """Every record in the order of the answer; raises a CottonError."""
        patience = self._patience()
        given, more = False, True
        while more:
            call = self._ask(self._request)
            try:
                async for message in call:
                    patience.answered = True
                    patience.renew()
                    self.revision = message.revision
                    for record in self._records(message):
                        given = True
                        yield record
                        if self._advance is not None:
                            # The rest is asked for as of the revision that the answer began with.
                            self._request.revision = message.revision
                            more = self._advance(self._request, record)
            except grpc.aio.AioRpcError as failure:
                error = errors.from_rpc_error(failure, self._target)
                if not error.transient or (given and self._advance is None):
                    raise error from None
            else:
                return
            finally:
                call.cancel()
            if more:
                await patience.pause(error)
