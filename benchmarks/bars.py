"""A small chart of what a whole is made of: a bar each, cut into parts, as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.plot import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH: Final = 720

_LEFT, _RIGHT, _TOP, _ROW, _BAR = 150, 700, 20, 46, 28
_LINE, _LABEL = 18, 360
_COLOURS: Final = (
    "#1f6f8b",
    "#b5562b",
    "#7a5195",
    "#4f8a3c",
    "#c9a227",
    "#5b7f95",
    "#d98b6a",
    "#a98bbf",
    "#8fb97e",
    "#e3cd7a",
    "#2f4858",
    "#7d3a1c",
    "#4a2f5e",
    "#2f5a22",
    "#8a6d10",
    "#9fb9c6",
    "#666666",
    "#aaaaaa",
    "#333333",
    "#cccccc",
)
_STEPS: Final = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """A name, and the parts from left to right by their labels."""

    name: str
    parts: Mapping[str, float]


def draw_bars(bars: Sequence[Bar], *, across: str) -> str:
    """The chart of at least one bar; a label has one colour in all bars."""
    labels = list(dict.fromkeys(label for bar in bars for label in bar.parts))
    colours = {label: _COLOURS[n % len(_COLOURS)] for n, label in enumerate(labels)}
    longest = max(sum(bar.parts.values()) for bar in bars)
    scale = (_RIGHT - _LEFT) / longest
    bottom = _TOP + _ROW * len(bars)
    legend = bottom + 56
    height = legend + _LINE * -(-len(labels) // 2)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
            ' font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for step in range(_STEPS + 1):
        value = longest * step / _STEPS
        x = _LEFT + value * scale
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#dddddd" fill="none"/>')
        parts.append(text(x, bottom + 16, f"{value:.3g}", anchor="middle"))
    parts.append(text((_LEFT + _RIGHT) / 2, bottom + 34, across, anchor="middle"))
    for place, bar in enumerate(bars):
        y = _TOP + _ROW * place + (_ROW - _BAR) / 2
        parts.append(text(_LEFT - 8, y + _BAR / 2 + 4, bar.name, anchor="end"))
        x = float(_LEFT)
        for label, value in bar.parts.items():
            wide = value * scale
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{_BAR}"'
                f' fill="{colours[label]}"/>'
            )
            x += wide
    for place, label in enumerate(labels):
        x = 12 + _LABEL * (place % 2)
        y = legend + _LINE * (place // 2)
        parts.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colours[label]}"/>')
        parts.append(text(x + 18, y, label))
    return "\n".join([*parts, "</svg>", ""])
