"""The standing of all lots at any revision: kept for the latest, put together for older ones."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import polars as pl

from cotton_server.errors import Reason, ServiceError
from cotton_server.summary.standing import LOT_SCHEMA, Standing, no_rollup, standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cotton_server.grading.standard import Standard
    from cotton_server.registry.lots import LotAt
    from cotton_server.registry.registry import Registry


class LotsAtRevision:
    """Answers with the standing of lots; a lot that changed is recomputed from its bales.

    Every answer covers every batch that was acknowledged before it was asked for.
    """

    def __init__(self, registry: Registry, standards: Mapping[str, Standard]) -> None:
        """Takes what it reads; computes nothing yet."""
        self._registry = registry
        self._standards = standards
        self._lock = threading.Lock()
        self._revision = 0
        self._latest = Standing(
            {name: no_rollup(standard) for name, standard in standards.items()},
            pl.DataFrame(schema=LOT_SCHEMA),
        )

    def all_lots(self, revision: int) -> tuple[int, Standing]:
        """All lots at a revision (0: the latest), with the revision answered at.

        Raises ServiceError for a revision that is not there yet.
        """
        with self._lock:
            self._refresh()
            latest, newest = self._latest, self._revision
            _refuse_future(revision, newest)
            if revision in (0, newest):
                return newest, latest
            with self._registry.lock:
                count = self._registry.bales.count_at(revision, self._registry.bales.count)
                later = [
                    lot.at(revision, count)
                    for lot in self._registry.lots
                    if lot.changed_at > revision
                ]
        older = self._compute([lot for lot in later if lot.exists])
        return revision, _replaced(latest, [lot.number for lot in later], older)

    def one_lot(self, lot_no: str, season: int, revision: int) -> tuple[int, LotAt | None]:
        """One lot at a revision (0: the latest), None when nothing of it had arrived."""
        with self._registry.lock:
            _refuse_future(revision, self._registry.revision)
            revision = revision or self._registry.revision
            number = self._registry.lots.number_of(lot_no, season)
            if number is None:
                return revision, None
            count = self._registry.bales.count_at(revision, self._registry.bales.count)
            lot = self._registry.lots[number].at(revision, count)
        return revision, lot if lot.exists else None

    def standing_of(self, lot: LotAt) -> Standing:
        """The standing of one lot."""
        return self._compute([lot])

    def _refresh(self) -> None:
        with self._registry.lock:
            revision = self._registry.revision
            count = self._registry.bales.count
            changed = [
                self._registry.lots[number].at(revision, count)
                for number in self._registry.take_changed()
            ]
        if changed:
            numbers = [lot.number for lot in changed]
            try:
                self._latest = _replaced(self._latest, numbers, self._compute(changed))
            except BaseException:
                with self._registry.lock:
                    self._registry.give_back_changed(numbers)
                raise
        self._revision = revision

    def _compute(self, lots: Sequence[LotAt]) -> Standing:
        return standing(
            lots, self._registry.bales, self._registry.texts["standard"], self._standards
        )


def _refuse_future(revision: int, latest: int) -> None:
    if revision > latest:
        raise ServiceError(
            Reason.FUTURE_REVISION,
            f"Revision {revision} was asked for; the latest is {latest}.",
            {"revision": f"at most {latest}"},
        )


def _replaced(old: Standing, numbers: Sequence[int], new: Standing) -> Standing:
    """The old standing with the lots of these numbers replaced by what the new one has."""
    gone = pl.col("lot").is_in(numbers)
    return Standing(
        rollups={
            name: pl.concat([rollup.filter(~gone), new.rollups[name]])
            for name, rollup in old.rollups.items()
        },
        lots=pl.concat([old.lots.filter(~gone), new.lots]),
    )
