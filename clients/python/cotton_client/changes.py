"""The feed of lot changes: followed over broken connections, no change missed or told twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from cotton.inspection.v1 import lifecycle_pb2

from cotton_client import errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from cotton.inspection.v1 import settlement_pb2

    from cotton_client.retry import Patience

    _Identity = tuple[int, str, int]


async def follow(
    ask: Callable[[lifecycle_pb2.WatchChangesRequest], Any],
    request: lifecycle_pb2.WatchChangesRequest,
    *,
    patience: Callable[[], Patience],
    target: str,
    on_retry: Callable[[errors.CottonError, float], None] | None = None,
) -> AsyncIterator[lifecycle_pb2.WatchChangesResponse]:
    """Messages of the feed in order of revision, from `request.from_revision` on.

    When the connection breaks, or the server ends a feed that was to go on, it is asked for
    again from the last revision told, for as long as `patience` lasts; what a message had
    begun to tell of the revision after that is not given out again. Raises a CottonError.
    """
    waiting = patience()
    begun: set[_Identity] = set()
    while True:
        call = ask(request)
        try:
            async for message in call:
                waiting.answered = True
                waiting.renew()
                fresh = _without(message, begun)
                yield fresh
                request.from_revision = max(request.from_revision, message.revision)
                begun |= {_identity(each) for each in fresh.changes}
                begun |= {_run_identity(each) for each in fresh.runs}
                begun = {each for each in begun if each[0] > request.from_revision}
            if request.until_now:
                return
            error: errors.CottonError = errors.Unavailable(
                f"The server at {target} ended the feed of changes."
            )
        except grpc.aio.AioRpcError as failure:
            error = errors.from_rpc_error(failure, target)
            if not error.transient:
                raise error from None
        finally:
            call.cancel()
        await waiting.pause(error, on_retry)


def _identity(change: lifecycle_pb2.LotChange) -> _Identity:
    """What makes a change the same when it is told again."""
    return change.revision, change.lot_no, change.kind


def _run_identity(run: settlement_pb2.StoredRun) -> _Identity:
    """What makes a run the same; no change has a kind below 0."""
    return run.revision, run.run.id, -1


def _without(
    message: lifecycle_pb2.WatchChangesResponse, told: set[_Identity]
) -> lifecycle_pb2.WatchChangesResponse:
    """The message without changes and runs that were given out before a connection broke."""
    told_again = {_identity(each) for each in message.changes}
    told_again |= {_run_identity(each) for each in message.runs}
    if told.isdisjoint(told_again):
        return message
    return lifecycle_pb2.WatchChangesResponse(
        revision=message.revision,
        changes=[each for each in message.changes if _identity(each) not in told],
        runs=[each for each in message.runs if _run_identity(each) not in told],
    )
