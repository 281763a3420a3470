"""A backup: a copy of a data directory that is whole, made beside a server that goes on."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cotton_server.keeping.contents import LEDGER, LEDGER_LOG, require_data_directory
from cotton_server.keeping.copying import digest_of, sync, sync_below
from cotton_server.keeping.earlier import Earlier
from cotton_server.keeping.errors import BackupBusyError, DamageError, NotUsableError
from cotton_server.keeping.forms import require_known_forms
from cotton_server.keeping.record import (
    FORM,
    INCOMPLETE,
    NAME,
    RECORD,
    SUMS,
    Record,
    incomplete_backups,
    write_record,
    write_sums,
)
from cotton_server.keeping.taking import ReplacedError, Taking
from cotton_server.keeping.versions import THIS
from cotton_server.ledger.log_tail import commits_lost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LOCK: Final = ".lock"
_TRIES: Final = 3
"""Attempts, where the server replaces a file while it is copied."""


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made, and what of it.

    `copied` and `linked` count files, the latter those that an earlier backup had. `damaged` are
    files of earlier backups that are not what they were. `left_out` is what lies in the data
    directory and is no plain file, or has a name that no list of files can hold.
    """

    path: Path
    record: Record
    copied: int
    copied_bytes: int
    linked: int
    damaged: tuple[str, ...]
    left_out: tuple[str, ...]


def back_up(
    data_dir: Path,
    backups: Path,
    *,
    verify: Callable[[Path], None],
    step: Callable[[str], Callable[[int, int], None]],
) -> Made:
    """Makes a backup of a data directory below `backups`; it gets its name when it is whole.

    A server may write meanwhile. `verify` gets the backup before it is named, and raises for one
    that is not what it should be; `step` begins a bar of progress, which gets done and all. Raises
    NotUsableError, BackupBusyError, DamageError, LedgerError, OSError: nothing is left then, and
    earlier backups are as they were.
    """
    if data_dir.resolve() in (backups.resolve(), *backups.resolve().parents):
        raise NotUsableError(
            f"{backups} lies in the data directory {data_dir}: a backup there would go with it."
            " Name a directory on another disk."
        )
    require_data_directory(data_dir)
    require_known_forms(data_dir)
    _require_whole_log(data_dir)
    backups.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(backups):
        for each in incomplete_backups(backups):
            shutil.rmtree(each)
        for tried in range(1, _TRIES + 1):
            try:
                return _attempt(data_dir, backups, verify, step)
            except ReplacedError as error:
                if tried == _TRIES:
                    raise DamageError(
                        f"{error}. Nothing was kept of this backup. Run `cotton fsck {data_dir}`,"
                        " which says what to do."
                    ) from error
    raise AssertionError("the last attempt gives a backup or raises")


def _attempt(
    data_dir: Path,
    backups: Path,
    verify: Callable[[Path], None],
    step: Callable[[str], Callable[[int, int], None]],
) -> Made:
    moment = _free_moment(backups)
    partial = backups / f"{moment:{NAME}}{INCOMPLETE}"
    partial.mkdir(mode=0o700)
    try:
        taking = Taking(data_dir, partial, Earlier(backups))
        taking.run(step)
        record = Record(
            form=FORM,
            version=THIS,
            made_at=f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            position=taking.position,
            digest=taking.digest.hex(),
            sealed=taking.sealed,
            state=taking.state,
            ledger_format=taking.ledger_format,
            files=len(taking.sums),
            size_bytes=taking.size_bytes,
        )
        write_record(partial, record)
        write_sums(partial, {**taking.sums, RECORD: digest_of(partial / RECORD)})
        for name in (RECORD, SUMS):
            sync(partial / name)
        sync_below(partial)
        verify(partial)
        path = backups / f"{moment:{NAME}}-{record.position}"
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync(backups)
    return Made(
        path,
        record,
        copied=taking.copied,
        copied_bytes=taking.copied_bytes,
        linked=taking.linked,
        damaged=tuple(map(str, taking.earlier.damaged)),
        left_out=tuple(taking.left_out),
    )


def _require_whole_log(data_dir: Path) -> None:
    """Raises DamageError where a copy would lack commits that SQLite does without."""
    if commits_lost(data_dir / LEDGER):
        raise DamageError(
            f"{data_dir / LEDGER_LOG} has commits that cannot be read. Run"
            f" `cotton fsck {data_dir}`, which says what to do."
        )


@contextmanager
def _locked(backups: Path) -> Iterator[None]:
    """One backup at a time in a directory; raises BackupBusyError, OSError."""
    descriptor = os.open(backups / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BackupBusyError(
            f"Another process makes a backup in {backups}. Wait until it has done, or end it."
        ) from error
    finally:
        os.close(descriptor)


def _free_moment(backups: Path) -> datetime:
    """Now, in a second of which there is no backup yet."""
    while True:
        now = datetime.now(UTC)
        if not any(backups.glob(f"{now:{NAME}}*")):
            return now
        time.sleep(0.1)
