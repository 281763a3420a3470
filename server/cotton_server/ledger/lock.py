"""One server a data directory."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from cotton_server.ledger.errors import LedgerBusyError

if TYPE_CHECKING:
    from pathlib import Path


class DirectoryLock:
    """Holds a data directory until closed or until the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        """Takes the lock; raises LedgerBusyError when another process has it."""
        path = directory / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 64).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise LedgerBusyError(
                f"The data directory {directory} is in use by another server"
                f" (process {holder or 'unknown'}). Stop that one, or give this one a data"
                " directory of its own."
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def close(self) -> None:
        """Gives the directory free."""
        os.close(self._descriptor)
