"""Memory made ready before it is needed: a first touch of fresh pages stops who touches them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cotton_server.registry.registry import Registry

LOOK_S: Final = 0.05
"""How often is looked whether memory runs short: the fastest bulk fills half of what is kept
ready in twice that time."""


class Reserve:
    """A thread that keeps memory ready for the next bales, and for the index to grow."""

    def __init__(self, registry: Registry) -> None:
        """Starts the thread."""
        self._registry = registry
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reserve", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            self._registry.bales.reserve()
