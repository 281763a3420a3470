"""The standing of all lots at any revision: kept for the latest, put together for older ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_server.summary.as_of import refuse_future
from cotton_server.summary.basis import Basis, on_basis
from cotton_server.summary.cube import Cube
from cotton_server.summary.standing import Known, Standing, known_cells, standing
from cotton_server.summary.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton_server.registry.lots import LotAt, LotEntry
    from cotton_server.registry.registry import Registry
    from cotton_server.summary.gradings import Grading, Gradings

PARTS_MAX: Final = 12
"""Parts of a standing, beyond which they are made one."""

OLDER_MAX: Final = 2
"""Standings of older revisions that are kept: each may have 200 MB of its own for a season."""

LOTS_AT_ONCE: Final = 64
"""Lots copied while the registry stands still: half a millisecond."""

_STALE_SHARE: Final = 4
"""Parts are made one when a quarter of their rows are out of date."""


@dataclass(frozen=True, slots=True)
class LotsAt:
    """All lots at a revision, and what graded and placed them.

    `cube` has them added up by everything but lot and traceability unit, where that is kept.
    """

    revision: int
    standing: Standing
    grading: Grading
    cube: Cube | None = None


class LotsAtRevision:
    """Answers with the standing of lots; a lot that changed is recomputed from its bales.

    Every answer covers every batch that was acknowledged before it was asked for.
    """

    def __init__(self, registry: Registry, gradings: Gradings) -> None:
        """Takes what it reads; computes nothing yet."""
        self._registry = registry
        self._gradings = gradings
        self._lock = threading.Lock()
        self._amended: set[int] = set()
        self._older: OrderedDict[tuple[int, Basis], LotsAt] = OrderedDict()
        self.words = Words()
        """What the keys of all standings are called."""
        grading = gradings.at(0)
        nothing = self._compute([], grading)
        self._latest = LotsAt(0, nothing, grading, Cube.of(nothing))

    def all_lots(self, revision: int | None, basis: Basis = Basis.IN_FORCE) -> LotsAt:
        """All lots at a revision, of which 0 is before anything had arrived; None: the latest.

        By first inspections only lots with re-tests differ from what is in force: those are
        computed beside. Raises ServiceError for a revision that is not there yet.
        """
        with self._lock:
            self._refresh()
            latest = self._latest
            revision = latest.revision if revision is None else revision
            refuse_future(revision, latest.revision)
            amended = frozenset(self._amended) if basis is Basis.FIRST_INSPECTION else frozenset()
        if revision == latest.revision and not amended:
            return latest
        with self._lock:
            kept = self._older.get((revision, basis))
            if kept is not None:
                self._older.move_to_end((revision, basis))
                return kept
        made = self._put_together(latest, revision, basis, amended)
        with self._lock:
            # What was at a revision never changes: pages of one answer ask for it again.
            self._older[revision, basis] = made
            while len(self._older) > OLDER_MAX:
                self._older.popitem(last=False)
        return made

    def _put_together(
        self, latest: LotsAt, revision: int, basis: Basis, amended: frozenset[int]
    ) -> LotsAt:
        """All lots at a revision: the latest cells, with those of lots that differ made anew.

        Of a lot that has only been weighed, closed, certified or placed otherwise since, the bales
        are not read again.
        """
        grading = self._gradings.at(revision)
        alike = grading.same_as(latest.grading)
        with self._registry.lock:
            count = self._registry.bales.count_at(revision, self._registry.bales.count)
            entries = [
                lot
                for lot in self._registry.lots
                if not alike or lot.changed_at > revision or lot.number in amended
            ]
        lots: list[LotAt] = []
        same: list[int] = []
        for entry in self._in_turn(entries):
            if not entry.exists_at(revision):
                continue
            lots.append(entry.at(revision, count))
            # The latest cells are of what is in force.
            in_force = basis is Basis.IN_FORCE or not (entry.out_of_force or entry.out_of_first)
            if in_force and entry.same_bales_since(revision, count):
                same.append(entry.number)
        known = None
        if same and grading.grades_as(latest.grading):
            known = known_cells(latest.standing, same)
        computed = self._compute([on_basis(lot, basis) for lot in lots], grading, known)
        numbers = [entry.number for entry in entries]
        stands = _replaced(latest.standing, numbers, computed)
        return LotsAt(revision, stands, grading)

    def _refresh(self) -> None:
        with self._registry.lock:
            revision = self._registry.revision
            count = self._registry.bales.count
            numbers = self._registry.take_changed()
        try:
            self._bring_to(revision, count, numbers)
        except BaseException:
            with self._registry.lock:
                self._registry.give_back_changed(numbers)
            raise

    def _bring_to(self, revision: int, count: int, numbers: Sequence[int]) -> None:
        latest, grading = self._latest, self._gradings.at(revision)
        alike = grading.same_as(latest.grading)
        with self._registry.lock:
            entries = (
                [self._registry.lots[number] for number in numbers]
                if alike
                else list(self._registry.lots)
            )
        changed: list[LotAt] = []
        for entry in self._in_turn(entries):
            if entry.exists_at(revision):
                changed.append(entry.at(revision, count))
            # What was once amended stays so; every amendment comes by here.
            if entry.out_of_force or entry.out_of_first:
                self._amended.add(entry.number)
        stands, cube = latest.standing, latest.cube
        if changed:
            touched = [lot.number for lot in changed]
            known = None
            if not alike and grading.grades_as(latest.grading):
                # Only placed otherwise: the bales of what did not change are as they were.
                known = known_cells(stands, sorted({*touched} - {*numbers}))
            computed = self._compute(changed, grading, known)
            stands = _compacted(_replaced(stands, touched, computed))
            cube = (
                cube.renewed(latest.standing, stands, touched)
                if alike and cube is not None
                else Cube.of(stands)
            )
        self._latest = LotsAt(revision, stands, grading, cube)

    def _in_turn(self, entries: Sequence[LotEntry]) -> Iterator[LotEntry]:
        """The entries, each while the registry stands still: whoever appends waits for a few.

        What a lot was at a revision never changes, so they need not be copied at one instant.
        """
        for first in range(0, len(entries), LOTS_AT_ONCE):
            with self._registry.lock:
                yield from entries[first : first + LOTS_AT_ONCE]

    def _compute(
        self, lots: Sequence[LotAt], grading: Grading, known: Known | None = None
    ) -> Standing:
        return standing(
            lots,
            self._registry.bales,
            self._registry.texts["standard"],
            grading.basis,
            self.words,
            known,
        )


def _replaced(old: Standing, numbers: Sequence[int], new: Standing) -> Standing:
    """The old standing with the lots of these numbers replaced by what the new one has.

    Nothing of the old cells is copied: that they are out of date is seen from the lots.
    """
    (cells,) = new.parts
    place = pl.lit(len(old.parts), dtype=pl.Int32)
    kept = old.lots.filter(~pl.col("lot").is_in(numbers)) if numbers else old.lots
    return Standing((*old.parts, cells), pl.concat([kept, new.lots.with_columns(part=place)]))


def _compacted(stands: Standing) -> Standing:
    """The same in one part, once there are many parts or many rows out of date."""
    rows = sum(frame.height for cells in stands.parts for frame in cells.values())
    newest = sum(frame.height for cells in stands.parts[1:] for frame in cells.values())
    if len(stands.parts) <= PARTS_MAX and newest * _STALE_SHARE <= rows:
        return stands
    cells = known_cells(stands, stands.lots["lot"].to_list()).cells
    return Standing((cells,), stands.lots.with_columns(part=pl.lit(0, dtype=pl.Int32)))
