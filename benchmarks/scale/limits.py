"""What the machine does with the bytes of the same bales when nothing else is done with them."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, Final

import numpy as np
from cotton_server.domain.fields import VALUE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

GROUP_BYTES: Final = 4 << 20
"""Of a group commit."""

INDEX_BYTES: Final = 128 << 20
"""A table that no cache holds: that of some ten million bales."""

_ROUNDS: Final = 7
_TOUCHES: Final = 1 << 20
_COLUMNS_BYTES: Final = 16 + 4 * len(VALUE_FIELDS) + 4 * 4 + 8
"""A bale as decoded: its key, 32 bits a value and a text, its time."""
_STORED_BYTES: Final = 16 + sum(field.dtype.itemsize for field in VALUE_FIELDS) + 4 * 4 + 4 + 2 + 6
"""A bale as stored, unpacked."""

NAMES: Final = {
    "loopback": "the same messages to a server that only acknowledges",
    "copy_message": "copying the message",
    "copy_columns": f"copying {_COLUMNS_BYTES} bytes a bale",
    "copy_stored": f"copying {_STORED_BYTES} bytes a bale",
    "sha256": "SHA-256 of the message",
    "fsync": "writing 4 MiB over a part of a file, and fdatasync",
    "touch": "one read anywhere in 128 MiB for each bale",
}


def limits_ns(messages: Sequence[bytes], bales: int, directory: Path) -> dict[str, float]:
    """Nanoseconds a bale by key; all but that of the loopback, which a run of the sink gives."""
    size = sum(map(len, messages)) / bales
    block = np.frombuffer(os.urandom(1 << 20), np.uint8).repeat(64)
    target = np.empty_like(block)
    copy_ns = _best_ns(lambda: np.copyto(target, block)) / len(block)
    sample = b"".join(messages)[: 8 * GROUP_BYTES]
    digest_ns = _best_ns(lambda: hashlib.sha256(sample).digest()) / len(sample)
    table = np.zeros(INDEX_BYTES // 4, np.int32)
    table[:: os.sysconf("SC_PAGE_SIZE") // 4] = 1
    places = np.random.default_rng(1).integers(0, len(table), _TOUCHES)
    touch_ns = _best_ns(lambda: table[places]) / len(places)
    return {
        "copy_message": copy_ns * size,
        "copy_columns": copy_ns * _COLUMNS_BYTES,
        "copy_stored": copy_ns * _STORED_BYTES,
        "sha256": digest_ns * size,
        "fsync": _sync_ns(directory) / GROUP_BYTES * size,
        "touch": touch_ns,
    }


def _best_ns(work: Callable[[], object]) -> int:
    """The least time of several rounds: a limit, not what is usual."""
    return min(_took_ns(work) for _ in range(_ROUNDS))


def _took_ns(work: Callable[[], object]) -> int:
    begun = time.perf_counter_ns()
    work()
    return time.perf_counter_ns() - begun


def _sync_ns(directory: Path) -> int:
    path = directory / "limit"
    group = os.urandom(GROUP_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def write() -> None:
        # Over what is there after the first time, as into a log that is used again.
        os.pwrite(descriptor, group, 0)
        os.fdatasync(descriptor)

    try:
        return _best_ns(write)
    finally:
        os.close(descriptor)
        path.unlink()
