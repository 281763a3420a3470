"""Lists of lots and the feed of changes, through the handlers in this process."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import lifecycle_pb2, summary_pb2
from cotton_server.api import lifecycle
from cotton_server.api.lifecycle import LifecycleHandlers
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading.standards import load_standards
from cotton_server.intake.arrival import WAKE_INTERVAL_S, Arrival
from cotton_server.summary.changes import ChangeFeed
from cotton_server.summary.gradings import Gradings
from cotton_server.summary.views import LotViews

from tests.support.bales import LOT, OTHER_LOT, bale
from tests.support.calls import Context
from tests.support.committing import Committing, answer, committing
from tests.support.histories import BEGUN_S, DEADLINES, History

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

STANDARDS = load_standards()
THIRD_LOT = "65140161079"
ANSWER_S_MAX = 20


@pytest.fixture(name="readers")
def fixture_readers() -> Iterator[ThreadPoolExecutor]:
    """Threads on which handlers work."""
    with ThreadPoolExecutor(2) as readers:
        yield readers


def handlers_of(
    history: History, readers: ThreadPoolExecutor, now_s: int | None = None, **feed: int
) -> LifecycleHandlers:
    """Handlers in front of a history that is over."""
    views = history.views(now_s)
    return LifecycleHandlers(
        history.registry,
        views,
        ChangeFeed(history.registry, views, **feed),
        Gradings(history.registry, STANDARDS),
        readers,
        Arrival(),
    )


def live_handlers(running: Committing, readers: ThreadPoolExecutor) -> LifecycleHandlers:
    """Handlers in front of a running committer."""

    def received_at_us(revision: int) -> int:
        entry = running.ledger.at(revision)
        assert entry is not None
        return entry.content.received_at_us

    views = LotViews(running.registry, DEADLINES, received_at_us)
    feed = ChangeFeed(running.registry, views)
    gradings = Gradings(running.registry, STANDARDS)
    return LifecycleHandlers(
        running.registry, views, feed, gradings, readers, running.committer.arrival
    )


async def listed(handlers: LifecycleHandlers, **asked: Any) -> list[Any]:
    """The messages of a list of lots."""
    payload = lifecycle_pb2.ListLotsRequest(**asked).SerializeToString()
    return [each async for each in handlers.list_lots(payload, Context())]  # type: ignore[arg-type]  # as gRPC does


def watch(
    handlers: LifecycleHandlers, **asked: Any
) -> AsyncIterator[lifecycle_pb2.WatchChangesResponse]:
    """A feed of changes."""
    payload = lifecycle_pb2.WatchChangesRequest(**asked).SerializeToString()
    return handlers.watch_changes(payload, Context())  # type: ignore[arg-type]  # as gRPC does


async def told(handlers: LifecycleHandlers, **asked: Any) -> list[Any]:
    """The messages of a feed that ends by itself."""
    return [each async for each in watch(handlers, until_now=True, **asked)]


async def following(
    feed: AsyncIterator[lifecycle_pb2.WatchChangesResponse],
) -> lifecycle_pb2.WatchChangesResponse:
    """The next message."""
    return await asyncio.wait_for(anext(feed), ANSWER_S_MAX)


def three_lots() -> History:
    """One that is final, one that is read and not registered, one that has come in and waits."""
    history = History()
    history.register(declared_bales=1, warehouse="w")
    history.read([bale(1)])
    history.weigh()
    history.close(1)
    history.read([bale(2, OTHER_LOT)])
    history.register(THIRD_LOT, gate_in_at_s=BEGUN_S)
    history.object_to(THIRD_LOT, raised_at_s=BEGUN_S)
    return history


@pytest.mark.parametrize(
    ("asked", "lots"),
    [
        ({}, [LOT, OTHER_LOT, THIRD_LOT]),
        ({"limit": 2}, [LOT, OTHER_LOT]),
        ({"states": [summary_pb2.LOT_STATE_FINAL]}, [LOT]),
        ({"states": [summary_pb2.LOT_STATE_FINAL, summary_pb2.LOT_STATE_UNREGISTERED]},
         [LOT, OTHER_LOT]),
        ({"objected": True}, [THIRD_LOT]),
        ({"overdue": True}, [THIRD_LOT]),
        ({"overdue": True, "revision": 7}, []),
        ({"age_s_min": 3600}, [THIRD_LOT]),
        ({"revision": 5}, [LOT, OTHER_LOT]),
        ({"revision": 2, "states": [summary_pb2.LOT_STATE_FINAL]}, []),
        ({"filters": [(summary_pb2.SUMMARY_KEY_WAREHOUSE, ["w"])]}, [LOT]),
        ({"filters": [(summary_pb2.SUMMARY_KEY_WAREHOUSE, [""])]}, [OTHER_LOT, THIRD_LOT]),
        ({"filters": [(summary_pb2.SUMMARY_KEY_COTTON_TYPE, [""])]}, [OTHER_LOT]),
        ({"filters": [(summary_pb2.SUMMARY_KEY_SEASON, ["2016"]),
                      (summary_pb2.SUMMARY_KEY_GIN, ["65140"]),
                      (summary_pb2.SUMMARY_KEY_LOT, [LOT, THIRD_LOT])]}, [LOT, THIRD_LOT]),
        ({"filters": [(summary_pb2.SUMMARY_KEY_SEASON, ["2017"])]}, []),
    ],
)  # fmt: skip
async def test_lots_that_pass(
    asked: dict[str, Any], lots: list[str], readers: ThreadPoolExecutor
) -> None:
    """By what they are, where they stand and how long they wait; sorted, at any revision."""
    history = three_lots()
    asked["filters"] = [
        summary_pb2.KeyFilter(key=key, values=values) for key, values in asked.get("filters", [])
    ]
    late_s = BEGUN_S + 30 * 24 * 3600
    messages = await listed(handlers_of(history, readers, now_s=late_s), **asked)
    assert [each.lot_no for message in messages for each in message.lots] == lots
    revision = asked.get("revision") or history.registry.revision
    assert {message.revision for message in messages} == {revision}


async def test_lists_come_in_pages(
    readers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page holds no more than it may; a limit ends the list within one."""
    monkeypatch.setattr(lifecycle, "LISTED_LOTS_MAX", 2)
    handlers = handlers_of(three_lots(), readers)
    assert [len(message.lots) for message in await listed(handlers)] == [2, 1]
    assert [len(message.lots) for message in await listed(handlers, limit=1)] == [1]
    assert [len(message.lots) for message in await listed(handlers, limit=3)] == [2, 1]


