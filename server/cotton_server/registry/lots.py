"""The lots: what was registered and weighed, and which rows of the bale store are theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton.inspection.v1 import lots_pb2


@dataclass(slots=True)
class LotEntry:
    """One lot as the registry knows it.

    `runs` are the row ranges [start, stop) of its bales in order of arrival. A position of 0
    means: not yet. `changed_at` is the last ledger position that touched the lot. Imported
    bales that came without a lot are kept in one entry a crop year, whose lot_no is "".
    """

    number: int
    lot_no: str
    season: int
    registration: lots_pb2.Lot | None = None
    registered_at: int = 0
    weight: lots_pb2.LotWeight | None = None
    weighed_at: int = 0
    changed_at: int = 0
    runs: list[tuple[int, int]] = field(default_factory=list)

    def add_run(self, start: int, stop: int) -> None:
        """Adds rows; runs that touch become one."""
        if self.runs and self.runs[-1][1] == start:
            self.runs[-1] = (self.runs[-1][0], stop)
        else:
            self.runs.append((start, stop))

    def at(self, revision: int, count: int) -> LotAt:
        """The lot as it was at a revision at which the store had `count` bales."""
        return LotAt(
            number=self.number,
            lot_no=self.lot_no,
            season=self.season,
            registration=self.registration if 0 < self.registered_at <= revision else None,
            weight=self.weight if 0 < self.weighed_at <= revision else None,
            runs=[(start, min(stop, count)) for start, stop in self.runs if start < count],
        )


@dataclass(frozen=True, slots=True)
class LotAt:
    """A lot at a revision; safe to keep while the registry goes on."""

    number: int
    lot_no: str
    season: int
    registration: lots_pb2.Lot | None
    weight: lots_pb2.LotWeight | None
    runs: list[tuple[int, int]]

    @property
    def bales(self) -> int:
        """Bales read."""
        return sum(stop - start for start, stop in self.runs)

    @property
    def exists(self) -> bool:
        """Whether anything of the lot had arrived."""
        return bool(self.runs) or self.registration is not None or self.weight is not None


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
