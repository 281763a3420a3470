"""Grade summaries of any set of lots, by any combination of keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cotton_server.grading.rollup import combine
from cotton_server.grading.shares import SHARE_DECIMALS, ShareDecimalsError, ShareRule
from cotton_server.grading.standard import unverified_parts
from cotton_server.summary.adding import add_up, bales_under, lots_weighed_by
from cotton_server.summary.errors import FiguresDisagreeError, TooManyRowsError
from cotton_server.summary.figures import FigureReader, GradeFigures
from cotton_server.summary.keys import STANDARD_KEY, check_request, key_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

    from cotton_server.grading.standard import Standard

WEIGHTING: Final = "bales"
"""How every mean of a summary is weighted."""


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """What a set of lots adds up to; weights in hundredths of a kilogram."""

    keys: tuple[tuple[str, str], ...]
    """Key and value, in the order asked for; "" for lots that lack the key."""
    lots: int
    """Lots with a lot number."""
    lots_unregistered: int
    lots_weighed: int
    declared_bales: int
    bales: int
    """All bales read, graded or not."""
    bales_unregistered: int
    """Those of lots that are not registered, with those that came without a lot."""
    bales_without_lot: int
    bales_without_standard: int
    gross: int
    tare: int
    net: int
    conditioned: int
    lots_with_conditioned_weight: int
    lots_withdrawn: int
    """Whole lots that were withdrawn: in no other figure, and not among `lots`."""
    bales_withdrawn: int
    """Their bales, and those withdrawn one by one; in no other figure."""
    figures: GradeFigures


@dataclass(frozen=True, slots=True)
class GradeSummary:
    """Rows sorted by their key values, and the total over all of them."""

    standards: tuple[str, ...]
    """Ids of the standards that graded the bales, oldest first."""
    unverified: tuple[str, ...]
    """Unverified parts of the standards that graded bales or conditioned weights."""
    weighting: str
    rows: tuple[SummaryRow, ...]
    total: SummaryRow


def summarise(
    rollups: Mapping[str, pl.DataFrame],
    lots: pl.DataFrame,
    standards: Mapping[str, Standard],
    *,
    keys: Sequence[str],
    filters: Mapping[str, Sequence[str]],
    share_decimals: int,
    rows_max: int | None = None,
) -> GradeSummary:
    """Adds roll-ups and facts of lots up by `keys`, over the lots that pass all `filters`.

    `rollups` has a roll-up by `lot` per id of `standards`. `lots` has one row per lot ever
    seen: `lot` (Int32, joins the roll-ups), `lot_no` (String), `registered` and `withdrawn`
    (Boolean), `season` (Int32), the other keys (String, "" where lacking), `declared_bales`,
    `bales` (all bales of the lot that count), `bales_without_standard` and `bales_withdrawn`
    (Int64), `standard` (String: the id of the lot's standard, "" without), `gross`, `tare`,
    `net` and `conditioned` (Int64, hundredths of a kilogram, null where not known). The entry
    that keeps bales without a lot has the lot_no ""; it is not counted as a lot.

    A withdrawn lot counts in `lots_withdrawn` and its bales in `bales_withdrawn`, where its keys
    put it, and in nothing else: it comes without bales, declared bales and weights.

    A lot whose bales were graded by several standards counts once, with what it declared and
    weighs: where `standard` is a key or a filter, under the lot's standard. Its bales count
    under the standard that graded them, and bales without a standard under "".

    Without keys there is one row, the total. Values sort by code point. Shares are printed
    by largest remainder with 1 or 2 decimals.

    Raises UnknownKeyError, RepeatedKeyError and EmptyFilterError for a request without
    answer, TooManyRowsError before more than `rows_max` rows are made, ShareDecimalsError for
    other decimals, and FiguresDisagreeError where the roll-ups and the lots count different
    bales.
    """
    check_request(keys, filters)
    if share_decimals not in SHARE_DECIMALS:
        raise ShareDecimalsError(share_decimals)
    if unknown := sorted(rollups.keys() - standards.keys()):
        raise FiguresDisagreeError(
            f"There are roll-ups under {', '.join(unknown)}, which is not loaded: "
            "load the standard, or rebuild the roll-ups."
        )
    oldest_first = {name: rollups[name] for name in standards if name in rollups}
    sums = add_up(oldest_first, lots, keys=keys, filters=filters)
    if rows_max is not None and sums.height > rows_max:
        raise TooManyRowsError(sums.height, rows_max)
    total = combine(sums.drop(key_column(key) for key in keys), []).row(0, named=True)
    if STANDARD_KEY not in filters:
        _check_bales(total)
    reader = _RowReader({name: standards[name] for name in oldest_first}, share_decimals)
    total_row = reader.read(total, ())
    rows = tuple(reader.read(row, keys) for row in _rows(sums)) if keys else (total_row,)
    return GradeSummary(
        standards=reader.standards_of(total),
        unverified=unverified_parts(
            standards[name]
            for name in oldest_first
            if total.get(bales_under(name)) or total.get(lots_weighed_by(name))
        ),
        weighting=WEIGHTING,
        rows=rows,
        total=total_row,
    )


def _rows(frame: pl.DataFrame) -> Iterable[dict[str, Any]]:
    return frame.iter_rows(named=True)


def _check_bales(total: Mapping[str, Any]) -> None:
    """Every bale that a lot has read is in a roll-up or counted as without standard."""
    counted = total.get("bales", 0) + total["bales_without_standard"]
    if total["bales_read"] != counted:
        raise FiguresDisagreeError(
            f"The lots have read {total['bales_read']} bales and their roll-ups count {counted}: "
            "rebuild the roll-ups from the ledger."
        )


class _RowReader:
    """Makes rows of a summary out of summed-up integers."""

    def __init__(self, standards: Mapping[str, Standard], share_decimals: int) -> None:
        self._standards = standards
        self._share_decimals = share_decimals
        self._figures: dict[tuple[str, ...], FigureReader] = {}

    def standards_of(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The standards that graded the bales of a row."""
        return tuple(name for name in self._standards if row.get(bales_under(name)))

    def read(self, row: Mapping[str, Any], keys: Sequence[str]) -> SummaryRow:
        """One row, with the classes of the standards that graded its bales."""
        without_standard = row.get("bales_without_standard") or 0
        return SummaryRow(
            keys=tuple((key, row[key_column(key)]) for key in keys),
            lots=row["lots"],
            lots_unregistered=row["lots_unregistered"],
            lots_weighed=row["lots_weighed"],
            declared_bales=row["declared_bales"],
            bales=(row.get("bales") or 0) + without_standard,
            bales_unregistered=row.get("bales_unregistered") or 0,
            bales_without_lot=row.get("bales_without_lot") or 0,
            bales_without_standard=without_standard,
            gross=row["gross"],
            tare=row["tare"],
            net=row["net"],
            conditioned=row["conditioned"],
            lots_with_conditioned_weight=row["lots_with_conditioned_weight"],
            lots_withdrawn=row["lots_withdrawn"],
            bales_withdrawn=row["bales_withdrawn"],
            figures=self._figure_reader(self.standards_of(row)).read(row),
        )

    def _figure_reader(self, names: tuple[str, ...]) -> FigureReader:
        if names not in self._figures:
            self._figures[names] = FigureReader(
                [self._standards[name] for name in names],
                rule=ShareRule.LARGEST_REMAINDER,
                share_decimals=self._share_decimals,
            )
        return self._figures[names]
