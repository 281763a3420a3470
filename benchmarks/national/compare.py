"""Holds the service's answer against a peer's, value by value.

Counts and sums are those of the peer. Means and shares are computed here from them, with the
exact fractions of Python, and must be what the service has printed.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import polars as pl

from benchmarks.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_client.tables import Table

    from benchmarks.national.questions import Question

_EPOCH: Final = date(1970, 1, 1)
_WHOLE: Final = 10_000
_MEANS: Final = {"mean_to_hundredths": 1, "mean_to_tenths": 10}
"""Means by the step that they are rounded to, in hundredths."""


def compare(
    peer: str,
    question: Question,
    table: Table,
    bales: pl.DataFrame,
    lots: pl.DataFrame | None,
) -> int:
    """How many values agree; raises BenchmarkError for the first that does not."""
    frames = [bales] if lots is None else [bales, lots]
    return sum(_Comparison(peer, question, table, frame).values() for frame in frames)


class _Comparison:
    """One frame of a peer beside the service's table, row by row."""

    def __init__(self, peer: str, question: Question, table: Table, theirs: pl.DataFrame) -> None:
        self._where = f'"{question.name}" of the service and of {peer}'
        keys = list(question.keys)
        named = theirs.rename({f"key.{key}": key for key in keys}).with_columns(
            _texts(key, theirs[f"key.{key}"]) for key in keys
        )
        ours = table.frame
        if ours.height != named.height:
            raise BenchmarkError(f"{self._where} differ: {ours.height} groups and {named.height}.")
        self._ours = ours.sort(keys) if keys else ours
        self._theirs = named.sort(keys) if keys else named
        self._figures = [name for name in self._theirs.columns if name not in keys]
        for key in keys:
            self._same(key, self._ours[key].to_list(), self._theirs[key].to_list())

    def values(self) -> int:
        """How many figures agree."""
        compared = 0
        for name in self._figures:
            theirs = self._theirs[name].cast(pl.Int64)
            compared += self._same(name, self._ours[name].to_list(), theirs.to_list())
        compared += self._means()
        compared += self._shares()
        return compared

    def _means(self) -> int:
        compared = 0
        for name in self._figures:
            item, _, what = name.rpartition(".")
            if what != "sum":
                continue
            bales = self._theirs[f"{item}.bales"].to_list()
            sums = self._theirs[name].to_list()
            for mean, step in _MEANS.items():
                if f"{item}.{mean}" not in self._ours.columns:
                    continue
                # Python rounds a fraction half to even, as the rule of the trade does.
                exact = [
                    round(Fraction(int(total), count * step)) * step if count else None
                    for total, count in zip(sums, bales, strict=True)
                ]
                compared += self._same(
                    f"{item}.{mean}", self._ours[f"{item}.{mean}"].to_list(), exact
                )
        return compared

    def _shares(self) -> int:
        """Shares are less than a hundredth of a percent from the exact ones, and total 100 %."""
        items: dict[str, list[str]] = {}
        for name in self._figures:
            item, _, one = name.removesuffix(".bales").rpartition(".")
            if item and name.endswith(".bales") and f"{item}.{one}.share" in self._ours.columns:
                items.setdefault(item, []).append(one)
        compared = 0
        for item, classes in items.items():
            counts = [self._theirs[f"{item}.{one}.bales"].to_list() for one in classes]
            shares = [self._ours[f"{item}.{one}.share"].to_list() for one in classes]
            for of_row, printed in zip(
                zip(*counts, strict=True), zip(*shares, strict=True), strict=True
            ):
                total = sum(of_row)
                near = all(
                    abs(share * total - count * _WHOLE) < total
                    for share, count in zip(printed, of_row, strict=True)
                )
                if total and not (near and sum(printed) == _WHOLE):
                    raise BenchmarkError(
                        f"{self._where}: the shares of {item} are {printed} of counts {of_row}."
                    )
                compared += len(printed)
        return compared

    def _same(self, name: str, ours: Sequence[object], theirs: Sequence[object]) -> int:
        for row, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            if mine != other:
                raise BenchmarkError(f"{self._where} differ in {name}, row {row}: {mine}, {other}.")
        return len(ours)


def _texts(key: str, values: pl.Series) -> pl.Series:
    """The values of a key by the names that the service has for them."""
    if key == "day":
        days = [(_EPOCH + timedelta(days=int(day))).isoformat() for day in values]
        return pl.Series(key, days, pl.String)
    if key == "month":
        months = [_month(value) for value in values]
        return pl.Series(key, months, pl.String)
    return values.cast(pl.String).alias(key)


def _month(value: object) -> str:
    """A month as a date, or as days since 1970 where the peer sends dates so."""
    on = value if isinstance(value, date) else _EPOCH + timedelta(days=int(str(value)))
    return f"{on:%Y-%m}"
