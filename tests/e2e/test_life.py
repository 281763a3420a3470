"""Start, refusal to start, and drain of a real server process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cotton.inspection.v1 import ingest_pb2
from cotton_server.ledger.opening import FILE_NAME
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.bales import bale, batch
from tests.support.calls import CALL_S_MAX, Calls, Stream, error_of, stream
from tests.support.entries import edit, read
from tests.support.server import ROOT, NotServingError, Servers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_what_was_received_and_the_process_ends_in_order(
    servers: Servers, number: signal.Signals
) -> None:
    """Health turns, streams end with a status that says to come back, nothing is lost."""
    server = servers.start()
    with server.channel() as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service=""), timeout=CALL_S_MAX
        )
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        readings = Stream(channel)
        readings.open()
        acknowledged = 0
        for sequence in range(1, 500):
            readings.send_batch([bale(sequence)], sequence)
            if sequence == 250:
                server.send_signal(number)
        error = None
        while error is None:
            try:
                answer = readings.receive()
            except grpc.RpcError as ended:
                error = error_of(ended)
            else:
                acknowledged += 1
                assert answer.result.sequence == acknowledged
        assert (error.reason, error.retry) == ("DRAINING", True)
        assert error.code == grpc.StatusCode.UNAVAILABLE.value[0]
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        readings.half_close()
    assert server.wait() == 0
    assert acknowledged > 0
    assert server.events["drained"]["revision"] == acknowledged
    stored = read(servers.data_dir)
    assert [each.content.sequence for each in stored] == list(range(1, acknowledged + 1))


def test_a_drain_waits_for_every_answer_that_is_due(servers: Servers) -> None:
    """What is durable was acknowledged, on streams and in calls, however slow the disk is."""
    server = servers.start(broken="with_slow_disk", drain_grace_s=20)
    acknowledged: set[tuple[str, int]] = set()

    def submit(number: int) -> None:
        with server.channel() as channel, suppress(grpc.RpcError):
            made = ingest_pb2.SubmitReadingsRequest(
                producer_id=f"unary-{number}", batch=batch([bale(100 + number)], identity=1)
            )
            Calls(channel).ingest.SubmitReadings(made, timeout=CALL_S_MAX)
            acknowledged.add((f"unary-{number}", 1))

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(4)]
    with server.channel() as channel:
        readings = Stream(channel)
        readings.open("stream")
        for thread in threads:
            thread.start()
        for sequence in range(1, 9):
            readings.send_batch([bale(sequence)], sequence)
        readings.receive()
        acknowledged.add(("stream", 1))
        server.send_signal(signal.SIGTERM)
        reason = None
        while reason is None:
            try:
                acknowledged.add(("stream", readings.receive().result.sequence))
            except grpc.RpcError as ended:
                reason = error_of(ended).reason
        assert reason == "DRAINING"
    for thread in threads:
        thread.join(CALL_S_MAX)
    assert server.wait() == 0
    durable = {(each.content.producer, each.content.sequence) for each in read(servers.data_dir)}
    assert durable == acknowledged
    assert len(acknowledged) > 2


def test_after_a_failed_write_the_process_says_so_and_ends_with_1(servers: Servers) -> None:
    """A restart finds what was acknowledged, and nothing more."""
    server = servers.start(broken="with_failing_disk")
    with server.channel() as channel, stream(channel) as readings:
        for sequence in (1, 2):
            readings.append([bale(sequence)], sequence)
        readings.send_batch([bale(3)], 3)
        error, _ = readings.refusal()
        assert (error.reason, error.retry) == ("STORAGE_FAILED", True)
    assert server.wait() == 1
    again = servers.start()
    with again.channel() as channel, stream(channel) as readings:
        assert readings.next_sequence() == 3
        readings.append([bale(3)], 3)


def test_idle_streams_and_watchers_of_health_do_not_hold_up_the_drain(servers: Servers) -> None:
    server = servers.start(drain_grace_s=20)
    with server.channel() as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service=""), timeout=CALL_S_MAX
        )
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        with stream(channel) as readings:
            readings.append([bale(1)], 1)
            begun = time.monotonic()
            server.send_signal(signal.SIGTERM)
            with pytest.raises(grpc.RpcError) as caught:
                readings.receive()
            assert error_of(caught.value).reason == "DRAINING"
        assert server.wait() == 0
        assert time.monotonic() - begun < 10


def test_a_client_that_reads_no_answers_does_not_hold_up_the_drain_past_its_grace(
    servers: Servers,
) -> None:
    server = servers.start(drain_grace_s=1)
    with server.channel() as channel:
        readings = Stream(channel)
        readings.open()
        for sequence in range(1, 300):
            readings.send_batch([bale(n, length=9999) for n in range(300)], sequence)
        time.sleep(0.3)
        assert server.end() == 0
        readings.half_close()
    assert server.events["drained"]


def test_more_batches_than_may_be_in_flight_are_all_answered_in_order(servers: Servers) -> None:
    """The bound makes a fast producer wait; it never loses or reorders anything."""
    server = servers.start(stream_batches_in_flight_max=4)
    with server.channel() as channel:
        readings = Stream(channel)
        readings.open()
        for sequence in range(1, 40):
            readings.send_batch([bale(sequence)], sequence)
        for sequence in range(1, 40):
            assert readings.receive().result.sequence == sequence
        readings.half_close()


def refused_start(servers: Servers, **flags: Any) -> str:
    """What a server that must not start says."""
    with pytest.raises(NotServingError) as caught:
        servers.start(**flags)
    assert caught.value.code == 2
    assert "Traceback" not in caught.value.said
    return caught.value.said


def test_a_second_server_on_one_directory_is_refused_by_name(servers: Servers) -> None:
    server = servers.start()
    said = refused_start(servers)
    assert "is in use by another server (process " in said
    assert "a data directory of its own" in said
    with server.channel() as channel:
        assert Calls(channel).submit([bale(1)]).revision == 1


def test_an_address_that_is_taken_is_refused_by_name(servers: Servers, tmp_path: Path) -> None:
    server = servers.start()
    other = str(tmp_path / "other")
    assert "--listen" in refused_start(servers, data_dir=other, listen=server.address)
    taken = server.metrics_url.removeprefix("http://").removesuffix("/metrics")
    assert "--metrics-listen" in refused_start(servers, data_dir=other, metrics_listen=taken)


def test_a_data_directory_that_cannot_be_used_is_refused(servers: Servers, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    assert "directory" in refused_start(servers, data_dir=str(tmp_path / "file"))
    assert "--data-dir" in refused_start(servers, data_dir=str(tmp_path / "file" / "below"))


def test_a_damaged_ledger_stops_the_start_with_position_and_remedy(servers: Servers) -> None:
    server = servers.start()
    with server.channel() as channel:
        for sequence in range(1, 6):
            Calls(channel).submit([bale(sequence)], sequence)
    assert server.end() == 0
    edit(servers.data_dir, "UPDATE entry SET principal = 'somebody' WHERE position = 4")
    said = refused_start(servers)
    assert "damaged at position 4" in said
    assert "copy the data directory aside" in said


def test_a_destroyed_file_stops_the_start_of_the_real_command(servers: Servers) -> None:
    server = servers.start()
    with server.channel() as channel:
        Calls(channel).submit([bale(1)])
    assert server.end() == 0
    path = servers.data_dir / FILE_NAME
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])
    command = [sys.executable, "-m", "cotton_client.cli", "serve", "--listen", "127.0.0.1:0"]
    command += ["--metrics-listen", "off", "--data-dir", str(servers.data_dir)]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode != 0
    assert "damaged at position 1" in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr


def test_a_server_without_metrics_replays_serves_and_ends_in_order(servers: Servers) -> None:
    """What was stored before is in the registry when it says that it serves."""
    server = servers.start()
    with server.channel() as channel, stream(channel) as readings:
        for sequence in range(1, 40):
            readings.append([bale(sequence)], sequence)
    assert server.end() == 0
    again = servers.start(metrics_listen="off")
    assert again.events["replayed"]["bales"] == 39
    assert again.events["serving"]["metrics"] == "off"
    assert again.end(signal.SIGINT) == 0
