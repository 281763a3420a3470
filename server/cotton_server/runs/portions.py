"""The bales of lots in bounded portions, only the values that are asked for."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.grading.bales import with_chart
from cotton_server.summary.at_revision import LOTS_AT_ONCE
from cotton_server.summary.basis import on_basis
from cotton_server.summary.facts import default_standard
from cotton_server.summary.standing import BALES_AT_ONCE_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from cotton_server.grading.standard import Standard
    from cotton_server.registry.lots import LotEntry
    from cotton_server.registry.runs import RunArray
    from cotton_server.runs.sources import Sources
    from cotton_server.runs.terms import Terms

_CHARTED: Final = ("rd", "plus_b")
"""What a chart grades by."""


@dataclass(frozen=True, slots=True)
class _Runs:
    """Row ranges of the store, and the number of the lot of each."""

    runs: RunArray
    lots: npt.NDArray[np.int32]


def portions(
    lots: Sequence[int],
    standard: Standard,
    values: Sequence[str],
    sources: Sources,
    terms: Terms,
) -> Iterator[pl.DataFrame]:
    """The bales of lots that a standard grades, a row each, in order of the lots given.

    Columns: those of `BaleStore.frame` with the value fields `values`, `lot` (Int32, its number in
    the registry), and CHART_COLOUR where a chart grades them.
    """
    registry = sources.registry
    chart = sources.lots.grading.basis.charts.get(standard.id)
    wanted = list(dict.fromkeys([*values, *(_CHARTED if chart is not None else ())]))
    found = _runs_of(lots, sources, terms)
    sizes = (found.runs[:, 1] - found.runs[:, 0]).astype(np.int64)
    portion_of = np.cumsum(sizes) // BALES_AT_ONCE_MAX
    for number in np.unique(portion_of).tolist():
        mine = np.flatnonzero(portion_of == number)
        frame = registry.bales.frame(found.runs[mine], wanted)
        frame = frame.with_columns(lot=np.repeat(found.lots[mine], sizes[mine]))
        frame = _graded_by(standard, frame, sources, terms)
        yield frame if chart is None else with_chart(frame, chart)


def _runs_of(lots: Sequence[int], sources: Sources, terms: Terms) -> _Runs:
    """The rows of lots that count, in order; the registry stands still for some lots at a time."""
    registry = sources.registry
    count = registry.rows_at(terms.revision)
    flat, numbers = array("i"), array("i")
    for first in range(0, len(lots), LOTS_AT_ONCE):
        some = [registry.lots.looked_at(number) for number in lots[first : first + LOTS_AT_ONCE]]
        with registry.lock:
            for entry in some:
                if _is_plain(entry, terms.revision):
                    flat.extend(entry.runs)
                    numbers.extend([entry.number] * (len(entry.runs) // 2))
                else:
                    runs = on_basis(entry.at(terms.revision, count), terms.basis).runs
                    flat.extend(runs.ravel().tolist())
                    numbers.extend([entry.number] * len(runs))
    runs = np.array(flat, np.int32).reshape(-1, 2)
    return _Runs(runs, np.array(numbers, np.int32))


def _is_plain(entry: LotEntry, revision: int) -> bool:
    """Whether all rows of a lot count, and did at a revision, on either basis."""
    return (
        entry.changed_at <= revision
        and not entry.out_of_force
        and not entry.out_of_first
        and not entry.withdrawn
    )


def _graded_by(
    standard: Standard, frame: pl.DataFrame, sources: Sources, terms: Terms
) -> pl.DataFrame:
    """The bales of lots of a standard that it grades itself.

    A bale whose reading names no standard goes by that of its lot; only where others of the lot
    name one can that be another than the lot's own.
    """
    mine = (frame["is_usda"] == standard.grades_usda_bales).to_numpy()
    said = frame["standard"].to_numpy()
    lots = frame["lot"].to_numpy()
    # Bales of the first lot and of the last may be in another portion, and name one there.
    asking = np.unique(np.append(lots[said != 0], lots[[0, -1]])) if len(lots) else lots
    others = [
        number for number in asking.tolist() if not _is_default(standard, number, sources, terms)
    ]
    if others or said.any():
        book = sources.registry.texts["standard"]
        named = np.asarray([book[number] == standard.id for number in range(len(book))])
        mine &= np.where(said != 0, named[said], ~np.isin(lots, np.asarray(others, np.int32)))
    return frame if mine.all() else frame.filter(pl.Series(mine))


def _is_default(standard: Standard, number: int, sources: Sources, terms: Terms) -> bool:
    """Whether bales of a lot that name no standard go by this one."""
    registry = sources.registry
    entry = registry.lots.looked_at(number)
    with registry.lock:
        lot = entry.at(terms.revision, registry.rows_at(terms.revision))
    return default_standard(lot, sources.standards) is standard
