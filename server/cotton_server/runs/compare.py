"""Two settlements beside each other: every line, and every column of it, in which they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.runs.canonical import text_frame
from cotton_server.runs.table import LINE_KEYS, line_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_server.runs.settlement import Settlement
    from cotton_server.runs.table import BoolArray, Int64Array, Table
    from cotton_server.settlement.exact import Rows

PRESENT: Final = "present"
"""What a run says of a line that only it has."""

LINES_AT_ONCE: Final = 2_000
"""Lines whose differences are spelled out at once."""

_NO_ROW: Final = -1


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure or text, as text in real units, in which a line of a table differs.

    `column` is "" where only one of the two has the line.
    """

    table: str
    line: str
    column: str
    before: str
    after: str


class Comparison:
    """What differs between two settlements, counted at once and told in order of table and line."""

    def __init__(self, before: Settlement, after: Settlement) -> None:
        """Compares all lines of all tables."""
        self._tables = [
            _Compared(name, before.tables.get(name), after.tables.get(name))
            for name in LINE_KEYS
            if name in before.tables or name in after.tables
        ]

    @property
    def differing(self) -> int:
        """Lines that both have and that differ."""
        return sum(int(table.differing.sum()) for table in self._tables)

    @property
    def only_before(self) -> int:
        """Lines that only the first has."""
        return sum(int((table.after_rows == _NO_ROW).sum()) for table in self._tables)

    @property
    def only_after(self) -> int:
        """Lines that only the other has."""
        return sum(int((table.before_rows == _NO_ROW).sum()) for table in self._tables)

    def differences(self) -> Iterator[list[Difference]]:
        """All differences, some lines at a time; the columns of a line in order of the table."""
        for table in self._tables:
            yield from table.differences()


class _Compared:
    """One table of both, by line."""

    def __init__(self, name: str, before: Table | None, after: Table | None) -> None:
        self._name = name
        self._before, self._after = _texts(before), _texts(after)
        lines = (
            _lines(before, "before_row")
            .join(_lines(after, "after_row"), on="line", how="full", coalesce=True)
            .sort("line")
        )
        self._lines = lines["line"]
        self.before_rows = lines["before_row"].fill_null(_NO_ROW).to_numpy()
        self.after_rows = lines["after_row"].fill_null(_NO_ROW).to_numpy()
        self._columns = list(dict.fromkeys([*self._before.columns, *self._after.columns]))
        both = (self.before_rows != _NO_ROW) & (self.after_rows != _NO_ROW)
        rows = np.flatnonzero(both)
        self.differing: BoolArray = np.zeros(len(both), np.bool_)
        for column in self._columns:
            one, other = self._sides(column, rows)
            self.differing[rows] |= (one != other).to_numpy()

    def differences(self) -> Iterator[list[Difference]]:
        alone = (self.before_rows == _NO_ROW) | (self.after_rows == _NO_ROW)
        told = np.flatnonzero(self.differing | alone)
        for first in range(0, len(told), LINES_AT_ONCE):
            some = told[first : first + LINES_AT_ONCE]
            yield self._spelled(some[alone[some]], some[self.differing[some]])

    def _spelled(self, alone: Rows, rows: Rows) -> list[Difference]:
        found: list[tuple[int, int, Difference]] = []
        for row in alone.tolist():
            sides = [PRESENT if each[row] != _NO_ROW else "" for each in self._rows]
            found.append((row, 0, Difference(self._name, self._lines[row], "", *sides)))
        for place, column in enumerate(self._columns):
            one, other = self._sides(column, rows)
            differs = np.flatnonzero((one != other).to_numpy())
            for number in differs.tolist():
                row = int(rows[number])
                difference = Difference(
                    self._name, self._lines[row], column, one[number], other[number]
                )
                found.append((row, place, difference))
        return [difference for _, _, difference in sorted(found, key=lambda each: each[:2])]

    def _sides(self, column: str, rows: Rows) -> tuple[pl.Series, pl.Series]:
        """The texts of a column on both sides, for lines that both have."""
        one, other = (
            frame[column].gather(places[rows])
            if column in frame.columns
            else pl.Series([""]).new_from_index(0, len(rows))
            for frame, places in zip((self._before, self._after), self._rows, strict=True)
        )
        return one, other

    @property
    def _rows(self) -> tuple[Int64Array, Int64Array]:
        return self.before_rows, self.after_rows


def _texts(table: Table | None) -> pl.DataFrame:
    return pl.DataFrame() if table is None else text_frame(table)


def _lines(table: Table | None, row: str) -> pl.DataFrame:
    """The names of lines, and the row of each."""
    if table is None:
        return pl.DataFrame(schema={"line": pl.String(), row: pl.Int64()})
    return pl.DataFrame(
        {"line": line_names(table), row: pl.int_range(table.rows, dtype=pl.Int64, eager=True)}
    )
