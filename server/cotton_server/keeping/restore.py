"""Putting a backup back: into a directory that has nothing, checked before a server may start."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from cotton_server.keeping.contents import UNFINISHED
from cotton_server.keeping.copying import copy, make_directory, open_to_read, sync, sync_below
from cotton_server.keeping.errors import DamageError, NotUsableError
from cotton_server.keeping.record import DATA, read_record, read_sums
from cotton_server.ledger import DirectoryLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cotton_server.keeping.record import Record

_MADE_WITH_DISK: Final = frozenset({"lost+found"})
"""What a file system has at its top from its beginning."""


def restore(
    backup: Path,
    data_dir: Path,
    *,
    verify: Callable[[Path], None],
    step: Callable[[str], Callable[[int, int], None]],
) -> Record:
    """Copies a whole backup to a data directory, which is empty or not there, and has it verified.

    Until it was, a file in the directory keeps every server from starting on it; it stays there
    when this fails or is killed. `verify` gets the directory, and raises for one that is not what
    it should be. Where root does this, everything gets the owner of the directory. Raises
    NotUsableError, DamageError, NewerFormError, LedgerBusyError, OSError.
    """
    record, sums = read_record(backup), read_sums(backup)
    if data_dir.exists() and not data_dir.is_dir():
        raise NotUsableError(f"{data_dir} is no directory.")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    sync(data_dir.resolve().parent)
    if any(each.name not in _MADE_WITH_DISK for each in data_dir.iterdir()):
        raise NotUsableError(
            f"{data_dir} is not empty: what is there is never overwritten. Name an empty directory,"
            " or one that is not there; keep the old one until the restored one has proved good."
        )
    marker = data_dir / UNFINISHED
    marker.touch(mode=0o600)
    sync(marker)
    sync(data_dir)
    lock = DirectoryLock(data_dir)
    try:
        files = {name: digest for name, digest in sums.items() if name.startswith(f"{DATA}/")}
        told = step("Files")
        for done, (name, digest) in enumerate(files.items(), start=1):
            _copy(backup / name, data_dir / name.removeprefix(f"{DATA}/"), digest, data_dir)
            told(done, len(files))
        sync_below(data_dir)
        verify(data_dir)
        _give_to_owner(data_dir)
        marker.unlink()
        sync(data_dir)
    finally:
        lock.close()
    return record


def _copy(source: Path, target: Path, digest: str, top: Path) -> None:
    make_directory(target.parent, top)
    try:
        descriptor = open_to_read(source)
    except FileNotFoundError as error:
        raise _damaged(source, "is missing") from error
    try:
        found = copy(descriptor, target)
    finally:
        os.close(descriptor)
    if found != digest:
        raise _damaged(source, "does not have the digest it was written with")


def _damaged(source: Path, what: str) -> DamageError:
    return DamageError(
        f"{source} {what}. Put another backup back, or bring this file back from one: what is"
        " sealed is the same in all that have it."
    )


def _give_to_owner(data_dir: Path) -> None:
    if os.geteuid() != 0:
        return
    owner = data_dir.stat()
    for path in data_dir.rglob("*"):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
