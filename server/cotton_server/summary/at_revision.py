"""The standing of all lots at any revision: kept for the latest, put together for older ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.summary.as_of import refuse_future
from cotton_server.summary.basis import Basis, on_basis
from cotton_server.summary.cube import Cube
from cotton_server.summary.digest import figures_digest
from cotton_server.summary.kept import load_standing
from cotton_server.summary.placed import PLACED, placed
from cotton_server.summary.standing import (
    Cells,
    Standing,
    cells_of,
    in_one,
    standing,
    with_same_bales,
)
from cotton_server.summary.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from cotton_server.registry.lots import LotAt, LotEntry
    from cotton_server.registry.registry import Registry
    from cotton_server.summary.gradings import Grading, Gradings

    _Then: TypeAlias = tuple[LotAt, bool]
    """A lot at a revision, and whether its bales are those that the latest standing has."""

PARTS_MAX: Final = 12
"""Parts of a standing in memory, beyond which they are made one."""

OLDER_BYTES_MAX: Final = 400 << 20
"""Memory for what standings of older revisions do not share with the latest: two in which all
lots of a national season were otherwise. The one asked for last stays in any case."""

OLDER_MAX: Final = 16
"""Standings of older revisions that are kept, however little each has of its own."""

LOTS_AT_ONCE: Final = 64
"""Lots copied while the registry stands still: half a millisecond."""

LOTS_TOGETHER: Final = 16_384
"""Lots computed together: bounds what is held of lots beside their cells."""

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

    def __init__(
        self,
        registry: Registry,
        gradings: Gradings,
        kept: Path | None = None,
        *,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes what it reads, and the standing of a seal to start from; computes nothing yet.

        `done` is called after every LOTS_TOGETHER lots that were computed.
        The registry is at the revision of that seal or a later one. What this version of the
        service would not have computed alike is not used; without it all lots are computed at the
        first question.
        """
        self._registry = registry
        self._gradings = gradings
        self._done = done
        self._lock = threading.Lock()
        self._older: OrderedDict[tuple[int, Basis], LotsAt] = OrderedDict()
        self._amended: set[int] = set()
        self.words = Words()
        """What the keys of all standings are called."""
        loaded = None
        if kept is not None:
            loaded = load_standing(kept, gradings, registry.revision, self._nothing_at)
        if loaded is None:
            nothing = self._nothing_at(0)
            self._latest = LotsAt(0, nothing, gradings.at(0), Cube.of(nothing))
            return
        self._amended.update(loaded.amended)
        self.words = loaded.words
        revision = loaded.revision
        self._latest = LotsAt(revision, loaded.standing, gradings.at(revision), loaded.cube)

    @property
    def amended(self) -> frozenset[int]:
        """Lots, by number, of which the two bases may differ, as of the last question."""
        with self._lock:
            return frozenset(self._amended)

    def figures_digest(self, revision: int) -> str:
        """The digest of all that figures at a revision follow from, beside the registry."""
        return figures_digest(self._gradings, revision)

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
            self._let_go_of_older()
        return made

    def _put_together(
        self, latest: LotsAt, revision: int, basis: Basis, amended: frozenset[int]
    ) -> LotsAt:
        """All lots at a revision: the latest cells, with those of lots that differ made anew.

        Of a lot that has only been weighed, closed or certified since, the bales are not read
        again; one that is only placed otherwise is not looked at.
        """
        grading = self._gradings.at(revision)
        count = self._registry.rows_at(revision)
        regraded = _regraded(latest, grading)
        numbers = self._changed_since(revision, regraded | amended)

        def then(entry: LotEntry) -> _Then | None:
            if not entry.exists_at(revision):
                return None
            # The latest cells are of what is in force.
            in_force = basis is Basis.IN_FORCE or not (entry.out_of_force or entry.out_of_first)
            is_same = (
                in_force
                and entry.number not in regraded
                and entry.same_bales_since(revision, count)
            )
            return on_basis(entry.at(revision, count), basis), is_same

        old = self._placed(latest, grading)
        computed = self._all_of(self._in_turn(numbers, then), grading, old)
        return LotsAt(revision, _replaced(old, numbers, computed), grading)

    def _refresh(self) -> None:
        with self._registry.lock:
            revision = self._registry.revision
            count = self._registry.bales.count
        latest = self._latest
        if revision > latest.revision:
            self._bring_to(revision, count)
            self._let_go_of_older()

    def _bring_to(self, revision: int, count: int) -> None:
        latest, grading = self._latest, self._gradings.at(revision)
        count_before = self._registry.rows_at(latest.revision)
        regraded = _regraded(latest, grading)
        numbers = self._changed_since(latest.revision, regraded)
        amended: list[int] = []

        def now(entry: LotEntry) -> _Then | None:
            # What was once amended stays so; every amendment comes by here.
            if entry.out_of_force or entry.out_of_first:
                amended.append(entry.number)
            if not entry.exists_at(revision):
                return None
            is_same = (
                entry.exists_at(latest.revision)
                and entry.number not in regraded
                and entry.same_bales_since(latest.revision, count_before)
            )
            return entry.at(revision, count), is_same

        stands, cube = self._placed(latest, grading), latest.cube
        if cube is not None and stands is not latest.standing:
            cube = cube.moved(latest.standing, stands)
        computed = self._all_of(self._in_turn(numbers, now), grading, stands)
        changed = computed.lots["lot"]
        if len(changed):
            before, stands = stands, _compacted(_replaced(stands, numbers, computed))
            cube = Cube.of(stands) if cube is None else cube.renewed(before, stands, changed)
        self._amended.update(amended)
        self._latest = LotsAt(revision, stands, grading, cube)

    def _placed(self, latest: LotsAt, grading: Grading) -> Standing:
        """The latest standing with its lots where a grading places them; all cells stay."""
        stands = latest.standing
        if grading.places_as(latest.grading):
            return stands
        lots = placed(stands.lots, self.words, grading.basis.placing)
        if lots.select(PLACED).equals(stands.lots.select(PLACED)):
            return stands
        return replace(stands, lots=lots)

    def _changed_since(self, revision: int, others: frozenset[int]) -> Sequence[int]:
        """Lots that were touched after a revision, or are among others, ascending by number."""
        touched = np.asarray(self._registry.lots.changed_since(revision), np.int64)
        numbers: list[int] = np.union1d(
            touched, np.fromiter(others, np.int64, len(others))
        ).tolist()
        return numbers

    def _let_go_of_older(self) -> None:
        """Lets go of older standings, those asked for longest ago first, while they are too much.

        What they share with the latest changes with it, so they are counted anew each time.
        """
        while len(self._older) > 1 and (
            len(self._older) > OLDER_MAX
            or _own_bytes(self._older.values(), self._latest) > OLDER_BYTES_MAX
        ):
            self._older.popitem(last=False)

    def _in_turn(
        self, numbers: Sequence[int], copied: Callable[[LotEntry], _Then | None]
    ) -> Iterator[_Then]:
        """What is copied of lots while the registry stands still: whoever appends waits for a few.

        What a lot was at a revision never changes, so they need not be copied at one instant.
        """
        book = self._registry.lots
        for first in range(0, len(numbers), LOTS_AT_ONCE):
            # What changes a lot after it was looked at is of a later revision.
            some = [book.looked_at(number) for number in numbers[first : first + LOTS_AT_ONCE]]
            with self._registry.lock:
                copies = [copied(entry) for entry in some]
            yield from (copy for copy in copies if copy is not None)

    def _all_of(self, lots: Iterable[_Then], grading: Grading, old: Standing) -> Standing:
        """The standing of lots, some at a time; those with the same bales have the old cells.

        It has the parts of the old standing and one more, of which all cells are new.
        """
        anew = pl.lit(len(old.parts), dtype=pl.Int32)
        found: list[Standing] = []
        lots = iter(lots)
        while some := list(islice(lots, LOTS_TOGETHER)):
            same = [lot for lot, is_same in some if is_same]
            others = [lot for lot, is_same in some if not is_same]
            if same:
                found.append(with_same_bales(same, old, grading.basis, self.words))
            if others:
                made = self._compute(others, grading)
                found.append(Standing(made.parts, made.lots.with_columns(part=anew)))
            self._done()
        nothing = self._compute([], grading)
        cells = {
            name: in_one([each.parts[-1][name] for each in found], no_cells)
            for name, no_cells in nothing.parts[0].items()
        }
        facts = in_one([each.lots for each in found], nothing.lots)
        return Standing((*old.parts, Cells(cells)), facts, old.on_disk)

    def _nothing_at(self, revision: int) -> Standing:
        return self._compute([], self._gradings.at(revision))

    def _compute(self, lots: Sequence[LotAt], grading: Grading) -> Standing:
        return standing(
            lots,
            self._registry.bales,
            self._registry.texts["standard"],
            grading.basis,
            self.words,
        )


