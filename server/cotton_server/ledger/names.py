"""Names on stable storage: after a loss of power a file is there only if every name above it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton_server.ledger.opening import sync_directory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_durable: Final[set[Path]] = set()
"""Directories whose own names this process has synced."""


def make_directories(directory: Path, top: Path) -> None:
    """Makes a directory and those above it below `top`; only their owner may look into them.

    Their names are durable after the next `sync_names`. Raises OSError.
    """
    for each in _below(top, directory):
        if not each.is_dir():
            _durable.discard(each)
            each.mkdir(mode=0o700, exist_ok=True)


def sync_names(directory: Path, top: Path) -> None:
    """Writes the names in a directory out to the disk, and its own and those above it below `top`.

    Those once in a process, whoever made the directories: a process before may have ended between
    making one and syncing its name. Raises OSError.
    """
    sync_directory(directory)
    for each in _below(top, directory):
        if each not in _durable:
            sync_directory(each.parent)
            _durable.add(each)


def _below(top: Path, directory: Path) -> Sequence[Path]:
    """The directories from below `top` down to one of them, that included."""
    names = directory.relative_to(top).parts
    return [top.joinpath(*names[:count]) for count in range(1, len(names) + 1)]
