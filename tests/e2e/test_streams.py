"""Streams of a real server: sequences, two of one producer, idle ones, peers that vanish."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import grpc
import pytest
from cotton.inspection.v1 import ingest_pb2

from tests.support.bales import bale, batch
from tests.support.calls import CALL_S_MAX, Calls, Stream, error_of, refused, stream

if TYPE_CHECKING:
    from tests.support.server import Server, Servers

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_SETTINGS = b"\0\0\0\4\0\0\0\0\0"


def producer_of(calls: Calls, producer: str = "p") -> ingest_pb2.GetProducerResponse:
    """Where a producer stands."""
    return calls.ingest.GetProducer(
        ingest_pb2.GetProducerRequest(producer_id=producer), timeout=CALL_S_MAX
    )


def check_sequences(server: Server) -> None:
    """A gap is refused with the number that is expected; a repeat is stored once."""
    with server.channel() as channel, stream(channel) as readings:
        first = readings.append([bale(1)], 1)
        readings.send_batch([bale(3)], 3)
        answer = readings.receive()
        assert answer.HasField("refused"), "a batch after a gap was stored"
        assert answer.refused.next_sequence == 2
        again = readings.append([bale(1)], 1)
        assert again.repeated_batch, "a batch was stored a second time"
        assert (again.revision, again.received_at_us) == (first.revision, first.received_at_us)
        assert readings.append([bale(2)], 2).revision == first.revision + 1
        assert producer_of(Calls(channel)).next_sequence == 3


def test_a_gap_is_refused_and_a_repeat_is_stored_once(servers: Servers) -> None:
    check_sequences(servers.start())


def test_a_build_without_the_sequence_check_is_caught(servers: Servers) -> None:
    with pytest.raises(AssertionError, match="after a gap was stored"):
        check_sequences(servers.start(broken="without_sequence_check"))


def test_of_two_streams_of_one_producer_the_newer_wins_and_the_older_is_told(
    servers: Servers,
) -> None:
    """The older one's batches are all answered, and counted in what the newer goes on with."""
    server = servers.start(broken="with_slow_disk")
    with server.channel() as one, server.channel() as two:
        older = Stream(one)
        older.open()
        for sequence in range(1, 6):
            older.send_batch([bale(sequence)], sequence)
        assert older.receive().result.sequence == 1
        with stream(two, None) as newer:
            expected = newer.open().next_sequence
            for sequence in range(2, expected):
                assert older.receive().result.sequence == sequence
            with pytest.raises(grpc.RpcError) as caught:
                older.receive()
            error = error_of(caught.value)
            assert (error.reason, error.retry) == ("STREAM_REPLACED", False)
            assert error.code == grpc.StatusCode.ABORTED.value[0]
            assert newer.append([bale(expected)], expected).sequence == expected
            standing = producer_of(Calls(two))
            assert (standing.next_sequence, standing.stream_open) == (expected + 1, True)
        older.half_close()


def test_a_producer_is_told_where_it_stands(servers: Servers) -> None:
    server = servers.start()
    with server.channel() as channel:
        calls = Calls(channel)
        assert producer_of(calls) == ingest_pb2.GetProducerResponse(
            producer_id="p", next_sequence=1
        )
        result = calls.submit([bale(1), bale(2)], 1)
        assert producer_of(calls) == ingest_pb2.GetProducerResponse(
            revision=1,
            producer_id="p",
            next_sequence=2,
            batches=1,
            bales_received=2,
            last_revision=1,
            last_received_at_us=result.received_at_us,
        )
        assert refused(producer_of, calls, "two words").fields == ["producer_id"]


def test_a_call_whose_deadline_passes_behind_a_slow_disk_is_not_stored(servers: Servers) -> None:
    """What was on its way to the disk when its caller gave up is stored, and then a repeat."""
    server = servers.start(broken="with_slow_disk")
    with server.channel() as channel:
        calls = Calls(channel)
        appended, queued = (
            ingest_pb2.SubmitReadingsRequest(
                producer_id=producer, batch=batch([bale(number)], identity=1)
            )
            for number, producer in enumerate(("appended", "queued"))
        )
        # The first takes the disk; the second waits behind it until its time is up.
        first = calls.ingest.SubmitReadings.future(appended, timeout=0.15)
        time.sleep(0.05)
        second = calls.ingest.SubmitReadings.future(queued, timeout=0.1)
        for call in (first, second):
            assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert calls.ingest.SubmitReadings(appended, timeout=CALL_S_MAX).result.repeated_batch
        assert producer_of(calls, "queued").batches == 0
        assert not calls.ingest.SubmitReadings(queued, timeout=CALL_S_MAX).result.repeated_batch


def test_streams_that_are_open_and_idle_hold_nothing_up(servers: Servers) -> None:
    """Neither room in the queue, nor the way in, nor a place in the commit, however small."""
    server = servers.start(queued_bytes_max=8 << 10, message_bytes_max=8 << 10)
    with server.channel() as channel, ExitStack() as opened:
        for number in range(40):
            opened.enter_context(stream(channel, f"idle-{number}"))
            opened.enter_context(stream(channel, None))
        with stream(channel) as readings:
            for sequence in range(1, 30):
                readings.send_batch([bale(sequence * 100 + n) for n in range(50)], sequence)
            for sequence in range(1, 30):
                assert readings.receive().result.sequence == sequence
        assert Calls(channel).submit([bale(1)], "unary").revision == 30


def test_calls_beyond_the_limit_of_600_are_refused_with_what_to_do(servers: Servers) -> None:
    """Streams and unary calls alike; those that are open go on."""
    server = servers.start()
    with server.channel() as channel, ExitStack() as opened:
        first = opened.enter_context(stream(channel, "0"))
        for number in range(1, 600):
            opened.enter_context(stream(channel, str(number)))
        beyond = refused(Calls(channel).submit, [bale(1)])
        with stream(channel, None) as late, pytest.raises(grpc.RpcError) as caught:
            late.open("late")
        for error in (beyond, error_of(caught.value)):
            assert (error.reason, error.retry) == ("TOO_MANY_CALLS", True)
            assert error.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        assert first.append([bale(1)], 1).sequence == 1


def test_a_peer_that_has_vanished_is_dropped_and_one_that_is_idle_is_not(
    servers: Servers,
) -> None:
    """A peer without power or line answers nothing; only its silence tells."""
    server = servers.start(broken="with_quick_keepalive")
    host, _, port = server.address.rpartition(":")
    with server.channel() as channel, stream(channel) as idle:
        idle.append([bale(1)], 1)
        with socket.create_connection((host, int(port)), timeout=10) as silent:
            silent.sendall(PREFACE + NO_SETTINGS)
            begun = time.monotonic()
            while silent.recv(4096):
                assert time.monotonic() - begun < 10
        # Longer than the silent peer was given.
        time.sleep(2)
        assert idle.append([bale(2)], 2).sequence == 2
