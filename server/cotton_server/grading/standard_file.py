"""Reads a standard from its TOML text and refuses what contradicts itself."""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cotton_server.grading.standard import (
    MEASURE_NAMES,
    Colour,
    ColourGrade,
    Confidence,
    Constant,
    Measure,
    Preparation,
    PreparationClass,
    Provenance,
    Standard,
    Tier,
    Tiering,
    Units,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

_LENGTH_LEVEL: Final = re.compile(r"[1-9][0-9]")
_COLOUR_CODE: Final = re.compile(r"[1-9][1-9]")
_ROUNDING_RULE: Final = "half-even"
_HALF: Final = 5_000
_WHOLE: Final = 10_000
_ABSENT: Final = object()


class StandardFileError(ValueError):
    """A standard's file cannot be used; says which file, where in it, and what is wrong."""

    def __init__(self, file: str, place: str, problem: str) -> None:
        self.file = file
        self.place = place
        self.problem = problem
        super().__init__(f"{file}: {place}: {problem} Correct the file.")


def parse_standard(text: str, file: str) -> Standard:
    """The standard that `text` describes; `file` is what errors call it.

    Raises StandardFileError for malformed TOML, missing, mistyped or unknown entries, tiers
    with a gap, an overlap or a closed end, unknown or one-sided neighbours, and names that
    occur twice.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StandardFileError(file, "TOML", f"{error}.") from error
    root = _Table(document, file, "")
    seasons = root.table("seasons")
    measures = root.table("measures")
    weight = root.table("weight")
    rounding = root.table("rounding")
    if rounding.text("rule") != _ROUNDING_RULE:
        raise rounding.error("rule", f'The only rule there is, is "{_ROUNDING_RULE}".')
    standard = Standard(
        id=root.text("id"),
        title=root.text("title"),
        title_zh=root.text("title_zh"),
        issued=root.optional("issued", date),
        in_force_from=root.take("in_force_from", date),
        in_force_to=root.optional("in_force_to", date),
        supersedes=root.optional("supersedes", str),
        cotton_types=_distinct(root, "cotton_types", root.texts("cotton_types")),
        units=root.choice("units", Units),
        first_season=seasons.optional("first", int),
        last_season=seasons.optional("last", int),
        seasons_provenance=seasons.provenance(),
        measures={name: _measure(measures.table(name), name) for name in MEASURE_NAMES},
        colour=_colour(root.table("colour")),
        preparation=_preparation(root.table("preparation")),
        standard_trash=_constant(weight.table("standard_trash")),
        official_regain=_constant(weight.table("official_regain")),
        rounding_provenance=rounding.provenance(),
        provenance=root.provenance(),
    )
    for table in (rounding, weight, measures, seasons, root):
        table.close()
    _check_dates(standard, root)
    return standard


def _check_dates(standard: Standard, root: _Table) -> None:
    if not standard.cotton_types:
        raise root.error("cotton_types", "It must name at least one cotton type.")
    if standard.in_force_to is not None and standard.in_force_to < standard.in_force_from:
        raise root.error("in_force_to", "It lies before in_force_from.")
    first, last = standard.first_season, standard.last_season
    if first is not None and last is not None and last < first:
        raise root.error("seasons.last", "It lies before seasons.first.")


def _measure(table: _Table, name: str) -> Measure:
    tiering = table.choice("tiering", Tiering)
    resolution = table.hundredths("resolution")
    if resolution <= 0:
        raise table.error("resolution", "It must be above 0.")
    listed = tiering is Tiering.LISTED
    tiers = tuple(_tier(entry, resolution) for entry in table.tables("tiers")) if listed else ()
    measure = Measure(
        name=name,
        title=table.text("title"),
        title_zh=table.text("title_zh"),
        unit=table.text("unit", may_be_empty=True),
        resolution=resolution,
        tiering=tiering,
        tiers=tiers,
        standard=table.text("standard") if listed else None,
        provenance=table.provenance(),
    )
    table.close()
    if listed:
        _check_tiers(measure, table)
    return measure


def _tier(table: _Table, resolution: int) -> Tier:
    tier = Tier(
        name=table.text("name"),
        lower=table.hundredths("from") if "from" in table else None,
        upper=table.hundredths("to") if "to" in table else None,
        grade=table.optional("grade", str),
    )
    table.close()
    for key, bound in (("from", tier.lower), ("to", tier.upper)):
        if bound is not None and bound % resolution:
            raise table.error(key, "It is no multiple of the measure's resolution.")
    if tier.lower is not None and tier.upper is not None and tier.upper < tier.lower:
        raise table.error("to", "It lies below from.")
    return tier


def _check_tiers(measure: Measure, table: _Table) -> None:
    """Together the tiers cover every value once: open at both ends, no gap, no overlap."""
    if not measure.tiers:
        raise table.error("tiers", 'There are none; say tiering = "none" or "unknown".')
    names = _distinct(table, "tiers", [tier.name for tier in measure.tiers])
    if sum(tier.lower is None for tier in measure.tiers) != 1:
        raise table.error("tiers", "Exactly one tier must be open downwards (no from).")
    if sum(tier.upper is None for tier in measure.tiers) != 1:
        raise table.error("tiers", "Exactly one tier must be open upwards (no to).")
    for below, above in pairwise(measure.ascending_tiers):
        if below.upper is None or above.lower is None:
            raise table.error("tiers", f"{below.name} and {above.name} overlap.")
        distance = above.lower - below.upper
        if distance != measure.resolution:
            what = "overlap" if distance < measure.resolution else "leave a gap between them"
            raise table.error("tiers", f"{below.name} and {above.name} {what}.")
    _check_tier_names(measure, names, table)


def _check_tier_names(measure: Measure, names: tuple[str, ...], table: _Table) -> None:
    """The names must make a mark: length level and micronaire grade."""
    graded = sum(tier.grade is not None for tier in measure.tiers)
    if graded not in {0, len(measure.tiers)}:
        raise table.error("tiers", "Either every tier has a grade, or none.")
    if measure.standard not in {*names, *measure.grades}:
        raise table.error("standard", f"{measure.standard} is neither a tier nor a grade.")
    if measure.name == "length" and not all(map(_LENGTH_LEVEL.fullmatch, names)):
        raise table.error("tiers", "Length levels are numbers of two digits, such as 28.")
    if measure.name == "micronaire" and not graded:
        raise table.error("tiers", "Tiers of micronaire must have a grade, such as B.")


def _colour(table: _Table) -> Colour:
    entries = table.tables("grades")
    grades = []
    for entry in entries:
        grades.append(
            ColourGrade(
                code=_colour_code(entry, "code", entry.text("code")),
                title=entry.text("title"),
                title_zh=entry.text("title_zh"),
                neighbours=frozenset(
                    _colour_code(entry, "neighbours", code) for code in entry.texts("neighbours")
                ),
            )
        )
        entry.close()
    main = table.table("main")
    colour = Colour(
        grades=tuple(grades),
        standard=_colour_code(table, "standard", table.text("standard")),
        main_share=main.hundredths("share_at_least"),
        provenance=table.provenance(),
        neighbours_provenance=table.provenance("neighbours_"),
        main_provenance=main.provenance(),
    )
    main.close()
    table.close()
    # Above one half, so that no two grades can both be the main one.
    if not _HALF < colour.main_share <= _WHOLE:
        raise main.error("share_at_least", "It must be above 50 and at most 100.")
    _check_colour(colour, table)
    return colour


def _check_colour(colour: Colour, table: _Table) -> None:
    codes = _distinct(table, "grades", [grade.code for grade in colour.grades])
    if colour.standard not in codes:
        raise table.error("standard", f"{colour.standard} is not among the grades.")
    neighbours = {grade.code: grade.neighbours for grade in colour.grades}
    for code, others in neighbours.items():
        if code in others:
            raise table.error("grades", f"{code} is its own neighbour.")
        for other in sorted(others):
            if other not in neighbours:
                raise table.error("grades", f"{other}, a neighbour of {code}, is no grade.")
            if code not in neighbours[other]:
                raise table.error("grades", f"{code} names {other} as neighbour, not vice versa.")


def _colour_code(table: _Table, key: str, code: str) -> int:
    if not _COLOUR_CODE.fullmatch(code):
        raise table.error(key, f'"{code}" is no colour code of two digits.')
    return int(code)


def _preparation(table: _Table) -> Preparation:
    classes = []
    for entry in table.tables("classes"):
        classes.append(
            PreparationClass(
                name=entry.text("name"),
                code=entry.take("code", int),
                title=entry.text("title"),
                title_zh=entry.text("title_zh"),
            )
        )
        entry.close()
    preparation = Preparation(
        classes=tuple(classes),
        standard=table.text("standard"),
        provenance=table.provenance(),
    )
    table.close()
    names = _distinct(table, "classes", [each.name for each in classes])
    _distinct(table, "classes", [each.code for each in classes])
    if preparation.standard not in names:
        raise table.error("standard", f"{preparation.standard} is not among the classes.")
    return preparation


def _constant(table: _Table) -> Constant:
    constant = Constant(table.hundredths("value"), table.provenance())
    table.close()
    if not 0 <= constant.value < _WHOLE:
        raise table.error("value", "It must lie between 0 and 100.")
    return constant


def _distinct(table: _Table, key: str, values: list[T]) -> tuple[T, ...]:
    for value in values:
        if values.count(value) > 1:
            raise table.error(key, f"{value} occurs more than once.")
    return tuple(values)


class _Table:
    """A TOML table that knows its place, checks types, and whose every entry must be taken."""

    def __init__(self, entries: Mapping[str, Any], file: str, place: str) -> None:
        self._entries = dict(entries)
        self._file = file
        self._place = place

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def error(self, key: str, problem: str) -> StandardFileError:
        """What is wrong at an entry of this table."""
        return StandardFileError(self._file, self._at(key), problem)

    def take(self, key: str, kind: type[T]) -> T:
        """The entry, which must be there and of this type."""
        value = self._entries.pop(key, _ABSENT)
        if value is _ABSENT:
            raise self.error(key, "It is missing.")
        # A TOML boolean is a Python integer, and a TOML date-time a Python date.
        if not isinstance(value, kind) or isinstance(value, bool | datetime):
            raise self.error(key, f"It must be of type {kind.__name__}, not {value!r}.")
        return value

    def optional(self, key: str, kind: type[T]) -> T | None:
        """The entry, or None where it is left out."""
        return self.take(key, kind) if key in self._entries else None

    def text(self, key: str, *, may_be_empty: bool = False) -> str:
        """A string."""
        value = self.take(key, str)
        if not value and not may_be_empty:
            raise self.error(key, "It is empty.")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of strings."""
        values = self.take(key, list)
        if not all(isinstance(value, str) and value for value in values):
            raise self.error(key, "It must be a list of strings.")
        return values

    def table(self, key: str) -> _Table:
        """A table below this one."""
        return _Table(self.take(key, dict), self._file, self._at(key))

    def tables(self, key: str) -> list[_Table]:
        """A list of tables; places count from 1."""
        values = self.take(key, list)
        if not all(isinstance(value, dict) for value in values):
            raise self.error(key, "It must be a list of tables.")
        return [
            _Table(value, self._file, f"{self._at(key)}[{place}]")
            for place, value in enumerate(values, start=1)
        ]

    def choice(self, key: str, kind: type[Choice]) -> Choice:
        """A string that is a value of an enumeration."""
        value = self.text(key)
        try:
            return kind(value)
        except ValueError as error:
            known = ", ".join(member.value for member in kind)
            raise self.error(key, f'"{value}" is none of {known}.') from error

    def hundredths(self, key: str) -> int:
        """A decimal number, written as a string so that it is exact, in hundredths."""
        value = self.text(key)
        try:
            scaled = Decimal(value).scaleb(2)
        except InvalidOperation as error:
            raise self.error(key, f'"{value}" is no decimal number.') from error
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise self.error(key, f'"{value}" is no number of at most two decimals.')
        return int(scaled)

    def provenance(self, prefix: str = "") -> Provenance:
        """Source and confidence."""
        return Provenance(
            self.text(f"{prefix}source"), self.choice(f"{prefix}confidence", Confidence)
        )

    def close(self) -> None:
        """Refuses entries that nobody took: a misspelt key is an error, not a default."""
        for key in self._entries:
            raise self.error(key, "There is no such entry.")

    def _at(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key


Choice = TypeVar("Choice", Confidence, Tiering, Units)
