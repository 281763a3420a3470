"""The columns of a workbook's first sheet: those of the table, and English names beside keys."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_client.export.headings import Heading, headings
from cotton_client.render import names
from cotton_client.render.english_names import english_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_client.render.labels import Labels
    from cotton_client.tables import Table

_ENGLISH: Final = "in English"
_ENGLISH_ZH: Final = "英文名"


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """What stands in one column of the sheet.

    `source` is the place of its values in the table's frame. With `english` the column holds
    the English names of those values instead, by value.
    """

    heading: Heading
    source: int
    english: Mapping[str, str] | None = None


def sheet_columns(table: Table, labels: Labels) -> list[SheetColumn]:
    """The columns from left to right; English names only where the service knows some."""
    known: dict[str, dict[str, str]] = defaultdict(dict)
    for (key, value), name in english_names(table.header, labels).items():
        known[names.summary_key(key) or ""][value] = name
    found = []
    for source, heading in enumerate(headings(table)):
        found.append(SheetColumn(heading, source))
        if heading.name in known:
            beside = Heading("", f"{heading.english} {_ENGLISH}", f"{heading.chinese}{_ENGLISH_ZH}")
            found.append(SheetColumn(beside, source, known[heading.name]))
    return found
