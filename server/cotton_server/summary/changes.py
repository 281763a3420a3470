"""The feed of changes to lots: read by place, told with the lots as they were before and after."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from cotton_server.registry.lifecycle import ChangeKind
from cotton_server.summary.as_of import refuse_future

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.registry.lifecycle import LotChange
    from cotton_server.registry.registry import Registry
    from cotton_server.registry.settlement_runs import FrozenRun
    from cotton_server.summary.selecting import LotKeys
    from cotton_server.summary.views import LotView, LotViews

PAGE_CHANGES_MAX: Final = 200
"""Changes in one page: their certificates are graded together, in some tenths of a second."""

SCAN_CHANGES_MAX: Final = 5000
"""Changes looked at for one page: bounds how long the registry stands still for it."""


class ChangeFilter(NamedTuple):
    """Which changes are asked for: all kinds when there are none, and lots by their keys."""

    kinds: frozenset[int]
    keys: LotKeys


class Place(NamedTuple):
    """How far a reader has come: `next` is the number of the first change not looked at.

    Every change up to `revision` has been looked at, and told if it was asked for.
    """

    next: int
    revision: int


@dataclass(frozen=True, slots=True)
class Page:
    """Changes that were asked for, in order, and where to go on.

    `resume_at` has, for each change, the revision to resume at once this one and all before it
    have been told. `complete`: there was nothing behind it when it was read.
    """

    changes: Sequence[LotChange]
    resume_at: Sequence[int]
    after: Place
    complete: bool


class ChangeFeed:
    """Reads the changes of a registry, which are only ever added to."""

    def __init__(
        self,
        registry: Registry,
        views: LotViews,
        *,
        page_changes_max: int = PAGE_CHANGES_MAX,
        scan_changes_max: int = SCAN_CHANGES_MAX,
    ) -> None:
        """Takes what is read, and how much of it at once."""
        self._registry = registry
        self._views = views
        self._page_changes_max = page_changes_max
        self._scan_changes_max = scan_changes_max

    def begin(self, from_revision: int) -> tuple[Place, int]:
        """The place after a revision, and the latest revision.

        Raises ServiceError for a revision that is not there yet.
        """
        with self._registry.lock:
            latest, changes = self._registry.revision, self._registry.changes
            refuse_future(from_revision, latest)
            place = bisect_right(changes, from_revision, key=_position)
        return Place(place, from_revision), latest

    def idle(self, place: Place) -> Place | None:
        """The place moved to the latest revision, if nothing has changed behind it.

        Takes no lock. The revision is read first: the changes up to it were there before it.
        """
        revision = self._registry.revision
        return Place(place.next, revision) if len(self._registry.changes) == place.next else None

    def read(self, place: Place, wanted: ChangeFilter, *, until: int | None = None) -> Page:
        """The next changes that are asked for, up to the revision `until` if it is given.

        All changes of a revision stand on one page, unless they are more than a page holds.
        """
        with self._registry.lock:
            latest = self._registry.revision
            seen = self._registry.changes[place.next : place.next + self._scan_changes_max + 1]
        if until is not None:
            latest = min(latest, until)
            seen = seen[: bisect_right(seen, until, key=_position)]
        stop = _whole(seen, self._scan_changes_max)
        found = self._wanted(seen[:stop], wanted)
        if len(found) > self._page_changes_max:
            kept = _whole([seen[number] for number in found], self._page_changes_max)
            stop = found[kept]
            del found[kept:]
        complete = stop == len(seen)
        told = latest if complete else _position(seen[stop]) - 1
        return Page(
            changes=[seen[number] for number in found],
            resume_at=[*(_position(seen[number]) - 1 for number in found[1:]), told]
            if found
            else [],
            after=Place(place.next + stop, told),
            complete=complete,
        )

    def runs(self, after: int, through: int) -> Sequence[FrozenRun]:
        """The settlement runs that were frozen after one revision and up to another, in order."""
        return self._registry.runs.between(after, through)

    def sides(self, changes: Sequence[LotChange]) -> tuple[list[LotView], list[int | None]]:
        """The lots as they were just before and just after changes, each once.

        Gives the views, and for every change the place of the one before (None for a new lot)
        and then of the one after.
        """
        views: list[LotView] = []
        places: dict[tuple[int, int], int | None] = {}
        sides: list[int | None] = []
        for change in changes:
            after = change.moment.position
            for revision in (after - 1, after):
                if revision < after and change.kind is ChangeKind.NEW:
                    sides.append(None)
                    continue
                if (change.lot, revision) not in places:
                    view = self._views.view(change.lot, self._views.at_entry(revision))
                    places[change.lot, revision] = None if view is None else len(views)
                    if view is not None:
                        views.append(view)
                sides.append(places[change.lot, revision])
        return views, sides

    def _wanted(self, seen: Sequence[LotChange], wanted: ChangeFilter) -> list[int]:
        """The numbers of the changes that are asked for."""
        kind = [
            number
            for number, change in enumerate(seen)
            if not wanted.kinds or change.kind in wanted.kinds
        ]
        passing = wanted.keys.passing(
            [(self._views.entry(seen[n].lot), seen[n].moment.position) for n in kind]
        )
        return [number for number, passes in zip(kind, passing, strict=True) if passes]


def _position(change: LotChange) -> int:
    return change.moment.position


def _whole(changes: Sequence[LotChange], count: int) -> int:
    """How many to take, at most `count`, so that no revision is split; else `count` of one."""
    if len(changes) <= count:
        return len(changes)
    stop = count
    while stop and _position(changes[stop]) == _position(changes[stop - 1]):
        stop -= 1
    return stop or count
