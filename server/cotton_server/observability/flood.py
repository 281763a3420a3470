"""A bound on how often one thing is said, so that no caller can fill a disk with lines."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

WINDOW_S: Final = 60.0
_SYMBOL: Final = re.compile(r"[A-Z_]{1,40}")

KINDS_MAX: Final = 500
"""Kinds of lines that are counted apart; the code has some dozens, times its reasons."""

Kind = tuple[str, str]
"""The event, and the reason that it gives, "" where it gives none."""


@dataclass(slots=True)
class _Window:
    ends_s: float
    lines: int = 0
    left_out: int = 0


class Flood:
    """Counts lines by kind; tells at the end of a window how many of a kind were left out.

    `lines_max` says how many of an event are let through in a window of `window_s` seconds; `tell`
    is called with a kind and the number of lines that were left out, on whatever thread logs next
    or, where none does, on one of its own.
    """

    def __init__(
        self,
        lines_max: Callable[[str], int],
        tell: Callable[[Kind, int], None],
        *,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines_max = lines_max
        self._tell = tell
        self._window_s = window_s
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[Kind, _Window] = {}
        self._timer: threading.Timer | None = None

    def lets(self, record: logging.LogRecord) -> bool:
        """Whether the line is written; one that is not is counted."""
        reason = getattr(record, "reason", "")
        kind = (str(record.msg), reason if _is_symbol(reason) else "")
        ended = self._ended(everything=False)
        with self._lock:
            if kind not in self._windows and len(self._windows) >= KINDS_MAX:
                kind = ("", "")
            window = self._windows.setdefault(kind, _Window(self._clock() + self._window_s))
            lets = window.lines < self._lines_max(kind[0])
            window.lines += lets
            window.left_out += not lets
            if window.left_out and self._timer is None:
                self._wait()
        for each, left_out in ended:
            self._tell(each, left_out)
        return lets

    def close(self) -> None:
        """Tells of all that was left out so far."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        for kind, left_out in self._ended(everything=True):
            self._tell(kind, left_out)

    def _look(self) -> None:
        ended = self._ended(everything=False)
        with self._lock:
            self._timer = None
            if any(window.left_out for window in self._windows.values()):
                self._wait()
        for kind, left_out in ended:
            self._tell(kind, left_out)

    def _wait(self) -> None:
        """Looks again when every window that is open now has ended."""
        self._timer = threading.Timer(self._window_s, self._look)
        self._timer.daemon = True
        self._timer.start()

    def _ended(self, *, everything: bool) -> list[tuple[Kind, int]]:
        now_s = self._clock()
        with self._lock:
            over = [
                kind for kind, each in self._windows.items() if everything or each.ends_s <= now_s
            ]
            ended = [(kind, self._windows.pop(kind).left_out) for kind in over]
        return [(kind, left_out) for kind, left_out in ended if left_out]


def _is_symbol(reason: object) -> bool:
    """Whether it is the name of a reason, of which there are few, and no text."""
    return isinstance(reason, str) and bool(_SYMBOL.fullmatch(reason))
