"""A connection to one service: calls that are repeated while it is unavailable."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc

from cotton_client import errors
from cotton_client.channel import (
    TARGET_DEFAULT,
    check_size,
    check_target,
    is_loopback,
    open_channel,
)
from cotton_client.identity import check_producer_id, content_id
from cotton_client.retry import Patience, RetryPolicy
from cotton_client.stream import ANSWER_TIMEOUT_S_DEFAULT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
    from types import TracebackType

    from google.protobuf.message import Message


_T = TypeVar("_T")


class Connection:
    """What every call needs: the channel, the time and the patience it is given."""

    def __init__(
        self,
        target: str = TARGET_DEFAULT,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        allow_plaintext: bool = False,
        retry: RetryPolicy | None = None,
        timeout_s: float = 30.0,
        answer_timeout_s: float = ANSWER_TIMEOUT_S_DEFAULT,
    ) -> None:
        check_target(target)
        if credentials is None and not allow_plaintext and not is_loopback(target):
            raise errors.ConfigurationError(
                f"{target} is another machine, and the connection would be plain text.",
                reason="PLAINTEXT_REFUSED",
                remedy="Give credentials, or allow plain text if the network is trusted.",
            )
        self.target = target
        self._credentials = credentials
        self._retry = retry or RetryPolicy()
        self._timeout_s = timeout_s
        self._answer_timeout_s = answer_timeout_s
        self._channel: grpc.aio.Channel | None = None
        self._answered = False

    async def __aenter__(self) -> Self:
        """Makes the channel; it connects with the first call."""
        self._channel = open_channel(self.target, self._credentials)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the channel; calls under way are cancelled."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close(None)

    @property
    def channel(self) -> grpc.aio.Channel:
        """The open channel, for services beside the contract such as health."""
        if self._channel is None:
            raise errors.ConfigurationError(
                "The client is not open.", remedy="Use it in `async with CottonClient(…)`."
            )
        return self._channel

    async def _send(
        self,
        method: Callable[..., Awaitable[_T]],
        requests: Sequence[Any],
        request_id: str,
        *,
        by_content: bool = True,
    ) -> list[_T]:
        """The answers to requests that carry an id, in their order; as _answers."""
        answers = self._answers(method, requests, request_id, by_content=by_content)
        return [answer async for answer in answers]

    async def _answers(
        self,
        method: Callable[..., Awaitable[_T]],
        requests: Iterable[Any],
        request_id: str,
        *,
        by_content: bool = True,
    ) -> AsyncIterator[_T]:
        """The answer to each request that carries an id, as soon as it is there.

        Where no id is given, ids follow from the content, or are made up for this call. Only
        one request at a time is taken, unless one id is given, which is for one request.
        """
        if request_id:
            requests = list(requests)
            if len(requests) > 1:
                raise errors.InputError(
                    f"{len(requests)} requests would be needed for one request id.",
                    remedy="Leave request_id out, or send fewer records at a time.",
                )
        call_id = secrets.token_hex(16)
        for index, request in enumerate(requests):
            check_producer_id(request.producer_id)
            own_id = content_id(request, index) if by_content else f"{call_id}-{index}"
            request.request_id = request_id or own_id
            yield await self._call(method, request)

    def _patience(self) -> Patience:
        """Patience of one call."""
        return Patience(self._retry, answered=self._answered)

    async def _call(self, method: Callable[..., Awaitable[_T]], request: Message) -> _T:
        """The answer to a unary call, repeated while the server is unavailable."""
        check_size(request.ByteSize(), "A request")
        patience = self._patience()
        while True:
            try:
                response = await method(request, timeout=self._timeout_s)
            except grpc.aio.AioRpcError as failure:
                error = errors.from_rpc_error(failure, self.target)
                if not error.transient:
                    self._answered = True
                    raise error from None
                await patience.pause(error)
            else:
                self._answered = True
                return response
