"""Settlement runs in the feed of changes: told in order, once, over broken connections."""

from __future__ import annotations

import json
from concurrent import futures
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cotton.inspection.v1 import lifecycle_pb2, lifecycle_pb2_grpc

from tests.client.test_settle import cotton
from tests.support.settlement_service import FROZEN_AT, stored_run

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Feed(lifecycle_pb2_grpc.LifecycleServiceServicer):
    """Two runs of one revision between changes before and after, the first call broken."""

    break_after: int = 100
    requests: list[Any] = field(default_factory=list)

    def WatchChanges(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Each message but the last leaves its revision open."""
        kept = lifecycle_pb2.WatchChangesRequest()
        kept.CopyFrom(request)
        self.requests.append(kept)
        runs = [stored_run("2016-1"), stored_run("2016-2", predecessor="2016-1")]
        messages = [
            lifecycle_pb2.WatchChangesResponse(revision=FROZEN_AT - 1, runs=runs[:1]),
            lifecycle_pb2.WatchChangesResponse(
                revision=FROZEN_AT + 1,
                runs=runs,
                changes=[
                    lifecycle_pb2.LotChange(
                        revision=revision,
                        lot_no=f"lot {revision}",
                        kind=lifecycle_pb2.LOT_CHANGE_KIND_REVISED,
                    )
                    for revision in (FROZEN_AT - 1, FROZEN_AT, FROZEN_AT + 1)
                ],
            ),
        ]
        if len(self.requests) > 1:
            messages = messages[1:]
        else:
            messages[1:] = messages[1:] if self.break_after > 1 else []
        yield from messages
        if len(self.requests) == 1 and self.break_after == 1:
            context.abort(grpc.StatusCode.UNAVAILABLE, "broken")


@pytest.fixture
def feed() -> Feed:
    """The feed that the command follows."""
    return Feed()  # type: ignore[abstract]  # as in the other tests of commands


@pytest.fixture(autouse=True)
def target(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The address of the feed, told to the command as an operator does."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    lifecycle_pb2_grpc.add_LifecycleServiceServicer_to_server(feed, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("COTTON_SERVER", f"127.0.0.1:{port}")
    yield
    server.stop(None).wait()


def test_a_run_that_was_told_before_a_break_is_not_told_again(feed: Feed) -> None:
    """Runs stand among changes in order of revision, each once."""
    feed.break_after = 1
    said = cotton("watch", "--until-now", "--runs", "--without-figures", "--json").stdout
    events = [json.loads(line) for line in said.splitlines()]
    assert [(each["event"], each.get("id") or each.get("lot_no")) for each in events] == [
        ("run", "2016-1"),
        ("told", None),
        ("change", f"lot {FROZEN_AT - 1}"),
        ("change", f"lot {FROZEN_AT}"),
        ("run", "2016-2"),
        ("change", f"lot {FROZEN_AT + 1}"),
        ("told", None),
    ]
    assert events[4]["predecessor"] == "2016-1"
    assert all(each.with_runs for each in feed.requests)
    assert feed.requests[1].from_revision == FROZEN_AT - 1


def test_a_page_says_whose_place_a_run_takes(feed: Feed) -> None:
    """A line a run; none is asked for without the option."""
    page = cotton("watch", "--until-now", "--runs").stdout
    assert "run 2016-2  frozen 冻结, takes the place of 2016-1  season 2016 · patch + pilot" in page
    cotton("watch", "--until-now")
    assert [each.with_runs for each in feed.requests] == [True, False]
