"""Kill -9 in the middle of streams: every acknowledged bale is there once, and none twice."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
import pytest
from cotton.inspection.v1 import ingest_pb2, readings_pb2
from cotton_server.errors import StartError
from cotton_server.intake.content import content_of
from cotton_server.intake.replay import replay
from cotton_server.ledger import Ledger, LedgerError
from cotton_server.registry.registry import Registry

from tests.support.bales import Bale, append_request, bale, key_of
from tests.support.calls import Calls, Stream
from tests.support.entries import read
from tests.support.model import CREATED, outcomes_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import Servers

PRODUCERS = 3
BALES_A_BATCH = 20


@dataclass
class Producer:
    """A warehouse that streams batches without end, and resumes where the server tells it to.

    `acknowledged` has the result of each sequence, as it was given first.
    """

    number: int
    acknowledged: dict[int, ingest_pb2.BatchResult] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The producer's id."""
        return f"warehouse-{self.number}"

    def batch(self, sequence: int) -> list[Bale]:
        """Bales of its own, and one that all producers send."""
        first = self.number * 1_000_000 + sequence * 1000
        own = [bale(first + place) for place in range(BALES_A_BATCH - 1)]
        return [*own, bale(9_000_000 + sequence)]

    def stream(self, channel: grpc.Channel) -> None:
        """Sends until the server is gone."""
        readings = Stream(channel)
        try:
            expected = sent = readings.open(self.name).next_sequence
            assert expected > max(self.acknowledged, default=0), "an acknowledged batch is lost"
            while True:
                while sent < expected + 8:
                    request = append_request(self.batch(sent), identity=sent)
                    readings.send(request.SerializeToString())
                    sent += 1
                result = readings.receive().result
                assert result.sequence == expected
                self.acknowledged[expected] = result
                expected += 1
        except grpc.RpcError:
            return
        finally:
            readings.half_close()


def check_ledger(directory: Path, producers: list[Producer]) -> None:
    """Each acknowledged batch is there as it was answered; each bale was created once."""
    entries = read(directory)
    created: Counter[tuple[int, int]] = Counter()
    stored: dict[tuple[str, int], tuple[int, bytes]] = {}
    for entry in entries:
        content = entry.content
        table = content_of(content)
        outcome = readings_pb2.BatchOutcome.FromString(content.outcomes)
        assert content.sequence is not None
        stored[content.producer, content.sequence] = entry.position, content.outcomes
        keys = zip(table.high.tolist(), table.low.tolist(), strict=True)  # type: ignore[union-attr]
        created.update(
            key for key, each in zip(keys, outcomes_of(outcome), strict=True) if each == CREATED
        )
    assert not [key for key, times in created.items() if times != 1]
    for producer in producers:
        for sequence, result in producer.acknowledged.items():
            answered = result.outcome.SerializeToString(deterministic=True)
            assert stored[producer.name, sequence] == (result.revision, answered)
            assert all(created[key_of(each)] == 1 for each in producer.batch(sequence))
    registry = Registry(bales_max=1_000_000)
    ledger = Ledger(directory)
    replay(ledger.verified(), registry, of=ledger.position)
    ledger.close()
    assert registry.bales.count == len(created)


def check_kills(servers: Servers, rounds: int, broken: str | None = None) -> None:
    """Kills the server while three producers stream; checks the ledger after each time."""
    draw = random.Random(rounds)  # noqa: S311 - only when to kill
    producers = [Producer(number) for number in range(1, PRODUCERS + 1)]
    failures: list[BaseException] = []

    def run(producer: Producer, channel: grpc.Channel) -> None:
        try:
            producer.stream(channel)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            failures.append(error)

    for _ in range(rounds):
        server = servers.start(broken=broken)
        with server.channel() as channel:
            threads = [
                threading.Thread(target=run, args=(producer, channel)) for producer in producers
            ]
            before = sum(len(producer.acknowledged) for producer in producers)
            for thread in threads:
                thread.start()
            deadline = time.monotonic() + 10
            while (
                sum(len(producer.acknowledged) for producer in producers) < before + 5
                and time.monotonic() < deadline
                and not failures
            ):
                time.sleep(0.002)
            time.sleep(draw.uniform(0, 0.08))
            server.end(signal.SIGKILL)
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]
        assert sum(len(producer.acknowledged) for producer in producers) > before
        check_ledger(servers.data_dir, producers)


def test_a_killed_server_has_lost_nothing_and_counted_nothing_twice(
    servers: Servers, kill_rounds: int
) -> None:
    check_kills(servers, kill_rounds)


@pytest.mark.parametrize("broken", ["acknowledging_before_commit", "without_duplicate_check"])
def test_a_broken_build_does_not_survive_a_kill(servers: Servers, broken: str) -> None:
    with pytest.raises((AssertionError, KeyError, LedgerError, StartError)):
        check_kills(servers, 3, broken)


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
