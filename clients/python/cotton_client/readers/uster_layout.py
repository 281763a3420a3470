"""The column header of an Uster report: which value stands where in a row.

The columns are `Bale ID, SCI, [Grade], Mst, Mic, Mat, UHML, UI, SF, Str, Elg, Rd, +b, CGrd, TrCnt,
TrAr, TrID, Amt`, separated by tabs, semicolons, commas or blanks. `Grade` may stand in a row and
not in the header, or the other way round, and moves all that is left of it; so a row is read from
the right, and what remains on the left tells whether it has a grade.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

BALE_ID: Final = "Bale ID"
GRADE: Final = "Grade"
COLOUR: Final = "CGrd"
LENGTH: Final = "UHML"
STRENGTH: Final = "Str"

FIELDS: Final[Mapping[str, str]] = {
    "SCI": "spinning_consistency",
    "Mst": "moisture",
    "Mic": "micronaire",
    "Mat": "maturity",
    LENGTH: "length",
    "UI": "uniformity",
    "SF": "short_fibre",
    STRENGTH: "strength",
    "Elg": "elongation",
    "Rd": "rd",
    "+b": "plus_b",
    "TrCnt": "trash_count",
    "TrAr": "trash_area",
}
"""The field of a reading for each column of numbers."""

NOT_CARRIED: Final = ("TrID", "Amt")
"""Columns that no reading has: the leaf code by the instrument's trash, and the fibre amount."""

_KNOWN: Final = {
    re.sub(r"[\s.]", "", name).casefold(): name
    for name in (BALE_ID, GRADE, COLOUR, *FIELDS, *NOT_CARRIED)
}
_NAMES_LEAST: Final = 4
_CHARACTERS_MAX: Final = 1000
"""No column header is longer."""
_DELIMITERS: Final = ("\t", ";", ",")
_UNIT_APART: Final = re.compile(r" +(?=[\[(])")
_BALE_ID_APART: Final = re.compile(r"\bBale +ID\b", re.IGNORECASE)
_WITH_UNIT: Final = re.compile(r"(?P<name>[^\[(]+)[\[(](?P<unit>[^\])]*)[\])]")

_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "mm": (LENGTH, "mm"),
    "in": (LENGTH, "in"),
    "inch": (LENGTH, "in"),
    "inches": (LENGTH, "in"),
    "cn/tex": (STRENGTH, "cN/tex"),
    "g/tex": (STRENGTH, "g/tex"),
    "gf/tex": (STRENGTH, "g/tex"),
}
_UNIT_WORD: Final = re.compile(
    r"(?<![A-Za-z/])(cN/tex|gf?/tex|mm|inches|inch|in)(?![A-Za-z/])", re.IGNORECASE
)


class LayoutError(ValueError):
    """A line does not fit the layout: what is wrong, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a bale, value by value."""

    bale_id: str
    grade: str | None
    """None where the row has no place for a grade, "" where the place is empty."""
    values: tuple[str, ...]
    """In the order of Layout.names."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the values of a row stand.

    `names`: the columns right of the bale id but for the grade, by their names here, or as they
    are written where they are not known. `left`: how many of them stand left of the grade.
    """

    delimiter: str | None
    names: tuple[str, ...]
    left: int
    grade_named: bool
    trailing: int
    units: Mapping[str, str] = field(default_factory=dict)

    def split(self, line: str) -> list[str]:
        """The values of a line. Raises LayoutError for quotes that cannot be read."""
        return _split(line, self.delimiter)

    def row(self, line: str) -> Row:
        """The values of a bale's line, read from the right. Raises LayoutError."""
        values = self.split(line)
        for _ in range(self.trailing):
            if values and not values[-1]:
                values.pop()
        plain = len(self.names) + 1
        if len(values) not in {plain, plain + 1}:
            raise LayoutError(
                f"has {len(values)} values where {plain}, or {plain + 1} with a grade, belong",
                "check for values that are missing or cut; where numbers have decimal commas and "
                "commas part them, export with tabs",
            )
        right = len(self.names) - self.left
        bale_id, *left = values[: len(values) - right]
        grade = left.pop() if len(left) > self.left else None
        return Row(bale_id, grade, (*left, *values[len(values) - right :]))


def _split(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    try:
        return [value.strip() for value in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error as error:
        raise LayoutError(
            f"has quotes that cannot be read ({error})", "remove the quotes, or export anew"
        ) from error


def units_of(text: str) -> dict[str, str]:
    """The units that a text names, by the column they belong to. Raises LayoutError for two."""
    units: dict[str, str] = {}
    for match in _UNIT_WORD.finditer(text):
        column, unit = _UNITS[match[1].casefold()]
        if units.setdefault(column, unit) != unit:
            raise LayoutError(
                f"names two units for {column}: {units[column]} and {unit}", "export with one"
            )
    return units


def joined_units(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """Both statements of units as one. Raises LayoutError where they contradict each other."""
    for column, unit in second.items():
        if first.get(column, unit) != unit:
            raise LayoutError(
                f"states {unit} for {column}, where {first[column]} was stated before",
                "export with one unit",
            )
    return {**first, **second}


def parse_header(line: str) -> Layout | None:
    """The layout that a line gives, or None where it is no column header.

    Raises LayoutError for a header that has a column twice or does not begin with the bale id.
    """
    if len(line) > _CHARACTERS_MAX:
        return None
    if _BALE_ID_APART.search(line) is None and "baleid" not in line.casefold():
        return None
    line = _UNIT_APART.sub("", line)
    delimiter = next((each for each in _DELIMITERS if each in line), None)
    if delimiter is None:
        line = _BALE_ID_APART.sub("BaleID", line)
    cells = _split(line, delimiter)
    trailing = 0
    while cells and not cells[-1]:
        cells.pop()
        trailing += 1
    names: list[str] = []
    units: dict[str, str] = {}
    for cell in cells:
        match = _WITH_UNIT.fullmatch(cell)
        if match is not None:
            units = joined_units(units, units_of(match["unit"]))
        name = (match["name"] if match is not None else cell).strip()
        names.append(_KNOWN.get(re.sub(r"[\s.]", "", name).casefold(), name))
    if sum(name in FIELDS for name in names) < _NAMES_LEAST:
        return None
    return _layout(names, delimiter, trailing, units)


def _layout(
    names: list[str], delimiter: str | None, trailing: int, units: dict[str, str]
) -> Layout:
    if names[0] != BALE_ID:
        raise LayoutError(f"does not begin with {BALE_ID}", "export the report with it first")
    for place, name in enumerate(names):
        if name in names[:place]:
            raise LayoutError(f"has the column {name!r} twice", "export it once")
    own = names[1:]
    grade_named = GRADE in own
    if grade_named:
        left = own.index(GRADE)
        own.remove(GRADE)
    else:
        left = 1 if own[0] == "SCI" else 0
    return Layout(delimiter, tuple(own), left, grade_named, trailing, units)
