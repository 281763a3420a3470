"""Reads definitions from their TOML text and refuses what contradicts itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cotton_server.grading.definition import Condition, Definition
from cotton_server.grading.standard import MEASURE_NAMES, Units
from cotton_server.grading.toml_table import DataFileError, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class DefinitionFileError(DataFileError):
    """A file of definitions cannot be used."""


def parse_definitions(text: str, file: str) -> tuple[Definition, ...]:
    """The definitions of a file, in its order; `file` is what errors call it.

    Raises DefinitionFileError for malformed TOML, and for missing, mistyped or unknown entries.
    """
    root = Table.of_text(text, file, DefinitionFileError)
    definitions = tuple(_definition(entry) for entry in root.tables("definitions"))
    root.close()
    return definitions


def collect_definitions(
    parsed: Iterable[tuple[tuple[Definition, ...], str]],
) -> tuple[Definition, ...]:
    """The definitions of several files, each given with the name of its file.

    Raises DefinitionFileError for an id that occurs twice.
    """
    by_id: dict[str, Definition] = {}
    for definitions, file in parsed:
        for each in definitions:
            if each.id in by_id:
                raise DefinitionFileError(file, "definitions", f"{each.id} occurs more than once.")
            by_id[each.id] = each
    return tuple(by_id.values())


def _definition(table: Table) -> Definition:
    definition = Definition(
        id=table.text("id"),
        title=table.text("title"),
        title_zh=table.text("title_zh"),
        units=table.choice("units", Units),
        conditions=tuple(_condition(entry) for entry in table.tables("conditions")),
        provenance=table.provenance(),
    )
    table.close()
    if not _ID.fullmatch(definition.id):
        raise table.error("id", "It must be small letters, digits and _, such as double_29.")
    if not definition.conditions:
        raise table.error("conditions", "There are none.")
    table.distinct("conditions", [each.measure for each in definition.conditions])
    return definition


def _condition(table: Table) -> Condition:
    condition = Condition(
        measure=table.text("measure"),
        at_least=table.hundredths("at_least") if "at_least" in table else None,
        tiers=table.distinct("tiers", table.texts("tiers")) if "tiers" in table else (),
    )
    table.close()
    if condition.measure not in MEASURE_NAMES:
        raise table.error("measure", f"It is none of {', '.join(MEASURE_NAMES)}.")
    if condition.at_least is None and not condition.tiers:
        raise table.error("at_least", "A condition needs at_least, tiers, or both.")
    return condition