@pytest.mark.parametrize(
    ("asked", "reason", "field"),
    [
        ({"revision": 99}, Reason.FUTURE_REVISION, "revision"),
        ({"states": [77]}, Reason.INVALID_FIELD, "states"),
        ({"states": [0]}, Reason.INVALID_FIELD, "states"),
        ({"age_s_min": -1}, Reason.INVALID_FIELD, "age_s_min"),
        ({"filters": [(summary_pb2.SUMMARY_KEY_STANDARD, ["x"])]}, Reason.INVALID_FIELD, "filters"),
        ({"filters": [(summary_pb2.SUMMARY_KEY_LOT, [])]}, Reason.INVALID_FIELD, "filters"),
        ({"filters": [(summary_pb2.SUMMARY_KEY_LOT, ["x"])] * 2}, Reason.INVALID_FIELD, "filters"),
        ({"filters": [(0, ["x"])]}, Reason.INVALID_FIELD, "filters"),
    ],
)
async def test_lists_that_cannot_be_given(
    asked: dict[str, Any], reason: Reason, field: str, readers: ThreadPoolExecutor
) -> None:
    asked["filters"] = [
        summary_pb2.KeyFilter(key=key, values=values) for key, values in asked.get("filters", [])
    ]
    with pytest.raises(ServiceError) as refused:
        await listed(handlers_of(three_lots(), readers), **asked)
    assert refused.value.reason is reason
    assert list(refused.value.violations) == [field]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"from_revision": 99}, Reason.FUTURE_REVISION),
        ({"kinds": [9]}, Reason.INVALID_FIELD),
        ({"filters": [summary_pb2.KeyFilter(key=14, values=["x"])]}, Reason.INVALID_FIELD),  # type: ignore[arg-type]  # the standard
    ],
)
async def test_feeds_that_cannot_be_given(
    asked: dict[str, Any], reason: Reason, readers: ThreadPoolExecutor
) -> None:
    with pytest.raises(ServiceError) as refused:
        await told(handlers_of(three_lots(), readers), **asked)
    assert refused.value.reason is reason


def kinds(message: lifecycle_pb2.WatchChangesResponse) -> list[tuple[int, str, str]]:
    """Revision, lot and kind of the changes of a message."""
    return [
        (each.revision, each.lot_no, lifecycle_pb2.LotChangeKind.Name(each.kind)[16:])
        for each in message.changes
    ]


async def test_a_feed_up_to_now_tells_what_was_and_ends(readers: ThreadPoolExecutor) -> None:
    """With the certificates before and after; its last message is of the latest revision."""
    handlers = handlers_of(three_lots(), readers)
    (message,) = await told(handlers)
    assert (message.revision, kinds(message)) == (
        7, [(1, LOT, "NEW"), (4, LOT, "FINAL"), (6, THIRD_LOT, "NEW")],
    )  # fmt: skip
    new, final, _ = message.changes
    assert not new.HasField("before")
    assert (new.after.revision, new.after.bales, new.after.lot.warehouse) == (1, 0, "w")
    assert (final.before.revision, final.after.revision) == (3, 4)
    assert (final.before.state, final.after.state) == (final.state_before, final.state_after)
    assert final.after.figures.bales == 1
    assert final.after.weight.net == 4262000 - 24600
    assert final.after.basis == summary_pb2.BASIS_IN_FORCE
    (message,) = await told(handlers, from_revision=6)
    assert (message.revision, len(message.changes)) == (7, 0)
    (message,) = await told(handlers, from_revision=7)
    assert (message.revision, len(message.changes)) == (7, 0)
    (message,) = await told(handlers, kinds=[lifecycle_pb2.LOT_CHANGE_KIND_FINAL])
    assert kinds(message) == [(4, LOT, "FINAL")]


