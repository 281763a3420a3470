"""A frozen run outlives its server, its archive and whatever is corrected behind it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from cotton.inspection.v1 import (
    lifecycle_pb2,
    lifecycle_pb2_grpc,
    lots_pb2,
    reference_pb2,
    reference_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
)
from cotton_server.settlement.library import shipped

from tests.support.bales import LOT
from tests.support.calls import CALL_S_MAX, Calls
from tests.support.settling import FUTURES, SEASON, golden_bales

if TYPE_CHECKING:
    import grpc

    from tests.support.server import Servers

TERMS = settlement_pb2.SettlementTerms(season=SEASON, schedule=FUTURES, base_price=15_000_00)
LOTS = settlement_pb2.SETTLEMENT_TABLE_LOTS


def fed(channel: grpc.Channel) -> None:
    """The golden lot is final, and its schedule is loaded."""
    calls = Calls(channel)
    (schedule,) = (each for each in shipped() if each.id == FUTURES)
    document = reference_pb2.Reference(
        kind=reference_pb2.REFERENCE_KIND_SCHEDULE, id=FUTURES, content=schedule.text
    )
    loaded = reference_pb2_grpc.ReferenceServiceStub(channel).LoadReferences(
        reference_pb2.LoadReferencesRequest(
            producer_id="p", request_id="load", references=[document]
        ),
        timeout=CALL_S_MAX,
    )
    assert loaded.outcome.created == 1
    calls.register("register")
    calls.submit(golden_bales(), "readings")
    calls.weigh("weigh")
    closure = lots_pb2.LotClosure(lot_no=LOT, bales_received=186, bales_tested=186)
    request = lots_pb2.CloseLotsRequest(producer_id="p", request_id="close", closures=[closure])
    calls.lots.CloseLots(request, timeout=CALL_S_MAX)


def looked_at(stub: Any) -> list[Any]:
    """The lines of the run, its totals, and what it is computed anew."""
    lines = settlement_pb2.TabulateRunRequest(id="run", table=LOTS)
    verified = stub.VerifyRun(settlement_pb2.VerifyRunRequest(id="run"), timeout=CALL_S_MAX)
    assert verified.holds
    got = stub.GetRun(settlement_pb2.GetRunRequest(id="run"), timeout=CALL_S_MAX)
    return [*stub.TabulateRun(lines, timeout=CALL_S_MAX), got.total, verified.digest]


def test_a_run_is_the_same_after_a_restart_without_its_archive(servers: Servers) -> None:
    """Frozen, told in the feed, corrected behind; restarted twice, once without what it kept."""
    server = servers.start()
    with server.channel() as channel:
        fed(channel)
        stub: Any = settlement_pb2_grpc.SettlementServiceStub(channel)
        priced = settlement_pb2.PriceLotsRequest(terms=TERMS, table=LOTS)
        (trial,) = stub.PriceLots(priced, timeout=CALL_S_MAX)
        run = settlement_pb2.Run(
            id="run", terms=trial.header.terms, digest=trial.header.digest, decided_by="office"
        )
        request = settlement_pb2.FreezeRunRequest(producer_id="p", request_id="f", runs=[run])
        answers = [stub.FreezeRun(request, timeout=CALL_S_MAX) for _ in range(2)]
        assert [answer.repeated_request for answer in answers] == [False, True]
        assert answers[0].outcome == answers[1].outcome
        watched = lifecycle_pb2.WatchChangesRequest(until_now=True, with_runs=True)
        feed = lifecycle_pb2_grpc.LifecycleServiceStub(channel).WatchChanges(watched)
        runs = [each for message in feed for each in message.runs]
        assert [(each.run.id, each.revision) for each in runs] == [("run", answers[0].revision)]
        before = looked_at(stub)
        assert before[0].page == trial.page
        bale = golden_bales()[0].but(colour_grade=21)
        Calls(channel).submit([bale.correcting(3)], "correction")
        assert looked_at(stub) == before
        assert stub.GetRun(settlement_pb2.GetRunRequest(id="run")).lots_changed_since == 1
    assert server.end() == 0
    for archive in (True, False):
        if not archive:
            shutil.rmtree(servers.data_dir / "runs")
        server = servers.start()
        with server.channel() as channel:
            stub = settlement_pb2_grpc.SettlementServiceStub(channel)
            assert looked_at(stub) == before
            listed = stub.ListRuns(settlement_pb2.ListRunsRequest(season=SEASON))
            assert [each.run for each in listed.runs] == [run]
        assert server.end() == 0
