"""The text report of an Uster HVI 1000: a head, a row a bale, statistics; nothing converted.

The head gives instrument, date, time and lot where it states them; a line of column names, maybe
one of units, and the rows follow, until the statistics (Average, n, Std.Dev., Q99% …), which are
never read as bales. What is odd is read where there is one way to read it, and told as a notice.

The bale ids are the laboratory's sample numbers: which bale each stands for is stated by a file
of bale codes, unless they are bale codes of 32 digits themselves. A sample without a bale is
refused. Lengths must be in mm and strengths in cN/tex, the units of GB 1103.1: a length says which
by its size where no unit is stated, a strength does not and must be stated.

`CGrd` is the grade that the instrument computed. The colour grade is that of the laboratory: the
`Grade` of a row; without one, what the instrument computed. But a grade with a quadrant ("31-1")
is of the USDA chart: it is kept as the instrument's, and taken as the colour grade only where the
sender states that the instrument works by the chart of the standard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_client import frames
from cotton_client.fields import COUNT_FIELDS
from cotton_client.readers import values
from cotton_client.readers.bale_codes import Bale, is_bale_code
from cotton_client.readers.errors import (
    EmptyFileError,
    HeaderError,
    LineError,
    ValueInFileError,
)
from cotton_client.readers.notices import Reporter
from cotton_client.readers.options import repeated
from cotton_client.readers.text import read_blocks
from cotton_client.readers.uster_head import Head
from cotton_client.readers.uster_layout import (
    BALE_ID,
    COLOUR,
    FIELDS,
    GRADE,
    LENGTH,
    NOT_CARRIED,
    STRENGTH,
    Layout,
    LayoutError,
    joined_units,
    parse_header,
    units_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cotton_client.readers.notices import Notify
    from cotton_client.readers.options import FileOptions
    from cotton_client.readers.text import Block

HEAD_LINES_MAX: Final = 64
"""The column names stand within so many lines; a report has about 13 before them."""

SAMPLES_LISTED_MAX: Final = 20
"""Samples without a bale that one error lists; all are counted."""

_UNITS: Final = {LENGTH: "mm", STRENGTH: "cN/tex"}
"""The units of GB 1103.1."""

_LENGTH_MM: Final = (1500, 4500)
_LENGTH_IN: Final = (50, 180)
"""Lengths in hundredths that can only be mm, or only inches."""

_STATISTICS: Final = re.compile(
    r"\s*\"?(?:average|avg|mean|n|std\.? *dev\.?|stdev|s\.?d\.?|cv *%?|q *\d\d *%?|min(?:imum)?\.?"
    r"|max(?:imum)?\.?|median|range|count)\"?(?=[\s:;,=]|$)",
    re.IGNORECASE,
)
_RULER: Final = re.compile(r"[\s\-=_*+|]*")
_ABSENT: Final = re.compile(r"[-*]*")
_DECIMAL_COMMA: Final = re.compile(r"([+-]?[0-9]+),([0-9]+)", re.ASCII)
_COLOUR_GRADE: Final = re.compile(r"([1-8][1-5])(?:-([1-4]))?", re.ASCII)
_DOTTED: Final = re.compile(r"\.([0-9]+)|([0-9]+)\.", re.ASCII)
_INSTEAD: Final = (
    "nothing is converted on the way in: set the instrument to mm and cN/tex, export anew"
)


def is_statistics(line: str) -> bool:
    """Whether a line is one of the statistics below the rows."""
    return _STATISTICS.match(line) is not None


@dataclass(slots=True)
class _Rows:
    """The rows of one block, column by column."""

    lines: list[int] = field(default_factory=list)
    bale_codes: list[str] = field(default_factory=list)
    lots: list[str | None] = field(default_factory=list)
    columns: dict[str, list[int | None]] = field(default_factory=dict)
    unmapped: list[tuple[int, str]] = field(default_factory=list)
    unmapped_count: int = 0


def read_uster(path: Path, options: FileOptions, notify: Notify | None) -> Iterator[pl.DataFrame]:
    """The readings of an Uster report, in order, in frames of READINGS_SCHEMA.

    Raises the ReadingFileError tree.
    """
    report = _Report(path, options, Reporter(path, notify))
    for block in read_blocks(path, bytewise=True):
        frame = report.read(block)
        if frame is not None:
            yield frame
    report.end()


class _Report:
    """A report as far as it has been read: its head, its layout, and which part comes next."""

    def __init__(self, path: Path, options: FileOptions, reporter: Reporter) -> None:
        self.path = path
        self.options = options
        self.reporter = reporter
        self.head = Head(reporter)
        self.layout: Layout | None = None
        self.header = ""
        self.rows_begun = False
        self.statistics_begun = False
        self.bales = 0
        self.seen: dict[str, tuple[str, int]] = {}

    def read(self, block: Block) -> pl.DataFrame | None:
        """The readings of the next block; None where it has none."""
        if block.line_not_utf_8 is not None:
            self.reporter.tell_once(
                block.line_not_utf_8,
                "encoding",
                "is not UTF-8: only its ASCII text is read, the rest of it not interpreted",
            )
        rows = _Rows()
        for number, line in enumerate(block.text.split("\n")[:-1], block.first_line):
            try:
                self._line(line, number, rows, exact=block.line_not_utf_8 is None)
            except LayoutError as error:
                raise LineError(self.path, error.problem, error.remedy, line=number) from error
        self._refuse_unmapped(rows)
        if not rows.lines:
            return None
        self.bales += len(rows.lines)
        return self._frame(rows)

    def end(self) -> None:
        """Raises HeaderError or EmptyFileError for a file without column names or bales."""
        if self.layout is None:
            raise self._no_header()
        if not self.bales:
            raise EmptyFileError(self.path, "holds no bales", "check the export that wrote it")

    def _no_header(self) -> HeaderError:
        return HeaderError(
            self.path,
            f"is in none of the first {HEAD_LINES_MAX} lines",
            "export the report with its column names (Bale ID, SCI, Mst, Mic …)",
            column=BALE_ID,
        )

    def _line(self, line: str, number: int, rows: _Rows, *, exact: bool) -> None:
        if _RULER.fullmatch(line) is not None:
            return
        if self.layout is None:
            self._head_line(line, number, exact=exact)
        elif self.statistics_begun:
            self._after_rows(self.layout, line, number)
        elif is_statistics(line):
            self.statistics_begun = True
            self.reporter.tell(number, "statistics begin here: they are no bales, and left out")
        elif line == self.header:
            self.reporter.tell(number, "the column names stand again: passed over")
        elif not self.rows_begun and not any(character.isdigit() for character in line):
            self.head.units = joined_units(self.head.units, units_of(line))
        else:
            if not self.rows_begun:
                self._require_units(self.layout, number)
                self.rows_begun = True
            self._row(self.layout, line, number, rows)

    def _head_line(self, line: str, number: int, *, exact: bool) -> None:
        layout = parse_header(line)
        if layout is None:
            if number >= HEAD_LINES_MAX:
                raise self._no_header()
            self.head.read(line, number, exact=exact)
            return
        for name in layout.names:
            if name in NOT_CARRIED:
                self.reporter.tell(number, f"no reading has the column {name}: left out")
            elif name not in FIELDS and name != COLOUR:
                self.reporter.tell(number, f"the column {name!r} is not known: left out")
        self.head.units = joined_units(self.head.units, layout.units)
        self.layout, self.header = layout, line

    def _after_rows(self, layout: Layout, line: str, number: int) -> None:
        if is_statistics(line):
            return
        if parse_header(line) is not None:
            raise LineError(
                self.path, "begins a second report", "send each report as a file", line=number
            )
        try:
            layout.row(line)
        except LayoutError:
            self.reporter.tell(number, "stands below the statistics: left out")
            return
        raise LineError(
            self.path,
            "looks like a bale and stands below the statistics",
            "move it above them if it is one, else remove it",
            line=number,
        )

    def _require_units(self, layout: Layout, number: int) -> None:
        """Refuses units that are not those of the standard, and a strength without any."""
        units = dict(self.head.units)
        stated = self.options.strength_unit
        if stated is not None:
            if units.get(STRENGTH, stated) != stated:
                raise HeaderError(
                    self.path,
                    f"is in {units[STRENGTH]}, where {stated} was stated for the whole file",
                    "leave the option out",
                    column=STRENGTH,
                )
            units[STRENGTH] = stated
        for name, wanted in _UNITS.items():
            if name in layout.names and units.get(name, wanted) != wanted:
                raise HeaderError(
                    self.path,
                    f"is in {units[name]}, and the standard of these bales has {wanted}",
                    _INSTEAD,
                    column=name,
                )
        if STRENGTH in layout.names and STRENGTH not in units:
            raise HeaderError(
                self.path,
                "states no unit, and by its size it could be cN/tex or g/tex",
                "state the strength unit for the whole file, or export with units",
                column=STRENGTH,
            )
        if LENGTH in layout.names and LENGTH not in units:
            self.reporter.tell_once(
                number,
                "length unit",
                f"{LENGTH} states no unit: read as mm, which its size must bear out",
            )

    def _row(self, layout: Layout, line: str, number: int, rows: _Rows) -> None:
        row = layout.row(line)
        bale = self._bale(row.bale_id, number, rows)
        texts = dict(zip(layout.names, row.values, strict=True))
        numbers: dict[str, int | None] = {
            name: self._number(column, texts[column], number)
            for column, name in FIELDS.items()
            if column in texts
        }
        if (row.grade is not None) != layout.grade_named:
            self._tell_shift(row.grade, texts, number)
        numbers |= self._colours(row.grade or "", texts.get(COLOUR, ""), number)
        if bale is None:
            return
        rows.lines.append(number)
        rows.bale_codes.append(bale.bale_code)
        rows.lots.append(bale.lot_no)
        for name, value in numbers.items():
            rows.columns.setdefault(name, []).append(value)

    def _tell_shift(self, grade: str | None, texts: dict[str, str], number: int) -> None:
        """Tells of a grade that only the header or only the row has; refuses what is no such row.

        Where blanks part the columns, a missing value moves the others just as a missing grade
        does: a grade then stands in the place of the moisture, which is printed with decimals.
        """
        if grade is not None:
            if _COLOUR_GRADE.fullmatch(grade) is None:
                raise self._refusal(
                    number,
                    GRADE,
                    grade,
                    "stands where a row without a grade has none, and is no colour grade",
                    "check the line for a value too many",
                )
            self.reporter.tell(number, f"has the grade {grade}, which the header does not name")
            return
        for column in ("Mst", "Mic", "Mat", LENGTH):
            text = texts.get(column, "0.0")
            if text and not re.search(r"[.,]", text):
                raise self._refusal(
                    number,
                    column,
                    text,
                    "has no decimals in a row that is a value short",
                    "check the line for a missing value; write - where there is none",
                )
        self.reporter.tell(number, "has no grade, which the header names: read from the right")

    def _refusal(
        self, number: int, column: str, value: str, problem: str, remedy: str
    ) -> ValueInFileError:
        return ValueInFileError(self.path, problem, remedy, line=number, column=column, value=value)

    def _bale(self, written: str, number: int, rows: _Rows) -> Bale | None:
        """The bale of a sample; None, and noted, where there is none."""
        if is_bale_code(written):
            return Bale(written, None)
        by_sample = {} if self.options.bale_codes is None else self.options.bale_codes.by_sample
        sample = written
        dotted = _DOTTED.fullmatch(written)
        if written not in by_sample and dotted is not None:
            sample = dotted[1] or dotted[2]
        bale = by_sample.get(sample)
        if bale is None:
            rows.unmapped_count += 1
            if len(rows.unmapped) < SAMPLES_LISTED_MAX:
                rows.unmapped.append((number, written))
            return None
        if sample != written:
            self.reporter.tell(number, f"the sample {written!r} is read as {sample!r}")
        before, line = self.seen.setdefault(bale.bale_code, (written, number))
        if before != written:
            raise self._refusal(
                number,
                BALE_ID,
                written,
                f"is the same sample as {before!r} on line {line}, written otherwise",
                "write both alike if they are one sample, else give each its own number",
            )
        return bale

    def _refuse_unmapped(self, rows: _Rows) -> None:
        if not rows.unmapped:
            return
        number, written = rows.unmapped[0]
        listed = ", ".join(f"{sample} (line {line})" for line, sample in rows.unmapped)
        more = rows.unmapped_count - len(rows.unmapped)
        codes = self.options.bale_codes
        raise self._refusal(
            number,
            BALE_ID,
            written,
            f"has no bale code; {rows.unmapped_count} in all: {listed}"
            + (f" and {more} more" if more else ""),
            "give a CSV of sample and bale_code for the sample numbers of this report"
            if codes is None
            else f"add it to {codes.path}",
        )

    def _number(self, column: str, text: str, number: int) -> int | None:
        if _ABSENT.fullmatch(text) is not None:
            return None
        comma = _DECIMAL_COMMA.fullmatch(text)
        if comma is not None:
            self.reporter.tell_once(number, "comma", f"has decimal commas: {text} is read exactly")
            text = f"{comma[1]}.{comma[2]}"
        parse = values.parse_whole if FIELDS[column] in COUNT_FIELDS else values.parse_hundredths
        try:
            return parse(text)
        except values.ValueTextError as error:
            raise self._refusal(number, column, text, error.problem, error.remedy) from error

    def _colours(self, grade: str, computed: str, number: int) -> dict[str, int | None]:
        """The colour grade of the laboratory, the instrument's, and its quadrant."""
        colours: dict[str, int | None] = dict.fromkeys(
            ("colour_grade", "instrument_colour_grade", "colour_quadrant")
        )
        quadrant = None
        if _ABSENT.fullmatch(computed) is None:
            match = _COLOUR_GRADE.fullmatch(computed)
            if match is None:
                raise self._refusal(
                    number, COLOUR, computed, "is no colour grade", "write it such as 31 or 31-1"
                )
            quadrant = match[2]
            colours["instrument_colour_grade"] = int(match[1])
            if quadrant is None or self.options.instrument_colour_is_grade:
                colours["colour_grade"] = int(match[1])
            if quadrant is not None:
                colours["colour_quadrant"] = int(quadrant)
        if _ABSENT.fullmatch(grade) is None:
            match = _COLOUR_GRADE.fullmatch(grade)
            if match is None:
                self.reporter.tell(number, f"the grade {grade!r} is no colour grade: left out")
            else:
                colours["colour_grade"] = int(match[1])
                return colours
        if quadrant is not None and not self.options.instrument_colour_is_grade:
            self.reporter.tell_once(
                number,
                "quadrant",
                f"{COLOUR} has a quadrant, so it is of the USDA chart and not taken as the colour "
                "grade; state that the instrument's colour is the grade if it works by the chart "
                "of the standard",
            )
        return colours

    def _lots(self, rows: _Rows) -> pl.Series:
        """The lot of each bale: as its sample states it, the sender, or the head."""
        stated = self.options.lot_no
        if stated is None:
            stated = self.head.lot_no
        elif self.head.lot_no not in {None, stated}:
            raise ValueInFileError(
                self.path,
                f"in its head contradicts {stated!r}, stated for the whole file",
                "send the file without the option, or correct it",
                column="lot_no",
                value=self.head.lot_no,
            )
        lots = []
        for number, lot_no in zip(rows.lines, rows.lots, strict=True):
            if lot_no is not None and stated is not None and lot_no != stated:
                raise self._refusal(
                    number,
                    "lot_no",
                    lot_no,
                    f"of its bale code contradicts {stated!r}, stated for the whole file",
                    "correct the lot of one of them",
                )
            lots.append(lot_no or stated)
            if lots[-1] is None:
                raise LineError(
                    self.path,
                    "is of a bale without lot number",
                    "state it in the file of bale codes, or for the whole file",
                    line=number,
                )
        return pl.Series(lots, dtype=pl.String)

    def _frame(self, rows: _Rows) -> pl.DataFrame:
        count = len(rows.lines)
        columns = {
            name: pl.Series(numbers, dtype=pl.Int32) for name, numbers in rows.columns.items()
        }
        if "length" in columns and LENGTH not in self.head.units:
            self._check_length(columns["length"], np.array(rows.lines))
        columns |= {name: repeated(text, count) for name, text in self.options.texts()}
        columns["bale_code"] = pl.Series(rows.bale_codes, dtype=pl.String)
        columns["lot_no"] = self._lots(rows)
        if self.head.instrument is not None:
            columns["instrument"] = repeated(self.head.instrument, count)
        moment = self.head.inspected_at_s
        if moment is not None:
            columns["inspected_at_s"] = pl.repeat(moment, count, dtype=pl.Int64, eager=True)
        frame = pl.DataFrame([series.alias(name) for name, series in columns.items()])
        return frames.conform(frame, frames.READINGS_SCHEMA)

    def _check_length(self, lengths: pl.Series, lines: np.ndarray) -> None:
        """Refuses lengths without a unit that are not, by their size, in mm."""
        not_mm = ~lengths.is_between(*_LENGTH_MM).fill_null(value=True)
        if not not_mm.any():
            return
        row = int(not_mm.arg_max() or 0)
        inches = lengths[row] is not None and _LENGTH_IN[0] <= lengths[row] <= _LENGTH_IN[1]
        raise self._refusal(
            int(lines[row]),
            LENGTH,
            str(Decimal(lengths[row]).scaleb(-2)),
            "is in inches by its size, and the standard of these bales has mm"
            if inches
            else "states no unit, and by its size it is neither mm nor inches",
            _INSTEAD if inches else "export with units, or correct the value",
        )
