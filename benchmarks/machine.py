"""What the figures were measured on: processor, memory, disk, kernel, versions, revision."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from shutil import which
from typing import Final

import apsw
import numpy as np

from benchmarks.processes import ROOT

PACKAGES: Final = ("cotton-inspection", "grpcio", "protobuf", "polars", "numpy", "apsw")

_SYNCS: Final = 100
_SYNC_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the software of a run.

    `sync_p50_us` and `sync_max_us`: one write of 4 KiB with fdatasync, alone on the disk; a
    disk that takes a few microseconds does not sync. `revision` is empty where the tree is
    no git checkout.
    """

    cpu: str
    cores: int
    memory_mib: int
    kernel: str
    file_system: str
    sync_p50_us: int
    sync_max_us: int
    python: str
    sqlite: str
    packages: dict[str, str]
    revision: str


def describe(directory: Path) -> Machine:
    """The machine, with the file system that holds `directory`."""
    took_us = _sync_times_us(directory)
    return Machine(
        cpu=_first_match("/proc/cpuinfo", r"^model name\s*:\s*(.+)$"),
        cores=len(os.sched_getaffinity(0)),
        memory_mib=int(_first_match("/proc/meminfo", r"^MemTotal:\s*(\d+) kB$")) // 1024,
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        file_system=file_system(directory),
        sync_p50_us=took_us[len(took_us) // 2],
        sync_max_us=took_us[-1],
        python=platform.python_version(),
        sqlite=apsw.sqlite_lib_version(),
        packages={name: version(name) for name in PACKAGES},
        revision=_revision(),
    )


def file_system(directory: Path) -> str:
    """Kind of the file system that holds a directory, such as "ext4"."""
    kind, longest = "unknown", -1
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, mounted_on, found, *_ = line.split(" ")
        if directory.resolve().is_relative_to(mounted_on) and len(mounted_on) > longest:
            kind, longest = found, len(mounted_on)
    return kind


def touch_memory(size_bytes: int) -> int:
    """Touches every page of that much memory and gives it back; million bytes a second.

    The host of a virtual machine supplies memory when it is first touched, which can cost a
    hundred times what the guest's own page fault does. Memory given back is handed out again
    soonest, so what runs next gets memory that is there.
    """
    begun = time.perf_counter_ns()
    memory = np.zeros(size_bytes, np.uint8)
    memory[:: os.sysconf("SC_PAGE_SIZE")] = 1
    return round(size_bytes * 1e3 / (time.perf_counter_ns() - begun))


def _first_match(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    return "0" if found is None else found[1].strip()


def _sync_times_us(directory: Path) -> list[int]:
    """Ascending times of a small write with fdatasync."""
    path = directory / "sync-probe"
    took: list[int] = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for _ in range(_SYNCS):
            begun = time.perf_counter_ns()
            os.write(descriptor, bytes(_SYNC_BYTES))
            os.fdatasync(descriptor)
            took.append((time.perf_counter_ns() - begun) // 1000)
    finally:
        os.close(descriptor)
        path.unlink()
    return sorted(took)


def _revision() -> str:
    """The git revision, with "+" where server or client differ from it."""
    git = which("git")
    if git is None or not (ROOT / ".git").exists():
        return ""
    # Without locks: measuring writes nothing into the repository.
    command = [git, "--no-optional-locks", "-C", str(ROOT)]
    head = subprocess.run(
        [*command, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    changed = subprocess.run(
        [*command, "status", "--porcelain", "--", "server", "clients", "proto"],
        capture_output=True,
        text=True,
        check=False,
    )
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")
