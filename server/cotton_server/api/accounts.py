"""The reading half of AccountService: records that money needs, listed."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import accounts_pb2

from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.decode import parse
from cotton_server.registry.account_records import LAYOUTS
from cotton_server.trace.accounts import AccountListing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from concurrent.futures import Executor

    from cotton_server.registry.registry import Registry

Context = grpc.aio.ServicerContext[Any, Any]

_FILTERS: Final = ("season", "traceability_unit", "regiment", "series")


class AccountHandlers:
    """Handlers that read; the work runs on reader threads, off the event loop."""

    def __init__(self, registry: Registry, readers: Executor) -> None:
        """Takes what is read, and the threads."""
        self._registry = registry
        self._readers = readers

    async def list_accounts(
        self, payload: bytes, _context: Context
    ) -> AsyncIterator[accounts_pb2.ListAccountsResponse]:
        """The records that pass, a page a message; one without any when none does.

        The next page is looked for when gRPC has taken the one before. Raises ServiceError.
        """
        request = parse(accounts_pb2.ListAccountsRequest, payload)
        if request.kind not in LAYOUTS:
            raise ServiceError(
                Reason.INVALID_FIELD,
                "The request does not say which kind of records to list.",
                {"kind": "none of deliveries, areas, market prices and weights of bales"},
            )
        wanted = {name: getattr(request, name) for name in _FILTERS if getattr(request, name)}
        loop = asyncio.get_running_loop()
        listing = await loop.run_in_executor(
            self._readers,
            partial(
                AccountListing,
                self._registry,
                request.kind,
                wanted,
                revision=request.revision,
                limit=request.limit,
            ),
        )
        answered = False
        while not listing.done:
            page = await loop.run_in_executor(self._readers, listing.page)
            if page:
                answered = True
                yield accounts_pb2.ListAccountsResponse(revision=listing.revision, records=page)
        if not answered:
            # The revision is an answer also when there is nothing to list.
            yield accounts_pb2.ListAccountsResponse(revision=listing.revision)
