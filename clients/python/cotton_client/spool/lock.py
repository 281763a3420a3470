"""One process at a time for a spool, and who that is."""

from __future__ import annotations

import fcntl
import os
from datetime import datetime
from typing import TYPE_CHECKING

from cotton_client import errors

if TYPE_CHECKING:
    from pathlib import Path


class SpoolLock:
    """Holds a spool's directory until closed or until the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        """Takes the lock; raises SpoolBusy, which names the process that has it."""
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 128).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise errors.SpoolBusy(
                f"The spool {directory} is in use by process {holder or '(starting)'}.",
                metadata={"spool": str(directory), "process": holder.partition(" ")[0]},
            ) from None
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} since {now}\n".encode("ascii"))
        self._descriptor = descriptor

    def close(self) -> None:
        """Gives the spool free."""
        os.close(self._descriptor)
