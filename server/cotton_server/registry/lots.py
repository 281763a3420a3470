"""The lots: what was registered and weighed, and which rows of the bale store are theirs."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton.inspection.v1 import lots_pb2

RunArray = npt.NDArray[np.int32]


@dataclass(slots=True)
class LotEntry:
    """One lot as the registry knows it.

    `runs` are the row ranges [start, stop) of its bales in order of arrival, flat: 8 bytes a
    range, also where instruments take turns. A position of 0 means: not yet. `changed_at` is
    the last ledger position that touched the lot. Imported bales that came without a lot are
    kept in one entry a crop year, whose lot_no is "".
    """

    number: int
    lot_no: str
    season: int
    registration: lots_pb2.Lot | None = None
    registered_at: int = 0
    weight: lots_pb2.LotWeight | None = None
    weighed_at: int = 0
    changed_at: int = 0
    runs: array[int] = field(default_factory=lambda: array("i"))

    def add_run(self, start: int, stop: int) -> None:
        """Adds rows; runs that touch become one."""
        if self.runs and self.runs[-1] == start:
            self.runs[-1] = stop
        else:
            self.runs.extend((start, stop))

    def at(self, revision: int, count: int) -> LotAt:
        """The lot as it was at a revision at which the store had `count` bales."""
        runs = np.array(self.runs, np.int32).reshape(-1, 2)
        runs = np.minimum(runs[runs[:, 0] < count], np.int32(count))
        return LotAt(
            number=self.number,
            lot_no=self.lot_no,
            season=self.season,
            registration=self.registration if 0 < self.registered_at <= revision else None,
            weight=self.weight if 0 < self.weighed_at <= revision else None,
            runs=runs,
        )


@dataclass(frozen=True, slots=True)
class LotAt:
    """A lot at a revision; safe to keep while the registry goes on.

    `runs` has a row [start, stop) for each range of its bales.
    """

    number: int
    lot_no: str
    season: int
    registration: lots_pb2.Lot | None
    weight: lots_pb2.LotWeight | None
    runs: RunArray

    @property
    def bales(self) -> int:
        """Bales read."""
        return int((self.runs[:, 1] - self.runs[:, 0]).sum())

    @property
    def exists(self) -> bool:
        """Whether anything of the lot had arrived."""
        return len(self.runs) > 0 or self.registration is not None or self.weight is not None


class LotBook:
    """All lots, by number (order of first mention) and by lot number."""

    def __init__(self) -> None:
        """Starts empty."""
        self._lots: list[LotEntry] = []
        self._numbers: dict[tuple[str, int], int] = {}

    def __len__(self) -> int:
        """Lots ever mentioned."""
        return len(self._lots)

    def __iter__(self) -> Iterator[LotEntry]:
        """Lots in order of first mention."""
        return iter(self._lots)

    def __getitem__(self, number: int) -> LotEntry:
        """The lot of that number."""
        return self._lots[number]

    def number_of(self, lot_no: str, season: int) -> int | None:
        """Number of a lot, None when it was never mentioned."""
        return self._numbers.get((lot_no, season))

    def enter(self, lot_no: str, season: int) -> int:
        """Number of a lot, given out now if it was never mentioned."""
        number = self._numbers.get((lot_no, season))
        if number is None:
            number = len(self._lots)
            self._numbers[lot_no, season] = number
            self._lots.append(LotEntry(number, lot_no, season))
        return number
