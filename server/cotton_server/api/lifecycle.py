"""LifecycleService: where lots stand, and the feed of what changes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import grpc
from cotton.inspection.v1 import lifecycle_pb2, summary_pb2

from cotton_server.api.figures import (
    certificate_message,
    standing_message,
)
from cotton_server.api.run_feed import with_runs
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.decode import parse
from cotton_server.summary.certificates import CERTIFICATE_SHARE_DECIMALS, certificates
from cotton_server.summary.changes import ChangeFilter
from cotton_server.summary.errors import SummaryRequestError
from cotton_server.summary.key_numbers import key_filters
from cotton_server.summary.selecting import LotKeys, StatusFilter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor

    from google.protobuf.descriptor import EnumDescriptor

    from cotton_server.intake.arrival import Arrival
    from cotton_server.registry.lifecycle import LotChange
    from cotton_server.registry.registry import Registry
    from cotton_server.summary.changes import ChangeFeed, Page, Place
    from cotton_server.summary.gradings import Gradings
    from cotton_server.summary.status import AsOf
    from cotton_server.summary.views import LotViews

_T = TypeVar("_T")

Context = grpc.aio.ServicerContext[Any, Any]

LISTED_LOTS_MAX: Final = 500
"""Lots looked at for one message of a list, and so the most in it."""

MESSAGE_BYTES_MAX: Final = 1 << 20
"""Changes in one message have at most this many bytes, unless a single one is larger: clients in
any language take four times as much without being told."""

PROGRESS_INTERVAL_S: Final = 1.0
"""A reader that nothing concerns is told at most this often how far it has come."""

IDLE_INTERVAL_S: Final = 15.0
"""While nothing happens at all a reader hears this often that the feed is alive: two of them
are lost in the half minute after which proxies commonly give a quiet connection up."""


class LifecycleHandlers:
    """Handlers of LifecycleService; the work runs on reader threads, off the event loop."""

    def __init__(
        self,
        registry: Registry,
        views: LotViews,
        feed: ChangeFeed,
        gradings: Gradings,
        readers: Executor,
        arrival: Arrival,
    ) -> None:
        """Takes what is read, what grades, the threads, and what tells of new revisions."""
        self._registry = registry
        self._views = views
        self._feed = feed
        self._gradings = gradings
        self._readers = readers
        self._arrival = arrival
        self._draining = False

    async def list_lots(
        self, payload: bytes, _context: Context
    ) -> AsyncIterator[lifecycle_pb2.ListLotsResponse]:
        """The status of every lot that passes, sorted by lot number; raises ServiceError."""
        request = parse(lifecycle_pb2.ListLotsRequest, payload)
        keys, statuses = self._keys(request.filters), _status_filter(request)
        as_of = await self._run(self._views.as_of, request.revision)
        lots = await self._run(self._views.numbers, keys)
        given, left = 0, request.limit or len(lots)
        for first in range(0, len(lots), LISTED_LOTS_MAX):
            some = lots.slice(first, LISTED_LOTS_MAX).to_list()
            found = await self._run(self._listed, some, as_of, keys, statuses)
            if found:
                given, found = given + 1, found[:left]
                left -= len(found)
                yield lifecycle_pb2.ListLotsResponse(revision=as_of.revision, lots=found)
            if not left:
                return
        if not given:
            # The revision is an answer also when there is nothing to list.
            yield lifecycle_pb2.ListLotsResponse(revision=as_of.revision)

    async def watch_changes(
        self, payload: bytes, _context: Context
    ) -> AsyncIterator[lifecycle_pb2.WatchChangesResponse]:
        """Changes after a revision, in order, and on as they happen; raises ServiceError.

        A reader that is slow holds up nothing but the page that it is given.
        """
        request = parse(lifecycle_pb2.WatchChangesRequest, payload)
        wanted = ChangeFilter(
            _numbers("kinds", request.kinds, lifecycle_pb2.LotChangeKind.DESCRIPTOR),
            self._keys(request.filters),
        )
        clock_s = asyncio.get_running_loop().time
        place, latest = await self._run(self._feed.begin, request.from_revision)
        until = latest if request.until_now else None
        told, told_at_s = -1, clock_s() - PROGRESS_INTERVAL_S
        while True:
            self._refuse_while_draining()
            arrived, page, before = self._arrival.count, None, place.revision
            messages: Iterable[lifecycle_pb2.WatchChangesResponse] = ()
            if until is None and (moved := self._feed.idle(place)) is not None:
                place = moved
            else:
                page = await self._run(self._page, place, wanted, until)
                messages = await self._run(self._messages, page, request.without_figures)
                place = page.after
            if request.with_runs:
                runs = self._feed.runs(before, place.revision)
                messages = with_runs(messages, runs, place.revision)
            for message in messages:
                self._refuse_while_draining()
                yield message
                told, told_at_s = message.revision, clock_s()
            ended = until is not None and page is not None and page.complete
            interval_s = PROGRESS_INTERVAL_S if place.revision > told else IDLE_INTERVAL_S
            wait_s = told_at_s + interval_s - clock_s()
            if wait_s <= 0 or (ended and place.revision > told):
                yield lifecycle_pb2.WatchChangesResponse(revision=place.revision)
                told, told_at_s = place.revision, clock_s()
                wait_s = IDLE_INTERVAL_S
            if ended:
                return
            if page is None or page.complete:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._arrival.after(arrived), wait_s)

    def drain(self) -> None:
        """Ends the feeds: each at its next message, and those that wait at once."""
        self._draining = True
        self._arrival.wake()

    def _refuse_while_draining(self) -> None:
        if self._draining:
            raise ServiceError(Reason.DRAINING, "The server ends its feeds of changes.")

    async def _run(self, work: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *arguments)

    def _listed(
        self, numbers: Sequence[int], as_of: AsOf, keys: LotKeys, statuses: StatusFilter
    ) -> list[summary_pb2.LotStatus]:
        passing = keys.passing([(self._views.entry(number), as_of.revision) for number in numbers])
        chosen = (number for number, passes in zip(numbers, passing, strict=True) if passes)
        return [each for each in self._views.statuses(chosen, as_of) if statuses.passes(each)]

    def _keys(self, filters: Iterable[summary_pb2.KeyFilter]) -> LotKeys:
        try:
            return LotKeys(key_filters(filters), self._gradings)
        except SummaryRequestError as error:
            raise ServiceError(Reason.INVALID_FIELD, str(error), {"filters": str(error)}) from error

    def _page(self, place: Place, wanted: ChangeFilter, until: int | None) -> Page:
        return self._feed.read(place, wanted, until=until)

    def _messages(
        self, page: Page, without_figures: bool
    ) -> list[lifecycle_pb2.WatchChangesResponse]:
        """The changes of a page, in as many messages as their size asks for."""
        messages: list[lifecycle_pb2.WatchChangesResponse] = []
        size = 0
        told = self._told(page.changes, without_figures=without_figures)
        for change, resume_at in zip(told, page.resume_at, strict=True):
            size += change.ByteSize()
            if not messages or size > MESSAGE_BYTES_MAX:
                messages.append(lifecycle_pb2.WatchChangesResponse())
                size = change.ByteSize()
            messages[-1].changes.append(change)
            messages[-1].revision = resume_at
        return messages

    def _told(
        self, changes: Sequence[LotChange], *, without_figures: bool
    ) -> Iterator[lifecycle_pb2.LotChange]:
        views, sides = self._feed.sides(changes)
        if without_figures:
            lots = [standing_message(view) for view in views]
        else:
            made = certificates(
                views,
                self._registry,
                self._gradings,
                share_decimals=CERTIFICATE_SHARE_DECIMALS,
            )
            lots = [certificate_message(each) for each in made]
        for change, before, after in zip(changes, sides[::2], sides[1::2], strict=True):
            message = lifecycle_pb2.LotChange(
                revision=change.moment.position,
                received_at_us=change.moment.received_at_us,
                lot_no=self._views.lot_no(change.lot),
                kind=change.kind,  # type: ignore[arg-type]  # the numbers of that enum
                state_before=change.before,  # type: ignore[arg-type]  # the numbers of that enum
                state_after=change.after,  # type: ignore[arg-type]  # the numbers of that enum
            )
            if before is not None:
                message.before.CopyFrom(lots[before])
            if after is not None:
                message.after.CopyFrom(lots[after])
            yield message


def _status_filter(request: lifecycle_pb2.ListLotsRequest) -> StatusFilter:
    if request.age_s_min < 0:
        raise ServiceError(
            Reason.INVALID_FIELD,
            "An age is at least 0 seconds.",
            {"age_s_min": "negative"},
        )
    return StatusFilter(
        states=_numbers("states", request.states, summary_pb2.LotState.DESCRIPTOR),
        objected=request.objected,
        overdue=request.overdue,
        age_s_min=request.age_s_min,
    )


def _numbers(field: str, numbers: Iterable[int], enum: EnumDescriptor) -> frozenset[int]:
    """The numbers of an enum that are asked for; raises ServiceError for any that it lacks."""
    asked = frozenset(numbers)
    known = {value.number: value.name for value in enum.values if value.number}
    if unknown := sorted(asked - known.keys()):
        raise ServiceError(
            Reason.INVALID_FIELD,
            f"{enum.name} of the contract has no value {unknown[0]} to ask for.",
            {field: f"{unknown[0]} is none of {', '.join(known.values())}"},
        )
    return asked
