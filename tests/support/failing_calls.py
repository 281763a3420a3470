"""System calls of a running server that fail, as those of a bad disk do: strace lets them.

The kernel says what it would say; which calls, and of which files, is chosen for a while. The call
is not made then, so a write that "fails" has written nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_ATTACH_S_MAX: Final = 20.0
_LOOK_S: Final = 0.02

WRITES: Final = "write,pwrite64,pwritev,ftruncate,fallocate"
SYNCS: Final = "fsync,fdatasync"


class _Failing:
    """What is seen of the calls that failed."""

    def __init__(self, log: Path) -> None:
        self._log = log

    @property
    def count(self) -> int:
        """How many calls have failed so far."""
        return self._log.read_text(errors="replace").count("(INJECTED)")


@contextmanager
def failing(process_id: int, calls: str, error: str, *paths: Path) -> Iterator[_Failing]:
    """Has all such calls of a process on these files fail with an error, until the block ends.

    Also where the process ends before. Needs permission to trace a process of one's own.
    """
    strace = shutil.which("strace")
    if strace is None:
        raise AssertionError("install strace: apt-get install strace")
    with tempfile.TemporaryDirectory() as made:
        log = Path(made) / "calls"
        on = [part for path in paths for part in ("-P", str(path))]
        command = [strace, "-f", "-p", str(process_id), "-o", str(log), *on]
        command += ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracing:
            try:
                _wait_until_traced(process_id, tracing)
                yield _Failing(log)
            finally:
                tracing.terminate()


def _wait_until_traced(process_id: int, tracing: subprocess.Popen[str]) -> None:
    """Until strace has every thread of the process."""
    until = time.monotonic() + _ATTACH_S_MAX
    while time.monotonic() < until and tracing.poll() is None:
        tracers = [
            line.split()[1]
            for task in Path(f"/proc/{process_id}/task").iterdir()
            for line in (task / "status").read_text().splitlines()
            if line.startswith("TracerPid:")
        ]
        if tracers and all(int(each) for each in tracers):
            return
        time.sleep(_LOOK_S)
    tracing.terminate()
    said = tracing.stderr.read() if tracing.stderr is not None else ""
    raise AssertionError(f"the process could not be traced; is ptrace forbidden here? {said}")
