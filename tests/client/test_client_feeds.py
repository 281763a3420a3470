"""Feeds and lists of the client against a service that breaks them off, and decisions."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cotton.inspection.v1 import (
    amendments_pb2,
    amendments_pb2_grpc,
    common_pb2,
    ingest_pb2,
    ingest_pb2_grpc,
    lifecycle_pb2,
    lifecycle_pb2_grpc,
    lots_pb2,
    lots_pb2_grpc,
    readings_pb2,
    summary_pb2,
    trace_pb2,
    trace_pb2_grpc,
)
from cotton_client import CottonClient, RetryPolicy, errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

QUICK = RetryPolicy(patience_s=5.0, patience_first_s=0.3, delay_first_s=0.001, delay_max_s=0.02)
BALE = "32651401611141221550000121000001"
WHY = common_pb2.Amendment(
    supersedes_revision=7, reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR, decided_by="bureau"
)


@dataclass
class Service(
    amendments_pb2_grpc.AmendmentServiceServicer,
    ingest_pb2_grpc.IngestServiceServicer,
    lifecycle_pb2_grpc.LifecycleServiceServicer,
    lots_pb2_grpc.LotServiceServicer,
    trace_pb2_grpc.TraceServiceServicer,
):
    """Tells the changes of two lots at each of `revisions`, a change a message.

    The first message of a revision does not complete it. The call of each number in
    `break_after` ends after so many messages, with UNAVAILABLE or, in `end_after`, in order.
    """

    revisions: range = range(1, 6)
    break_after: dict[int, int] = field(default_factory=dict)
    end_after: dict[int, int] = field(default_factory=dict)
    listed: list[Any] = field(default_factory=list)
    miscount: bool = False
    requests: list[Any] = field(default_factory=list)

    async def messages(self, all_of_it: Any, context: Any) -> Any:
        """The messages of one call, up to where it breaks."""
        number = len(self.requests)
        for place, message in enumerate(all_of_it):
            if place == self.break_after.get(number):
                await context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
            if place == self.end_after.get(number):
                return
            yield message

    async def WatchChanges(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Two messages a revision after the one that is asked for."""
        asked = lifecycle_pb2.WatchChangesRequest()
        asked.CopyFrom(request)
        self.requests.append(asked)

        def told() -> Any:
            for revision in self.revisions:
                if revision <= request.from_revision:
                    continue
                for lot_no, complete in (("1", False), ("2", True)):
                    yield lifecycle_pb2.WatchChangesResponse(
                        revision=revision if complete else revision - 1,
                        changes=[
                            lifecycle_pb2.LotChange(
                                revision=revision,
                                lot_no=lot_no,
                                kind=lifecycle_pb2.LOT_CHANGE_KIND_REVISED,
                            )
                        ],
                    )

        async for message in self.messages(told(), context):
            yield message
        if not request.until_now and len(self.requests) not in self.end_after:
            await asyncio.Event().wait()

    async def ListConflicts(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Conflicts 1 to 5 as of revision 9, a message each."""
        asked = amendments_pb2.ListConflictsRequest()
        asked.CopyFrom(request)
        self.requests.append(asked)
        after = int(request.after_conflict_id.partition("/")[0] or 0)
        last = min(5, after + request.limit) if request.limit else 5
        pages = (
            amendments_pb2.ListConflictsResponse(
                revision=9, conflicts=[amendments_pb2.Conflict(conflict_id=f"{number}/0")]
            )
            for number in range(after + 1, last + 1)
        )
        async for page in self.messages(pages, context):
            yield page

    async def ListLots(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Three lots, a message each."""
        self.requests.append(request)
        pages = (
            lifecycle_pb2.ListLotsResponse(
                revision=9, lots=[summary_pb2.LotStatus(lot_no=str(number))]
            )
            for number in range(3)
        )
        async for page in self.messages(pages, context):
            yield page

    async def Withdraw(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Rejects the last of each request."""
        self.requests.append(request)
        received = len(request.withdrawals)
        answer = amendments_pb2.WithdrawResponse(revision=len(self.requests))
        answer.outcome.received = received + self.miscount
        answer.outcome.applied = received - 1
        answer.outcome.rejected = 1
        answer.outcome.results.add(
            row=received - 1, outcome=amendments_pb2.AMENDMENT_OUTCOME_REJECTED
        )
        return answer

    async def CloseLots(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Corrects every closure; loses one where it is told to miscount."""
        self.requests.append(request)
        received = len(request.closures)
        outcome = lots_pb2.LotsOutcome(received=received, corrected=received - self.miscount)
        return lots_pb2.CloseLotsResponse(revision=3, outcome=outcome)

    async def GetBale(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """A bale whose reading in force is of revision 7."""
        answer = trace_pb2.GetBaleResponse(revision=9, stored_at_revision=7)
        answer.reading.bale_code = request.bale_code
        answer.reading.length = 2820
        answer.reading.foreign_fibre = False
        answer.reading.laboratory = "L1"
        return answer

    async def SubmitReadings(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Corrects the one reading."""
        self.requests.append(request)
        result = ingest_pb2.BatchResult(batch_id=request.batch.batch_id, revision=10)
        result.outcome.received = 1
        result.outcome.corrected = 1
        result.outcome.outcomes.add(outcome=readings_pb2.OUTCOME_CORRECTED, stored_revision=7)
        return ingest_pb2.SubmitReadingsResponse(revision=10, result=result)

    async def GetProducer(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Stands at 5."""
        return ingest_pb2.GetProducerResponse(producer_id=request.producer_id, next_sequence=5)


def service_with(**told: Any) -> Service:
    """The service with some of its settings."""
    return Service(**told)  # type: ignore[abstract]  # methods that no test calls are inherited


@asynccontextmanager
async def connected(service: Service) -> AsyncIterator[CottonClient]:
    """A client of the service that is patient for a moment only."""
    server = grpc.aio.server()
    amendments_pb2_grpc.add_AmendmentServiceServicer_to_server(service, server)
    ingest_pb2_grpc.add_IngestServiceServicer_to_server(service, server)
    lifecycle_pb2_grpc.add_LifecycleServiceServicer_to_server(service, server)
    lots_pb2_grpc.add_LotServiceServicer_to_server(service, server)
    trace_pb2_grpc.add_TraceServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with CottonClient(f"127.0.0.1:{port}", retry=QUICK) as client:
            yield client
    finally:
        await server.stop(None)


EVERY_CHANGE = [(revision, lot) for revision in range(1, 6) for lot in ("1", "2")]


@pytest.mark.parametrize("broken", range(1, 10))
async def test_a_feed_that_breaks_anywhere_misses_and_repeats_nothing(broken: int) -> None:
    """Between any two messages, also in the middle of a revision."""
    service = service_with(break_after={1: broken})
    async with connected(service) as client:
        heard = [message async for message in client.watch_changes(until_now=True)]
    assert [(each.revision, each.lot_no) for m in heard for each in m.changes] == EVERY_CHANGE
    assert heard[-1].revision == 5
    assert [each.from_revision for each in service.requests] == [0, broken // 2]


async def test_a_feed_goes_on_when_the_server_ends_it_in_order() -> None:
    """A server that stops ends the call; who follows asks again, and is told of it."""
    service = service_with(end_after={1: 3})
    waited: list[str] = []
    heard: list[tuple[int, str]] = []
    async with connected(service) as client:
        feed = client.watch_changes(
            2,
            {summary_pb2.SUMMARY_KEY_GIN: ["65140"]},
            kinds=[lifecycle_pb2.LOT_CHANGE_KIND_REVISED],
            on_retry=lambda error, _: waited.append(error.message),
        )
        async for message in feed:
            heard += [(each.revision, each.lot_no) for each in message.changes]
            if message.revision == 5:
                break
    assert heard == EVERY_CHANGE[4:]
    assert len(waited) == 1
    assert "ended the feed" in waited[0]
    assert [each.from_revision for each in service.requests] == [2, 3]
    assert service.requests[1].filters == service.requests[0].filters
    assert list(service.requests[1].kinds) == [lifecycle_pb2.LOT_CHANGE_KIND_REVISED]


async def test_a_feed_that_stays_broken_gives_up() -> None:
    """After the patience of the client, with the error of the connection."""
    service = service_with(break_after=dict.fromkeys(range(1, 10_000), 0))
    async with connected(service) as client:
        with pytest.raises(errors.Unavailable):
            await anext(client.watch_changes())
    assert len(service.requests) > 1


@pytest.mark.parametrize("limit", [0, 4])
@pytest.mark.parametrize("broken", range(1, 5))
async def test_a_list_of_conflicts_resumes_at_its_revision(broken: int, limit: int) -> None:
    """After the last conflict given, and with what is left of the limit."""
    service = service_with(break_after={1: broken})
    async with connected(service) as client:
        listing = client.conflicts(limit=limit, lot_nos=["1"])
        found = [each.conflict_id async for each in listing]
    assert found == ["1/0", "2/0", "3/0", "4/0", "5/0"][: limit or 5]
    assert listing.revision == 9
    for request in service.requests[1:]:
        assert (request.revision, request.after_conflict_id) == (9, f"{broken}/0")
        assert list(request.lot_nos) == ["1"]


async def test_a_list_of_lots_that_breaks_is_no_list() -> None:
    """Ages are told at one instant: before the first lot it is asked again, after it not."""
    async with connected(service_with(break_after={1: 0})) as client:
        assert [each.lot_no async for each in client.lots(overdue=True)] == ["0", "1", "2"]
    async with connected(service_with(break_after={1: 2})) as client:
        with pytest.raises(errors.Unavailable):
            _ = [each async for each in client.lots()]


async def test_withdrawals_have_ids_of_their_own() -> None:
    """What was taken back may be withdrawn again in the same words; a given id is kept."""
    service = service_with()
    withdrawals = [amendments_pb2.Withdrawal(lot_no=str(number), amendment=WHY) for number in "12"]
    async with connected(service) as client:
        receipt = await client.withdraw(withdrawals, producer_id="B")
        await client.withdraw(withdrawals, producer_id="B")
        await client.withdraw(withdrawals, producer_id="B", request_id="mine")
    assert (receipt.received, receipt.applied, receipt.rejected) == (2, 1, 1)
    assert [each.row for each in receipt.results] == [1]
    assert not receipt.complete
    ids = [each.request_id for each in service.requests]
    assert len(set(ids)) == 3
    assert ids[2] == "mine"
    assert all(len(each) <= 64 for each in ids)


async def test_many_withdrawals_come_back_as_one_receipt() -> None:
    """Rows count on over the requests."""
    service = service_with()
    withdrawals = [amendments_pb2.Withdrawal(lot_no="1")] * 5001
    async with connected(service) as client:
        receipt = await client.withdraw(withdrawals, producer_id="B")
    assert [len(each.withdrawals) for each in service.requests] == [5000, 1]
    assert [each.row for each in receipt.results] == [4999, 5000]
    assert (receipt.received, receipt.rejected, receipt.revision) == (5001, 2, 2)


async def test_records_that_are_not_accounted_for_are_noticed() -> None:
    """Of lots and of decisions: outcomes must sum up to what was received."""
    async with connected(service_with(miscount=True)) as client:
        with pytest.raises(errors.ContractViolation, match="accounts for 0 of 1"):
            await client.close_lots([lots_pb2.LotClosure(lot_no="1")], producer_id="L")
        with pytest.raises(errors.ContractViolation, match="accounts for 1 of 2"):
            await client.withdraw([amendments_pb2.Withdrawal(lot_no="1")], producer_id="L")


async def test_a_corrected_closure_is_complete() -> None:
    """And its request's id follows from its content."""
    service = service_with()
    closure = lots_pb2.LotClosure(lot_no="1", bales_received=2, bales_tested=2, amendment=WHY)
    async with connected(service) as client:
        receipts = [await client.close_lots([closure], producer_id="L") for _ in range(2)]
    assert all((each.corrected, each.complete) == (1, True) for each in receipts)
    assert len({each.request_id for each in service.requests}) == 1


async def test_a_correction_keeps_what_it_does_not_change() -> None:
    """Values are set, taken away or left; the amendment names what is superseded."""
    service = service_with()
    async with connected(service) as client:
        totals = await client.correct(
            BALE, {"length": 2830, "foreign_fibre": None}, WHY, producer_id="L"
        )
    (request,) = service.requests
    (reading,) = request.batch.rows.readings
    assert (reading.bale_code, reading.length, reading.laboratory) == (BALE, 2830, "L1")
    assert not reading.HasField("foreign_fibre")
    assert reading.kind == readings_pb2.READING_KIND_CORRECTION
    assert reading.amendment == WHY
    assert (totals.corrected, totals.received, totals.complete) == (1, 1, True)
    assert [each.outcome.stored_revision for each in totals.amended] == [7]
    assert totals.issues == ()


@pytest.mark.parametrize(
    ("values", "revision", "reason"),
    [
        ({"length": 2830}, 6, "NOT_IN_FORCE"),
        ({"length": 2820}, 7, "NOTHING_CHANGES"),
        ({"bale_code": "1" * 32}, 7, "INVALID_INPUT"),
    ],
)
async def test_a_correction_that_cannot_be_right_is_not_sent(
    values: dict[str, int | str | None], revision: int, reason: str
) -> None:
    """Another revision, no change, or another bale."""
    service = service_with()
    amendment = common_pb2.Amendment(supersedes_revision=revision)
    async with connected(service) as client:
        with pytest.raises((errors.InputError, errors.Refused)) as caught:
            await client.correct(BALE, values, amendment, producer_id="L")
    assert caught.value.reason == reason
    assert isinstance(caught.value, errors.InputError) == (reason == "INVALID_INPUT")
    assert service.requests == []


async def test_a_producer_is_asked_for_by_its_name() -> None:
    async with connected(service_with()) as client:
        assert (await client.producer("W01")).next_sequence == 5
        with pytest.raises(errors.InputError):
            await client.producer("no blanks")
