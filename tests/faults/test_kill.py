"""Kill -9 at any instant: what was acknowledged is there once, and nothing is there twice.

Fault model: the process ends between any two instructions, while it serves, starts, replays or
folds its log. What it wrote to the kernel stays; power failures are those of test_disk.
"""

from __future__ import annotations

import random
import shutil
import signal
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
from cotton.inspection.v1 import (
    amendments_pb2,
    amendments_pb2_grpc,
    common_pb2,
    ingest_pb2,
    lots_pb2,
    readings_pb2,
)
from cotton_server.intake.content import (
    CLOSURES,
    LOTS,
    READINGS,
    WEIGHTS,
    WITHDRAWALS,
    content_of,
    outcome_of,
)
from cotton_server.intake.replay import replay
from cotton_server.ledger import Ledger
from cotton_server.registry.registry import Registry

from tests.support.bales import Bale, append_request, bale, batch
from tests.support.calls import CALL_S_MAX, Calls, Stream
from tests.support.journal import Journal
from tests.support.model import CREATED, outcomes_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cotton_server.ledger import Entry

    from tests.support.server import Server, Servers

PRODUCERS: Final = 3
BALES_A_BATCH: Final = 5
ACKNOWLEDGED_MIN: Final = 5
"""Acknowledgements of a round before the server is killed."""

AMENDMENT: Final = common_pb2.Amendment(
    reason=common_pb2.AMENDMENT_REASON_ENTRY_ERROR, decided_by="inspector"
)


class Producer:
    """A warehouse that streams batches without end, and resumes where the server tells it to."""

    def __init__(self, number: int, directory: Path) -> None:
        """Takes where its journal lies."""
        self.number, self.name = number, f"warehouse-{number}"
        self.journal = Journal(directory / self.name)

    def batch(self, sequence: int) -> list[Bale]:
        """Bales of its own, and one that all producers send."""
        first = self.number * 1_000_000 + sequence * 100
        own = [bale(first + place) for place in range(BALES_A_BATCH - 1)]
        return [*own, bale(9_000_000 + sequence)]

    def work(self, channel: grpc.Channel) -> None:
        """Sends until the server is gone."""
        readings = Stream(channel)
        last = self.journal.last
        try:
            expected = sent = readings.open(self.name).next_sequence
            known = 0 if last is None else int(last.identity)
            assert expected > known, "an acknowledged batch is lost"
            while True:
                while sent < expected + 8:
                    request = append_request(self.batch(sent), identity=sent)
                    readings.send(request.SerializeToString())
                    sent += 1
                result = readings.receive().result
                assert result.sequence == expected
                outcomes = result.outcome.SerializeToString(deterministic=True)
                self.journal.note(expected, result.revision, outcomes)
                expected += 1
        finally:
            readings.half_close()


