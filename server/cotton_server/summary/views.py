"""Lots with their status at any revision, copied out of the registry one at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from cotton_server.summary.as_of import requested_revision
from cotton_server.summary.status import AsOf, lot_past, lot_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cotton.inspection.v1 import summary_pb2

    from cotton_server.registry.lots import LotAt, LotEntry
    from cotton_server.registry.registry import Registry
    from cotton_server.summary.selecting import LotKeys
    from cotton_server.summary.status import Deadlines


_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class LotView:
    """A lot at a revision and its status; safe to keep while the registry goes on."""

    revision: int
    lot: LotAt
    status: summary_pb2.LotStatus


class LotViews:
    """Reads lots at revisions.

    What a lot was at a revision never changes, so lots are copied one by one: whoever appends
    waits for one of them at most, not for all.
    """

    def __init__(
        self,
        registry: Registry,
        deadlines: Deadlines,
        received_at_us: Callable[[int], int],
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """Takes what is read; `received_at_us` tells when the entry at a position came."""
        self._registry = registry
        self._deadlines = deadlines
        self._received_at_us = received_at_us
        self._now_us = now_us

    def as_of(self, revision: int, as_of_us: int = 0) -> AsOf:
        """The revision to answer at, and the instant that ages and deadlines are told at.

        With `as_of_us` (microseconds since 1970 UTC) the last revision that had been received by
        then, and that instant; for a revision the instant at which its entry was received; for
        neither (0) the latest, and now. Raises ServiceError as `requested_revision` does.
        """
        now_us = self._now_us()
        found = requested_revision(revision, as_of_us, self._registry, now_us)
        if revision:
            return self.at_entry(found)
        return AsOf(found, (as_of_us or now_us) // _SECOND_US)

    def at_entry(self, revision: int) -> AsOf:
        """A revision that is there, at the instant at which its entry was received."""
        at_us = self._received_at_us(revision) if revision else 0
        return AsOf(revision, at_us // _SECOND_US)

    def numbers(self, keys: LotKeys | None = None) -> pl.Series:
        """The numbers of lots (Int32) in the order of lot numbers; no lot is looked at for it.

        Those that pass the keys are among them, and none whose season or number says that it does
        not. The entries that keep imported bales without a lot are no lots.
        """
        book = self._registry.lots
        # In this order: of a lot that comes in between there is no season.
        seasons, lot_nos = book.seasons(), book.lot_nos()
        # Columns, of which other threads go on while they are sorted.
        lots = pl.DataFrame(
            {
                "lot": pl.int_range(len(seasons), dtype=pl.Int32, eager=True),
                "lot_no": lot_nos.head(len(seasons)),
                "season": seasons,
            }
        ).filter(pl.col("lot_no") != "")
        return (lots if keys is None else keys.may_pass(lots)).sort("lot_no", "lot")["lot"]

    def number_of(self, lot_no: str, season: int) -> int | None:
        """The number of a lot in the registry, None when it was never mentioned."""
        return self._registry.lots.number_of(lot_no, season)

    def lot_no(self, number: int) -> str:
        """The lot number of a lot by its number in the registry."""
        return self._registry.lots.lot_no(number)

    def entry(self, number: int) -> LotEntry:
        """The lot of that number, only to look at."""
        return self._registry.lots.looked_at(number)

    def view(self, number: int, as_of: AsOf) -> LotView | None:
        """A lot, None when nothing of it had arrived."""
        registry, entry = self._registry, self.entry(number)
        with registry.lock:
            lot = entry.at(as_of.revision, registry.rows_at(as_of.revision))
        if not lot.exists:
            return None
        past = lot_past(registry, entry, as_of.revision, bales=lot.bales)
        status = lot_status(past, as_of, self._deadlines, self._received_at_us)
        return LotView(as_of.revision, lot, status)

    def statuses(self, numbers: Iterable[int], as_of: AsOf) -> Iterator[summary_pb2.LotStatus]:
        """The status of each lot of which anything had arrived, in the order given."""
        registry, revision = self._registry, as_of.revision
        for number in numbers:
            entry = self.entry(number)
            first = entry.course.first
            if first is None or first.position > revision:
                continue
            with registry.lock:
                bales = self._bales(entry, revision)
            past = lot_past(registry, entry, revision, bales=bales)
            yield lot_status(past, as_of, self._deadlines, self._received_at_us)

    def _bales(self, entry: LotEntry, revision: int) -> int:
        if entry.changed_at <= revision:
            return 0 if entry.withdrawn else entry.bales
        return entry.at(revision, self._registry.rows_at(revision)).bales
