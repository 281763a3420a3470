"""Copying files so that whoever syncs beside it does not wait: in pieces, each written out."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK_BYTES: Final = 1 << 20
PIECE_BYTES: Final = 16 << 20
"""What is written before it is synced: a sync of somebody else may have to wait for as much."""


def open_to_read(path: Path) -> int:
    """A descriptor of a file, whose content stays there while it is open; raises OSError.

    A symbolic link is no file.
    """
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)


def copy(source: int, target: Path) -> str:
    """Copies an open file from its beginning to one that is then durable; SHA-256 in hex.

    The name of the file is not synced, and one that is there is not replaced. Raises OSError.
    """
    digest = sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    written = os.open(target, flags, 0o600)
    try:
        place, waiting = 0, 0
        while chunk := os.pread(source, _CHUNK_BYTES, place):
            digest.update(chunk)
            view = memoryview(chunk)
            while view:
                view = view[os.write(written, view) :]
            place += len(chunk)
            waiting += len(chunk)
            if waiting >= PIECE_BYTES:
                os.fdatasync(written)
                _leave_cache(source, written)
                waiting = 0
        os.fsync(written)
        # What is verified afterwards is then what the disk has.
        _leave_cache(source, written)
    finally:
        os.close(written)
    return digest.hexdigest()


def digest_of(path: Path, *, from_disk: bool = False) -> str:
    """SHA-256 of a file in hex; raises OSError.

    `from_disk`: what the kernel keeps of it is forgotten first, as far as it is written.
    """
    digest = sha256()
    source = open_to_read(path)
    try:
        if from_disk:
            _leave_cache(source)
        place = 0
        while chunk := os.pread(source, _CHUNK_BYTES, place):
            digest.update(chunk)
            place += len(chunk)
    finally:
        os.close(source)
    return digest.hexdigest()


def sync(path: Path) -> None:
    """Writes a file, or the names in a directory, out to the disk; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_below(directory: Path) -> None:
    """Writes all names in a directory, and in those below it, out to the disk; raises OSError."""
    for each in [directory, *(path for path in directory.rglob("*") if path.is_dir())]:
        sync(each)


def make_directory(directory: Path, top: Path) -> None:
    """Makes a directory and those above it below `top`, for their owner alone; raises OSError."""
    below = [each for each in (directory, *directory.parents) if top in each.parents]
    for each in reversed(below):
        each.mkdir(mode=0o700, exist_ok=True)


def _leave_cache(*descriptors: int) -> None:
    """Lets the kernel forget pages that are on the disk: others need the memory."""
    for each in descriptors:
        os.posix_fadvise(each, 0, 0, os.POSIX_FADV_DONTNEED)
