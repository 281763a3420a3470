"""One process a data directory that writes sealed files."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

from cotton_server.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

_NAME: Final = "sealing.lock"
_WAIT_S: Final = 30.0
"""How long is waited for a process whose server was killed: it ends as soon as it hears of that."""
_LOOK_S: Final = 0.05


class SealingBusyError(StartError):
    """Another process writes sealed files of the data directory."""


class SealingLock:
    """Held by the process that seals until it closes it or ends, however it ends.

    The lock of the data directory goes with the server, and a process that seals may outlive its
    server for a moment: nobody else writes or removes sealed files until it is gone.
    """

    def __init__(self, data_dir: Path) -> None:
        """Takes the lock, and waits for it; raises SealingBusyError, OSError."""
        path = data_dir / _NAME
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + _WAIT_S
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    self.close()
                    raise SealingBusyError(
                        f"Another process writes sealed files of {data_dir} (it holds {path}). It"
                        " ends with the server that started it; where that is gone, end it."
                    ) from error
                time.sleep(_LOOK_S)
            else:
                return

    def close(self) -> None:
        """Lets others write."""
        os.close(self._descriptor)
