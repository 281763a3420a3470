"""Every call has a request id and a place in a trace, for the log and for who made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from cotton_server.observability.correlation import CURRENT, REQUEST_ID_KEY, correlation_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Naming(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs alone
    """Notes the names of a call before its handler runs, in the task that runs it."""

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Leaves the handler as it is."""
        CURRENT.set(correlation_of(handler_call_details.invocation_metadata or ()))
        return await continuation(handler_call_details)


def names_of_call() -> tuple[tuple[str, str], ...]:
    """What the caller is told of the call's names, as trailing metadata."""
    call = CURRENT.get()
    return () if call is None else ((REQUEST_ID_KEY, call.request_id),)
