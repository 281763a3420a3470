"""A small chart of times by name: a row each, a dot for everybody, a logarithmic axis, as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.plot import COLOURS, Axis, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.results import Spread

WIDTH: Final = 720

_LEFT, _RIGHT, _TOP, _ROW = 190, 690, 40, 26


@dataclass(frozen=True, slots=True)
class Row:
    """A name, and what was found of everybody, by the key of a colour."""

    name: str
    found: Mapping[str, Spread]


def draw_dots(rows: Sequence[Row], *, across: str) -> str:
    """The chart of at least one row; a line goes from the least to the greatest."""
    every = [spread for row in rows for spread in row.found.values()]
    axis = Axis(
        min(each.least for each in every) / 1.3,
        max(each.greatest for each in every) * 1.3,
        _LEFT,
        _RIGHT,
    )
    bottom = _TOP + _ROW * len(rows)
    height = bottom + 50
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
            ' font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        *_legend(rows),
        *_grid(axis, bottom),
        text((_LEFT + _RIGHT) / 2, height - 8, across, anchor="middle"),
    ]
    for place, row in enumerate(rows):
        y = _TOP + _ROW * (place + 0.5)
        parts.append(text(_LEFT - 8, y + 4, row.name, anchor="end"))
        parts += _dots(row, axis, y)
    return "\n".join([*parts, "</svg>", ""])


def _legend(rows: Sequence[Row]) -> list[str]:
    names = list(dict.fromkeys(name for row in rows for name in row.found))
    parts = []
    for place, name in enumerate(names):
        x = _LEFT + 110 * place
        parts.append(f'<circle cx="{x}" cy="16" r="4" fill="{COLOURS[name]}"/>')
        parts.append(text(x + 10, 20, name, fill=COLOURS[name]))
    return parts


def _grid(axis: Axis, bottom: float) -> list[str]:
    parts = []
    free_from = 0.0
    for value in axis.steps():
        x = axis.at(value)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#dddddd" fill="none"/>')
        if x >= free_from:
            parts.append(text(x, bottom + 18, f"{value:g}", anchor="middle"))
            free_from = x + 36
    return parts


def _dots(row: Row, axis: Axis, y: float) -> list[str]:
    parts = []
    for name, found in row.found.items():
        colour = COLOURS[name]
        least, greatest = axis.at(found.least), axis.at(found.greatest)
        parts.append(
            f'<path d="M{least:.1f} {y:.1f}H{greatest:.1f}" stroke="{colour}" stroke-width="1"/>'
        )
        parts.append(
            f'<circle cx="{axis.at(found.median):.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
        )
    return parts
