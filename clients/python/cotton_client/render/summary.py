"""A grade summary for the terminal: at any width every figure is there, none is cut.

First a table with a line a group, then what the groups are made of: each where they are few,
else the total.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.compared import change, difference, year_on_year
from cotton_client.render.english_names import english_names, named_value
from cotton_client.render.labels import Labels, in_language, parts
from cotton_client.render.natural_order import natural_key
from cotton_client.render.parts import UNKNOWN, heading, padded
from cotton_client.render.summary_blocks import SECTIONS, Block
from cotton_client.render.summary_notes import notes
from cotton_client.render.values import count, fixed, share, tonnes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from cotton.inspection.v1 import summary_pb2
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from cotton_client.render.english_names import EnglishNames

_TOTAL: Final = "Total 合计"
_FIGURES: Final = (
    ("Lots", "批"),
    ("Bales", "包"),
    ("Weight t", "公定重量"),
    ("Length", "长度"),
    ("Mic", "马值"),
    ("Str", "强度"),
    ("Unif", "整齐度"),
)
_CLASSES: Final = (("Colour", "颜色级"), ("Mic. grade", "马克隆值级"))
_WITHHELD: Final = "withheld 不公布"
_LAST_SEASON: Final = "last season 上年度"
_CHANGE: Final = "change 增减"

GROUPS_SHOWN_MAX: Final = 4
"""Of more groups nobody looks through the bars; the total's stand for all."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How much of a group is shown, and where its keys stand: before its figures or above."""

    keys_above: bool
    classes: int
    weight_decimals: int
    gap: int


_LAYOUTS: Final = (
    _Layout(keys_above=False, classes=2, weight_decimals=3, gap=2),
    _Layout(keys_above=False, classes=1, weight_decimals=1, gap=2),
    _Layout(keys_above=False, classes=1, weight_decimals=1, gap=1),
    _Layout(keys_above=True, classes=1, weight_decimals=1, gap=2),
    _Layout(keys_above=True, classes=1, weight_decimals=1, gap=1),
)
"""From the roomiest on; the first that fits is taken, and lines of the last one may wrap."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A group or the total: the values of its keys, then its cells.

    `above` is what stands on a line of its own where keys have no room before their figures.
    """

    keys: tuple[str, ...]
    cells: tuple[str, ...]
    above: Text
    style: str = ""


class Summary:
    """A line a group and the total, then blocks; keys stand above their figures where narrow."""

    def __init__(
        self,
        answer: summary_pb2.SummariseGradesResponse,
        *,
        where: Sequence[str] = (),
        sections: Collection[str] = SECTIONS,
        labels: Labels = "both",
    ) -> None:
        """`where` are the filters as the user gave them, `sections` the parts of each block."""
        self._answer = answer
        self._where = where
        self._sections = sections
        self._labels: Labels = labels
        self._english = english_names(answer.header, labels)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, the blocks, then what all rests on; one line where no lot matches."""
        total = self._answer.total
        if self._where and not (total.lots or total.bales or total.withheld):
            yield Text(f"No lot matches {' and '.join(self._where)}.", style="yellow")
            yield Text(f"Revision 版本 {self._answer.revision}", style="dim")
            return
        for layout in _LAYOUTS:
            lines = list(_table(self._answer, layout, self._labels, self._english))
            if max(line.cell_len for line in lines) <= options.max_width:
                break
        yield from lines
        if any(_more_classes(row, layout) for row in (*self._answer.rows, total)):
            yield Text(
                "\nColour and micronaire grades: largest classes only; all with --json.",
                style="dim",
            )
        yield from self._blocks(options.max_width)
        yield from notes(self._answer)

    def _blocks(self, width: int) -> Iterator[RenderableType]:
        """What each group is made of, where they are few, and the total."""
        if not self._sections:
            return
        groups = [row for row in _in_order(self._answer) if row.keys and not row.withheld]
        if len(self._answer.rows) == 1:
            groups = []
        elif len(groups) > GROUPS_SHOWN_MAX:
            yield Text(
                f"\nBelow, the total of {count(len(self._answer.rows))} groups; each group's"
                " classes: --where, --json or --excel FILE.",
                style="dim",
            )
            groups = []
        titles = [" · ".join(_key_texts(row, self._english)) for row in groups]
        rows = [*groups, self._answer.total]
        for title, row in zip([*titles, in_language(_TOTAL, self._labels)], rows, strict=True):
            if row.withheld:
                continue
            block = Block(row, width, sections=self._sections, labels=self._labels)
            pieces = list(block.parts())
            if pieces:
                yield Text()
                yield heading(title)
                yield from pieces


def _in_order(answer: summary_pb2.SummariseGradesResponse) -> list[summary_pb2.SummaryRow]:
    """Groups in the natural order of their keys."""
    return sorted(answer.rows, key=lambda row: [natural_key(each.value) for each in row.keys])


def _key_texts(row: summary_pb2.SummaryRow, english: EnglishNames) -> tuple[str, ...]:
    """The values of a group's keys, with their English names."""
    return tuple(named_value(each.key, each.value, english) for each in row.keys)


