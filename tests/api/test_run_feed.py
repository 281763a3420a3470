"""Settlement runs in the feed of changes: told once, in their place, wherever a reader resumes."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import lifecycle_pb2, settlement_pb2
from cotton_server.api import run_feed
from cotton_server.api.lifecycle import LifecycleHandlers
from cotton_server.grading.standards import load_standards
from cotton_server.intake.arrival import Arrival
from cotton_server.summary.changes import ChangeFeed
from cotton_server.summary.gradings import Gradings

from tests.support.calls import Context
from tests.support.histories import History

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARDS = load_standards()

LOTS = "65140161001", "65140161002", "65140161003"


@pytest.fixture(name="history")
def fixture_history() -> History:
    """Revisions 1 and 4 to 6 bring lots, the others runs; the last two are runs."""
    history = History()
    history.register(LOTS[0])
    freeze(history, "r-2", 1)
    freeze(history, "r-3", 1)
    history.register(LOTS[1])
    history.weigh(LOTS[1])
    history.register(LOTS[2])
    freeze(history, "r-7", 1, predecessor="r-3")
    freeze(history, "r-8", 1)
    return history


def freeze(history: History, run_id: str, revision: int, **fields: Any) -> None:
    """Stores a run."""
    terms = settlement_pb2.SettlementTerms(revision=revision, schedule="s")
    run = settlement_pb2.Run(id=run_id, digest="0" * 64, decided_by="office", terms=terms, **fields)
    outcome: Any = history.take(settlement_pb2.FreezeRunRequest(runs=[run]))
    assert outcome.created == 1


@pytest.fixture(name="readers")
def fixture_readers() -> Iterator[ThreadPoolExecutor]:
    """Threads on which handlers work."""
    with ThreadPoolExecutor(1) as readers:
        yield readers


def told(
    history: History, readers: ThreadPoolExecutor, from_revision: int, **feed: Any
) -> list[tuple[int, list[int], list[int]]]:
    """Of each message: where to resume, revisions of its changes, revisions of its runs."""
    views = history.views()
    handlers = LifecycleHandlers(
        history.registry,
        views,
        ChangeFeed(history.registry, views, **feed),
        Gradings(history.registry, STANDARDS),
        readers,
        Arrival(),
    )
    request = lifecycle_pb2.WatchChangesRequest(
        from_revision=from_revision, with_runs=True, until_now=True, without_figures=True
    )

    async def every() -> list[Any]:
        payload = request.SerializeToString()
        return [each async for each in handlers.watch_changes(payload, Context())]  # type: ignore[arg-type]  # as gRPC does

    return [
        (
            message.revision,
            [change.revision for change in message.changes],
            [run.revision for run in message.runs],
        )
        for message in asyncio.run(every())
    ]


@pytest.mark.parametrize("page", [1, 2, 200])
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_whoever_resumes_at_any_message_hears_every_run_once(
    history: History,
    readers: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    page: int,
    size: int,
) -> None:
    """What came by a message's revision was told up to it, and nothing else was."""
    monkeypatch.setattr(run_feed, "RUNS_BYTES_MAX", size)
    everything = told(history, readers, 0, page_changes_max=page)
    runs = [revision for _, _, runs in everything for revision in runs]
    assert runs == [2, 3, 7, 8]
    assert everything[-1][0] == 8
    for number, (resume_at, _, _) in enumerate(everything):
        heard = [revision for _, _, runs in everything[: number + 1] for revision in runs]
        assert heard == [revision for revision in runs if revision <= resume_at]
        changes = [each for _, changes, _ in everything[: number + 1] for each in changes]
        later = told(history, readers, resume_at, page_changes_max=page)
        assert [each for _, _, runs in later for each in runs] == runs[len(heard) :]
        of_all = [each for _, changes, _ in everything for each in changes]
        assert [each for _, some, _ in later for each in some] == of_all[len(changes) :]


def test_runs_stand_with_the_changes_that_surround_them(
    history: History, readers: ThreadPoolExecutor
) -> None:
    """Those behind the last change have a message of their own."""
    everything = told(history, readers, 0)
    assert everything == [(6, [1, 4, 6], [2, 3]), (8, [], [7, 8])]
