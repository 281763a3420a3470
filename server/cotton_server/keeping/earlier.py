"""Files that an earlier backup beside has already, and that need not be copied again."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from cotton_server.keeping.copying import digest_of
from cotton_server.keeping.errors import DamageError
from cotton_server.keeping.record import read_sums, whole_backups

if TYPE_CHECKING:
    from pathlib import Path

_LOG: Final = logging.getLogger(__name__)

_LOOKED_AT_MAX: Final = 3
"""Whole backups that are looked at, the newest first: each has all that was there at its time."""


class Earlier:
    """Whole backups in a directory, by what lies in them."""

    def __init__(self, backups: Path) -> None:
        """Reads what they say of themselves; one that cannot be read is done without."""
        self._found: list[tuple[Path, dict[str, str]]] = []
        self.damaged: list[Path] = []
        """Files that turned out not to be what they were."""
        for each in whole_backups(backups)[:_LOOKED_AT_MAX]:
            try:
                self._found.append((each, read_sums(each)))
            except DamageError as error:
                self.damaged.append(each)
                _LOG.warning("an earlier backup is not used", extra={"error": str(error)})

    def knows(self, name: str) -> str | None:
        """The digest that the newest backup with a file of this name has for it, if one does."""
        return next((sums[name] for _, sums in self._found if name in sums), None)

    def link(self, name: str, digest: str, target: Path) -> bool:
        """Has `target` be the file of this name and digest, if a backup has it; whether it does.

        What the backup has is read through first. One block on the disk then is in several
        backups, and stays while one of them has it.
        """
        for backup, sums in self._found:
            if sums.get(name) != digest:
                continue
            path = backup / name
            try:
                if digest_of(path, from_disk=True) == digest:
                    os.link(path, target, follow_symlinks=False)
                    return True
            except OSError as error:
                # Another file system, or one that has no links: it is copied.
                _LOG.info("not linked", extra={"path": str(path), "error": str(error)})
                continue
            self.damaged.append(path)
        return False
