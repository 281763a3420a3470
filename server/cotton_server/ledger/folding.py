"""A thread that folds the write-ahead log ahead of the one that appends."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

import apsw

if TYPE_CHECKING:
    from cotton_server.ledger.ledger import Ledger

_LOG: Final = logging.getLogger(__name__)

_LOOK_S: Final = 0.2
"""How soon the thread notices that it is to end."""


class Folding:
    """Folds a ledger's log in the background until it is closed, which comes before the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        """Starts the thread."""
        self._ledger = ledger
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="folding")
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._ledger.fold_ahead(_LOOK_S)
            except apsw.Error:
                # The ledger takes nothing more, and who appends next stops the process.
                _LOG.exception("the log could not be folded into the file")
                return
