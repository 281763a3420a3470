"""A grade summary as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.parts import UNKNOWN, WIDE
from cotton_client.render.values import count, counted, fixed, share, tonnes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton.inspection.v1 import summary_pb2
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

_CLASSES_WIDE = 2
_CLASSES_NARROW = 1
_NO_BREAK = "\N{NO-BREAK SPACE}"


class Summary:
    """A line a group and the total; it fits terminals from 80 columns on for up to two keys."""

    def __init__(self, answer: summary_pb2.SummariseGradesResponse) -> None:
        self._answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, then what it rests on."""
        yield _table(self._answer, wide=options.max_width >= WIDE)
        yield from _notes(self._answer)


def _table(answer: summary_pb2.SummariseGradesResponse, *, wide: bool) -> Table:
    """Groups as the service sorted them, and the total below a line."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim", show_footer=False)
    keys = [each.key for each in answer.rows[0].keys] if answer.rows else []
    for key in keys:
        table.add_column(names.SUMMARY_KEYS[key].replace(" ", "\n"), overflow="fold", min_width=8)
    if not keys:
        table.add_column("")
    for name in ("Lots\n批", "Bales\n包", "Weight t\n公定重量"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("Length\n长度", "Mic\n马值", "Str\n强度", "Unif\n整齐度"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Colour\n颜色级", min_width=10)
    if wide:
        table.add_column("Micronaire\n马克隆值级", min_width=10)
    for row in answer.rows:
        table.add_row(*_labels(row.keys), *_cells(row, wide=wide))
    if keys:
        table.add_section()
        labels = ["Total 合计", *[""] * (len(keys) - 1)]
        table.add_row(*labels, *_cells(answer.total, wide=wide), style="bold")
    elif not answer.rows:
        table.add_row("Total 合计", *_cells(answer.total, wide=wide), style="bold")
    return table


def _labels(keys: Sequence[summary_pb2.KeyValue]) -> list[str]:
    """The values of a group's keys; a lot that lacks one says so."""
    return [each.value or "not given" for each in keys] or ["Total 合计"]


def _cells(row: summary_pb2.SummaryRow, *, wide: bool) -> Iterator[RenderableType]:
    """Counts, weight, means and the largest classes of a group."""
    figures = row.figures
    yield count(row.lots)
    yield count(row.bales)
    yield tonnes(row.conditioned, 3 if wide else 1) if row.lots_with_conditioned_weight else UNKNOWN
    for measure in (figures.length, figures.micronaire, figures.strength, figures.uniformity):
        has_mean = measure.HasField("mean_to_hundredths")
        yield fixed(measure.mean_to_hundredths, 2) if has_mean else UNKNOWN
    yield _largest(figures.colours, _CLASSES_WIDE if wide else _CLASSES_NARROW)
    if wide:
        yield _largest(figures.micronaire_grades, _CLASSES_WIDE)


def _largest(classes: Sequence[summary_pb2.ClassShare], number: int) -> str:
    """The classes with the most bales, with their shares."""
    by_bales = sorted(classes, key=lambda each: -each.bales)[:number]
    return (
        "  ".join(
            f"{each.name}{_NO_BREAK}{share(each.share, 2).replace(' ', _NO_BREAK)}"
            for each in by_bales
        )
        or UNKNOWN
    )


def _notes(answer: summary_pb2.SummariseGradesResponse) -> Iterator[RenderableType]:
    """What a reader must know of the figures."""
    total = answer.total
    notes = []
    if total.lots_with_conditioned_weight < total.lots:
        missing = count(total.lots - total.lots_with_conditioned_weight)
        notes.append(f"{missing} of {count(total.lots)} lots have no conditioned weight yet.")
    if total.bales_unregistered:
        notes.append(
            f"{counted(total.bales_unregistered, 'bale')} of"
            f" {counted(total.lots_unregistered, 'lot')} not registered so far."
        )
    if total.bales_without_standard:
        notes.append(
            f"{counted(total.bales_without_standard, 'bale')} of cotton for which no standard"
            " is loaded: counted, not graded."
        )
    if notes:
        yield Text("\n" + "\n".join(notes), style="yellow")
    standards = ", ".join(answer.standards) or UNKNOWN
    yield Text(
        f"\nMeans are weighted by {answer.weighting or 'bales'} · standard {standards}"
        f" · revision 版本 {answer.revision}",
        style="dim",
    )
