"""The lots: what was recorded of them, which rows of the bale store are theirs, their course."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, cast

import numpy as np
import polars as pl
from cotton.inspection.v1 import common_pb2, lots_pb2

from cotton_server.registry.lifecycle import LotCourse, LotState, Standing, standing_of
from cotton_server.registry.records import Messages
from cotton_server.registry.runs import bales_in, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from cotton_server.registry.records import Version
    from cotton_server.registry.runs import RunArray, Toggles

_T = TypeVar("_T")


class Registrations(Messages[lots_pb2.Lot]):
    """Versions of a registration."""

    __slots__ = ()
    message = lots_pb2.Lot


class Weights(Messages[lots_pb2.LotWeight]):
    """Versions of a weight."""

    __slots__ = ()
    message = lots_pb2.LotWeight


class Closures(Messages[lots_pb2.LotClosure]):
    """Versions of what the laboratory counted."""

    __slots__ = ()
    message = lots_pb2.LotClosure


class Certificates(Messages[lots_pb2.LotCertificates]):
    """Versions of the numbers of certificates."""

    __slots__ = ()
    message = lots_pb2.LotCertificates


class Objections(Messages[lots_pb2.LotObjection]):
    """Versions of an objection."""

    __slots__ = ()
    message = lots_pb2.LotObjection


class Units(Messages[lots_pb2.UnitLot]):
    """Versions of which traceability unit a lot is of."""

    __slots__ = ()
    message = lots_pb2.UnitLot


class Withdrawals(Messages["common_pb2.Amendment | None"]):
    """Withdrawals, and their ends: None."""

    __slots__ = ()
    message = common_pb2.Amendment


_NO_REGISTRATIONS: Final = Registrations()
_NO_WEIGHTS: Final = Weights()
_NO_CLOSURES: Final = Closures()
_NO_CERTIFICATES: Final = Certificates()
_NO_UNITS: Final = Units()
_NO_WITHDRAWALS: Final = Withdrawals()
_NO_RUNS: Final = array("i")
_NO_OBJECTIONS: Final[Mapping[str, Objections]] = MappingProxyType({})
_NO_TOGGLES: Final[Mapping[int, tuple[int, ...]]] = MappingProxyType({})


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
    registrations: Registrations = _NO_REGISTRATIONS
    weights: Weights = _NO_WEIGHTS
    closures: Closures = _NO_CLOSURES
    quality_certificates: Certificates = _NO_CERTIFICATES
    weight_certificates: Certificates = _NO_CERTIFICATES
    objections: Mapping[str, Objections] = field(default_factory=lambda: _NO_OBJECTIONS)
    units: Units = _NO_UNITS
    withdrawals: Withdrawals = _NO_WITHDRAWALS
    changed_at: int = 0
    bales: int = 0
    runs: array[int] = field(default_factory=lambda: _NO_RUNS)
    out_of_force: Mapping[int, tuple[int, ...]] = field(default_factory=lambda: _NO_TOGGLES)
    out_of_first: Mapping[int, tuple[int, ...]] = field(default_factory=lambda: _NO_TOGGLES)
    course: LotCourse = field(default_factory=LotCourse)

    @property
    def registration(self) -> lots_pb2.Lot | None:
        """The registration in force, as it was received."""
        return self.registrations.record

    @property
    def withdrawn(self) -> bool:
        """Whether the whole lot is withdrawn now."""
        return self.withdrawals.record is not None

    def add_run(self, start: int, stop: int) -> None:
        """Adds rows that are in no run yet; runs that touch become one, and lie in order of rows.

        Most come last. Others were kept before and count only now, or had to be looked at alone:
        there may be one for every row of a batch, so that none may cost a pass over the runs.
        """
        runs = self.runs
        if not runs:
            self.runs = array("i", (start, stop))
            return
        if runs[-1] == start:
            runs[-1] = stop
            return
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

    def force_toggles(self) -> Toggles:
        """`out_of_force`, to change."""
        if self.out_of_force is _NO_TOGGLES:
            self.out_of_force = {}
        return cast("Toggles", self.out_of_force)

    def first_toggles(self) -> Toggles:
        """`out_of_first`, to change."""
        if self.out_of_first is _NO_TOGGLES:
            self.out_of_first = {}
        return cast("Toggles", self.out_of_first)

    def standing(self) -> Standing:
        """Where the lot stands now."""
        return standing_of(
            registration=self.registrations.record,
            weighed=bool(self.weights),
            closure=self.closures.record,
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
        if max(self.registrations.last_position, self.withdrawals.last_position) > revision:
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


class KeptLots(Protocol):
    """Lots that lie on disk until they are asked for; any thread may ask."""

    def __len__(self) -> int:
        """Lots, which have the numbers from 0 on."""

    def entry(self, number: int) -> LotEntry:
        """The lot of a number, made anew."""

    def lot_no(self, number: int) -> str:
        """The lot number of a lot."""

    def lot_nos(self) -> pl.Series:
        """The lot numbers of all lots (String)."""

    def seasons(self) -> pl.Series:
        """The seasons of all lots (Int32)."""

    def number_of(self, lot_no: str, season: int) -> int | None:
        """Number of a lot, None when it is none of these."""


_SEASONS: Final[dict[int, int]] = {}


def one_season(season: int) -> int:
    """The number of a season as one object, which all lots of it have."""
    return _SEASONS.setdefault(season, season)


class LotBook:
    """All lots, by number (order of first mention) and by lot number.

    Lots of an image are made when they are first asked for, by whatever thread, and stay, for they
    may be changed, until a later image has them as they are. Beside the lots stand the last
    position that touched each and whether it is registered, so that neither makes them.

    One thread changes lots, and enters new ones; any thread may look.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self._lots: list[LotEntry | None] = []
        # Lots that the image does not have, by lot number; those without one by their season.
        self._numbers: dict[str | int, int] = {}
        self._changed_at = array("I")
        self._is_registered = bytearray()
        self._kept: KeptLots | None = None
        self._making = Lock()

    def __len__(self) -> int:
        """Lots ever mentioned."""
        return len(self._lots)

    def __iter__(self) -> Iterator[LotEntry]:
        """Lots in order of first mention, those that are there now; makes each."""
        return map(self.__getitem__, range(len(self._lots)))

    def __getitem__(self, number: int) -> LotEntry:
        """The lot of that number."""
        return self._lots[number] or self._made(number)

    @property
    def kept(self) -> KeptLots | None:
        """Lots that lie on disk, None when the book did not begin with any."""
        return self._kept

    def number_of(self, lot_no: str, season: int) -> int | None:
        """Number of a lot, None when it was never mentioned."""
        number = self._numbers.get(lot_no or season)
        if number is not None:
            return number if self[number].season == season else None
        kept = self._kept
        return None if kept is None else kept.number_of(lot_no, season)

    def lot_no(self, number: int) -> str:
        """The lot number of a lot, which is not made for it."""
        entry = self._lots[number]
        if entry is not None:
            return entry.lot_no
        return cast("KeptLots", self._kept).lot_no(number)

    def lot_nos(self) -> pl.Series:
        """The lot numbers (String) of all lots in order of first mention; makes none."""
        known = pl.Series([], dtype=pl.String) if self._kept is None else self._kept.lot_nos()
        others = [self[number].lot_no for number in range(len(known), len(self._lots))]
        return pl.concat([known, pl.Series(others, dtype=pl.String)])

    def seasons(self) -> pl.Series:
        """The seasons (Int32) of all lots in order of first mention; makes none."""
        known = pl.Series([], dtype=pl.Int32) if self._kept is None else self._kept.seasons()
        others = [self[number].season for number in range(len(known), len(self._lots))]
        return pl.concat([known, pl.Series(others, dtype=pl.Int32)])

    def enter(self, lot_no: str, season: int) -> int:
        """Number of a lot, given out now if it was never mentioned."""
        number = self.number_of(lot_no, season)
        if number is None:
            number = len(self._lots)
            self._numbers[lot_no or season] = number
            self._changed_at.append(0)
            self._is_registered.append(False)
            # Last: it is what tells how many there are.
            self._lots.append(LotEntry(number, lot_no, one_season(season)))
        return number

    def is_registered(self, number: int) -> bool:
        """Whether a lot is registered."""
        return bool(self._is_registered[number])

    def note_registered(self, number: int) -> None:
        """Notes that a lot is registered; it stays so."""
        self._is_registered[number] = True

    def touch(self, lot: LotEntry, position: int) -> None:
        """Notes that a position touched a lot."""
        lot.changed_at = self._changed_at[lot.number] = position

    def changed_at(self) -> NDArray[np.uint32]:
        """The last position that touched each lot, 0 of one that none did; a copy."""
        return np.frombuffer(self._changed_at[:], np.uint32)

    def registered(self) -> NDArray[np.bool_]:
        """Whether each lot is registered; a copy."""
        return np.frombuffer(self._is_registered[:], np.bool_)

    def changed_since(self, revision: int) -> list[int]:
        """Numbers of the lots that were touched after a revision, ascending; makes none."""
        numbers: list[int] = np.flatnonzero(self.changed_at() > revision).tolist()
        return numbers

    def begin_with(
        self, kept: KeptLots, changed_at: NDArray[np.uint32], registered: NDArray[np.bool_]
    ) -> None:
        """Takes the lots of an image into a book without lots, with what stands beside each."""
        if self._lots:
            raise AssertionError("lots on disk come before all others")
        self._kept = kept
        self._changed_at.frombytes(np.ascontiguousarray(changed_at).tobytes())
        self._is_registered += np.ascontiguousarray(registered).tobytes()
        self._lots = [None] * len(kept)

    def move(self, kept: KeptLots) -> object:
        """Has lots on disk read from where a later image has them, with all that came since.

        Gives what is not needed any more: to let go of it takes time. Raises AssertionError for an
        image that is not a later one.
        """
        known = 0 if self._kept is None else len(self._kept)
        if not known <= len(kept) <= len(self._lots):
            raise AssertionError("a later image of the same ledger has the same lots and others")
        before = self._numbers, self._kept
        numbers = {key: number for key, number in self._numbers.items() if number >= len(kept)}
        with self._making:
            # In this order: whoever does not find a lot among the numbers asks the image.
            self._kept = kept
            self._numbers = numbers
        return before

    def let_go(self, first: int, stop: int, until: int) -> object:
        """Leaves those of the lots [first, stop) on disk that nothing touched after a position.

        The image must have been written at that position or later. Gives the lots: to let go of
        them takes time.
        """
        lots, changed_at = self._lots, self._changed_at
        stop = min(stop, 0 if self._kept is None else len(self._kept))
        with self._making:
            gone = [lots[number] for number in range(first, stop) if changed_at[number] <= until]
            for lot in gone:
                if lot is not None:
                    lots[lot.number] = None
        return gone

    def looked_at(self, number: int) -> LotEntry:
        """The lot of that number, only to look at: one that lies on disk is not kept."""
        return self._lots[number] or cast("KeptLots", self._kept).entry(number)

    def _made(self, number: int) -> LotEntry:
        number = range(len(self._lots))[number]
        while True:
            kept = cast("KeptLots", self._kept)
            made = kept.entry(number)
            with self._making:
                # Whoever was first has given it out, and it may have been changed since.
                entry = self._lots[number]
                if entry is None and kept is self._kept:
                    entry = self._lots[number] = made
            if entry is not None:
                return entry


def _record(version: Version[_T] | None) -> _T | None:
    return None if version is None else version.record
