"""What a page of a settlement is made of, asked for: of a trial and of a frozen run alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import click
from cotton.inspection.v1 import settlement_pb2

from cotton_client.render.settlement import LINES_SHOWN, Settled
from cotton_client.render.settlement_reasons import counted_reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cotton.inspection.v1 import summary_pb2

    from cotton_client.cli.row_progress import RowProgress
    from cotton_client.export import Sheet
    from cotton_client.settlements import Settlement

LOTS: Final = settlement_pb2.SETTLEMENT_TABLE_LOTS
TOTALS: Final = settlement_pb2.SETTLEMENT_TABLE_TOTALS

LINES: Final = {
    "lots": LOTS,
    "units": settlement_pb2.SETTLEMENT_TABLE_UNITS,
    "regiments": settlement_pb2.SETTLEMENT_TABLE_REGIMENTS,
    "bales": settlement_pb2.SETTLEMENT_TABLE_BALES,
}
"""Tables of lines by the word that names them."""

SHEETS: Final = {
    TOTALS: "Totals 合计",
    LOTS: "Lots 批次",
    settlement_pb2.SETTLEMENT_TABLE_UNITS: "Units 追溯单元",
    settlement_pb2.SETTLEMENT_TABLE_REGIMENTS: "Regiments 团场",
    settlement_pb2.SETTLEMENT_TABLE_BALES: "Bales 包",
}
"""What the sheets of a workbook are called."""

by_option: Final = click.option(
    "--by", default="", metavar="KEY[,KEY…]", help="Totals by these keys; one when left out."
)
lines_option: Final = click.option(
    "--lines", type=click.Choice(list(LINES)), help="The lines too, one by one."
)
limit_option: Final = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=LINES_SHOWN,
    show_default=True,
    metavar="N",
    help="Lines that the page lists; files and --json have all.",
)


class AskTable(Protocol):
    """Asks for one table of a settlement."""

    async def __call__(
        self,
        table: settlement_pb2.SettlementTable.ValueType,
        *,
        keys: Sequence[summary_pb2.SummaryKey.ValueType] = (),
        columns: Sequence[str] = (),
        on_rows: Callable[[int, int], None] | None = None,
    ) -> Settlement:
        """The table of these keys and columns."""


async def complete(
    ask: AskTable,
    total: Settlement,
    keys: Sequence[summary_pb2.SummaryKey.ValueType],
    lines: str | None,
    progress: RowProgress,
) -> Settled:
    """The settlement of a total, with totals by keys, reasons, and lines where asked for."""
    by_keys = held = of_lines = None
    if keys:
        heard = progress.step("Adding up")
        by_keys = await ask(TOTALS, keys=keys, on_rows=heard)
    if total.header.lots_held:
        heard = progress.step("Asking why lots are held")
        held = await ask(LOTS, columns=("status", "reasons"), on_rows=heard)
    if lines is not None:
        kind = LINES[lines]
        heard = progress.step(f"Asking for {lines}")
        of_lines = await ask(kind, on_rows=heard)
    return Settled(
        header=total.header,
        total=total.table,
        totals=None if by_keys is None else by_keys.table,
        held=() if held is None else counted_reasons(held.table.frame["reasons"]),
        lines=of_lines,
    )


def sheets(settled: Settled) -> list[Sheet]:
    """The tables of a settlement as sheets: totals, then lines."""
    from cotton_client.export import Sheet  # noqa: PLC0415 - loads polars and xlsxwriter

    totals = settled.total if settled.totals is None else settled.totals
    found = [Sheet(SHEETS[TOTALS], totals)]
    if settled.lines is not None:
        found.append(Sheet(SHEETS[settled.lines.kind], settled.lines.table))
    return found
