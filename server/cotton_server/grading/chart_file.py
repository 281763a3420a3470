"""Reads a colour chart from its CSV text and refuses what contradicts itself.

Lines `# key: value` come first, each key of KEYS once; then the heading COLUMNS; then a row for
every rectangle of cells that has a grade, both ends included, in real units:

    # id: my-chart
    # standard: GB1103.1-2023
    ...
    grade,plus_b_from,plus_b_to,rd_from,rd_to
    31,7.1,7.4,78,81
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

import numpy as np

from cotton_server.domain.fields import ABSENT
from cotton_server.domain.identifiers import is_plain_text
from cotton_server.domain.lines import lines_of, trimmed
from cotton_server.grading.chart import Axis, Chart, ChartRounding, Rectangle
from cotton_server.grading.standard import Confidence, Provenance

KEYS: Final = (
    "id",
    "standard",
    "title",
    "source",
    "confidence",
    "rd_resolution",
    "rd_rounding",
    "plus_b_resolution",
    "plus_b_rounding",
)
COLUMNS: Final = ("grade", "plus_b_from", "plus_b_to", "rd_from", "rd_to")

BYTES_MAX: Final = 1 << 20
RECTANGLES_MAX: Final = 20_000
CELLS_MAX: Final = 1 << 20
"""Most cells of the box around all rectangles, and of all rectangles together."""
TEXT_MAX: Final = 500
_VALUE_MAX: Final = 15_000
"""No Rd or +b, in hundredths, is near it."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_STANDARD_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9./-]{0,31}", re.ASCII)
_GRADE: Final = re.compile(r"[1-9][1-9]", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,5}(\.[0-9]{1,2})?", re.ASCII)


class ChartFileError(ValueError):
    """A chart's file cannot be used: which file and line, what is wrong, and what to do."""

    def __init__(self, file: str, line: int, problem: str, remedy: str) -> None:
        self.file = file
        self.line = line
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{file}: line {line}: {problem} {remedy}")


def parse_chart(text: str, file: str) -> Chart:
    """The chart that `text` describes; `file` is what errors call it.

    Raises ChartFileError for a missing, repeated or unknown key, a row that is no rectangle of
    whole cells, rectangles of different grades that share a cell, and a chart that is too large.
    """
    size = len(text.encode())
    if size > BYTES_MAX:
        raise ChartFileError(
            file, 1, f"It has {size} bytes; at most {BYTES_MAX} are read.",
            "Join neighbouring cells of a grade to larger rectangles.",
        )  # fmt: skip
    lines = [trimmed(line) for line in lines_of(text)]
    head = _Head(file)
    at = 0
    while at < len(lines) and (lines[at].startswith("#") or not lines[at]):
        if lines[at]:
            head.read(lines[at], at + 1)
        at += 1
    head.check(at + 1)
    rd, plus_b = head.axis("rd"), head.axis("plus_b")
    _check_heading(lines[at] if at < len(lines) else "", file, at + 1)
    rows = [
        _rectangle(line, rd, plus_b, file, number)
        for number, line in enumerate(lines[at + 1 :], start=at + 2)
        if line
    ]
    _check_size(rows, file, at + 1)
    _check_overlaps(rows, file)
    return Chart(
        id=head.id(),
        standard=head.standard(),
        title=head.text("title"),
        provenance=Provenance(head.text("source"), head.confidence()),
        rd=rd,
        plus_b=plus_b,
        rectangles=tuple(rows),
    )


