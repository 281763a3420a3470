"""The reading half of AmendmentService: conflicts listed and counted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import amendments_pb2

from cotton_server.domain.identifiers import bale_key_of, is_lot_no
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.decode import parse
from cotton_server.registry.conflicts import ConflictState, place_of
from cotton_server.trace.conflicts import ConflictFilter, ConflictListing, count_conflicts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from concurrent.futures import Executor

    from cotton_server.domain.identifiers import BaleKey
    from cotton_server.ledger import Ledger
    from cotton_server.registry.conflicts import Place
    from cotton_server.registry.registry import Registry

Context = grpc.aio.ServicerContext[Any, Any]

FILTER_VALUES_MAX: Final = 1000
"""Values of one field of a filter."""

CONFLICT_ID_MAX: Final = 32
"""Characters of a conflict id: more than any revision and row of a ledger take."""


class ConflictHandlers:
    """Handlers that read conflicts; the work runs on reader threads, off the event loop."""

    def __init__(self, registry: Registry, ledger: Ledger, readers: Executor) -> None:
        """Takes what is read, and the threads."""
        self._registry = registry
        self._ledger = ledger
        self._readers = readers

    async def list_conflicts(
        self, payload: bytes, _context: Context
    ) -> AsyncIterator[amendments_pb2.ListConflictsResponse]:
        """The conflicts that pass, a page a message; one without any when none does.

        The next page is looked for when gRPC has taken the one before: a client that does not
        read holds one page. Raises ServiceError.
        """
        request = parse(amendments_pb2.ListConflictsRequest, payload)
        wanted = _filter(request)
        loop = asyncio.get_running_loop()
        listing = await loop.run_in_executor(
            self._readers,
            ConflictListing,
            self._registry,
            self._ledger,
            wanted,
            request.revision,
        )
        answered = False
        while not listing.done:
            page = await loop.run_in_executor(self._readers, listing.page)
            if page:
                answered = True
                yield amendments_pb2.ListConflictsResponse(
                    revision=listing.revision, conflicts=page
                )
        if not answered:
            yield amendments_pb2.ListConflictsResponse(revision=listing.revision)

    async def count_conflicts(
        self, payload: bytes, _context: Context
    ) -> amendments_pb2.CountConflictsResponse:
        """The conflicts by laboratory; raises ServiceError."""
        request = parse(amendments_pb2.CountConflictsRequest, payload)
        loop = asyncio.get_running_loop()
        revision, counts = await loop.run_in_executor(
            self._readers, count_conflicts, self._registry, request.revision
        )
        return amendments_pb2.CountConflictsResponse(revision=revision, counts=counts)


def _filter(request: amendments_pb2.ListConflictsRequest) -> ConflictFilter:
    for name in ("states", "lot_nos", "laboratories"):
        if len(getattr(request, name)) > FILTER_VALUES_MAX:
            raise _invalid(name, f"A filter has at most {FILTER_VALUES_MAX} values of one field.")
    for lot_no in request.lot_nos:
        if not is_lot_no(lot_no):
            raise _invalid("lot_nos", "A lot number has 11 digits.")
    return ConflictFilter(
        states=_states(request.states),
        lot_nos=frozenset(request.lot_nos),
        laboratories=frozenset(request.laboratories),
        bale=_bale(request.bale_code),
        after=_place(request.after_conflict_id),
        limit=request.limit,
    )


def _states(numbers: Iterable[int]) -> frozenset[ConflictState]:
    try:
        return frozenset(ConflictState(number) for number in numbers)
    except ValueError as error:
        raise _invalid("states", "A conflict is open, kept or accepted.") from error


def _bale(text: str) -> BaleKey | None:
    """The bale of a code of 32 digits, or of crop year, slash and 12 digits; None for ""."""
    if not text:
        return None
    key = bale_key_of(text)
    if key is None:
        raise _invalid(
            "bale_code",
            "A bale is named by 32 digits, or by crop year, slash and 12 digits.",
        )
    return key


def _place(text: str) -> Place:
    if not text:
        return 0, 0
    place = place_of(text) if len(text) <= CONFLICT_ID_MAX else None
    if place is None:
        raise _invalid(
            "after_conflict_id", "A conflict id is the revision and row at which it began: 1234/17."
        )
    return place


def _invalid(field: str, message: str) -> ServiceError:
    return ServiceError(Reason.INVALID_FIELD, message, {field: "not of its form"})
