"""A real server whose disk fills, turns read-only or fails to sync; the kernel's errors are real.

Whatever the disk did: what was acknowledged is there once, what was not says so with a type, and
the server recovers by itself where that is safe.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.bales import bale
from tests.support.calls import Calls, refused
from tests.support.failing_calls import SYNCS, WRITES, failing
from tests.support.keeping import cotton
from tests.support.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import Server, Servers

SERVING: Final = health_pb2.HealthCheckResponse.SERVING


def ledger_files(data_dir: Path) -> tuple[Path, Path]:
    """The files that a commit writes and syncs."""
    return data_dir / "ledger.sqlite", data_dir / "ledger.sqlite-wal"


def health(channel: grpc.Channel) -> int:
    """What the server says of itself."""
    stub = health_pb2_grpc.HealthStub(channel)
    return int(stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status)


def store(calls: Calls, number: int) -> None:
    """Stores a batch of one bale, which must be new."""
    assert calls.submit([bale(number)], f"batch-{number}").outcome.created == 1


def check_stored(servers: Servers, acknowledged: list[int], unanswered: list[int]) -> None:
    """After a start all that was acknowledged is there; the rest is stored once when it is sent."""
    server = servers.start()
    with server.channel() as channel:
        calls = Calls(channel)
        for number in acknowledged:
            again = calls.submit([bale(number)], f"batch-{number}")
            assert (again.repeated_batch, again.outcome.created) == (True, 1)
        for number in unanswered:
            assert calls.submit([bale(number)], f"batch-{number}").outcome.created == 1
    count = len(acknowledged) + len(unanswered)
    assert server.metrics()["cotton_registry_bales",] == count
    assert server.end() == 0
    assert cotton("fsck", servers.data_dir).exit_code == 0


def test_a_full_disk_is_said_and_waited_out(servers: Servers) -> None:
    """Reading goes on, nothing of what was refused is kept, and nobody has to restart anything."""
    server = servers.start()
    with server.channel() as channel:
        calls = Calls(channel)
        store(calls, 1)
        with failing(server.process_id, WRITES, "ENOSPC", *ledger_files(servers.data_dir)) as disk:
            for _ in range(3):
                error = refused(calls.submit, [bale(2)], "batch-2")
                assert error.reason == "STORAGE_FULL"
                assert error.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
                assert error.retry
            assert disk.count >= 3
            assert health(channel) == SERVING
            assert calls.bale(bale(1)).stored_at_revision == 1
            assert refused(calls.bale, bale(2)).reason == "NOT_FOUND"
        store(calls, 2)
        metrics = server.metrics()
        assert (
            sum(
                value
                for (name, *labels), value in metrics.items()
                if name == "cotton_batches_total" and "STORAGE_FULL" in labels
            )
            == 3
        )
    assert server.end(signal.SIGKILL) != 0
    check_stored(servers, [1, 2], [3])


@pytest.mark.parametrize(
    ("calls_that_fail", "error"),
    [(SYNCS, "EIO"), (WRITES, "EIO"), (WRITES, "EROFS")],
    ids=["a sync that fails", "a write that fails", "a disk that has become read-only"],
)
def test_a_disk_that_fails_ends_the_server(
    servers: Servers, calls_that_fail: str, error: str
) -> None:
    """It says so to all who wait, acknowledges nothing more and exits; a start goes on."""
    server = servers.start()
    with server.channel() as channel:
        calls = Calls(channel)
        store(calls, 1)
        with failing(server.process_id, calls_that_fail, error, *ledger_files(servers.data_dir)):
            for _ in range(2):
                try:
                    told = refused(calls.submit, [bale(2)], "batch-2")
                except AssertionError:
                    break  # it has stopped already, and gRPC itself says so
                assert told.reason in ("STORAGE_FAILED", "DRAINING")
                assert told.code == grpc.StatusCode.UNAVAILABLE.value[0]
            assert server.wait() == 1
        with pytest.raises(grpc.RpcError):
            health(channel)
    assert "the ledger failed; stopping" in server.events
    check_stored(servers, [1], [2])


def test_after_a_sync_that_failed_once_nothing_is_acknowledged(servers: Servers) -> None:
    """The kernel forgets what it could not write: the next sync would succeed, and lie."""
    server = servers.start()
    with server.channel() as channel:
        calls = Calls(channel)
        store(calls, 1)
        with failing(
            server.process_id, SYNCS, "EIO:when=1", *ledger_files(servers.data_dir)
        ) as disk:
            for number in (2, 3):
                with suppress(grpc.RpcError):
                    calls.submit([bale(number)], f"batch-{number}")
                    pytest.fail("it was acknowledged")
            assert server.wait() == 1
            # The first of each thread fails: of the one that commits, and of who closes the file.
            assert disk.count >= 1
    check_stored(servers, [1], [2, 3])


def test_a_server_does_not_start_on_a_read_only_disk(servers: Servers) -> None:
    """It says which directory cannot be used, and leaves everything as it was."""
    server = servers.start()
    with server.channel() as channel:
        store(Calls(channel), 1)
    assert server.end() == 0
    before = {path: path.read_bytes() for path in servers.data_dir.rglob("*") if path.is_file()}
    strace = shutil.which("strace")
    assert strace is not None, "install strace: apt-get install strace"
    command = [strace, "-f", "-o", os.devnull, "-P", str(servers.data_dir / "lock")]
    command += ["-e", "trace=openat", "-e", "inject=openat:error=EROFS"]
    command += [sys.executable, "-m", "cotton_client.cli", "serve"]
    command += ["--data-dir", str(servers.data_dir), "--listen", "127.0.0.1:0"]
    command += ["--metrics-listen", "off"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert f"{servers.data_dir} cannot be used" in ended.stderr
    assert os.strerror(errno.EROFS) in ended.stderr
    after = {path: path.read_bytes() for path in servers.data_dir.rglob("*") if path.is_file()}
    assert after == before
    check_stored(servers, [1], [2])


def test_a_file_that_is_too_large_for_the_disk_is_a_failure_that_a_start_heals(
    servers: Servers,
) -> None:
    """A real limit of the kernel, no injected one: a file may not grow beyond it."""
    server = servers.start()
    with server.channel() as channel:
        calls = Calls(channel)
        store(calls, 1)
        limit(server, max(path.stat().st_size for path in ledger_files(servers.data_dir)))
        with pytest.raises(grpc.RpcError):
            store_without_end(calls)
        assert server.wait() == 1
    last = servers.start()
    with last.channel() as channel:
        again = Calls(channel).submit([bale(1)], "batch-1")
        assert again.repeated_batch
    assert last.end() == 0
    assert cotton("fsck", servers.data_dir).exit_code == 0


def store_without_end(calls: Calls) -> None:
    """Stores batch after batch until one is refused."""
    for number in range(1000, 2000):
        calls.submit([bale(number * 1000 + place) for place in range(400)], f"b-{number}")


def limit(server: Server, size_bytes: int) -> None:
    """Has no file of a running server grow beyond a size; the signal for it is not deadly here."""
    prlimit = shutil.which("prlimit")
    assert prlimit is not None, "prlimit is part of util-linux"
    command = [prlimit, "--pid", str(server.process_id), f"--fsize={size_bytes}:{size_bytes}"]
    subprocess.run(command, check=True)