class _Head:
    """The lines `# key: value` of a file, each key with its line."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._values: dict[str, tuple[str, int]] = {}

    def read(self, line: str, number: int) -> None:
        name, colon, value = line.removeprefix("#").partition(":")
        key = trimmed(name)
        if not colon or key not in KEYS:
            raise ChartFileError(
                self._file, number, "The line is no `# key: value` with a key of a chart.",
                f"The keys are {', '.join(KEYS)}; put remarks into the source.",
            )  # fmt: skip
        if key in self._values:
            raise ChartFileError(
                self._file, number, f"The key {key} occurs twice.", "Keep one of the two."
            )
        self._values[key] = (trimmed(value), number)

    def check(self, number: int) -> None:
        """Every key must be there."""
        for key in KEYS:
            if key not in self._values:
                raise ChartFileError(
                    self._file, number, f"The key {key} is missing.",
                    f"Write a line `# {key}: …` before the heading.",
                )  # fmt: skip

    def text(self, key: str) -> str:
        value, number = self._values[key]
        if not 0 < len(value) <= TEXT_MAX:
            raise self._wrong(key, number, f"has {len(value)} characters", f"Give 1 to {TEXT_MAX}.")
        if not is_plain_text(value):
            raise self._wrong(key, number, "has control characters", "Take them out.")
        return value

    def id(self) -> str:
        value, number = self._values["id"]
        if not _ID.fullmatch(value):
            raise self._wrong(
                "id", number, f'is "{value}"', "Give up to 64 letters, digits and . _ -."
            )
        return value

    def standard(self) -> str:
        value, number = self._values["standard"]
        if not _STANDARD_ID.fullmatch(value):
            raise self._wrong(
                "standard", number, f'is "{value}"', "Give the id of a standard: GB1103.1-2023."
            )
        return value

    def confidence(self) -> Confidence:
        value, number = self._values["confidence"]
        if value not in {each.value for each in Confidence}:
            raise self._wrong("confidence", number, f'is "{value}"', "Give H, M or L.")
        return Confidence(value)

    def axis(self, name: str) -> Axis:
        value, number = self._values[f"{name}_resolution"]
        resolution = _hundredths(value)
        if resolution is None or not 0 < resolution <= _VALUE_MAX:
            raise self._wrong(
                f"{name}_resolution", number, f'is "{value}"', "Give a number such as 1 or 0.1."
            )
        rounding, number = self._values[f"{name}_rounding"]
        if rounding not in {each.value for each in ChartRounding}:
            raise self._wrong(
                f"{name}_rounding", number, f'is "{rounding}"', "Give half-up or half-even."
            )
        return Axis(resolution, ChartRounding(rounding))

    def _wrong(self, key: str, number: int, problem: str, remedy: str) -> ChartFileError:
        return ChartFileError(self._file, number, f"{key} {problem}.", remedy)


def _check_heading(line: str, file: str, number: int) -> None:
    if tuple(map(trimmed, line.split(","))) != COLUMNS:
        raise ChartFileError(
            file, number, "The heading of the rows is not there.",
            f"Write the line `{','.join(COLUMNS)}` after the keys.",
        )  # fmt: skip


def _rectangle(line: str, rd: Axis, plus_b: Axis, file: str, number: int) -> Rectangle:
    cells = [trimmed(cell) for cell in line.split(",")]
    if len(cells) != len(COLUMNS):
        raise ChartFileError(
            file, number, f"The row has {len(cells)} values.",
            f"Give {len(COLUMNS)}: {', '.join(COLUMNS)}.",
        )  # fmt: skip
    if not _GRADE.fullmatch(cells[0]):
        raise ChartFileError(
            file, number, f'"{cells[0]}" is no colour grade.', "Give two digits, such as 31."
        )
    axes = (plus_b, plus_b, rd, rd)
    b_from, b_to, rd_from, rd_to = (
        _cell(value, axis, name, file, number)
        for value, axis, name in zip(cells[1:], axes, COLUMNS[1:], strict=True)
    )
    for is_reversed, name in ((b_to < b_from, "plus_b"), (rd_to < rd_from, "rd")):
        if is_reversed:
            raise ChartFileError(
                file, number, f"{name}_to lies below {name}_from.", "Exchange the two."
            )
    return Rectangle(int(cells[0]), b_from, b_to, rd_from, rd_to, number)


def _cell(value: str, axis: Axis, name: str, file: str, number: int) -> int:
    hundredths = _hundredths(value)
    if hundredths is None or hundredths > _VALUE_MAX:
        raise ChartFileError(
            file, number, f'"{value}" of {name} is no value of a colour.',
            f"Give a number from 0 to {_VALUE_MAX // 100}, with a point for decimals.",
        )  # fmt: skip
    if hundredths % axis.resolution:
        raise ChartFileError(
            file, number, f"{value} of {name} is no whole cell.",
            f"Give multiples of the resolution, {axis.resolution / 100:g}.",
        )  # fmt: skip
    return hundredths // axis.resolution


def _hundredths(value: str) -> int | None:
    return int(Decimal(value).scaleb(2)) if _NUMBER.fullmatch(value) else None


def _check_size(rows: list[Rectangle], file: str, number: int) -> None:
    if not rows:
        raise ChartFileError(
            file, number, "There are no rows.", "Give a rectangle of cells for every grade."
        )
    if len(rows) > RECTANGLES_MAX:
        raise ChartFileError(
            file, rows[RECTANGLES_MAX].line, f"There are more than {RECTANGLES_MAX} rows.",
            "Join neighbouring cells of a grade to larger rectangles.",
        )  # fmt: skip
    box = Rectangle(
        0,
        min(each.plus_b_from for each in rows),
        max(each.plus_b_to for each in rows),
        min(each.rd_from for each in rows),
        max(each.rd_to for each in rows),
        number,
    )
    cells = max(_cells(box), sum(map(_cells, rows)))
    if cells > CELLS_MAX:
        raise ChartFileError(
            file, number, f"The chart has {cells} cells; at most {CELLS_MAX} are held.",
            "Use a coarser resolution, and list no cell twice.",
        )  # fmt: skip


def _cells(rectangle: Rectangle) -> int:
    columns = rectangle.plus_b_to - rectangle.plus_b_from + 1
    return columns * (rectangle.rd_to - rectangle.rd_from + 1)


def _check_overlaps(rows: list[Rectangle], file: str) -> None:
    rd_first = min(each.rd_from for each in rows)
    b_first = min(each.plus_b_from for each in rows)
    shape = (
        max(each.rd_to for each in rows) - rd_first + 1,
        max(each.plus_b_to for each in rows) - b_first + 1,
    )
    grades = np.full(shape, ABSENT, np.int8)
    for each in rows:
        region = grades[
            each.rd_from - rd_first : each.rd_to - rd_first + 1,
            each.plus_b_from - b_first : each.plus_b_to - b_first + 1,
        ]
        others = (region != ABSENT) & (region != each.grade)
        if others.any():
            other = next(
                row for row in rows if row.grade != each.grade and _share_a_cell(row, each)
            )
            raise ChartFileError(
                file, each.line,
                f"It gives cells to {each.grade} that line {other.line} gives to {other.grade}.",
                "Give every cell one grade.",
            )  # fmt: skip
        region[:] = each.grade


def _share_a_cell(one: Rectangle, other: Rectangle) -> bool:
    return (
        one.rd_from <= other.rd_to
        and other.rd_from <= one.rd_to
        and one.plus_b_from <= other.plus_b_to
        and other.plus_b_from <= one.plus_b_to
    )
