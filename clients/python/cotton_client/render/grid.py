"""Wide tables for the terminal: no figure is cut, columns that do not fit go on below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from cotton_client.render.parts import padded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_GAP = 2


@dataclass(frozen=True, slots=True)
class GridColumn:
    """A column: the lines above it, and a cell for each row."""

    above: tuple[str, ...]
    cells: tuple[str, ...]
    right: bool

    @property
    def width(self) -> int:
        """As wide as the widest of all."""
        return max(map(cell_len, (*self.above, *self.cells)), default=0)


def lines(
    columns: Sequence[GridColumn], named: int, width: int, *, last_bold: bool = False
) -> Iterator[Text]:
    """The rows as lines; where they are too wide, in blocks that each begin with what names them.

    The first `named` columns name the rows. `last_bold` makes the last row stand out.
    """
    names, others = list(columns[:named]), list(columns[named:])
    room = width - sum(each.width + _GAP for each in names)
    first = True
    while others or first:
        taken = [others.pop(0)] if others else []
        used = sum(each.width for each in taken)
        while others and used + _GAP + others[0].width <= room:
            used += _GAP + others[0].width
            taken.append(others.pop(0))
        if not first:
            yield Text()
        first = False
        yield from _block([*names, *taken], last_bold=last_bold)


def _block(columns: Sequence[GridColumn], *, last_bold: bool) -> Iterator[Text]:
    height = max((len(each.above) for each in columns), default=0)
    for line in range(height):
        above = [
            padded(each.above[line] if line < len(each.above) else "", each.width, right=each.right)
            for each in columns
        ]
        yield Text((" " * _GAP).join(above).rstrip(), style="dim")
    rows = len(columns[0].cells) if columns else 0
    for row in range(rows):
        cells = [padded(each.cells[row], each.width, right=each.right) for each in columns]
        style = "bold" if last_bold and row == rows - 1 else ""
        yield Text((" " * _GAP).join(cells).rstrip(), style=style)
