"""Shares of classes as bars: who looks at them sees a lot of cotton before reading a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import summary_pb2
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from cotton_client.render.class_names import class_name
from cotton_client.render.compared import difference
from cotton_client.render.labels import Labels, in_language
from cotton_client.render.parts import Bar
from cotton_client.render.values import counted, share

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from rich.console import RenderableType

    Classes = Sequence[summary_pb2.ClassShare]

_WHOLE: Final = 10_000
"""A hundred percent, in hundredths."""

_BAR_WIDTH: Final = 16
"""Columns from which the length of a bar tells something."""

_GAPS: Final = 5
"""Blanks between the columns of an item, and between two items."""

_ACROSS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Item:
    """One item of grades: the section that it belongs to, what it is called, its classes."""

    section: str
    name: str
    title: str
    style: str
    classes: Callable[[summary_pb2.GradeFigures], Classes]


ITEMS: Final = (
    Item("colour", "colour", "Colour 颜色级", "cyan", lambda each: each.colours),
    Item("colour", "colour_type", "Colour type 颜色类型", "cyan", lambda each: each.colour_types),
    Item("length", "length", "Length 长度级", "green", lambda each: each.length.classes),
    Item(
        "micronaire",
        "micronaire_grade",
        "Mic. grade 马克隆值级",
        "magenta",
        lambda each: each.micronaire_grades,
    ),
    Item(
        "micronaire",
        "micronaire",
        "Micronaire 马克隆值分档",
        "magenta",
        lambda each: each.micronaire.classes,
    ),
    Item("strength", "strength", "Strength 断裂比强度", "blue", lambda each: each.strength.classes),
    Item(
        "uniformity",
        "uniformity",
        "Uniformity 长度整齐度",
        "yellow",
        lambda each: each.uniformity.classes,
    ),
    Item(
        "preparation",
        "preparation",
        "Preparation 轧工质量",
        "white",
        lambda each: each.preparations,
    ),
    Item(
        "visual_grade",
        "visual_grade",
        "Visual grade 品级",
        "white",
        lambda each: each.visual_grades,
    ),
    Item("leaf", "leaf", "Leaf grade 叶屑级", "white", lambda each: each.leaf_grades),
)
"""Every item with classes, in the order of a report."""


def class_bars(
    figures: summary_pb2.GradeFigures,
    width: int,
    *,
    sections: Collection[str],
    labels: Labels = "both",
    metric: bool = True,
    last: summary_pb2.GradeFigures | None = None,
) -> Table | None:
    """The items of the sections that have classes, as many beside each other as there is room.

    With `last`, the figures of the season before, each class has the difference of its
    shares. None where no item has classes.
    """
    shown = [
        _Panel(item, item.classes(figures), item.classes(last) if last is not None else None)
        for item in ITEMS
        if item.section in sections and item.classes(figures)
    ]
    if not shown:
        return None
    # Bars of all items begin and end alike, so that their lengths can be compared.
    codes = max(each.code_width for each in shown)
    names = max(each.name_width(labels, metric) for each in shown)
    figures_width = len("100.00 %") + (len(" +00.00") if last is not None else 0)
    room = codes + names + figures_width + _BAR_WIDTH + _GAPS
    if width < room:
        names = 0
    across = max(1, min(_ACROSS_MAX, width // room))
    panels = [each.table(labels, metric, codes, names) for each in shown]
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.width = width
    for _ in range(across):
        grid.add_column(ratio=1)
    for start in range(0, len(panels), across):
        line = panels[start : start + across]
        grid.add_row(*line, *[""] * (across - len(line)))
        grid.add_row(*[""] * across)
    return grid


@dataclass(frozen=True, slots=True)
class _Panel:
    """One item of some figures, beside the season before or not."""

    item: Item
    classes: Classes
    last: Classes | None

    @property
    def code_width(self) -> int:
        """Columns that the longest code takes."""
        return max(len(self._code(each)) for each in self._all())

    def name_width(self, labels: Labels, metric: bool) -> int:
        """Columns that the longest name beside a code takes."""
        return max(cell_len(self._name(each, labels, metric)) for each in self._all())

    def table(self, labels: Labels, metric: bool, codes: int, names: int) -> Table:
        """The name of the item and its bales, then a line a class."""
        made = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), expand=True, show_header=False)
        bales = counted(sum(each.bales for each in self.classes), "bale")
        title = in_language(self.item.title, labels)
        made.title = Text.assemble((title, "bold"), (f"  {bales}", "dim"))
        made.title_justify = "left"
        made.add_column(no_wrap=True, min_width=codes)
        if names:
            made.add_column(no_wrap=True, min_width=names, style="dim")
        made.add_column(no_wrap=True, justify="right", min_width=len("100.00 %"))
        if self.last is not None:
            made.add_column(no_wrap=True, justify="right", min_width=len("+00.00"), style="dim")
        made.add_column(ratio=1)
        before = {each.name: each.share for each in self.last or ()}
        for each in self._all():
            cells: list[RenderableType] = [self._code(each) if names else each.name]
            if names:
                cells.append(self._name(each, labels, metric))
            cells.append(share(each.share, 2))
            if self.last is not None:
                cells.append(difference(each.share, before.get(each.name, 0)))
            made.add_row(*cells, Bar(each.share, _WHOLE, style=self.item.style))
        return made

    def _all(self) -> Classes:
        """The classes, then those that only the season before had bales of."""
        there = {each.name for each in self.classes}
        gone = [
            summary_pb2.ClassShare(name=each.name)
            for each in self.last or ()
            if each.name not in there
        ]
        return [*self.classes, *gone]

    def _code(self, each: summary_pb2.ClassShare) -> str:
        """The code of a class; types of colour have names alone."""
        return "" if self.item.name == "colour_type" else each.name

    def _name(self, each: summary_pb2.ClassShare, labels: Labels, metric: bool) -> str:
        """What a class is called beside its code; "" for nothing."""
        name = class_name(self.item.name, each.name, metric=metric)
        return in_language(name, labels) if name else ""
