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
    Unavailable: the records given so far are no answer, and it is to be asked for anew. With
    `repeatable` the answer at one revision is always the same: it is then asked for once more
    at that revision, and what was given is left out.
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
        repeatable: bool = False,
    ) -> None:
        self.revision = 0
        self._ask = ask
        self._request = request
        self._records = records
        self._patience = patience
        self._target = target
        self._advance = advance
        self._repeatable = repeatable

    async def __aiter__(self) -> AsyncIterator[_T]:
        """Every record in the order of the answer; raises a CottonError."""
        patience = self._patience()
        resumes = self._repeatable or self._advance is not None
        given, more = 0, True
        while more:
            call = self._ask(self._request)
            skipped = given if self._repeatable else 0
            try:
                async for message in call:
                    patience.answered = True
                    patience.renew()
                    self.revision = message.revision
                    if resumes:
                        _pin(self._request, message.revision)
                    records = list(self._records(message))
                    fresh, skipped = records[skipped:], max(skipped - len(records), 0)
                    for record in fresh:
                        given += 1
                        yield record
                        if self._advance is not None:
                            more = self._advance(self._request, record)
            except grpc.aio.AioRpcError as failure:
                error = errors.from_rpc_error(failure, self._target)
                if not error.transient or (given and not resumes):
                    raise error from None
            else:
                return
            finally:
                call.cancel()
            if more:
                await patience.pause(error)


def _pin(request: Any, revision: int) -> None:
    """Has the rest asked for as of the revision that the answer began with.

    Before anything had been received that is 0, which in a request would be the latest.
    """
    if not revision:
        return
    request.revision = revision
    if "as_of_us" in request.DESCRIPTOR.fields_by_name:
        request.as_of_us = 0
