"""The history of a bale over real gRPC, before and after a restart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cotton.inspection.v1 import amendments_pb2, amendments_pb2_grpc, common_pb2, readings_pb2
from cotton.inspection.v1 import trace_pb2 as trace

from tests.support.bales import LOT, OTHER_LOT, bale, usda_bale
from tests.support.calls import CALL_S_MAX, Calls, refused

if TYPE_CHECKING:
    import grpc

    from tests.support.server import Servers

WHY = common_pb2.Amendment(
    reason=common_pb2.AMENDMENT_REASON_SAMPLE_MIX_UP, note="two bags", decided_by="inspector"
)


def withdraw(channel: grpc.Channel, request_id: str, **subject: str) -> None:
    """Withdraws a bale or a lot."""
    request = amendments_pb2.WithdrawRequest(producer_id="bureau", request_id=request_id)
    request.withdrawals.add(amendment=WHY, **subject)
    stub = amendments_pb2_grpc.AmendmentServiceStub(channel)
    assert stub.Withdraw(request, timeout=CALL_S_MAX).outcome.applied == 1


def resolve(channel: grpc.Channel, request_id: str, conflict_id: str, in_force: int) -> None:
    """Accepts the differing reading of a conflict, in place of what is in force."""
    request = amendments_pb2.ResolveConflictsRequest(producer_id="bureau", request_id=request_id)
    request.resolutions.add(
        conflict_id=conflict_id,
        decision=amendments_pb2.CONFLICT_DECISION_ACCEPT,
        amendment=WHY,
    )
    request.resolutions[0].amendment.supersedes_revision = in_force
    stub = amendments_pb2_grpc.AmendmentServiceStub(channel)
    assert stub.ResolveConflicts(request, timeout=CALL_S_MAX).outcome.applied == 1


def test_all_that_happened_to_a_bale_is_told_at_any_revision_and_after_a_restart(
    servers: Servers,
) -> None:
    """Answers are noted as they were given, and are the same later and from a new process."""
    server = servers.start()
    answers: dict[int, trace.GetBaleResponse] = {}
    with server.channel() as channel:
        calls = Calls(channel)

        def note() -> None:
            answer = calls.bale(bale(1))
            answers[answer.revision] = answer

        calls.submit([bale(1)], 1)
        note()
        calls.register("r1")
        calls.submit([replace(bale(1, length=2700), laboratory="L2")], 2)
        note()
        calls.submit([replace(bale(1, length=2750), kind=readings_pb2.READING_KIND_REVIEW)], 3)
        note()
        calls.submit([bale(1, length=2760).correcting(4)], 4)
        note()
        resolve(channel, "x1", "3/0", 5)
        note()
        calls.submit([bale(1, length=2770).correcting(6)], 5)
        note()
        withdraw(channel, "x2", bale_code=bale(1).code)
        note()
        withdraw(channel, "x3", lot_no=LOT)
        note()
        last = answers[9]
        assert [(each.revision, each.kind) for each in last.history] == [
            (1, trace.BALE_EVENT_KIND_READ),
            (3, trace.BALE_EVENT_KIND_CONFLICT),
            (4, trace.BALE_EVENT_KIND_RETESTED),
            (5, trace.BALE_EVENT_KIND_CORRECTED),
            (6, trace.BALE_EVENT_KIND_CONFLICT_ACCEPTED),
            (7, trace.BALE_EVENT_KIND_CORRECTED),
            (8, trace.BALE_EVENT_KIND_WITHDRAWN),
        ]
        assert [each.superseded_revision for each in last.history] == [0, 0, 1, 4, 5, 6, 0]
        assert (last.withdrawn, last.lot_withdrawn, last.reading.length) == (True, True, 2770)
        assert {each.producer_id for each in last.history} == {"p", "bureau"}
        assert {each.principal for each in last.history} == {"anonymous"}
        assert last.history[-1].amendment == WHY
        in_force = {
            revision: [each.revision for each in answer.history if each.in_force]
            for revision, answer in answers.items()
        }
        assert in_force == {1: [1], 3: [1], 4: [4], 5: [5], 6: [6], 7: [7], 8: [], 9: []}
        first = {
            revision: [each.revision for each in answer.history if each.first_inspection]
            for revision, answer in answers.items()
        }
        assert first == {1: [1], 3: [1], 4: [1], 5: [1], 6: [1], 7: [1], 8: [], 9: []}
        assert [answers[revision].stored_at_revision for revision in (1, 4, 6, 9)] == [1, 4, 6, 7]
        assert answers[6].grade.standard
        assert answers[6].lot_registered
        assert not answers[1].lot_registered
    server.end()
    with servers.start().channel() as channel:
        calls = Calls(channel)
        for revision, answer in answers.items():
            assert calls.bale(bale(1), revision) == answer


def test_a_bale_of_two_lots_in_two_seasons_is_told_with_both(servers: Servers) -> None:
    """Imported bales have a history too, and one without a lot is not of a season of its lot's."""
    with servers.start().channel() as channel:
        calls = Calls(channel)
        calls.submit([bale(1), usda_bale(1)], 1)
        calls.submit([bale(1, OTHER_LOT), bale(1, "65140171077"), usda_bale(1, length=120)], 2)
        lots = [each.reading.lot_no for each in calls.bale(bale(1)).history]
        assert lots == [LOT, OTHER_LOT, "65140171077"]
        imported = calls.bale(usda_bale(1))
        assert [each.conflict_id for each in imported.history] == ["", "2/2"]
        assert imported.history[1].reading.usda_bale.crop_year == 2021


def test_a_bale_is_not_found_before_it_arrived_and_not_in_the_future(servers: Servers) -> None:
    with servers.start().channel() as channel:
        calls = Calls(channel)
        calls.submit([bale(2)], 1)
        calls.submit([bale(1)], 2)
        assert refused(calls.bale, bale(1), 1).reason == "NOT_FOUND"
        assert refused(calls.bale, bale(1), 3).reason == "FUTURE_REVISION"
        assert refused(calls.bale, bale(3)).reason == "NOT_FOUND"