class Office:
    """An office that keeps lots: registers one, has it read, corrected, re-tested, weighed, closed.

    It makes one call after the other, and a call that was cut off again under the same id.
    """

    name: Final = "office"

    def __init__(self, directory: Path) -> None:
        """Takes where its journal lies."""
        self.journal = Journal(directory / self.name)
        self._job = 0
        self._read_at = 0

    def work(self, channel: grpc.Channel) -> None:
        """Works until the server is gone."""
        calls = Calls(channel)
        while True:
            self._do(calls)
            self._job += 1

    def _do(self, calls: Calls) -> None:
        """The job that is next; it is done when it has been journaled."""
        number, step = divmod(self._job, 8)
        lot_no = f"65140161{number:03d}"
        bales = [bale(8_000_000 + number * 10 + place, lot_no) for place in range(3)]
        withdrawal = amendments_pb2.Withdrawal(bale_code=bales[2].code, amendment=AMENDMENT)
        named: dict[str, Any] = {"producer_id": self.name, "request_id": f"job-{self._job}"}
        decisions = amendments_pb2_grpc.AmendmentServiceStub(calls.channel)
        answer: Any
        match step:
            case 0:
                upland = common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND
                lot = lots_pb2.Lot(lot_no=lot_no, cotton_type=upland, declared_bales=3)
                answer = calls.lots.RegisterLots(
                    lots_pb2.RegisterLotsRequest(lots=[lot], **named), timeout=CALL_S_MAX
                )
                done = answer.outcome.created
            case 1:
                answer = self._submit(calls, bales)
                self._read_at = answer.revision
                done = answer.outcome.created == len(bales)
            case 2:
                corrected = bales[0].but(length=2850).correcting(self._read_at)
                answer = self._submit(calls, [corrected])
                done = answer.outcome.corrected
            case 3:
                review = Bale(bales[1].code, lot_no, values=bales[1].values, kind=_REVIEW)
                answer = self._submit(calls, [review])
                done = answer.outcome.retested
            case 4 | 7:
                withdrawal.reinstate = step == 7
                answer = decisions.Withdraw(
                    amendments_pb2.WithdrawRequest(withdrawals=[withdrawal], **named),
                    timeout=CALL_S_MAX,
                )
                done = answer.outcome.applied
            case 5:
                weight = lots_pb2.LotWeight(
                    lot_no=lot_no, gross=68100, tare=400, regain=820, trash=230, resolution=10
                )
                answer = calls.lots.RecordLotWeights(
                    lots_pb2.RecordLotWeightsRequest(weights=[weight], **named),
                    timeout=CALL_S_MAX,
                )
                done = answer.outcome.created
            case _:
                closure = lots_pb2.LotClosure(lot_no=lot_no, bales_received=3, bales_tested=3)
                answer = calls.lots.CloseLots(
                    lots_pb2.CloseLotsRequest(closures=[closure], **named), timeout=CALL_S_MAX
                )
                done = answer.outcome.created
        assert done, f"job {self._job} came to nothing, or counted twice: {answer}"
        outcomes = answer.outcome.SerializeToString(deterministic=True)
        self.journal.note(f"job-{self._job}", answer.revision, outcomes)

    def _submit(self, calls: Calls, bales: list[Bale]) -> ingest_pb2.BatchResult:
        request = ingest_pb2.SubmitReadingsRequest(
            producer_id=self.name, batch=batch(bales, identity=f"job-{self._job}", shape="rows")
        )
        return calls.ingest.SubmitReadings(request, timeout=CALL_S_MAX).result


_REVIEW: Final = readings_pb2.READING_KIND_REVIEW


class Truth:
    """What the ledger holds, read on after each kill from a copy: the server recovers by itself."""

    def __init__(self, data_dir: Path, copy: Path) -> None:
        """Takes the directory of the data, and where they may be copied to."""
        self._data_dir, self._copy = data_dir, copy
        self._digests: dict[int, bytes] = {}
        self.stored: dict[tuple[str, int | str], tuple[int, str]] = {}
        self.created: set[tuple[int, int]] = set()
        self.withdrawn: set[str] = set()
        self.kinds: Counter[str] = Counter()

    def read_on(self) -> None:
        """Verifies every digest; what was there before is there unchanged, the rest is noted."""
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self._data_dir, self._copy)
        ledger = Ledger(self._copy)
        position = 0
        for position, entry in enumerate(ledger.verified(), 1):
            assert entry.position == position
            if position in self._digests:
                assert entry.digest == self._digests[position], "a stored entry has changed"
            else:
                self._digests[position] = entry.digest
                self._note(entry)
        ledger.close()
        assert position == len(self._digests), "stored entries are gone"

    def replayed(self) -> Registry:
        """A registry that the ledger was replayed into: every decision is made again."""
        registry = Registry(bales_max=1_000_000)
        ledger = Ledger(self._copy)
        replay(ledger.verified(), registry, of=ledger.position)
        ledger.close()
        return registry

    def check_holds(self, producers: list[Producer | Office]) -> None:
        """All that was acknowledged is stored, as it was acknowledged."""
        for producer in producers:
            for each in producer.journal.read():
                stored = self.stored.get((producer.name, each.identity))
                assert stored == (each.revision, each.outcomes), "what was acknowledged is lost"

    def check_counted(self, server: Server) -> None:
        """The server counts every bale once, and knows where every producer stands."""
        with server.channel() as channel:
            calls = Calls(channel)
            assert calls.summarise().total.bales == len(self.created) - len(self.withdrawn)
            for number in range(1, PRODUCERS + 1):
                name = f"warehouse-{number}"
                request = ingest_pb2.GetProducerRequest(producer_id=name)
                stands = calls.ingest.GetProducer(request, timeout=CALL_S_MAX)
                sequences = [each for who, each in self.stored if who == name]
                assert stands.batches == len(sequences) == stands.next_sequence - 1

    def _note(self, entry: Entry) -> None:
        content = entry.content
        identity = content.batch_id if content.sequence is None else content.sequence
        assert identity is not None
        assert (content.producer, identity) not in self.stored, "a batch is stored twice"
        outcomes = outcome_of(content)
        self.stored[content.producer, identity] = entry.position, content.outcomes.hex()
        self.kinds[content.kind] += 1
        records: Any = content_of(content)
        if isinstance(outcomes, readings_pb2.BatchOutcome):
            if outcomes.corrected or outcomes.retested:
                return
            keys = zip(records.high.tolist(), records.low.tolist(), strict=True)
            for key, outcome in zip(keys, outcomes_of(outcomes), strict=True):
                if outcome == CREATED:
                    assert key not in self.created, "a bale is counted twice"
                    self.created.add(key)
        elif content.kind == WITHDRAWALS:
            assert isinstance(outcomes, amendments_pb2.AmendmentsOutcome)
            (decided,) = records.withdrawals
            assert outcomes.applied == 1
            assert (decided.bale_code in self.withdrawn) == decided.reinstate
            self.withdrawn ^= {decided.bale_code}


