"""The pieces that terminal pages are laid out from: headings, labelled fields, bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.measure import Measurement
from rich.rule import Rule
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, ConsoleOptions, RenderResult

UNKNOWN: Final = "—"
"""Stands where nothing is known."""

WIDE: Final = 110
"""Columns from which a page has room beside what it must say."""

_EIGHTHS: Final = "▏▎▍▌▋▊▉█"
_LABEL_STYLE: Final = "dim"


class Bar:
    """A bar whose length is part / whole of the room it is given, to an eighth of a cell."""

    def __init__(self, part: int, whole: int, *, style: str = "green") -> None:
        self._part = part
        self._whole = whole
        self._style = Style.parse(style)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The bar; whatever is not nothing shows at least the thinnest stroke."""
        room = options.max_width
        eighths = self._part * room * 8 // self._whole if self._whole else 0
        if self._part and not eighths:
            eighths = 1
        full, rest = divmod(eighths, 8)
        if options.ascii_only:
            bar = "#" * max(full, 1 if self._part else 0)
        else:
            bar = _EIGHTHS[-1] * full + (_EIGHTHS[rest - 1] if rest else "")
        yield Segment(bar, self._style)
        yield Segment.line()

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """As wide as there is room, and no narrower than can be read."""
        return Measurement(6, options.max_width)


def heading(text: str) -> Rule:
    """The line above a part of a page."""
    return Rule(Text(text, style="bold"), align="left", style="dim")


def fields(pairs: Iterable[tuple[str, str]], console_width: int) -> Table:
    """Labelled values, two pairs to a line, three where the terminal is wide."""
    across = 3 if console_width >= WIDE else 2
    grid = Table.grid(padding=(0, 1), expand=True)
    for _ in range(across):
        grid.add_column(style=_LABEL_STYLE, no_wrap=True)
        grid.add_column(ratio=1, overflow="fold")
    known = [(label, value) for label, value in pairs if value]
    for start in range(0, len(known), across):
        line = known[start : start + across]
        grid.add_row(*[cell for pair in line for cell in pair])
    return grid


def table(columns: Sequence[tuple[str, str]]) -> Table:
    """A table without vertical lines; columns by heading and justification."""
    made = Table(box=None, pad_edge=False, padding=(0, 1), expand=True, header_style="dim")
    for name, justify in columns:
        made.add_column(
            name,
            justify="right" if justify == "right" else "left",
            no_wrap=justify == "right",
            overflow="fold",
        )
    return made


def padded(text: str, width: int, *, right: bool) -> str:
    """The text as wide as its column; Chinese characters take two cells."""
    room = " " * (width - cell_len(text))
    return room + text if right else text + room


def or_unknown(text: str) -> str:
    """The text, or the sign that nothing is known."""
    return text or UNKNOWN
