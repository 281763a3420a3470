"""The server as it ships, which also notes where the time of a batch goes.

Run as `python -m benchmarks.scale.observed FILE ARGUMENTS`, with the arguments of `cotton`; FILE is
written when the server has ended. Nothing of the service is replaced: functions and methods that
it calls anyway are called through a wrapper that adds up their time, less that of others noted
within. A wrapper costs about a microsecond, a few hundred of them a group.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import ExitStack
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from cotton_client.cli import main

from benchmarks.scale.stages import WRAPPED, Thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from cotton_server.ledger import Ledger


class Notes:
    """Nanoseconds by stage, elapsed and of the processor; what threads and process took in all.

    Counted from the first batch of readings that is decoded to the last answer.
    """

    def __init__(self) -> None:
        """Nothing is noted before the first batch."""
        self.elapsed_ns: dict[str, int] = {}
        self.cpu_ns: dict[str, int] = {}
        self.begun: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self._within = threading.local()

    def mark(self, thread: Thread) -> None:
        """Notes clocks of the running thread, and of the process."""
        marks = self.ended if self.begun else self.begun
        now = time.perf_counter_ns()
        marks["elapsed"], marks["process"] = now, time.process_time_ns()
        marks[thread] = time.thread_time_ns()
        if thread not in self.begun:
            self.begun[thread] = marks[thread]

    def timed(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose time is added to a stage."""

        @wraps(call)
        def noted(*arguments: Any, **named: Any) -> Any:
            within: list[list[int]] = self._within.__dict__.setdefault("open", [])
            mine = [0, 0]
            within.append(mine)
            begun_ns, begun_cpu_ns = time.perf_counter_ns(), time.thread_time_ns()
            try:
                return call(*arguments, **named)
            finally:
                took = time.perf_counter_ns() - begun_ns, time.thread_time_ns() - begun_cpu_ns
                within.pop()
                if self.begun:
                    self._add(stage, took[0] - mine[0], took[1] - mine[1])
                if within:
                    within[-1][0] += took[0]
                    within[-1][1] += took[1]

        return noted

    def moved(self, stage: str, other: str, ns: int) -> None:
        """What was noted under a stage and is another's."""
        if self.begun:
            self._add(stage, -ns, 0)
            self._add(other, ns, 0)

    def write(self, path: Path) -> None:
        """Writes all as JSON."""
        spent = {name: self.ended[name] - self.begun[name] for name in self.ended}
        content = {"elapsed_ns": self.elapsed_ns, "cpu_ns": self.cpu_ns, "spent_ns": spent}
        path.write_text(json.dumps(content), encoding="utf-8")

    def _add(self, stage: str, elapsed_ns: int, cpu_ns: int) -> None:
        # Each stage belongs to one thread, so that nobody else adds to it.
        self.elapsed_ns[stage] = self.elapsed_ns.get(stage, 0) + elapsed_ns
        self.cpu_ns[stage] = self.cpu_ns.get(stage, 0) + cpu_ns


def watched(notes: Notes, stack: ExitStack) -> None:
    """Puts the wrappers where the service finds them, until the stack is left."""
    for module, name, stage in WRAPPED:
        owner: Any = import_module(module)
        *outer, last = name.split(".")
        for each in outer:
            owner = getattr(owner, each)
        stack.enter_context(patch.object(owner, last, notes.timed(stage, getattr(owner, last))))
    ingest = import_module("cotton_server.api.ingest")
    committer = import_module("cotton_server.intake.committer").Committer
    ledger = import_module("cotton_server.ledger").Ledger
    stack.enter_context(
        patch.object(ingest, "decode", _marking(notes, "loop", ingest.decode, begins=True))
    )
    marked: tuple[tuple[str, Thread], ...] = (("_resolve", "loop"), ("_process", "committer"))
    for name, thread in marked:
        marking = _marking(notes, thread, getattr(committer, name))
        stack.enter_context(patch.object(committer, name, marking))
    append = ledger.append

    def split(self: Ledger, *arguments: Any) -> Any:
        first = append(self, *arguments)
        notes.moved("write", "sync", round(self.sync_s * 1e9))
        return first

    stack.enter_context(patch.object(ledger, "append", split))


def _marking(
    notes: Notes, thread: Thread, call: Callable[..., Any], *, begins: bool = False
) -> Callable[..., Any]:
    """A function after which clocks are noted; before too, where it `begins` what is watched."""

    @wraps(call)
    def marked(*arguments: Any, **named: Any) -> Any:
        if begins and not notes.begun:
            notes.mark(thread)
        try:
            return call(*arguments, **named)
        finally:
            if notes.begun:
                notes.mark(thread)

    return marked


def run() -> None:
    """Serves, and writes what was noted."""
    notes = Notes()
    try:
        with ExitStack() as stack:
            watched(notes, stack)
            main(sys.argv[2:], prog_name="cotton")
    finally:
        notes.write(Path(sys.argv[1]))


if __name__ == "__main__":
    run()
