"""The lots: what was recorded of them, which rows of the bale store are theirs, their course."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from cotton.inspection.v1 import lots_pb2

from cotton_server.registry.lifecycle import LotCourse, LotState, Standing, standing_of
from cotton_server.registry.records import Versions
from cotton_server.registry.runs import bales_in, without

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton.inspection.v1 import common_pb2

    from cotton_server.registry.records import Version
    from cotton_server.registry.runs import RunArray, Toggles

_T = TypeVar("_T")


@dataclass(slots=True)
class LotEntry:
    """One lot as the registry knows it.

    `runs` are the row ranges [start, stop) of its bales in order of arrival, flat: 8 bytes a
    range, also where instruments take turns. Rows that do not count all the time stand in
    `out_of_force` or, for the statistics of first inspections, in `out_of_first`. `bales` counts
    those in force now. `changed_at` is the last ledger position that touched the lot. Imported
    bales that came without a lot are kept in one entry a crop year, whose lot_no is "".
    """

    number: int
    lot_no: str
    season: int
    registrations: Versions[lots_pb2.Lot] = field(default_factory=Versions)
    weights: Versions[lots_pb2.LotWeight] = field(default_factory=Versions)
    closures: Versions[lots_pb2.LotClosure] = field(default_factory=Versions)
    quality_certificates: Versions[lots_pb2.LotCertificates] = field(default_factory=Versions)
    weight_certificates: Versions[lots_pb2.LotCertificates] = field(default_factory=Versions)
    objections: dict[str, Versions[lots_pb2.LotObjection]] = field(default_factory=dict)
    units: Versions[lots_pb2.UnitLot] = field(default_factory=Versions)
    withdrawals: Versions[common_pb2.Amendment | None] = field(default_factory=Versions)
    changed_at: int = 0
    bales: int = 0
    runs: array[int] = field(default_factory=lambda: array("i"))
    out_of_force: Toggles = field(default_factory=dict)
    out_of_first: Toggles = field(default_factory=dict)
    course: LotCourse = field(default_factory=LotCourse)

    @property
    def registration(self) -> lots_pb2.Lot | None:
        """The registration in force, as it was received."""
        return _record(self.registrations.last)

    @property
    def withdrawn(self) -> bool:
        """Whether the whole lot is withdrawn now."""
        return _record(self.withdrawals.last) is not None

    def add_run(self, start: int, stop: int) -> None:
        """Adds rows that are in no run yet; runs that touch become one, and lie in order of rows.

        Most come last. Others were kept before and count only now, or had to be looked at alone:
        there may be one for every row of a batch, so that none may cost a pass over the runs.
        """
        runs = self.runs
        place = bisect_left(runs, start)  # of the stop that `start` is, else of the next start
        follows = place % 2
        precedes = place + follows < len(runs) and runs[place + follows] == stop
        if follows and precedes:
            del runs[place : place + 2]
        elif follows:
            runs[place] = stop
        elif precedes:
            runs[place] = start
        else:
            runs[place:place] = array("i", (start, stop))

    def standing(self) -> Standing:
        """Where the lot stands now."""
        return standing_of(
            registration=self.registration,
            weighed=bool(self.weights),
            closure=_record(self.closures.last),
            bales=self.bales,
            withdrawn=self.withdrawn,
            revised=bool(self.course.revisions),
        )

    def registration_at(self, revision: int) -> lots_pb2.Lot | None:
        """The registration as it holds at a revision: of the unit that the lot is said to be of.

        What is recorded of the unit holds over the registration, whichever came first; of a lot
        that is not registered it waits until it is.
        """
        registered = _record(self.registrations.at(revision))
        unit = _record(self.units.at(revision))
        if registered is None or unit is None:
            return registered
        if unit.traceability_unit == registered.traceability_unit:
            return registered
        holds = lots_pb2.Lot()
        holds.CopyFrom(registered)
        holds.traceability_unit = unit.traceability_unit
        return holds

    def exists_at(self, revision: int) -> bool:
        """Whether anything of the lot had arrived."""
        return self.course.first is not None and self.course.first.position <= revision

    def at(self, revision: int, count: int) -> LotAt:
        """The lot as it was at a revision at which the store had `count` bales."""
        runs = np.array(self.runs, np.int32).reshape(-1, 2)
        if self.runs and self.runs[-1] > count:
            runs = np.minimum(runs[runs[:, 0] < count], np.int32(count))
        in_force = without(runs, self.out_of_force, revision)
        first = without(runs, self.out_of_first, revision)
        withdrawn = _record(self.withdrawals.at(revision)) is not None
        step = self.course.step_at(revision)
        first_registered = self.registrations.first_at(revision)
        bales = bales_in(in_force)
        return LotAt(
            number=self.number,
            lot_no=self.lot_no,
            season=self.season,
            registration=self.registration_at(revision),
            weight=_record(self.weights.at(revision)),
            runs=runs[:0] if withdrawn else in_force,
            first_runs=runs[:0] if withdrawn else first,
            withdrawn=withdrawn,
            bales=0 if withdrawn else bales,
            bales_withdrawn=self.course.withdrawn_bales_at(revision) + (bales if withdrawn else 0),
            exists=self.exists_at(revision),
            state=LotState.UNREGISTERED if step is None else step[1].state,
            registered_at_us=0 if first_registered is None else first_registered.received_at_us,
        )

    def same_bales_since(self, revision: int, count: int) -> bool:
        """Whether the bales that count, and what grades them, are those of a revision still.

        `count` are the bales that the store had then.
        """
        if self.runs and self.runs[-1] > count:
            return False
        for chain in (self.registrations, self.withdrawals):
            last = chain.last
            if last is not None and last.position > revision:
                return False
        return all(
            not positions or positions[-1] <= revision
            for toggles in (self.out_of_force, self.out_of_first)
            for positions in toggles.values()
        )


@dataclass(frozen=True, slots=True)
class LotAt:
    """A lot at a revision; safe to keep while the registry goes on.

    `runs` has a row [start, stop) for each range of its bales in force, `first_runs` of those in
    the statistics of first inspections; both are empty while the lot is withdrawn. `registration`
    is as LotEntry.registration_at gives it. `exists`: whether anything of the lot had arrived.
    `registered_at_us` is when it first was registered, in microseconds since 1970 UTC, 0 while it
    is not.
    """

    number: int
    lot_no: str
    season: int
    registration: lots_pb2.Lot | None
    weight: lots_pb2.LotWeight | None
    runs: RunArray
    first_runs: RunArray
    withdrawn: bool
    bales: int
    """Bales in `runs`."""
    bales_withdrawn: int
    exists: bool
    state: LotState
    registered_at_us: int


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


def _record(version: Version[_T] | None) -> _T | None:
    return None if version is None else version.record
