"""Writes the colour chart of USDA upland that comes with the package.

Usage: python tools/make_usda_chart.py [--check]

It has the cells whose grade the published borders settle, and no other. At one exact +b, a border
between two grades is settled where one half-unit of Rd lies between what was seen on both sides.
A grade has the cells from its lower settled border, or else from the lowest Rd that was seen of
it, to its upper settled border, or else to the highest. Between different +b nothing is inferred.
`--check` fails when the committed file differs from what this script writes.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
BORDERS: Final = ROOT / "docs" / "facts" / "usda_upland_colour_borders.csv"
CHART: Final = ROOT / "server" / "cotton_server" / "grading" / "charts" / "usda-upland.csv"
HEAD: Final = """\
# id: usda-upland
# standard: USDA
# title: USDA upland, white grades 21 to 51, as far as published rows settle it
# source: 779 published classing rows with Rd, +b and official colour, as borders between grades
# confidence: H
# rd_resolution: 1
# rd_rounding: half-up
# plus_b_resolution: 0.1
# plus_b_rounding: half-up
grade,plus_b_from,plus_b_to,rd_from,rd_to
"""


@dataclass
class Seen:
    """What is known of one grade at one +b, in cells of Rd."""

    cells: list[int] = field(default_factory=list)
    """Cells in which it was seen."""
    lowest: int | None = None
    """First cell above its lower border, where that is settled."""
    highest: int | None = None
    """Last cell below its upper border, where that is settled."""

    def first(self) -> int:
        """The lowest cell that it has."""
        return min(self.cells) if self.lowest is None else self.lowest

    def last(self) -> int:
        """The highest cell that it has."""
        return max(self.cells) if self.highest is None else self.highest


def whole(rd: str | Decimal) -> int:
    """Rd rounded half-up to a whole unit."""
    return int(Decimal(rd).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def seen_by_grade() -> dict[tuple[str, int], Seen]:
    """By +b and grade, from the file of borders."""
    seen: defaultdict[tuple[str, int], Seen] = defaultdict(Seen)
    lines = [line for line in BORDERS.read_text("utf-8").splitlines() if not line.startswith("#")]
    for row in csv.DictReader(lines):
        lower = seen[row["b"], int(row["lower"])]
        upper = seen[row["b"], int(row["upper"])]
        lower.cells.append(whole(row["highest_Rd_of_lower"]))
        upper.cells.append(whole(row["lowest_Rd_of_upper"]))
        thresholds = row["half_integer_thresholds"].split("/")
        if len(thresholds) == 1:
            # A value on the border is rounded up, into the upper grade.
            upper.lowest = whole(thresholds[0])
            lower.highest = upper.lowest - 1
    return seen


def chart() -> str:
    """The text of the chart."""
    rows = [
        (grade, plus_b, each.first(), each.last())
        for (plus_b, grade), each in seen_by_grade().items()
    ]
    rows.sort(key=lambda row: (row[0], Decimal(row[1])))
    return HEAD + "".join(f"{grade},{b},{b},{first},{last}\n" for grade, b, first, last in rows)


def main() -> int:
    """Writes the file, or with --check compares it."""
    text = chart()
    if sys.argv[1:] == ["--check"]:
        if CHART.read_text("utf-8") != text:
            print(f"{CHART} is not what tools/make_usda_chart.py writes; run it.", file=sys.stderr)
            return 1
        return 0
    CHART.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
