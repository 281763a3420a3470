"""The file that remembers the last revision told, so that a feed goes on where it was."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cotton_client import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DIGITS_MAX = 20


class WatchState:
    """A revision in a file, replaced as a whole: at any instant it holds the old or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int | None:
        """The last revision told; None where there is no file. InputError for another file."""
        try:
            text = self._path.read_bytes()[: _DIGITS_MAX + 2].decode("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > _DIGITS_MAX:
            raise errors.InputError(
                f"{self._path} does not hold a revision.",
                reason="INVALID_FILE",
                remedy="Name a file that `cotton watch` wrote, or one that is not there yet.",
                metadata={"file": str(self._path)},
            )
        return int(text)

    def write(self, revision: int) -> None:
        """Keeps the revision: on the disk when this returns."""
        draft = self._path.with_name(f"{self._path.name}.new")
        with draft.open("w", encoding="ascii") as file:
            file.write(f"{revision}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps every other process from the file; ConfigurationError where one has it."""
        import fcntl  # noqa: PLC0415 - only here, and not on every system

        lock = self._path.with_name(f"{self._path.name}.lock")
        with lock.open("w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise errors.ConfigurationError(
                    f"Another `cotton watch` goes by {self._path}.",
                    reason="STATE_IN_USE",
                    remedy="Wait until it has ended, or give each a file of its own.",
                    metadata={"file": str(self._path)},
                ) from None
            yield
