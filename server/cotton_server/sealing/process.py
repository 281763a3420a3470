"""A process that tells line by line what it does, heard by one thread until it ends.

Whatever goes wrong, with it or with whoever hears it, the process is gone afterwards: it is killed
and reaped. What it says on standard error is taken while it says it, so that it never waits for
that, and the end of it is kept.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

_LOG: Final = logging.getLogger(__name__)

_LOOK_S: Final = 0.5
"""How often is looked whether it is to stop."""
_END_S: Final = 30.0
"""How long a process may take to end that says nothing more, or that was killed."""
_READ_BYTES: Final = 1 << 16
_LINE_BYTES_MAX: Final = 1 << 16
_TAIL_BYTES: Final = 8 << 10
"""What is kept of standard error: its end."""


class ProcessFailedError(Exception):
    """A process ended otherwise than well, or had to be ended; says why."""


def run(
    arguments: Sequence[str],
    heard: Callable[[str], None],
    stop: threading.Event,
    *,
    silence_max_s: float,
    environment: Mapping[str, str],
) -> None:
    """Runs a process until it has ended well, or `stop` is set: it is killed then.

    `heard` takes the lines of its standard output that are not empty. Its standard input is open
    for as long as this runs, and has nothing. Raises ProcessFailedError where it ends with anything
    but 0, or says nothing, not even an empty line, for `silence_max_s` seconds; OSError where it
    cannot be started; and what `heard` raises.
    """
    with _started(arguments, environment) as process:
        said = _listen(process, heard, stop, silence_max_s)
        if stop.is_set():
            return
        try:
            code = process.wait(_END_S)
        except subprocess.TimeoutExpired as error:
            raise ProcessFailedError(
                f"it said nothing more, and had not ended {_END_S:.0f} s later"
            ) from error
    if code:
        raise ProcessFailedError(said or _ended(code))


@contextlib.contextmanager
def _started(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with pipes, which is gone at the end."""
    process = subprocess.Popen(  # noqa: S603 - what the caller chose, no shell
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=environment,
    )
    try:
        yield process
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            # It waits in the kernel, for a disk that does not answer.
            _LOG.error(
                "a process was killed and has not ended; look at the disk",
                extra={"pid": process.pid},
            )


def _listen(
    process: subprocess.Popen[bytes],
    heard: Callable[[str], None],
    stop: threading.Event,
    silence_max_s: float,
) -> str:
    """Hears a process until it says nothing more; gives the end of its standard error."""
    if process.stdout is None or process.stderr is None:
        raise AssertionError("the process was started with pipes")
    line = said = b""
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ)
        pipes.register(process.stderr, selectors.EVENT_READ)
        last = time.monotonic()
        while pipes.get_map() and not stop.is_set():
            for key, _ in pipes.select(_LOOK_S):
                found = os.read(key.fd, _READ_BYTES)
                if not found:
                    pipes.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    said = (said + found)[-_TAIL_BYTES:]
                else:
                    *whole, line = (line + found).split(b"\n")
                    for each in filter(None, whole):
                        heard(each.decode())
                # What `heard` took is no silence of the process.
                last = time.monotonic()
            if len(line) > _LINE_BYTES_MAX:
                raise ProcessFailedError(f"it says lines of more than {_LINE_BYTES_MAX} bytes")
            if time.monotonic() - last > silence_max_s:
                raise ProcessFailedError(
                    f"nothing was heard of it for {silence_max_s:.0f} s, and it was ended; look"
                    " whether the disk answers"
                )
    return said.decode(errors="replace").strip()


def _ended(code: int) -> str:
    """What the exit code of a process says that has said nothing else."""
    if code == -signal.SIGKILL:
        return (
            "it was killed; where nobody did that, the machine has too little memory: lower"
            " resident_bales_max or cold_bytes_max, or give it more"
        )
    return f"it was ended by signal {-code}" if code < 0 else f"it ended with {code}"
