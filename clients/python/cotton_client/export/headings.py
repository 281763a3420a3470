"""What columns of a table are called above their figures: English, Chinese, with the unit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_client.render import names
from cotton_client.render.labels import parts

if TYPE_CHECKING:
    from cotton.inspection.v1 import summary_pb2

    from cotton_client.tables import Table

_COUNTED: Final = ("", "lots", "bales", "gins")
"""What columns without another unit count; their titles say it."""


@dataclass(frozen=True, slots=True)
class Heading:
    """One column: its name in files, and what stands above it in each language."""

    name: str
    english: str
    chinese: str


def headings(table: Table) -> list[Heading]:
    """The headings of the keys, then of the columns of a table."""
    found = [
        Heading(name, *parts(names.SUMMARY_KEYS.get(key, name)))
        for name, key in zip(table.key_names, table.keys, strict=True)
    ]
    times = Counter((each.name, each.last_season) for each in table.columns)
    for name, each in zip(table.names, table.columns, strict=True):
        behind = f" [{each.unit}]" if each.unit not in _COUNTED else ""
        if times[each.name, each.last_season] > 1:
            behind += f" ({', '.join(each.standards)})"
        english, chinese = _titles(each)
        found.append(Heading(name, f"{english}{behind}", f"{chinese}{behind}"))
    return found


def _titles(column: summary_pb2.FigureColumn) -> tuple[str, str]:
    """Both titles of a column; its name where the service has none."""
    english = column.title or column.name
    chinese = column.title_zh or english
    if column.last_season:
        return f"Last season: {english}", f"上年度：{chinese}"
    return english, chinese
