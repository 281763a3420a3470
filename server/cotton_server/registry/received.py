"""When positions of the ledger had been received: what an instant is answered with."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

CHUNK: Final = 1 << 16
"""Positions of one array: half a MiB, so growing never copies more than that."""

_LONG_AGO_US: Final = -(1 << 63)


class ReceivedTimes:
    """For every position, the instant by which it and all before it had been received.

    That is the latest of their times, not the time of the entry itself: clocks jump back, and
    readings go before bulk that came earlier. It never falls, so an instant has one answer, and
    a later instant never an earlier one. 8 bytes a position.

    One thread adds; others may ask at any time about what was there when they began.
    """

    def __init__(self) -> None:
        """Starts with no position."""
        self._chunks: list[array[int]] = []
        self._count = 0
        self._latest_us = _LONG_AGO_US

    def __len__(self) -> int:
        """The last position."""
        return self._count

    def extend(self, received_at_us: Iterable[int]) -> None:
        """Adds the times of the next positions, in microseconds since 1970 UTC, in order."""
        for each in received_at_us:
            if self._count % CHUNK == 0:
                self._chunks.append(array("q"))
            self._latest_us = max(self._latest_us, each)
            self._chunks[-1].append(self._latest_us)
            self._count += 1

    def instants(self) -> NDArray[np.int64]:
        """`received_by_us` of positions 1 to the last."""
        chunks = [np.frombuffer(chunk[:], np.int64) for chunk in self._chunks]
        return np.concatenate(chunks) if chunks else np.zeros(0, np.int64)

    def begin_with(self, instants: NDArray[np.int64]) -> None:
        """Takes what `instants` gives of another into one without positions."""
        if self._count:
            raise AssertionError("positions that were there come before all others")
        for start in range(0, len(instants), CHUNK):
            self._chunks.append(array("q", instants[start : start + CHUNK].tobytes()))
        self._count = len(instants)
        if self._count:
            self._latest_us = int(instants[-1])

    def received_by_us(self, position: int) -> int:
        """The earliest instant by which positions 1 to `position` had been received; 0 for none."""
        if not 0 <= position <= self._count:
            raise IndexError(f"position {position} is not among the {self._count} received")
        if position == 0:
            return 0
        chunk, place = divmod(position - 1, CHUNK)
        return self._chunks[chunk][place]

    def position_at(self, at_us: int, last: int) -> int:
        """The largest position up to `last` that had been received at the instant; 0 for none."""
        return bisect_right(range(1, last + 1), at_us, key=self.received_by_us)
