"""A grade summary for the terminal: at any width every figure is there, none is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import summary_pb2
from rich.cells import cell_len
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.natural_order import natural_key
from cotton_client.render.parts import UNKNOWN
from cotton_client.render.values import count, counted, fixed, share, tonnes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

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
    """A group or the total: the values of its keys, then its cells."""

    keys: tuple[str, ...]
    cells: tuple[str, ...]


class Summary:
    """A line a group and the total; keys stand above their figures where it is narrow."""

    def __init__(
        self, answer: summary_pb2.SummariseGradesResponse, *, where: Sequence[str] = ()
    ) -> None:
        """`where` are the filters as the user gave them."""
        self._answer = answer
        self._where = where

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, then what it rests on; one line where no lot matches."""
        total = self._answer.total
        if self._where and not (total.lots or total.bales):
            yield Text(f"No lot matches {' and '.join(self._where)}.", style="yellow")
            yield Text(f"Revision 版本 {self._answer.revision}", style="dim")
            return
        for layout in _LAYOUTS:
            lines = list(_table(self._answer, layout))
            if max(line.cell_len for line in lines) <= options.max_width:
                break
        yield from lines
        if any(_more_classes(row, layout) for row in (*self._answer.rows, total)):
            yield Text(
                "\nColour and micronaire grades: largest classes only; all with --json.",
                style="dim",
            )
        yield from _notes(self._answer)


def _table(answer: summary_pb2.SummariseGradesResponse, layout: _Layout) -> Iterator[Text]:
    """Headings, the groups in the natural order of their keys, and the total."""
    named = [names.SUMMARY_KEYS[each.key] for each in answer.rows[0].keys] if answer.rows else []
    rows = sorted(answer.rows, key=lambda row: [natural_key(each.value) for each in row.keys])
    groups = [
        _Line(
            tuple(names.key_value(each.key, each.value) or "not given" for each in row.keys),
            _cells(row, layout),
        )
        for row in (rows if named else ())
    ]
    total = _Line((_TOTAL, *[""] * (len(named) - 1)), _cells(answer.total, layout))
    headings = [_Line(tuple(words), tuple(cells)) for words, cells in _headings(named)]
    if layout.keys_above:
        columns = [(*each.cells,) for each in (*headings, *groups, total)]
    else:
        columns = [(*each.keys, *each.cells) for each in (*headings, *groups, total)]
    widths = [max(map(cell_len, column)) for column in zip(*columns, strict=True)]
    left = len(widths) - len(_FIGURES) - len(_CLASSES)

    def laid_out(cells: Sequence[str], style: str = "") -> Text:
        padded = [
            _pad(cell, width, right=left <= place < left + len(_FIGURES))
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return Text((" " * layout.gap).join(padded).rstrip(), style=style)

    lines = iter(columns)
    for _ in headings:
        yield laid_out(next(lines), "dim")
    for group in groups:
        if layout.keys_above:
            pairs = zip(named, group.keys, strict=True)
            yield Text(" · ".join(f"{name} {value}" for name, value in pairs), style="bold")
        yield laid_out(next(lines))
    if layout.keys_above:
        yield Text(_TOTAL, style="bold")
    yield laid_out(next(lines), "bold")


def _headings(named: Sequence[str]) -> Iterator[tuple[list[str], list[str]]]:
    """The two lines above the columns: English, then Chinese; no keys leave room for the total."""
    keys = [name.rpartition(" ")[::2] for name in named] or [("", "")]
    for language in (0, 1):
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


def _more_classes(row: summary_pb2.SummaryRow, layout: _Layout) -> bool:
    """Whether a group has classes for which the layout has no room."""
    figures = row.figures
    return layout.classes < max(len(figures.colours), len(figures.micronaire_grades))


def _largest(classes: Sequence[summary_pb2.ClassShare], number: int) -> str:
    """The classes with the most bales, with their shares."""
    by_bales = sorted(classes, key=lambda each: -each.bales)[:number]
    return "  ".join(f"{each.name} {share(each.share, 2)}" for each in by_bales) or UNKNOWN


def _pad(text: str, width: int, *, right: bool) -> str:
    """The text as wide as its column; Chinese characters take two cells."""
    room = " " * (width - cell_len(text))
    return room + text if right else text + room


def _notes(answer: summary_pb2.SummariseGradesResponse) -> Iterator[RenderableType]:
    """What a reader must know of the figures."""
    total = answer.total
    notes = []
    if total.lots_with_conditioned_weight < total.lots:
        missing = count(total.lots - total.lots_with_conditioned_weight)
        notes.append(f"{missing} of {count(total.lots)} lots have no conditioned weight yet.")
    if total.lots_unregistered:
        bales = counted(total.bales_unregistered - total.bales_without_lot, "bale")
        notes.append(f"{bales} of {counted(total.lots_unregistered, 'lot')} not registered so far.")
    if total.bales_without_lot:
        notes.append(
            f"{counted(total.bales_without_lot, 'bale')} of imported cotton without a lot."
        )
    if total.bales_without_standard:
        notes.append(
            f"{counted(total.bales_without_standard, 'bale')} that no standard grades:"
            " counted, not graded."
        )
    if total.lots_withdrawn or total.bales_withdrawn:
        bales = counted(total.bales_withdrawn, "bale")
        lots = counted(total.lots_withdrawn, "lot")
        notes.append(f"{bales} withdrawn ({lots} as a whole): in no figure 已撤销.")
    if answer.basis == summary_pb2.BASIS_FIRST_INSPECTION:
        notes.append("First inspections only, as corrected: re-tests are left out 仅首检.")
    if notes:
        yield Text("\n" + "\n".join(notes), style="yellow")
    if unverified := names.unverified(answer.unverified):
        yield Text(f"\n{unverified}", style="dim")
    standards = ", ".join(answer.standards) or UNKNOWN
    yield Text(
        f"\nMeans are weighted by {answer.weighting or 'bales'} · standard {standards}"
        f" · revision 版本 {answer.revision}",
        style="dim",
    )
