"""Conflicts over real gRPC: listed in pages, resumed, counted, decided, shown to Prometheus."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
from cotton.inspection.v1 import amendments_pb2, amendments_pb2_grpc, common_pb2

from tests.support.bales import LOT, OTHER_LOT, bale
from tests.support.calls import CALL_S_MAX, Calls, error_of, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import Servers

CONFLICTS = 1200
WHY = common_pb2.Amendment(
    reason=common_pb2.AMENDMENT_REASON_SUPERVISION, note="weighed twice", decided_by="bureau"
)


class Deciding:
    """AmendmentService on a channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        """Makes the stub."""
        self.stub = amendments_pb2_grpc.AmendmentServiceStub(channel)

    def pages(self, **fields: Any) -> Iterator[amendments_pb2.ListConflictsResponse]:
        """The answers of a listing, as they come."""
        request = amendments_pb2.ListConflictsRequest(**fields)
        yield from self.stub.ListConflicts(request, timeout=CALL_S_MAX)

    def listed(self, **fields: Any) -> list[amendments_pb2.Conflict]:
        """All conflicts of a listing."""
        return [each for page in self.pages(**fields) for each in page.conflicts]

    def counts(self, revision: int = 0) -> dict[str, tuple[int, int, int]]:
        """Open, kept and accepted conflicts by laboratory."""
        request = amendments_pb2.CountConflictsRequest(revision=revision)
        answer = self.stub.CountConflicts(request, timeout=CALL_S_MAX)
        return {each.laboratory: (each.open, each.kept, each.accepted) for each in answer.counts}

    def resolve(
        self, conflict_id: str, decision: amendments_pb2.ConflictDecision.ValueType
    ) -> amendments_pb2.AmendmentsOutcome:
        """Decides a conflict under a request of its own."""
        request = amendments_pb2.ResolveConflictsRequest(
            producer_id="bureau", request_id=conflict_id
        )
        request.resolutions.add(
            conflict_id=conflict_id,
            decision=decision,
            amendment=WHY,
        )
        return self.stub.ResolveConflicts(request, timeout=CALL_S_MAX).outcome


def test_conflicts_are_kept_listed_counted_and_decided(servers: Servers) -> None:
    """Also after a restart, and as of the revisions before."""
    server = servers.start()
    with server.channel() as channel:
        calls, deciding = Calls(channel), Deciding(channel)
        calls.register("r1", LOT, warehouse="W1")
        calls.register("r2", OTHER_LOT, warehouse="W2")
        calls.submit([bale(n) for n in range(CONFLICTS)], 1)
        before = calls.certificate().figures
        differing = [replace(bale(n, OTHER_LOT), laboratory=f"L{n % 2}") for n in range(CONFLICTS)]
        result = calls.submit(differing, 2)
        assert result.outcome.conflicting == CONFLICTS
        assert calls.certificate().figures == before
        pages = list(deciding.pages())
        assert [(page.revision, len(page.conflicts)) for page in pages] == [
            (4, 500),
            (4, 500),
            (4, 200),
        ]
        listed = [each for page in pages for each in page.conflicts]
        assert [each.conflict_id for each in listed] == [f"4/{n}" for n in range(CONFLICTS)]
        assert [each.conflict_id for each in result.outcome.outcomes] == [
            each.conflict_id for each in listed
        ]
        assert all(each.two_warehouses and not each.two_seasons for each in listed)
        assert {each.received_at_us for each in listed} == {result.received_at_us}
        assert deciding.listed(after_conflict_id="4/700", limit=3) == listed[701:704]
        assert deciding.counts() == {"L0": (600, 0, 0), "L1": (600, 0, 0)}
        assert server.metrics()["cotton_conflicts_open",] == CONFLICTS

        kept, accepted = amendments_pb2.CONFLICT_STATE_KEPT, amendments_pb2.CONFLICT_STATE_ACCEPTED
        assert deciding.resolve("4/0", amendments_pb2.CONFLICT_DECISION_KEEP).applied == 1
        assert deciding.resolve("4/1", amendments_pb2.CONFLICT_DECISION_ACCEPT).applied == 1
        decided = deciding.listed(states=[kept, accepted])
        assert [(each.conflict_id, each.state) for each in decided] == [
            ("4/0", kept),
            ("4/1", accepted),
        ]
        assert [each.resolved_revision for each in decided] == [5, 6]
        assert [each.resolution for each in decided] == [WHY, WHY]
        assert deciding.counts() == {"L0": (599, 1, 0), "L1": (599, 0, 1)}
        assert deciding.counts(revision=5) == {"L0": (599, 1, 0), "L1": (600, 0, 0)}
        assert deciding.listed(revision=4) == listed
        assert calls.bale(bale(1)).reading.lot_no == OTHER_LOT
        assert server.metrics()["cotton_conflicts_open",] == CONFLICTS - 2
        everything = deciding.listed()
    server.end()
    server = servers.start()
    with server.channel() as channel:
        deciding = Deciding(channel)
        assert deciding.listed() == everything
        assert deciding.listed(revision=4) == listed
        assert deciding.counts() == {"L0": (599, 1, 0), "L1": (599, 0, 1)}
        assert server.metrics()["cotton_conflicts_open",] == CONFLICTS - 2


def test_a_listing_that_is_given_up_leaves_the_server_well(servers: Servers) -> None:
    """A client that goes away in the middle of a stream counts as open no longer."""
    server = servers.start(concurrent_calls_max=1)
    with server.channel() as channel:
        calls, deciding = Calls(channel), Deciding(channel)
        calls.submit([bale(n) for n in range(CONFLICTS)], 1)
        calls.submit([bale(n, length=2700) for n in range(CONFLICTS)], 2)
        for _ in range(5):
            request = amendments_pb2.ListConflictsRequest()
            answers: Any = deciding.stub.ListConflicts(request, timeout=CALL_S_MAX)
            assert len(next(answers).conflicts) == 500
            answers.cancel()
            # One call may be open: the next is taken when the one given up has ended.
            while refusal := _refused(deciding):
                assert refusal == "TOO_MANY_CALLS"


def _refused(deciding: Deciding) -> str:
    try:
        deciding.counts()
    except grpc.RpcError as error:
        return str(error_of(error).reason)
    return ""


def test_bad_requests_are_refused_with_the_field_at_fault(servers: Servers) -> None:
    with servers.start().channel() as channel:
        deciding = Deciding(channel)
        error = refused(deciding.listed, bale_code="123")
        assert (error.reason, error.fields) == ("INVALID_FIELD", ["bale_code"])
        assert refused(deciding.listed, revision=1).reason == "FUTURE_REVISION"
        assert refused(deciding.counts, 1).reason == "FUTURE_REVISION"
        assert [(page.revision, len(page.conflicts)) for page in deciding.pages()] == [(0, 0)]
