"""A list of lots for the terminal: a line a lot, and below it what must not be overlooked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.parts import UNKNOWN, padded
from cotton_client.render.status import age
from cotton_client.render.values import china_time, count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cotton.inspection.v1 import summary_pb2
    from rich.console import Console, ConsoleOptions, RenderResult

_COLUMNS: Final = (
    ("Lot", "批号"),
    ("State", "状态"),
    ("Bales", "包数"),
    ("Age", "时长"),
    ("Objection", "异议截止"),
    ("Decision", "裁定截止"),
    ("Conflicts", "冲突"),
)
_RIGHT: Final = frozenset({"Bales", "Age", "Conflicts"})
_STEPS: Final = (("Gate-in", "入库"), ("Tested", "检验"), ("Weighed", "检重"), ("Final", "完成"))
_DAY: Final = len("2016-11-20")


class LotTable:
    """The lots of an answer in its order; days of steps stand below a lot where it is narrow."""

    def __init__(self, revision: int, lots: Sequence[summary_pb2.LotStatus]) -> None:
        self._revision = revision
        self._lots = lots

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, or one line where no lot matches."""
        if not self._lots:
            yield Text("No lot matches.", style="yellow")
        else:
            yield from self._fitting(options.max_width)
        number = counted(len(self._lots), "lot")
        yield Text(f"\n{number} · revision 版本 {self._revision}", style="dim")

    def _fitting(self, width: int) -> list[Text]:
        """The roomiest layout that fits; lines of the last one may wrap."""
        for with_steps, gap in ((True, 2), (False, 2), (False, 1)):
            lines, table_width = _table(self._lots, with_steps=with_steps, gap=gap)
            if table_width <= width:
                break
        return lines


def _table(
    lots: Sequence[summary_pb2.LotStatus], *, with_steps: bool, gap: int
) -> tuple[list[Text], int]:
    """Headings and lots with their notes, and the width of what stands in columns."""
    columns = (*_COLUMNS, *(_STEPS if with_steps else ()))
    rows = [tuple(words[language] for words in columns) for language in (0, 1)]
    for lot in lots:
        days = tuple(day or UNKNOWN for _, day in _days(lot)) if with_steps else ()
        rows.append((*_cells(lot), *days))
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]

    def laid_out(cells: Sequence[str]) -> str:
        laid = [
            padded(cell, width, right=name in _RIGHT)
            for cell, width, (name, _) in zip(cells, widths, columns, strict=True)
        ]
        return (" " * gap).join(laid).rstrip()

    lines = [Text(laid_out(row), style="dim") for row in rows[:2]]
    for lot, row in zip(lots, rows[2:], strict=True):
        lines.append(Text(laid_out(row), style="bold red" if lot.withdrawn_at_us else ""))
        lines += _notes(lot)
        made = [f"{word} {day}" for word, day in _days(lot) if day]
        if made and not with_steps:
            lines.append(Text(f"  {', '.join(made)}", style="dim"))
    return lines, sum(widths) + gap * (len(widths) - 1)


def _cells(lot: summary_pb2.LotStatus) -> tuple[str, ...]:
    """What stands in the columns that are always there."""
    undecided = [each.decision_until for each in lot.objections if not each.objection.decision]
    return (
        lot.lot_no,
        (names.lot_state(lot.state) or UNKNOWN).replace("_", " "),
        f"{count(lot.bales)}/{count(lot.declared_bales) if lot.declared_bales else UNKNOWN}",
        age(lot.age_s) if lot.HasField("age_s") else UNKNOWN,
        lot.objection_until or UNKNOWN,
        min(undecided, default=UNKNOWN),
        count(lot.open_conflicts) if lot.open_conflicts else UNKNOWN,
    )


def _notes(lot: summary_pb2.LotStatus) -> Iterator[Text]:
    """What a lot is held for, and decisions that are overdue."""
    for each in lot.holds:
        hold = names.LOT_HOLDS.get(each, names.lot_hold(each) or "")
        yield Text(f"  held: {hold}", style="bold red")
    for status in lot.objections:
        if status.overdue and not status.objection.decision:
            number = status.objection.objection_no
            yield Text(
                f"  overdue 逾期: decision of {number} was due {status.decision_until}",
                style="bold red",
            )


def _days(lot: summary_pb2.LotStatus) -> list[tuple[str, str]]:
    """The days of the steps in China; "" for one that has not been made."""
    return [
        (word, china_time(seconds)[:_DAY])
        for (word, _), seconds in zip(
            _STEPS,
            (
                lot.gate_in_at_s,
                lot.tested_at_us // 1_000_000,
                lot.weighed_at_us // 1_000_000,
                lot.final_at_us // 1_000_000,
            ),
            strict=True,
        )
    ]
