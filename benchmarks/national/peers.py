"""The peers as child processes: started, asked, always ended."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from benchmarks.errors import BenchmarkError
from benchmarks.processes import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.national.sql import Statements

_END_S: Final = 10


class Peer:
    """A peer that answers."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        """Takes a process that has just been started."""
        self.name = name
        self.pid = process.pid
        self._process = process
        self.about: dict[str, str] = self._heard()
        """Its version and how many threads it takes."""

    def ask(self, statements: Statements) -> int:
        """Asks a question; microseconds until its answer was there. Raises BenchmarkError."""
        return self._asked(statements, None)

    def answer(self, statements: Statements) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """What it answers: of bales, and of lots where they are asked for."""
        with tempfile.TemporaryDirectory() as directory:
            self._asked(statements, directory)
            frames = [pl.read_ipc(path.read_bytes()) for path in _answers(directory)]
        return frames[0], frames[1] if len(frames) > 1 else None

    def _asked(self, statements: Statements, output: str | None) -> int:
        if self._process.stdin is None:
            raise AssertionError("the peer was started without a pipe")
        sql = [statements.bales, *([] if statements.lots is None else [statements.lots])]
        try:
            print(json.dumps({"sql": sql, "output": output}), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise self._gone() from None
        took: int = self._heard()["took_us"]
        return took

    def _heard(self) -> dict[str, Any]:
        if self._process.stdout is None:
            raise AssertionError("the peer was started without a pipe")
        line = self._process.stdout.readline()
        if not line:
            raise self._gone()
        heard: dict[str, Any] = json.loads(line)
        return heard

    def _gone(self) -> BenchmarkError:
        status = self._process.wait(_END_S)
        return BenchmarkError(f"{self.name} ended with status {status}; see what it says above.")


@contextmanager
def peer(name: str) -> Iterator[Peer]:
    """A peer while the context lasts; what it says goes to stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.national.peer", name],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        yield Peer(name, process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _answers(directory: str) -> list[Path]:
    return sorted(Path(directory).iterdir())
