"""What lies around ledger and sealed history in a data directory, and whether it may lie there."""

from __future__ import annotations

import stat
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cotton_server.keeping.contents import (
    KNOWN,
    LOCKS,
    UNFINISHED,
    walk,
)
from cotton_server.keeping.copying import digest_of
from cotton_server.keeping.findings import Finding
from cotton_server.runs.archive import ARCHIVE_NAME
from cotton_server.sealing.files import PARTIAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RUN_MANIFEST: Final = "manifest.txt"
_RUN_SUMS: Final = "SHA256SUMS"
_RUN_REMEDY: Final = "It is computed anew when it is asked for, and written again then."
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def look_around(data_dir: Path) -> Iterator[Finding]:
    """Everything that is odd about names, owners, modes, links, locks and archived runs."""
    yield from _unfinished(data_dir)
    yield from _names(data_dir)
    yield from _modes(data_dir)
    yield from _runs(data_dir / ARCHIVE_NAME)


def _unfinished(data_dir: Path) -> Iterator[Finding]:
    if (data_dir / UNFINISHED).exists():
        yield Finding(
            UNFINISHED,
            "says that a backup was being put back here and was not finished",
            "Empty the directory, and run `cotton restore` again.",
        )


def _names(data_dir: Path) -> Iterator[Finding]:
    for path in sorted(data_dir.iterdir()):
        if path.name not in KNOWN:
            yield Finding(
                path.name,
                "is nothing of the service's",
                "It does no harm, and backups take it along; move it where it belongs.",
                is_damage=False,
            )
    for name in LOCKS:
        path = data_dir / name
        if path.is_symlink() or (path.exists() and not path.is_file()):
            yield Finding(
                name,
                "is no plain file, so it may not keep a second server out",
                "Stop the server, remove it, and start the server: it makes a lock of its own.",
            )
    archive = data_dir / ARCHIVE_NAME
    for path in sorted(archive.glob(f"*{PARTIAL}")):
        yield Finding(
            path.relative_to(data_dir).as_posix(),
            "was not written to its end",
            "Nobody reads it. Unless a server is writing it just now, remove it.",
            is_damage=False,
        )


def _modes(data_dir: Path) -> Iterator[Finding]:
    """What others may write, and what the owner of the directory does not own."""
    owner = data_dir.stat().st_uid
    for path in [data_dir, *walk(data_dir)]:
        name = path.relative_to(data_dir).as_posix()
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue  # a server has taken it away meanwhile
        if stat.S_ISLNK(found.st_mode):
            continue
        if found.st_mode & _OTHERS_WRITE:
            yield Finding(
                name,
                f"may be written by others than its owner (mode {stat.S_IMODE(found.st_mode):o})",
                "Take it from them: `chmod go-w`.",
                is_damage=False,
            )
        if found.st_uid != owner:
            yield Finding(
                name,
                f"belongs to user {found.st_uid}, the directory to user {owner}",
                "Give everything below the directory to the user of the service: `chown -R`.",
                is_damage=False,
            )


def _runs(archive: Path) -> Iterator[Finding]:
    """Archived runs whose files are not those that they list."""
    if not archive.is_dir():
        return
    for directory in sorted(archive.iterdir()):
        if directory.is_dir() and not directory.name.endswith(PARTIAL):
            what = _run(directory)
            # A server replaces a run that it found damaged by another directory.
            if what and directory.is_dir():
                yield Finding(
                    f"{ARCHIVE_NAME}/{directory.name}", what, _RUN_REMEDY, is_damage=False
                )
        elif not directory.is_dir():
            yield Finding(
                f"{ARCHIVE_NAME}/{directory.name}",
                "is nothing of the service's",
                "Move it where it belongs.",
                is_damage=False,
            )


def _run(directory: Path) -> str:
    """What is wrong with a run, "" where nothing is."""
    try:
        lines = (directory / _RUN_SUMS).read_text("ascii").splitlines()
        for line in lines:
            wanted, _, name = line.partition("  ")
            if "/" in name or digest_of(directory / name) != wanted:
                return f"has {name}, which does not have the digest it was written with"
        if sha256((directory / _RUN_MANIFEST).read_bytes()).hexdigest() != directory.name:
            return f"has a {_RUN_MANIFEST} of another run"
    except (OSError, ValueError) as error:
        return f"cannot be read: {error}"
    return ""
