"""A small line chart with two axes, logarithmic or even, as SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 720
HEIGHT: Final = 400

_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 560, 20, 350
COLOURS: Final = {
    "columns": "#1f6f8b",
    "rows": "#b5562b",
    "server": "#1f6f8b",
    "client": "#b5562b",
    "service": "#1f6f8b",
    "peer": "#b5562b",
    "idle": "#1f6f8b",
    "loaded": "#b5562b",
    "sealed": "#2e7d4f",
    "goal": "#888888",
    "DuckDB": "#b5562b",
    "chDB": "#7a5195",
}
_STEPS: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Point:
    """A median at `x`, with the least and greatest found."""

    x: float
    median: float
    least: float
    greatest: float


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its label, the key of its colour, and its points from left to right."""

    label: str
    colour: str
    dashed: bool
    points: list[Point]


@dataclass(frozen=True, slots=True)
class Axis:
    """A logarithmic scale from values to places on the page."""

    least: float
    greatest: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value."""
        whole = math.log(self.greatest / self.least)
        return self.start + (self.end - self.start) * math.log(value / self.least) / whole

    def steps(self) -> list[float]:
        """1, 2 and 5 of every power of ten within the axis."""
        powers = range(
            math.floor(math.log10(self.least)), math.floor(math.log10(self.greatest)) + 1
        )
        values = [step * 10.0**power for power in powers for step in _STEPS]
        return [value for value in values if self.least <= value <= self.greatest]


@dataclass(frozen=True, slots=True)
class Even:
    """A scale from 0 on whose steps are all of one size."""

    greatest: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value."""
        return self.start + (self.end - self.start) * value / self.greatest

    def steps(self) -> list[float]:
        """Some round values from 0 on."""
        power = 10.0 ** math.floor(math.log10(self.greatest))
        step = next(
            power * part for part in (0.1, 0.2, 0.5, 1) if self.greatest <= 10 * power * part
        )
        return [step * number for number in range(int(self.greatest / step) + 1)]


def draw(series: Sequence[Series], *, across: str, up: str, even: bool = False) -> str:
    """The chart of at least one series, with the names of its axes.

    Both are logarithmic, or both `even`, from 0 on.
    """
    points = [point for one in series for point in one.points]
    furthest = max(point.x for point in points)
    horizontal: Axis | Even = (
        Even(furthest * 1.05, _LEFT, _RIGHT)
        if even
        else Axis(min(point.x for point in points) / 1.3, furthest * 1.3, _LEFT, _RIGHT)
    )
    highest = max(point.greatest for point in points)
    vertical: Axis | Even = (
        Even(highest * 1.1, _BOTTOM, _TOP)
        if even
        else Axis(min(point.least for point in points) / 1.3, highest * 1.3, _BOTTOM, _TOP)
    )
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
            ' font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        *_grid(horizontal, vertical, sorted({point.x for point in points})),
        text(_LEFT, _TOP - 6, up),
        text((_LEFT + _RIGHT) / 2, HEIGHT - 10, across, anchor="middle"),
    ]
    ends = _apart([vertical.at(one.points[-1].median) for one in series])
    for one, end in zip(series, ends, strict=True):
        parts += _line(one, horizontal, vertical, label_y=end)
    return "\n".join([*parts, "</svg>", ""])


def _grid(horizontal: Axis | Even, vertical: Axis | Even, sizes: Sequence[float]) -> list[str]:
    parts = []
    for value in vertical.steps():
        y = vertical.at(value)
        parts.append(
            f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="#dddddd" stroke-width="1" fill="none"/>'
        )
        parts.append(text(_LEFT - 6, y + 4, f"{value:g}", anchor="end"))
    parts.append(f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}" stroke="#444444" fill="none"/>')
    free_from = 0.0
    for size in sizes:
        x = horizontal.at(size)
        parts.append(f'<path d="M{x:.1f} {_BOTTOM}v5" stroke="#444444" fill="none"/>')
        # Two sizes close together share a label's room: the first has it.
        if x >= free_from:
            parts.append(text(x, _BOTTOM + 18, f"{size:g}", anchor="middle"))
            free_from = x + 36
    return parts


def _line(
    one: Series, horizontal: Axis | Even, vertical: Axis | Even, *, label_y: float
) -> list[str]:
    colour = COLOURS[one.colour]
    places = [(horizontal.at(point.x), vertical.at(point.median)) for point in one.points]
    way = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dashes = ' stroke-dasharray="5 4"' if one.dashed else ""
    parts = [f'<path d="M{way}" stroke="{colour}" stroke-width="2" fill="none"{dashes}/>']
    for (x, y), point in zip(places, one.points, strict=True):
        low, high = vertical.at(point.least), vertical.at(point.greatest)
        parts.append(
            f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{colour}" stroke-width="1"/>'
        )
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
    parts.append(text(_RIGHT + 8, label_y + 4, one.label, fill=colour))
    return parts


def _apart(places: Sequence[float]) -> list[float]:
    """The places of labels, moved down where they would lie on each other."""
    moved = list(places)
    lowest = 0.0
    for place in sorted(range(len(places)), key=lambda index: places[index]):
        moved[place] = max(places[place], lowest)
        lowest = moved[place] + 15
    return moved


def text(x: float, y: float, words: str, *, anchor: str = "start", fill: str = "#222222") -> str:
    """Words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{words}</text>'
