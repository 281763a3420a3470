"""The duplicate index alone: one season and ten, in memory, and with nine of ten on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.data import BALES_A_LOT
from benchmarks.errors import BenchmarkError
from benchmarks.processes import ROOT, environment
from benchmarks.scale.indexed import Task
from benchmarks.scale.results import Indexed

if TYPE_CHECKING:
    from collections.abc import Callable

SEASONS: Final = 10

_BYTES_A_BALE: Final = 32
"""Memory of a bale whose key is in the index, its season's keys that are asked included."""
_BYTES_MORE: Final = 3 << 30


def measure(lots: int, directory: Path, told: Callable[[str], None]) -> tuple[Indexed, ...]:
    """All builds, each in a process of its own. Raises BenchmarkError."""
    found = []
    for seasons, cold in ((1, False), (SEASONS, False), (SEASONS, True)):
        bales = seasons * lots * BALES_A_LOT
        told(f"  {bales} bales of {seasons} seasons{', all but the last on disk' * cold}")
        needed = (lots * BALES_A_LOT if cold else bales) * _BYTES_A_BALE + _BYTES_MORE
        free = _free_bytes()
        if free < needed:
            skipped = f"needs about {needed / 1e9:.0f} GB of memory, {free / 1e9:.0f} GB are free"
            told(f"    skipped: {skipped}")
            found.append(Indexed.not_built(seasons, bales, cold=cold, skipped=skipped))
            continue
        made = directory / f"seasons-{seasons}-{int(cold)}"
        made.mkdir()
        indexed = _run(Task(lots, seasons, cold, str(made)))
        told(
            f"    {indexed.index_bytes / indexed.bales:.1f} bytes a bale of index,"
            f" {indexed.resident_bytes / indexed.bales:.1f} of keys,"
            f" built with {indexed.built * 1e3 / indexed.build_ns:.2f} M bales/s"
        )
        found.append(indexed)
    return tuple(found)


def _run(task: Task) -> Indexed:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scale.indexed"],
        cwd=ROOT,
        env=environment(),
        input=json.dumps(asdict(task)),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError("The duplicate index was not measured; see what it says above.")
    return Indexed(**json.loads(done.stdout))


def _free_bytes() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return 0
