"""A settlement system that was away: it catches up over gRPC, then follows as things happen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import grpc
from cotton.inspection.v1 import (
    amendments_pb2,
    amendments_pb2_grpc,
    ingest_pb2,
    lifecycle_pb2,
    lifecycle_pb2_grpc,
    lots_pb2,
    readings_pb2,
    summary_pb2,
)

from tests.support.bales import LOT, OTHER_LOT, bale, rows
from tests.support.calls import CALL_S_MAX, Calls, error_of, refused
from tests.support.histories import amendment

if TYPE_CHECKING:
    from tests.support.bales import Bale
    from tests.support.server import Servers

NARROW = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 64 << 10),
)
"""A channel that takes little ahead of its reader."""

STALL_BYTES_MIN = 1 << 20
"""Far more than what is held on the way to a reader that has stalled on such a channel."""

STALLED_DRAIN_S_MAX = 15
"""Far below the grace that calls are given which answer by themselves."""


class Office:
    """What a laboratory, a weighing agency and the bureau do."""

    def __init__(self, channel: grpc.Channel, name: str = "office") -> None:
        """Takes a channel to the server, and what its request ids begin with."""
        self.calls = Calls(channel)
        self.lifecycle = lifecycle_pb2_grpc.LifecycleServiceStub(channel)
        self._amendments = amendments_pb2_grpc.AmendmentServiceStub(channel)
        self._name = name
        self._requests = 0

    def request_id(self) -> str:
        """A request id that was never used."""
        self._requests += 1
        return f"{self._name}-{self._requests}"

    def begin(self, lot_no: str, bales: list[Bale]) -> None:
        """Registers a lot and reads its bales."""
        self.calls.register(self.request_id(), lot_no, declared_bales=len(bales))
        self.calls.submit(bales, self.request_id())

    def finish(self, lot_no: str, bales: int) -> None:
        """Closes and weighs a lot."""
        closure = lots_pb2.LotClosure(lot_no=lot_no, bales_received=bales, bales_tested=bales)
        request = lots_pb2.CloseLotsRequest(
            producer_id="laboratory", request_id=self.request_id(), closures=[closure]
        )
        self.calls.lots.CloseLots(request, timeout=CALL_S_MAX)
        self.calls.weigh(self.request_id(), lot_no)

    def read_again(self, one: Bale, **more: Any) -> int:
        """A correction or a re-test; the revision at which it is stored."""
        made = rows([one])
        made.readings[0].MergeFrom(readings_pb2.Reading(**more))
        request = ingest_pb2.SubmitReadingsRequest(
            producer_id="bureau",
            batch=readings_pb2.ReadingBatch(batch_id=self.request_id(), rows=made),
        )
        return self.calls.ingest.SubmitReadings(request, timeout=CALL_S_MAX).result.revision

    def withdraw(self, lot_no: str, *, reinstate: bool = False) -> None:
        """Withdraws a lot, or takes that back."""
        withdrawal = amendments_pb2.Withdrawal(
            lot_no=lot_no, amendment=amendment(), reinstate=reinstate
        )
        request = amendments_pb2.WithdrawRequest(
            producer_id="bureau", request_id=self.request_id(), withdrawals=[withdrawal]
        )
        self._amendments.Withdraw(request, timeout=CALL_S_MAX)

    def watch(self, **asked: Any) -> Any:
        """The feed of changes."""
        request = lifecycle_pb2.WatchChangesRequest(**asked)
        return self.lifecycle.WatchChanges(request, timeout=CALL_S_MAX)


class Settlement:
    """Keeps what it was last told of each lot, and where it stands."""

    def __init__(self) -> None:
        """Was told nothing."""
        self.revision = 0
        self.lots: dict[str, summary_pb2.GetLotCertificateResponse] = {}
        self.kinds: list[tuple[str, str]] = []

    def take(self, message: lifecycle_pb2.WatchChangesResponse) -> None:
        """Takes a message of the feed."""
        for change in message.changes:
            kind = lifecycle_pb2.LotChangeKind.Name(change.kind).removeprefix("LOT_CHANGE_KIND_")
            self.kinds.append((change.lot_no, kind))
            self.lots[change.lot_no] = change.after
        self.revision = message.revision


def test_a_settlement_system_that_was_away_catches_up_and_follows(servers: Servers) -> None:
    """It is told exactly what changed, from what to what, and ends with what is asked for now."""
    server = servers.start()
    with server.channel() as channel:
        office, settlement = Office(channel), Settlement()
        office.begin(LOT, [bale(1), bale(2)])
        office.finish(LOT, 2)
        for message in office.watch(until_now=True):
            settlement.take(message)
        assert settlement.kinds == [(LOT, "NEW"), (LOT, "FINAL")]
        paid = settlement.lots[LOT]
        assert (paid.revision, settlement.revision) == (4, 4)

        office.begin(OTHER_LOT, [bale(3, OTHER_LOT)])
        corrected_at = office.read_again(
            bale(1, micronaire=370),
            kind=readings_pb2.READING_KIND_CORRECTION,
            amendment=amendment(2),
        )
        office.read_again(bale(2, micronaire=520), kind=readings_pb2.READING_KIND_REVIEW)
        office.withdraw(LOT)
        office.withdraw(LOT, reinstate=True)
        settlement.kinds.clear()
        away = list(office.watch(from_revision=settlement.revision, until_now=True))
        first = next(each for message in away for each in message.changes if each.lot_no == LOT)
        assert first.revision == corrected_at
        assert first.before.figures == paid.figures
        assert first.after.figures.micronaire.sum == paid.figures.micronaire.sum - 50
        for message in away:
            settlement.take(message)
        assert settlement.kinds == [
            (OTHER_LOT, "NEW"), (LOT, "REVISED"), (LOT, "REVISED"), (LOT, "WITHDRAWN"),
            (LOT, "REINSTATED"),
        ]  # fmt: skip

        feed = office.watch(from_revision=settlement.revision)
        settlement.take(next(feed))
        office.finish(OTHER_LOT, 1)
        while (OTHER_LOT, "FINAL") not in settlement.kinds:
            settlement.take(next(feed))
        for lot_no, last in settlement.lots.items():
            assert last == office.calls.certificate(lot_no, last.revision)
            now = office.calls.certificate(lot_no)
            assert now.figures == last.figures
            assert now.state == last.state
        by_first = office.calls.summary.GetLotCertificate(
            summary_pb2.GetLotCertificateRequest(
                lot_no=LOT, basis=summary_pb2.BASIS_FIRST_INSPECTION
            ),
            timeout=CALL_S_MAX,
        )
        assert by_first.figures.micronaire.sum == 370 + 420
        assert settlement.lots[LOT].figures.micronaire.sum == 370 + 520
        listed = [
            status.lot_no
            for page in office.lifecycle.ListLots(
                lifecycle_pb2.ListLotsRequest(states=[summary_pb2.LOT_STATE_REVISED]),
                timeout=CALL_S_MAX,
            )
            for status in page.lots
        ]
        assert listed == [LOT]


def test_feeds_end_with_the_server_and_go_on_with_the_next(servers: Servers) -> None:
    """A drain ends them with what to do; after a restart they are resumed where they were."""
    server = servers.start()
    with server.channel() as channel:
        office = Office(channel)
        office.begin(LOT, [bale(1)])
        feed = office.watch()
        assert next(feed).revision == 2
        assert server.end() == 0
        error = error_of_end(feed)
        assert (error.reason, error.retry) == ("DRAINING", True)
    with servers.start().channel() as channel:
        office = Office(channel, "later")
        office.finish(LOT, 1)
        kinds = [
            change.kind
            for message in office.watch(from_revision=2, until_now=True)
            for change in message.changes
        ]
    assert kinds == [lifecycle_pb2.LOT_CHANGE_KIND_FINAL]


def test_a_stalled_reader_of_the_feed_holds_up_nobody(servers: Servers) -> None:
    """Others append and read meanwhile, and the server drains without waiting for it."""
    server = servers.start(drain_grace_s=60)
    with server.channel() as channel, grpc.insecure_channel(server.address, NARROW) as stalled:
        office = Office(channel)
        lots = [f"6514016{serial:04}" for serial in range(6000)]
        note = {"warehouse": "w" * 60, "origin": "o" * 60, "agency": "a" * 60, "county": "c" * 60}
        registrations = [lots_pb2.Lot(lot_no=each, cotton_type=1, **note) for each in lots]  # type: ignore[arg-type]  # texts
        for first in range(0, len(lots), 1000):
            request = lots_pb2.RegisterLotsRequest(
                producer_id="p",
                request_id=office.request_id(),
                lots=registrations[first : first + 1000],
            )
            assert office.calls.lots.RegisterLots(request, timeout=CALL_S_MAX).outcome.created
        feeds = [Office(stalled).watch() for _ in range(3)]
        told = [next(feed) for feed in feeds]
        size = sum(each.ByteSize() for each in office.watch(until_now=True))
        assert size > STALL_BYTES_MIN
        assert all(message.changes for message in told)
        assert office.calls.submit([bale(1)]).outcome.created == 1
        begun = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - begun < STALLED_DRAIN_S_MAX


def test_feeds_count_among_the_calls_that_are_open(servers: Servers) -> None:
    """One more than are allowed is refused, and the feed lives on."""
    server = servers.start(concurrent_calls_max=1)
    with server.channel() as channel:
        office = Office(channel)
        feed = office.watch()
        assert next(feed).revision == 0
        error = refused(office.calls.certificate)
        assert (error.reason, error.retry) == ("TOO_MANY_CALLS", True)
        feed.cancel()


def error_of_end(feed: Any) -> Any:
    """The typed error that a feed ends with."""
    try:
        while True:
            next(feed)
    except grpc.RpcError as error:
        return error_of(error)
