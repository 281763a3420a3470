"""Reads an organisation from its CSV text and refuses what contradicts itself.

Lines that begin with `#` may come first; then a heading with COLUMNS in any order; then a row for
every unit and period:

    level,code,name,name_en,parent,valid_from,valid_to
    region,xpcc,兵团,XPCC,,,
    division,8,第八师,8th Division,xpcc,,
    regiment,150,一五〇团,150th Regiment,8,2012-09-01,

A row holds from `valid_from` to `valid_to`, both included; an empty day is open. A unit that
changed its name or its parent has a row for each period.
"""

from __future__ import annotations

import csv
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Final

from cotton_server.domain.identifiers import is_plain_text
from cotton_server.domain.lines import lines_of, trimmed
from cotton_server.reference.units import (
    EPOCH,
    LEVEL_ABOVE,
    LEVELS,
    OPEN_FROM,
    OPEN_TO,
    Unit,
    by_code,
    by_word,
    first_overlap,
    joined,
    shared_word,
    spelled_day,
    spelled_period,
    uncovered,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cotton_server.reference.units import Periods

COLUMNS: Final = ("level", "code", "name", "name_en", "parent", "valid_from", "valid_to")

BYTES_MAX: Final = 1 << 20
ROWS_MAX: Final = 20_000
TEXT_CHARACTERS_MAX: Final = 64
"""Longest code or name: as long as the words of a lot that they are looked up by."""

_SHOWN_CHARACTERS_MAX: Final = 60
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class OrganisationFileError(ValueError):
    """An organisation's file cannot be used: which line, what is wrong, and what to do."""

    def __init__(self, file: str, line: int, problem: str, remedy: str) -> None:
        self.file = file
        self.line = line
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{file}: line {line}: {problem} {remedy}")


@dataclass(frozen=True)
class Organisation:
    """The units of one document, in the order of its rows."""

    name: str
    units: tuple[Unit, ...]

    @cached_property
    def by_code(self) -> Mapping[tuple[str, str], Periods]:
        """Its units by level and code."""
        return by_code(self.units)

    @cached_property
    def by_word(self) -> Mapping[tuple[str, str], Periods]:
        """Its units by level and either word that names them."""
        return by_word(self.units)


def parse_organisation(text: str, name: str) -> Organisation:
    """The organisation that `text` describes; `name` is what errors call it.

    Raises OrganisationFileError for a heading or row that is not of its form, an unknown level, a
    period that ends before it begins, periods of one unit that overlap, a word that names two
    units of a level on one day, a parent that is missing on any day, and a file that is too large.
    """
    size = len(text.encode())
    if size > BYTES_MAX:
        raise OrganisationFileError(
            name,
            1,
            f"It has {size} bytes; at most {BYTES_MAX} are read.",
            "Split it into documents of a region each.",
        )
    organisation = Organisation(name, tuple(_Reader(name).units(text)))
    _check_codes(organisation)
    _check_words(organisation)
    _check_parents(organisation)
    return organisation


def contradiction(one: Organisation, other: Organisation) -> tuple[Unit, Unit] | None:
    """A unit of each, in force on one day, that one word names; None where they go together.

    Of several pairs the one with the first lines. It takes as long as the smaller of the two.
    """
    found = filter(
        None,
        (
            _first_shared(one.by_word[key], other.by_word[key])
            for key in one.by_word.keys() & other.by_word.keys()
        ),
    )
    return min(found, key=lambda pair: (pair[0].line, pair[1].line), default=None)


def _first_shared(ours: Periods, theirs: Periods) -> tuple[Unit, Unit] | None:
    """The first of each that are in force on one day."""
    pair = first_overlap(sorted([*ours, *theirs], key=lambda unit: unit.first))
    if pair is None:
        return None
    first, second = pair
    return (first, second) if any(first is unit for unit in ours) else (second, first)


class _Reader:
    """Turns rows into units, each by itself."""

    def __init__(self, name: str) -> None:
        self._name = name

    def units(self, text: str) -> Iterator[Unit]:
        """The unit of every row; raises OrganisationFileError."""
        heading: list[str] | None = None
        count = 0
        for number, line in enumerate(lines_of(text), start=1):
            if not trimmed(line) or (heading is None and line.startswith("#")):
                continue
            values = self._split(line, number)
            if heading is None:
                heading = self._heading(values, number)
                continue
            count += 1
            if count > ROWS_MAX:
                raise self._error(
                    number,
                    f"There are more than {ROWS_MAX} rows.",
                    "Split it into documents of a region each.",
                )
            if len(values) != len(heading):
                raise self._error(
                    number,
                    f"The row has {len(values)} values, the heading {len(heading)}.",
                    "Check for missing or extra commas; quote a value that has a comma.",
                )
            yield self._unit(dict(zip(heading, values, strict=True)), number)
        if not count:
            raise self._error(
                1, "There are no rows.", f"Write the heading {','.join(COLUMNS)} and rows below it."
            )

    def _split(self, line: str, number: int) -> list[str]:
        if '"' not in line:
            return [trimmed(value) for value in line.split(",")]
        try:
            values = next(csv.reader([line], strict=True))
        except csv.Error:
            raise self._error(
                number,
                "The row has quotes that cannot be read.",
                "Double a quote inside quotes, and end every value on its line.",
            ) from None
        return [trimmed(value) for value in values]

    def _heading(self, values: list[str], number: int) -> list[str]:
        for column in COLUMNS:
            if values.count(column) != 1:
                found = "twice" if column in values else "not"
                raise self._error(
                    number,
                    f"The column {column} is {found} in the heading.",
                    f"The columns are {', '.join(COLUMNS)}, in any order, each once.",
                )
        for value in values:
            if value not in COLUMNS:
                raise self._error(
                    number,
                    f"{_shown(value)} is no column of an organisation.",
                    f"The columns are {', '.join(COLUMNS)}; take others out.",
                )
        return values

    def _unit(self, row: Mapping[str, str], number: int) -> Unit:
        level = row["level"]
        if level not in LEVELS:
            raise self._error(
                number, f"{_shown(level)} is no level.", f"Give one of {', '.join(LEVELS)}."
            )
        for column in ("code", "name", "name_en", "parent"):
            self._check_text(column, row[column], number, needed=column in ("code", "name"))
        self._check_parent(level, row["parent"], number)
        first = self._day("valid_from", row["valid_from"], number, OPEN_FROM)
        last = self._day("valid_to", row["valid_to"], number, OPEN_TO)
        if last < first:
            raise self._error(
                number,
                f"The period ends on {spelled_day(last)}, before it begins on"
                f" {spelled_day(first)}.",
                "Both days are included: let valid_to be valid_from or later.",
            )
        return Unit(
            level, row["code"], row["name"], row["name_en"], row["parent"], first, last, number
        )

    def _check_text(self, column: str, value: str, number: int, *, needed: bool) -> None:
        if needed and not value:
            raise self._error(number, f"The {column} is missing.", "Every unit has one.")
        if len(value) > TEXT_CHARACTERS_MAX or not is_plain_text(value):
            raise self._error(
                number,
                f"{_shown(value)} cannot be a {column}.",
                f"Give at most {TEXT_CHARACTERS_MAX} characters without control characters.",
            )

    def _check_parent(self, level: str, parent: str, number: int) -> None:
        above = LEVEL_ABOVE.get(level)
        if parent and above is None:
            raise self._error(number, "A region has no parent.", "Leave its parent empty.")
        if not parent and level in ("division", "regiment"):
            raise self._error(
                number,
                f"The parent of the {level} is missing.",
                f"Give the code of the {above} that it belongs to.",
            )

    def _day(self, column: str, value: str, number: int, if_open: int) -> int:
        if not value:
            return if_open
        # Of what Python takes for a day, which changes, only this form.
        if _DAY.fullmatch(value):
            with suppress(ValueError):
                return (date.fromisoformat(value) - EPOCH).days
        raise self._error(
            number,
            f"{_shown(value)} of {column} is no day.",
            "Write it as 2012-09-01, or leave it empty where the period is open.",
        )

    def _error(self, line: int, problem: str, remedy: str) -> OrganisationFileError:
        return OrganisationFileError(self._name, line, problem, remedy)


def _check_codes(organisation: Organisation) -> None:
    _check_overlaps(
        organisation.by_code,
        organisation.name,
        lambda one, other: (
            f"The {one.level} {_shown(one.code)} is in force twice on {spelled_day(other.first)}:"
            f" line {_line(one, other)} has it too."
        ),
        "Let one period end on the day before the other begins.",
    )


def _check_words(organisation: Organisation) -> None:
    _check_overlaps(
        organisation.by_word,
        organisation.name,
        lambda one, other: (
            f"{_shown(shared_word(one, other))} names two units of the level {one.level} on"
            f" {spelled_day(other.first)}: line {_line(one, other)} has it too."
        ),
        "A code or name stands for one unit of its level at a time: change one of them.",
    )


def _check_overlaps(
    units: Mapping[tuple[str, str], Sequence[Unit]],
    name: str,
    problem: Callable[[Unit, Unit], str],
    remedy: str,
) -> None:
    pairs = [pair for periods in units.values() if (pair := first_overlap(periods)) is not None]
    if pairs:
        # The row to look at is the one that comes later in the file.
        one, other = min(pairs, key=lambda pair: sorted((each.line for each in pair), reverse=True))
        line = max(one.line, other.line)
        raise OrganisationFileError(name, line, problem(one, other), remedy)


def _line(one: Unit, other: Unit) -> int:
    """The line of two to which the error of the other one points."""
    return min(one.line, other.line)


def _check_parents(organisation: Organisation) -> None:
    runs = {key: joined(periods) for key, periods in organisation.by_code.items()}
    for unit in organisation.units:
        if not unit.parent:
            continue
        above = LEVEL_ABOVE[unit.level]
        day = uncovered(runs.get((above, unit.parent), ()), unit.first, unit.last)
        if day is not None:
            when = "at all" if day == OPEN_FROM else f"on {spelled_day(day)}"
            if (above, unit.parent) in runs and day == OPEN_FROM:
                when = "from the beginning on"
            raise OrganisationFileError(
                organisation.name,
                unit.line,
                f"The {unit.level} is in force {spelled_period(unit)}, but its parent, the {above}"
                f" {_shown(unit.parent)}, is not there {when}.",
                f"Give the {above} a row for the whole period, or correct the parent.",
            )


def _shown(text: str) -> str:
    cut = text[:_SHOWN_CHARACTERS_MAX]
    return f'"{cut}{"…" if cut != text else ""}"'
