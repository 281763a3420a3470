"""Flow: a slow disk and slow readers slow producers down; memory is bounded, nothing is lost."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from cotton.inspection.v1 import ingest_pb2

from tests.support.bales import bale
from tests.support.calls import CALL_S_MAX, Calls, stream
from tests.support.pusher import Push, producer_of

if TYPE_CHECKING:
    from subprocess import Popen

    from tests.support.server import Server, Servers

MIB = 1 << 20
STREAMS, STALLED = 450, 50
BALES_A_BATCH = 4000
PUSH_S = 9
PUSH_MORE_S_MAX = 60
GROWTH_BYTES_MAX = 3 << 30
STILL_GROWING_BYTES_MAX = 512 * MIB
"""From the middle third to the last: bales that are stored meanwhile, on a machine that is late."""

ACKNOWLEDGED_MIN = 20
"""What one commit holds: on a machine that is late, pushers go on until they have heard of it."""

IN_FLIGHT_BATCHES_MAX = 16
STALLED_QUIET_S = 2
"""So long nothing more is stored where nothing more is read: six times what a slow commit takes."""

GRPC_BUFFER_BYTES = 64 << 10
"""A client's window where it is fixed, and what a server's gRPC buffers of answers beyond it."""

QUEUED_BYTES_MAX = 64 * MIB


def anonymous_bytes(server: Server) -> int:
    """Memory of the server that no file backs."""
    status = Path(f"/proc/{server._process.pid}/status").read_text("ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def in_flight_bytes(server: Server) -> float:
    """What the server has received and not yet answered."""
    return server.metrics()["cotton_in_flight_bytes",]


def wait_until_all_is_decided(server: Server) -> None:
    """Returns when the server has stored or refused all that it received."""
    deadline = time.monotonic() + CALL_S_MAX
    while in_flight_bytes(server):
        assert time.monotonic() < deadline, "what was received is not decided in time"
        time.sleep(0.1)


def acknowledged(pushers: list[Popen[str]]) -> dict[int, int]:
    """Batches acknowledged by stream, of all pushers, when they have ended."""
    counts: dict[int, int] = {}
    for pusher in pushers:
        said, _ = pusher.communicate(timeout=CALL_S_MAX)
        assert pusher.returncode == 0
        counts.update({int(stream): count for stream, count in json.loads(said).items()})
    return counts


def test_500_streams_that_push_as_fast_as_they_can_do_not_fill_the_memory(
    servers: Servers,
) -> None:
    """Fifty never read an answer. What was acknowledged is stored; the server goes on."""
    server = servers.start(broken="with_slow_disk")
    before = anonymous_bytes(server)
    half = STREAMS // 2
    readers = [
        Push(
            server.address,
            first,
            half,
            BALES_A_BATCH,
            PUSH_S,
            acknowledged_min=ACKNOWLEDGED_MIN // 2,
            more_s_max=PUSH_MORE_S_MAX,
        )
        for first in (0, half)
    ]
    pushers = [
        *(each.start() for each in readers),
        Push(server.address, STREAMS, STALLED, BALES_A_BATCH, PUSH_S, stalled=True).start(),
    ]
    samples: list[int] = []
    queued: list[float] = []
    while any(pusher.poll() is None for pusher in pushers):
        samples.append(anonymous_bytes(server) - before)
        queued.append(in_flight_bytes(server))
        time.sleep(0.1)
    counts = acknowledged(pushers)
    third = len(samples) // 3
    middle, end = samples[third : 2 * third], samples[2 * third :]
    assert max(samples) <= GROWTH_BYTES_MAX
    assert max(end) - max(middle) <= STILL_GROWING_BYTES_MAX
    assert QUEUED_BYTES_MAX / 2 < max(queued) <= QUEUED_BYTES_MAX
    with server.channel() as channel:
        calls = Calls(channel)
        calls.submit([bale(999_999_999)], "still-answers")
        # It overtakes what was taken in before the pushers ended, and that is still to be stored.
        wait_until_all_is_decided(server)
        standing = {
            number: calls.ingest.GetProducer(
                ingest_pb2.GetProducerRequest(producer_id=producer_of(number)), timeout=CALL_S_MAX
            )
            for number in counts
        }
        total = calls.summarise().total.bales
    assert len(standing) == STREAMS + STALLED
    for number, count in counts.items():
        assert standing[number].batches >= count
        assert standing[number].bales_received == standing[number].batches * BALES_A_BATCH
        assert standing[number].next_sequence == standing[number].batches + 1
    assert sum(counts.values()) >= ACKNOWLEDGED_MIN
    assert total == 1 + sum(
        each.bales_received for number, each in standing.items() if number < STREAMS
    )


def check_queue(server: Server, queued_bytes_max: int) -> None:
    """No more is taken in than the queue may hold, and all of it is answered in the end."""
    batches = 10
    peak = 0.0
    with server.channel() as channel, ExitStack() as opened:
        streams = [opened.enter_context(stream(channel, f"p{number}")) for number in range(4)]
        for sequence in range(1, batches + 1):
            for number, each in enumerate(streams):
                first = (number * batches + sequence) * 1000
                each.send_batch([bale(first + n) for n in range(500)], sequence)
        done = threading.Event()

        def read() -> None:
            for each in streams:
                for sequence in range(1, batches + 1):
                    assert each.receive().result.sequence == sequence
            done.set()

        reader = threading.Thread(target=read)
        reader.start()
        deadline = time.monotonic() + CALL_S_MAX
        while not done.is_set() and time.monotonic() < deadline:
            peak = max(peak, in_flight_bytes(server))
        reader.join()
    assert done.is_set()
    assert peak <= queued_bytes_max, f"{peak} bytes were taken in where {queued_bytes_max} may be"
    # The measure means something only where the queue was filled.
    assert peak > queued_bytes_max / 2


STALLED_BATCHES_SENT = 40


def check_client_that_reads_nothing(server: Server) -> None:
    """A client that leaves its answers unread is not read from; once it reads, all is answered.

    Stored are at most those in flight, where none was decided before the last of them was read,
    and the one whose answer is on its way out: that is more than the client's window and the
    server's buffer hold. The window has to be fixed: gRPC doubles it as answers arrive, and so
    takes any number that its client has not asked for; those are in the client's memory.
    """
    batches_max = IN_FLIGHT_BATCHES_MAX + 1
    bales = [bale(number).but(length=9999) for number in range(BALES_A_BATCH)]
    with (
        grpc.insecure_channel(server.address, options=[("grpc.http2.bdp_probe", 0)]) as channel,
        stream(channel, "stalled") as stalled,
        server.channel() as other,
    ):
        for sequence in range(1, STALLED_BATCHES_SENT + 1):
            stalled.send_batch(bales, sequence)
        ingest = Calls(other).ingest
        request = ingest_pb2.GetProducerRequest(producer_id="stalled")
        stored, since = 0, time.monotonic()
        while time.monotonic() - since < STALLED_QUIET_S or not stored:
            assert time.monotonic() - since < CALL_S_MAX, "no batch is stored"
            batches = ingest.GetProducer(request, timeout=CALL_S_MAX).batches
            assert batches <= batches_max, f"{batches} batches stored where {batches_max} may be"
            if batches > stored:
                stored, since = batches, time.monotonic()
            time.sleep(0.05)
        for sequence in range(1, STALLED_BATCHES_SENT + 1):
            answer = stalled.receive().result
            assert (answer.sequence, answer.outcome.rejected) == (sequence, BALES_A_BATCH)
            # What the bound rests on.
            assert answer.ByteSize() > 2 * GRPC_BUFFER_BYTES


def test_a_client_that_reads_no_answers_is_not_read_from(servers: Servers) -> None:
    check_client_that_reads_nothing(servers.start(broken="with_slow_disk"))


def test_a_build_that_reads_on_from_a_client_that_reads_no_answers_is_caught(
    servers: Servers,
) -> None:
    server = servers.start(broken="with_unbounded_queue")
    with pytest.raises(AssertionError, match="batches stored where"):
        check_client_that_reads_nothing(server)


BOUND = 128 << 10


def test_what_is_received_and_not_yet_stored_is_bounded(servers: Servers) -> None:
    server = servers.start(
        broken="with_slow_disk", queued_bytes_max=BOUND, message_bytes_max=BOUND // 2
    )
    check_queue(server, BOUND)


def test_a_build_whose_queue_has_no_bound_is_caught(servers: Servers) -> None:
    server = servers.start(
        broken="with_unbounded_queue", queued_bytes_max=BOUND, message_bytes_max=BOUND // 2
    )
    with pytest.raises(AssertionError, match="bytes were taken in where"):
        check_queue(server, BOUND)
