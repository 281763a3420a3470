"""Reads a standard from its TOML text and refuses what contradicts itself.

What a standard does not have is left out of its file. What it has, or may have, and is not known
says so: `unknown = true` in place of a table's content, `"unknown"` in place of a value.
"""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from typing import Final

from cotton_server.grading.colour_file import read_colour
from cotton_server.grading.standard import (
    CODED_COLUMNS,
    MEASURE_NAMES,
    CodedClass,
    CodedItem,
    Colour,
    Constant,
    Measure,
    Standard,
    Tier,
    Tiering,
    Units,
)
from cotton_server.grading.toml_table import DataFileError, Table

_LENGTH_LEVEL: Final = re.compile(r"[1-9][0-9]")
_ROUNDING_RULE: Final = "half-even"
_WHOLE: Final = 10_000
_CODE_MAX: Final = 127


class StandardFileError(DataFileError):
    """A standard's file cannot be used."""


def parse_standard(text: str, file: str) -> Standard:
    """The standard that `text` describes; `file` is what errors call it.

    Raises StandardFileError for malformed TOML, missing, mistyped or unknown entries, tiers
    with a gap, an overlap or a closed end, unknown or one-sided neighbours, and names that
    occur twice.
    """
    root = Table.of_text(text, file, StandardFileError)
    seasons = root.table("seasons")
    measures = root.table("measures")
    weight = root.table("weight")
    rounding = root.table("rounding")
    if rounding.text("rule") != _ROUNDING_RULE:
        raise rounding.error("rule", f'The only rule there is, is "{_ROUNDING_RULE}".')
    unknown: list[str] = []
    standard = Standard(
        id=root.text("id"),
        title=root.text("title"),
        title_zh=root.text("title_zh"),
        issued=root.optional("issued", date),
        in_force_from=_in_force_from(root, unknown),
        in_force_to=root.optional("in_force_to", date),
        supersedes=root.optional("supersedes", str),
        cotton_types=root.distinct("cotton_types", root.texts("cotton_types")),
        units=root.choice("units", Units),
        first_season=seasons.optional("first", int),
        last_season=seasons.optional("last", int),
        seasons_provenance=seasons.provenance(),
        measures={name: _measure(measures.table(name), name) for name in MEASURE_NAMES},
        colour=_colour(root, unknown),
        items=_items(root, unknown),
        standard_trash=_constant(weight, "standard_trash", unknown),
        official_regain=_constant(weight, "official_regain", unknown),
        rounding_provenance=rounding.provenance(),
        unknown_parts=tuple(unknown),
        provenance=root.provenance(),
    )
    for table in (rounding, weight, measures, seasons, root):
        table.close()
    _check_dates(standard, root)
    return standard


def _in_force_from(root: Table, unknown: list[str]) -> date | None:
    if root.takes_unknown("in_force_from"):
        unknown.append("in_force_from")
        return None
    return root.take("in_force_from", date)


def _check_dates(standard: Standard, root: Table) -> None:
    if not standard.cotton_types:
        raise root.error("cotton_types", "It must name at least one cotton type.")
    start, end = standard.in_force_from, standard.in_force_to
    if start is not None and end is not None and end < start:
        raise root.error("in_force_to", "It lies before in_force_from.")
    first, last = standard.first_season, standard.last_season
    if first is not None and last is not None and last < first:
        raise root.error("seasons.last", "It lies before seasons.first.")


def _measure(table: Table, name: str) -> Measure:
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
        standard=table.optional("standard", str) if listed else None,
        provenance=table.provenance(),
    )
    table.close()
    if listed:
        _check_tiers(measure, table)
    return measure


def _tier(table: Table, resolution: int) -> Tier:
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


def _check_tiers(measure: Measure, table: Table) -> None:
    """Together the tiers cover every value once: open at both ends, no gap, no overlap."""
    if not measure.tiers:
        raise table.error("tiers", 'There are none; say tiering = "none" or "unknown".')
    names = table.distinct("tiers", [tier.name for tier in measure.tiers])
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


def _check_tier_names(measure: Measure, names: tuple[str, ...], table: Table) -> None:
    """The names must make a mark: length level and micronaire grade."""
    graded = sum(tier.grade is not None for tier in measure.tiers)
    if graded not in {0, len(measure.tiers)}:
        raise table.error("tiers", "Either every tier has a grade, or none.")
    if measure.standard is not None and measure.standard not in {*names, *measure.grades}:
        raise table.error("standard", f"{measure.standard} is neither a tier nor a grade.")
    if measure.name == "length" and not all(map(_LENGTH_LEVEL.fullmatch, names)):
        raise table.error("tiers", "Length levels are numbers of two digits, such as 28.")
    if measure.name == "micronaire" and not graded:
        raise table.error("tiers", "Tiers of micronaire must have a grade, such as B.")


def _colour(root: Table, unknown: list[str]) -> Colour | None:
    if "colour" not in root:
        return None
    table = root.table("colour")
    if table.is_unknown():
        unknown.append("colour")
        return None
    return read_colour(table, unknown)


def _items(root: Table, unknown: list[str]) -> dict[str, CodedItem]:
    items = {}
    for name, column in CODED_COLUMNS.items():
        if name not in root:
            continue
        table = root.table(name)
        if table.is_unknown():
            unknown.append(name)
        else:
            items[name] = _item(table, name, column, unknown)
    return items


def _item(table: Table, name: str, column: str, unknown: list[str]) -> CodedItem:
    if table.takes_unknown("standard"):
        unknown.append(f"{name}.standard")
    item = CodedItem(
        name=name,
        column=column,
        title=table.text("title"),
        title_zh=table.text("title_zh", may_be_empty=True),
        classes=tuple(_class(entry) for entry in table.tables("classes")),
        standard=table.optional("standard", str),
        provenance=table.provenance(),
    )
    table.close()
    if not item.classes:
        raise table.error("classes", "There are none; leave the item out, or say unknown = true.")
    names = table.distinct("classes", [each.name for each in item.classes])
    table.distinct("classes", [each.code for each in item.classes])
    if item.standard is not None and item.standard not in names:
        raise table.error("standard", f"{item.standard} is not among the classes.")
    return item


def _class(table: Table) -> CodedClass:
    each = CodedClass(
        name=table.text("name"),
        code=table.take("code", int),
        title=table.text("title"),
        title_zh=table.text("title_zh", may_be_empty=True),
    )
    table.close()
    if not 0 < each.code <= _CODE_MAX:
        raise table.error("code", f"It must lie between 1 and {_CODE_MAX}.")
    return each


def _constant(weight: Table, name: str, unknown: list[str]) -> Constant | None:
    table = weight.table(name)
    if table.is_unknown():
        unknown.append(f"weight.{name}")
        return None
    constant = Constant(table.hundredths("value"), table.provenance())
    table.close()
    if not 0 <= constant.value < _WHOLE:
        raise table.error("value", "It must lie between 0 and 100.")
    return constant
