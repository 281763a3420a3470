"""Client processes that get ready, start together at a moment that is told, and give a result.

The two sides of it: `Client` for who starts them, `started` for the process itself.
"""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from benchmarks.errors import BenchmarkError
from benchmarks.processes import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_S_MAX: Final = 120
"""How long registering lots and opening streams may take."""


class Client:
    """A client process that was given its job."""

    def __init__(self, module: str, process: subprocess.Popen[str]) -> None:
        """Takes a process that is running."""
        self.pid = process.pid
        self._module = module
        self._process = process

    def wait_ready(self) -> None:
        """Waits until its streams are open. Raises BenchmarkError."""
        output = self._process.stdout
        if output is None:
            raise AssertionError("the client was started without a pipe")
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            if not selector.select(READY_S_MAX):
                raise BenchmarkError(f"{self._module} is not ready after {READY_S_MAX} s.")
        if output.readline() != "ready\n":
            self._fail()

    def start(self, at_ns: int) -> None:
        """Tells when to start, on the clock `time.perf_counter_ns`."""
        if self._process.stdin is None:
            raise AssertionError("the client was started without a pipe")
        print(at_ns, file=self._process.stdin, flush=True)

    def result(self, within_s: float) -> dict[str, Any]:
        """What it gives at its end. Raises BenchmarkError."""
        try:
            output, _ = self._process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            raise BenchmarkError(f"{self._module} was not done after {within_s} s.") from None
        if self._process.returncode:
            self._fail()
        result: dict[str, Any] = json.loads(output)
        return result

    def _fail(self) -> None:
        status = self._process.wait(READY_S_MAX)
        raise BenchmarkError(f"{self._module} ended with status {status}; see what it says above.")


@contextmanager
def client(module: str, job: dict[str, Any]) -> Iterator[Client]:
    """Runs `python -m MODULE` with a job; what it says goes to stderr. Ended in any case."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        if process.stdin is None:
            raise AssertionError("the client was started without a pipe")
        print(json.dumps(job), file=process.stdin, flush=True)
        yield Client(module, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def given_job() -> dict[str, Any]:
    """In the client process: the job."""
    job: dict[str, Any] = json.loads(sys.stdin.readline())
    return job


def started() -> int:
    """In the client process: says that it is ready, and gives when to start."""
    print("ready", flush=True)
    return int(sys.stdin.readline())


def seconds_until(at_ns: int) -> float:
    """How long it is until a moment on the clock `time.perf_counter_ns`; negative once past."""
    return (at_ns - time.perf_counter_ns()) / 1e9