def _table(
    answer: summary_pb2.SummariseGradesResponse,
    layout: _Layout,
    labels: Labels,
    english: EnglishNames,
) -> Iterator[Text]:
    """Headings, the groups, and the total."""
    named = [
        in_language(names.SUMMARY_KEYS[each.key], labels)
        for each in (answer.rows[0].keys if answer.rows else ())
    ]
    headings = [
        _Line(tuple(words), tuple(cells), Text(), "dim")
        for words, cells in _headings(named, labels)
    ]
    lines = [*headings, *_lines(answer, layout, named, labels, english)]
    if layout.keys_above:
        columns = [each.cells for each in lines]
    else:
        columns = [(*each.keys, *each.cells) for each in lines]
    widths = [max(map(cell_len, column)) for column in zip(*columns, strict=True)]
    left = len(widths) - len(_FIGURES) - len(_CLASSES)
    for line, cells in zip(lines, columns, strict=True):
        if layout.keys_above and line.above:
            yield line.above
        laid = [
            padded(cell, width, right=left <= place < left + len(_FIGURES))
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        yield Text((" " * layout.gap).join(laid).rstrip(), style=line.style)


def _lines(
    answer: summary_pb2.SummariseGradesResponse,
    layout: _Layout,
    named: Sequence[str],
    labels: Labels,
    english: EnglishNames,
) -> Iterator[_Line]:
    """A line a group and the total; each with the season before it and the change, if asked."""
    total = in_language(_TOTAL, labels)
    rest = [""] * (len(named) - 1)
    for row in _in_order(answer) if named else ():
        keys = _key_texts(row, english)
        pairs = zip(named, keys, strict=True)
        above = Text(" · ".join(f"{name} {value}" for name, value in pairs), style="bold")
        yield _Line(keys, _told(row, layout, labels), above, "dim" if row.withheld else "")
        yield from _compared(row, layout, rest, labels)
    above = Text(total, style="bold")
    yield _Line((total, *rest), _told(answer.total, layout, labels), above, "bold")
    yield from _compared(answer.total, layout, rest, labels)


def _told(row: summary_pb2.SummaryRow, layout: _Layout, labels: Labels) -> tuple[str, ...]:
    """The cells of a group, or that they are withheld."""
    if not row.withheld:
        return _cells(row, layout)
    return (in_language(_WITHHELD, labels), *[""] * (len(_FIGURES) + len(_CLASSES) - 1))


def _compared(
    row: summary_pb2.SummaryRow, layout: _Layout, rest: Sequence[str], labels: Labels
) -> Iterator[_Line]:
    """The season before a group, and what changed from it, below the group."""
    if not row.HasField("last_season") or row.withheld:
        return
    before = in_language(_LAST_SEASON, labels)
    cells = _told(row.last_season, layout, labels)
    yield _Line((f"  {before}", *rest), cells, Text(f"  {before}", style="dim"), "dim")
    if row.last_season.withheld:
        return
    what = in_language(_CHANGE, labels)
    yield _Line((f"  {what}", *rest), _changes(row), Text(f"  {what}", style="dim"), "dim")


def _headings(named: Sequence[str], labels: Labels) -> Iterator[tuple[list[str], list[str]]]:
    """The lines above the columns: English, then Chinese; no keys leave room for the total."""
    keys = [parts(name) for name in named] or [("", "")]
    languages = {"both": (0, 1), "en": (0,), "zh": (1,)}[labels]
    for language in languages:
        yield (
            [words[language] for words in keys],
            [words[language] for words in (*_FIGURES, *_CLASSES)],
        )


def _cells(row: summary_pb2.SummaryRow, layout: _Layout) -> tuple[str, ...]:
    """Counts, weight, means and the largest classes of a group."""
    figures = row.figures
    weighed = row.lots_with_conditioned_weight
    means = (
        fixed(measure.mean_to_hundredths, 2) if measure.HasField("mean_to_hundredths") else UNKNOWN
        for measure in (figures.length, figures.micronaire, figures.strength, figures.uniformity)
    )
    return (
        count(row.lots),
        count(row.bales),
        tonnes(row.conditioned, layout.weight_decimals) if weighed else UNKNOWN,
        *means,
        _largest(figures.colours, layout.classes),
        _largest(figures.micronaire_grades, layout.classes),
    )


def _changes(row: summary_pb2.SummaryRow) -> tuple[str, ...]:
    """What changed from the season before: counts and weight in percent, means by how much."""
    last = row.last_season
    means = (
        difference(now.mean_to_hundredths, before.mean_to_hundredths)
        if now.bales and before.bales
        else UNKNOWN
        for now, before in (
            (getattr(row.figures, name), getattr(last.figures, name))
            for name in ("length", "micronaire", "strength", "uniformity")
        )
    )
    return (
        change(row.lots, last.lots),
        year_on_year(row, "bales"),
        year_on_year(row, "conditioned"),
        *means,
        *("" for _ in _CLASSES),
    )


def _more_classes(row: summary_pb2.SummaryRow, layout: _Layout) -> bool:
    """Whether a group has classes for which the layout has no room."""
    figures = row.figures
    return layout.classes < max(len(figures.colours), len(figures.micronaire_grades))


def _largest(classes: Sequence[summary_pb2.ClassShare], number: int) -> str:
    """The classes with the most bales, with their shares."""
    by_bales = sorted(classes, key=lambda each: -each.bales)[:number]
    return "  ".join(f"{each.name} {share(each.share, 2)}" for each in by_bales) or UNKNOWN
