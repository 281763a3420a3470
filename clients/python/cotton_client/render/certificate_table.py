"""Certificates of many lots, a line each: the grades, the means and the weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.table import Table as Grid
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.labels import Labels, in_language, parts
from cotton_client.render.parts import UNKNOWN
from cotton_client.render.values import count, counted, fixed, kilograms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderResult

    from cotton_client.tables import Table

_TEXTS: Final = (
    ("lot_no", "Lot 批号"),
    ("state", "State 状态"),
    ("mark", "Mark 标识"),
    ("main_colour", "Colour 颜色级"),
    ("main_micronaire", "Mic. grade 马值级"),
    ("strength_tier", "Str. 强度档"),
    ("uniformity_tier", "Unif. 整齐度档"),
)


def _mean(value: int) -> str:
    return fixed(value, 2)


_FIGURES: Final[tuple[tuple[str, str, Callable[[int], str]], ...]] = (
    ("bales", "Bales 包数", count),
    ("conditioned", "Weight kg 公定重量", kilograms),
    ("length.mean_to_hundredths", "Length 长度", _mean),
    ("micronaire.mean_to_hundredths", "Mic 马值", _mean),
    ("strength.mean_to_hundredths", "Str 强度", _mean),
    ("uniformity.mean_to_hundredths", "Unif 整齐度", _mean),
)

SHOWN: Final = (*(name for name, _ in _TEXTS), *(name for name, _, _ in _FIGURES))
"""The columns that the page is made of."""


class CertificateTable:
    """A line a lot; where several families of standards graded, the one that graded the lot."""

    def __init__(self, table: Table, *, where: Sequence[str] = (), labels: Labels = "both") -> None:
        self._table = table
        self._where = where
        self._labels: Labels = labels

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines, then what they rest on."""
        table = self._table
        if not table.frame.height:
            matches = f" matches {' and '.join(self._where)}" if self._where else ""
            yield Text(f"No lot{matches}.", style="yellow")
        else:
            yield self._lines()
        if unverified := names.unverified(table.header.unverified):
            yield Text(f"\n{unverified}", style="dim")
        standards = ", ".join(table.header.standards) or UNKNOWN
        yield Text(
            f"\n{counted(table.frame.height, 'lot')} · means by bales 按包平均 · standard"
            f" {standards} · revision 版本 {table.header.revision}",
            style="dim",
        )

    def _lines(self) -> Grid:
        """The lots; texts fold where it is narrow, figures never."""
        grid = Grid(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
        for name, label in _TEXTS:
            grid.add_column(self._heading(label), no_wrap=name == "lot_no", overflow="fold")
        for _, label, _ in _FIGURES:
            grid.add_column(self._heading(label), justify="right", no_wrap=True)
        texts = [list(self._found(name)) for name, _ in _TEXTS]
        figures = [list(self._found(name)) for name, _, _ in _FIGURES]
        for row in range(self._table.frame.height):
            cells = [
                str(each[row] or UNKNOWN).lower() if place == 1 else str(each[row] or UNKNOWN)
                for place, each in enumerate(texts)
            ]
            cells += [
                UNKNOWN if each[row] is None else form(each[row])
                for each, (_, _, form) in zip(figures, _FIGURES, strict=True)
            ]
            grid.add_row(*cells)
        return grid

    def _heading(self, label: str) -> str:
        """English above Chinese."""
        return "\n".join(filter(None, parts(in_language(label, self._labels))))

    def _found(self, name: str) -> Iterator[Any]:
        """The values of a column, of whichever family of standards has one in the row."""
        table = self._table
        columns = [
            called
            for called, each in zip(table.names, table.columns, strict=True)
            if each.name == name
        ]
        if not columns:
            return iter([None] * table.frame.height)
        return (
            next((value for value in values if value is not None), None)
            for values in table.frame.select(columns).iter_rows()
        )
