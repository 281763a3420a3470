"""The standing of all lots at any revision: kept for the latest, put together for older ones."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import polars as pl

from cotton_server.summary.basis import Basis, on_basis
from cotton_server.summary.standing import LOT_SCHEMA, Standing, no_rollup, standing
from cotton_server.summary.views import refuse_future

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
        self._amended: set[int] = set()
        self._latest = Standing(
            {name: no_rollup(standard) for name, standard in standards.items()},
            pl.DataFrame(schema=LOT_SCHEMA),
        )

    def all_lots(self, revision: int, basis: Basis = Basis.IN_FORCE) -> tuple[int, Standing]:
        """All lots at a revision (0: the latest), with the revision answered at.

        By first inspections only lots with re-tests differ from what is in force: those are
        computed beside. Raises ServiceError for a revision that is not there yet.
        """
        with self._lock:
            self._refresh()
            latest, newest = self._latest, self._revision
            refuse_future(revision, newest)
            revision = revision or newest
            by_first = self._amended if basis is Basis.FIRST_INSPECTION else ()
            if revision == newest and not by_first:
                return newest, latest
            with self._registry.lock:
                count = self._registry.bales.count_at(revision, self._registry.bales.count)
                other = [
                    lot.at(revision, count)
                    for lot in self._registry.lots
                    if lot.changed_at > revision or lot.number in by_first
                ]
        computed = self._compute([on_basis(lot, basis) for lot in other if lot.exists])
        return revision, _replaced(latest, [lot.number for lot in other], computed)

    def _refresh(self) -> None:
        with self._registry.lock:
            revision = self._registry.revision
            count = self._registry.bales.count
            entries = [self._registry.lots[number] for number in self._registry.take_changed()]
            changed = [lot.at(revision, count) for lot in entries]
        # What was once amended stays so; every amendment comes by here.
        self._amended.update(lot.number for lot in entries if lot.out_of_force or lot.out_of_first)
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
