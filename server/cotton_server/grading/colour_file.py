"""Reads the colour grades of a standard, their types, neighbours and the rule of the main grade."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cotton_server.grading.standard import Colour, ColourGrade, ColourType, MainColour

if TYPE_CHECKING:
    from cotton_server.grading.toml_table import Table

_COLOUR_CODE: Final = re.compile(r"[1-9][1-9]")
_DIGITS: Final = range(1, 10)
_HALF: Final = 5_000
_WHOLE: Final = 10_000


def read_colour(table: Table, unknown: list[str]) -> Colour:
    """The colour of a standard; what is not known of it is added to `unknown`.

    Raises the table's error for unknown or one-sided neighbours, codes that occur twice or belong
    to no type, and a share by which two grades could both be the main one.
    """
    main = _main(table, unknown)
    if table.takes_unknown("standard"):
        unknown.append("colour.standard")
    standard = table.optional("standard", str)
    colour = Colour(
        grades=tuple(_grade(entry) for entry in table.tables("grades")),
        types=tuple(_type(entry) for entry in table.tables("types")),
        standard=None if standard is None else _code(table, "standard", standard),
        main=main,
        provenance=table.provenance(),
    )
    table.close()
    _check_types(colour, table)
    _check_grades(colour, table)
    return colour


def _main(table: Table, unknown: list[str]) -> MainColour | None:
    if "main" not in table:
        return None
    main = table.table("main")
    if main.is_unknown():
        unknown.append("colour.main")
        return None
    rule = MainColour(
        share=main.hundredths("share_at_least"),
        provenance=main.provenance(),
        neighbours_provenance=main.provenance("neighbours_"),
    )
    main.close()
    # Above one half, so that no two grades can both be the main one.
    if not _HALF < rule.share <= _WHOLE:
        raise main.error("share_at_least", "It must be above 50 and at most 100.")
    return rule


def _type(table: Table) -> ColourType:
    colour_type = ColourType(
        name=table.text("name"),
        digit=table.take("digit", int),
        title=table.text("title"),
        title_zh=table.text("title_zh", may_be_empty=True),
    )
    table.close()
    if colour_type.digit not in _DIGITS:
        raise table.error("digit", "It must be the second digit of the type's codes, 1 to 9.")
    return colour_type


def _grade(table: Table) -> ColourGrade:
    neighbours = table.texts("neighbours") if "neighbours" in table else []
    grade = ColourGrade(
        code=_code(table, "code", table.text("code")),
        title=table.text("title"),
        title_zh=table.text("title_zh", may_be_empty=True),
        neighbours=frozenset(_code(table, "neighbours", code) for code in neighbours),
    )
    table.close()
    return grade


def _code(table: Table, key: str, code: str) -> int:
    if not _COLOUR_CODE.fullmatch(code):
        raise table.error(key, f'"{code}" is no colour code of two digits.')
    return int(code)


def _check_types(colour: Colour, table: Table) -> None:
    table.distinct("types", [each.name for each in colour.types])
    digits = table.distinct("types", [each.digit for each in colour.types])
    for each in colour.types:
        if not colour.grades_of(each):
            raise table.error("types", f"{each.name} has no grade.")
    for grade in colour.grades:
        if grade.code % 10 not in digits:
            raise table.error("grades", f"{grade.code} belongs to none of the types.")


def _check_grades(colour: Colour, table: Table) -> None:
    if not colour.grades:
        raise table.error("grades", "There are none; leave colour out, or say unknown = true.")
    codes = table.distinct("grades", [grade.code for grade in colour.grades])
    if colour.standard is not None and colour.standard not in codes:
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
