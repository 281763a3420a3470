"""The pulse of the process that seals: whether it works, and gets on with it."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_STUCK: Final = 1

_BEAT_S: Final = 5.0
"""How often is told that there was work, where there was some."""
_CLOCK_S: Final = 0.001
"""Processor time that two readings of the clocks may differ by without any."""
_STEP_MAX_S: Final = 600.0
"""Processor time that a step may take. The standing of all lots is computed and written in many
steps, so it need not grow with the seasons that are kept. No time of the day: at lowest priority a
step of seconds may last for hours."""


class Pulse:
    """Tells every few seconds that processor time was used since, if it was.

    A process that waits for a disk or a lock that never comes tells nothing. One that works without
    an end is ended: it must say of each step, a few seconds of work in most cases, that it is done.
    """

    def __init__(self, beat: Callable[[], None]) -> None:
        """Begins; `beat` is called by a thread of its own."""
        self._beat = beat
        self._done_s = time.process_time()
        threading.Thread(target=self._watch, name="pulse", daemon=True).start()

    def step(self) -> None:
        """Something was done that is not done again: entries replayed, a file read or written."""
        self._done_s = time.process_time()

    def _watch(self) -> None:
        told_s = 0.0
        while True:
            time.sleep(_BEAT_S)
            if time.process_time() - self._done_s > _STEP_MAX_S:
                _end()
            used_s = time.process_time() - time.thread_time()
            if used_s > told_s + _CLOCK_S:
                told_s = used_s
                self._beat()


def _end() -> None:
    """Ends the process, whatever its other threads do."""
    os.write(
        sys.stderr.fileno(),
        f"it used {_STEP_MAX_S:g} s of processor time without getting anything done, and was ended;"
        " report it\n".encode(),
    )
    os._exit(EXIT_STUCK)