def _own_bytes(older: Collection[LotsAt], latest: LotsAt) -> int:
    """What standings have in memory that the latest does not have."""
    shared = {id(part) for part in latest.standing.parts}
    parts = {id(part): part for each in older for part in each.standing.parts}
    frames = {id(each.standing.lots): each.standing.lots for each in older}
    frames.pop(id(latest.standing.lots), None)
    return sum(part.size_bytes for key, part in parts.items() if key not in shared) + sum(
        int(frame.estimated_size()) for frame in frames.values()
    )


def _regraded(latest: LotsAt, grading: Grading) -> frozenset[int]:
    """The lots of the latest standing that have bales under a standard with another chart."""
    stands = latest.standing
    found: set[int] = set()
    for name in grading.charted_otherwise(latest.grading):
        for number, part in stands.parts_with(stands.lots):
            mine = stands.lots.filter(pl.col("part") == number).select("lot")
            found.update(part[name].select("lot").join(mine, on="lot", how="semi")["lot"])
    return frozenset(found)


def _replaced(old: Standing, numbers: Sequence[int], new: Standing) -> Standing:
    """The old standing with the lots of these numbers replaced by what the new one has.

    The new one has the parts of the old one and one more. Nothing of the old cells is copied: that
    they are out of date is seen from the lots.
    """
    gone = pl.Series("lot", numbers, pl.Int32).to_frame()
    kept = old.lots.join(gone, on="lot", how="anti", maintain_order="left")
    return replace(new, lots=pl.concat([kept, new.lots]))


def _compacted(stands: Standing) -> Standing:
    """The same with what is in memory in one part, once that are many or many out of date.

    What lies on disk stays as it is.
    """
    first, *others = stands.parts
    on_disk, newest = others[: stands.on_disk], others[stands.on_disk :]
    rows = _rows([first, *newest])
    if len(newest) < PARTS_MAX and _rows(newest) * _STALE_SHARE <= rows:
        return stands
    in_memory = ~pl.col("part").is_between(1, stands.on_disk)
    cells = (
        newest[0]
        if len(newest) == 1 and not _rows([first])
        else cells_of(stands, stands.lots.filter(in_memory))
    )
    part = pl.when(in_memory).then(pl.lit(0, dtype=pl.Int32)).otherwise("part").alias("part")
    return Standing((cells, *on_disk), stands.lots.with_columns(part), stands.on_disk)


def _rows(parts: Iterable[Cells]) -> int:
    return sum(frame.height for part in parts for frame in part.values())
