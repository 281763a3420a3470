"""Tells those who wait for new revisions that there are some."""

from __future__ import annotations

import asyncio
from typing import Final

WAKE_INTERVAL_S: Final = 0.05
"""Those who wait are woken at most this often: a thousand groups a second are told in twenty."""


class Arrival:
    """Wakes whoever waits on the event loop; belongs to that loop alone."""

    def __init__(self) -> None:
        """Nothing has arrived."""
        self.count = 0
        """How often it was told; to be read before looking for what is new."""
        self._told = asyncio.Event()
        self._quiet_until_s = 0.0
        self._later: asyncio.TimerHandle | None = None

    def announce(self) -> None:
        """Something has been applied: wakes now, or as soon as WAKE_INTERVAL_S has passed."""
        if self._later is not None:
            return
        loop = asyncio.get_running_loop()
        wait_s = self._quiet_until_s - loop.time()
        if wait_s > 0:
            self._later = loop.call_later(wait_s, self.wake)
        else:
            self.wake()

    def wake(self) -> None:
        """Wakes everybody at once."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._quiet_until_s = asyncio.get_running_loop().time() + WAKE_INTERVAL_S
        self.count += 1
        self._told.set()
        self._told = asyncio.Event()

    async def after(self, count: int) -> None:
        """Returns when it was told more often than `count`."""
        while self.count <= count:
            await self._told.wait()