async def test_a_feed_without_figures_tells_the_status(readers: ThreadPoolExecutor) -> None:
    (message,) = await told(handlers_of(three_lots(), readers), without_figures=True)
    final = message.changes[1].after
    assert final.status.state == final.state == summary_pb2.LOT_STATE_FINAL
    assert (final.bales, final.HasField("weight"), final.standard) == (0, False, "")


async def test_messages_are_small_and_each_says_where_to_resume(
    readers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revision that is split over messages is only told with the last of them."""
    history = History()
    history.read([bale(1), bale(2, OTHER_LOT)])
    for lot_no in (LOT, OTHER_LOT):
        history.register(lot_no)
        history.weigh(lot_no)
        history.close(1, lot_no)
    history.read([bale(1, OTHER_LOT)], kind=4, amendment={"supersedes_revision": 1, "reason": 1,
                                                         "decided_by": "office"})  # fmt: skip
    handlers = handlers_of(history, readers)
    (whole,) = await told(handlers)
    assert kinds(whole)[-2:] == [(8, LOT, "REVISED"), (8, OTHER_LOT, "REVISED")]
    monkeypatch.setattr(lifecycle, "MESSAGE_BYTES_MAX", 1)
    each = await told(handlers)
    assert [message.revision for message in each] == [3, 4, 6, 7, 7, 8]
    assert [change for message in each for change in message.changes] == list(whole.changes)
    for count, message in enumerate(each, 1):
        rest = await told(handlers, from_revision=message.revision)
        resumed = [one for other in rest for one in kinds(other)]
        so_far = [one for other in each[:count] for one in kinds(other)]
        assert sorted({*so_far, *resumed}) == sorted(kinds(whole))


async def test_a_feed_follows_what_is_committed(
    tmp_path: Path, readers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says at once how far it is, then each change as it happens, and progress in between."""
    monkeypatch.setattr(lifecycle, "PROGRESS_INTERVAL_S", 0.01)
    async with committing(tmp_path) as running:
        feed = watch(live_handlers(running, readers))
        assert (await following(feed)).revision == 0
        stored = await answer(await running.register("r1"))
        message = await following(feed)
        assert (message.revision, kinds(message)) == (stored.revision, [(1, LOT, "NEW")])
        stored = await running.stored(1, [bale(1)])
        progress = await following(feed)
        assert (progress.revision, len(progress.changes)) == (stored.revision, 0)


async def test_a_feed_to_which_nothing_happens_shows_that_it_is_alive(
    tmp_path: Path, readers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "IDLE_INTERVAL_S", 0.02)
    async with committing(tmp_path) as running:
        feed = watch(live_handlers(running, readers))
        assert [(await following(feed)).revision for _ in range(3)] == [0, 0, 0]


async def test_progress_is_told_at_most_once_an_interval(
    tmp_path: Path, readers: ThreadPoolExecutor
) -> None:
    """Readings of unregistered lots concern nobody: many revisions come to one message."""
    async with committing(tmp_path) as running:
        feed = watch(live_handlers(running, readers))
        await following(feed)
        next_one = asyncio.ensure_future(following(feed))
        for sequence in range(1, 20):
            await running.stored(sequence, [bale(sequence)])
        assert not next_one.done()
        assert (await next_one).revision == 19


async def test_feeds_end_when_the_server_drains(
    tmp_path: Path, readers: ThreadPoolExecutor
) -> None:
    """Those that wait at once, one that is being read at its next message, a new one at once."""
    async with committing(tmp_path) as running:
        handlers = live_handlers(running, readers)
        waits, late = watch(handlers), watch(handlers)
        await following(waits)
        waiting = asyncio.ensure_future(following(waits))
        await asyncio.sleep(0.01)
        handlers.drain()
        for feed in (waiting, following(late)):
            with pytest.raises(ServiceError) as ended:
                await feed
            assert ended.value.reason is Reason.DRAINING


async def test_those_who_wait_are_woken_once_for_many_arrivals() -> None:
    """The first wakes at once; what follows within the interval wakes together after it."""
    arrival = Arrival()
    arrival.announce()
    assert arrival.count == 1
    waits = asyncio.ensure_future(arrival.after(1))
    for _ in range(50):
        arrival.announce()
    await asyncio.sleep(0)
    assert not waits.done()
    await asyncio.wait_for(waits, ANSWER_S_MAX)
    assert arrival.count == 2
    await asyncio.sleep(2 * WAKE_INTERVAL_S)
    assert arrival.count == 2
    await asyncio.wait_for(arrival.after(1), ANSWER_S_MAX)