def check_kills(
    servers: Servers, directory: Path, rounds: int, broken: str = "with_frequent_checkpoints"
) -> Truth:
    """Kills the server while all work, every fourth time also while it starts; checks each time."""
    draw = random.Random(rounds)  # noqa: S311 - only when to kill
    producers: list[Producer | Office] = [
        *(Producer(number, directory) for number in range(1, PRODUCERS + 1)),
        Office(directory),
    ]
    truth = Truth(servers.data_dir, directory / "copy")
    start_s = 0.5
    for number in range(rounds):
        if number % 4 == 3:
            servers.kill_while_starting(draw.uniform(0.6, 1.1) * start_s, broken=broken)
        begun = time.monotonic()
        server = servers.start(broken=broken)
        start_s = time.monotonic() - begun
        truth.check_counted(server)
        kill_while_working(server, producers, draw.uniform(0, 0.08))
        truth.read_on()
        truth.check_holds(producers)
    registry = truth.replayed()
    assert registry.revision == len(truth.stored)
    assert registry.bales.count >= len(truth.created)
    return truth


def kill_while_working(server: Server, producers: list[Producer | Office], after_s: float) -> None:
    """Kills the server so long after each producer was told that something is stored."""
    failures: list[BaseException] = []
    told_before = [producer.journal.last for producer in producers]

    def run(work: Callable[[grpc.Channel], None], channel: grpc.Channel) -> None:
        try:
            work(channel)
        except grpc.RpcError:
            return
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            failures.append(error)

    with server.channel() as channel:
        threads = [
            threading.Thread(target=run, args=(producer.work, channel)) for producer in producers
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 10
        while (
            any(
                producer.journal.last is before
                for producer, before in zip(producers, told_before, strict=True)
            )
            and time.monotonic() < deadline
            and not failures
        ):
            time.sleep(0.002)
        time.sleep(after_s)
        server.end(signal.SIGKILL)
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
    for producer, before in zip(producers, told_before, strict=True):
        assert producer.journal.last is not before, f"{producer.name} was told of nothing"


def test_a_killed_server_has_lost_nothing_and_counted_nothing_twice(
    servers: Servers, tmp_path: Path, kill_rounds: int
) -> None:
    truth = check_kills(servers, tmp_path, kill_rounds)
    if kill_rounds >= 40:
        assert all(truth.kinds[kind] for kind in (READINGS, LOTS, WEIGHTS, CLOSURES, WITHDRAWALS))


@pytest.mark.parametrize(
    ("broken", "caught_by"),
    [
        ("acknowledging_before_commit", "acknowledged.* is lost"),
        ("without_duplicate_check", "twice"),
    ],
)
def test_a_broken_build_does_not_survive_a_kill(
    servers: Servers, tmp_path: Path, broken: str, caught_by: str
) -> None:
    with pytest.raises(AssertionError, match=caught_by):
        check_kills(servers, tmp_path, 3, broken)


def test_a_unary_call_cut_off_by_a_kill_can_be_sent_again(servers: Servers) -> None:
    """Whether or not it was stored before: it is there once in the end."""
    server = servers.start()
    with server.channel() as channel:
        calls = Calls(channel)
        calls.submit([bale(1)], 1)
        threading.Timer(0.05, server.send_signal, [signal.SIGKILL]).start()
        sequence = 1
        try:
            while True:
                sequence += 1
                calls.submit([bale(sequence)], sequence)
        except grpc.RpcError:
            server.wait()
    server = servers.start()
    with server.channel() as channel:
        calls = Calls(channel)
        again = calls.submit([bale(sequence)], sequence)
        assert (again.revision, again.outcome.created) == (sequence, 1)
        assert calls.submit([bale(sequence)], sequence).repeated_batch
        assert calls.summarise().total.bales == sequence
