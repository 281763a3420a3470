"""What a settlement came to, for the terminal: what it rests on, totals, what is held, lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import settlement_pb2, summary_pb2
from rich.text import Text

from cotton_client.render import confidence, names, schedules
from cotton_client.render.parts import UNKNOWN, fields, heading, table
from cotton_client.render.settlement_reasons import in_words
from cotton_client.render.settlement_tables import (
    differing_sums,
    exact,
    line_grid,
    total_grid,
)
from cotton_client.render.values import china_time, count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from cotton_client.render.labels import Labels
    from cotton_client.settlements import Settlement
    from cotton_client.tables import Table

LINES_SHOWN: Final = 50
"""Lines that a page lists unless told otherwise; files and --json have all."""

_DIGEST_DIGITS_SHOWN: Final = 12
_SUMS_SHOWN: Final = 5
_LINES: Final = {
    settlement_pb2.SETTLEMENT_TABLE_LOTS: "Lots 批次",
    settlement_pb2.SETTLEMENT_TABLE_UNITS: "Traceability units 追溯单元",
    settlement_pb2.SETTLEMENT_TABLE_REGIMENTS: "Regiments 团场",
    settlement_pb2.SETTLEMENT_TABLE_BALES: "Bales 包",
}


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement as a page shows it: its total, totals by keys, reasons with their lots, lines.

    `totals` is None without keys, `lines` where none were asked for.
    """

    header: settlement_pb2.SettlementHeader
    total: Table
    totals: Table | None
    held: tuple[tuple[str, int], ...]
    lines: Settlement | None


class SettlementPage:
    """The page of a settlement, below a title of its own."""

    def __init__(
        self, settled: Settled, *, title: str, limit: int = LINES_SHOWN, labels: Labels = "both"
    ) -> None:
        self._settled = settled
        self._title = title
        self._limit = limit
        self._labels: Labels = labels

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What it rests on, then what it came to."""
        settled, width = self._settled, options.max_width
        header = settled.header
        yield heading(self._title)
        yield fields(_terms(header), width)
        yield from _documents(header)
        yield from _doubts(header)
        if header.HasField("target_price"):
            yield from _target_price(header.target_price, width)
        yield heading("Totals 合计")
        yield from total_grid(settled.total, settled.totals, width, self._labels)
        yield from _sums(settled)
        yield from _held(settled)
        if settled.lines is not None:
            yield from self._lines(settled.lines, width)
        yield Text()
        if header.digest:
            yield Text("Digest 摘要 SHA-256", style="dim")
            yield Text(header.digest, style="bold")
        yield Text(_versions(header), style="dim")

    def _lines(self, lines: Settlement, width: int) -> Iterator[RenderableType]:
        yield heading(_LINES[lines.kind])
        if not lines.table.frame.height:
            yield Text("none 无", style="yellow")
            return
        yield from line_grid(lines.table, lines.kind, self._limit, width, self._labels)
        if (more := lines.table.frame.height - self._limit) > 0:
            yield Text(f"… and {counted(more, 'line')} more; --output writes all", style="dim")


def terms_text(terms: settlement_pb2.SettlementTerms) -> str:
    """What is settled by which documents, in one line."""
    documents = [terms.schedule, *terms.rule_sets, terms.target_price]
    said = [f"season {terms.season}"] if terms.season else []
    said += [" + ".join(filter(None, documents))]
    if terms.filters:
        said.append(filters_text(terms))
    return " · ".join(said)


def filters_text(terms: settlement_pb2.SettlementTerms) -> str:
    """The filters as users write them; "" for none."""
    return " and ".join(
        f"{names.summary_key(each.key)}="
        + ",".join(names.key_value(each.key, value) or "" for value in each.values)
        for each in terms.filters
    )


def _terms(header: settlement_pb2.SettlementHeader) -> list[tuple[str, str]]:
    terms = header.terms
    unit = f" {header.unit}" if header.unit else ""
    base = f"{exact(terms.base_price, 2)}{unit}" if terms.HasField("base_price") else ""
    if base and terms.base_price_series:
        base += f" ({terms.base_price_series}, {terms.base_price_day})"
    eligible = f"{exact(terms.eligible_output, 2)} kg" if terms.HasField("eligible_output") else ""
    series = f"{terms.schedule_series} on {terms.schedule_day}" if terms.schedule_series else ""
    units = f"{count(header.units)}, {count(header.units_held)} held 暂缓" if header.units else ""
    return [
        ("Revision 版本", str(header.revision)),
        ("Received 版本时间", china_time(header.received_at_us // 1_000_000)),
        ("Season 年度", str(terms.season or "")),
        ("Filters 筛选", filters_text(terms)),
        (
            "Basis 数据口径",
            names.BASES.get(terms.basis or summary_pb2.BASIS_IN_FORCE, str(terms.basis)),
        ),
        ("Series 系列", series),
        ("Base price 基准价", base),
        ("Eligible output 计补产量", eligible),
        ("Currency 币种", header.currency),
        ("Lots 批", f"{count(header.lots)}, {count(header.lots_held)} held 暂缓"),
        ("Units 单元", units),
    ]


def _documents(header: settlement_pb2.SettlementHeader) -> Iterator[RenderableType]:
    listed = table(
        [
            ("Document 资料", ""),
            ("Id 编号", ""),
            ("Title 名称", ""),
            ("Confidence 可信度", ""),
            ("SHA-256", ""),
            ("Revision 版本", "right"),
        ]
    )
    for each in header.documents:
        listed.add_row(
            schedules.kind(each.kind),
            Text(each.id, style="bold"),
            schedules.title(each.head) or UNKNOWN,
            Text(confidence.mark(each.head.confidence), confidence.style(each.head.confidence)),
            each.sha256[:_DIGEST_DIGITS_SHOWN],
            str(each.revision),
        )
    yield listed


def _doubts(header: settlement_pb2.SettlementHeader) -> Iterator[Text]:
    """What is not verified, assumed or not checked."""
    for each in header.documents:
        if each.head.note and each.head.confidence != confidence.HIGH:
            yield Text(f"Assumed by {each.id} 假定: {each.head.note}", style="yellow")
    if header.unverified:
        yield Text(f"Not verified 未核实: {', '.join(header.unverified)}", style="yellow")
    if header.not_checked:
        yield Text(f"Not checked 未核查: {', '.join(header.not_checked)}", style="yellow")


def _target_price(result: settlement_pb2.TargetPriceResult, width: int) -> Iterator[RenderableType]:
    """How the rate came about."""
    yield heading("Target price 目标价格")

    def said(name: str, unit: str) -> str:
        return f"{exact(getattr(result, name), 2)} {unit}" if result.HasField(name) else UNKNOWN  # type: ignore[arg-type]  # names of fields

    market = said("market", "yuan/t")
    by = result.market_by
    if result.market_prices:
        by = f"{by}, {counted(result.market_prices, 'price')}".lstrip(", ")
    rate = UNKNOWN
    if result.HasField("rate"):
        rate = f"{exact(result.rate, result.rate_decimals)} yuan/kg"
    yield fields(
        [
            ("Target 目标价格", said("target", "yuan/t")),
            ("Market 市场价格", f"{market} ({by})" if by else market),
            ("Output 产量", said("output", "kg")),
            ("Cap 补贴上限", said("cap", "kg")),
            ("Eligible 计补产量", said("eligible_output", "kg")),
            ("Fund 补贴资金", said("fund", "yuan")),
            ("Seed cotton 交售籽棉", said("delivered", "kg")),
            ("Rate 补贴标准", f"{rate} ({result.rate_by})" if result.rate_by else rate),
        ],
        width,
    )
    if result.problem:
        yield Text(result.problem, style="bold yellow")
    if result.lots_left_out:
        yield Text(
            f"{counted(result.lots_left_out, 'lot')} held: output not in, so a computed rate may"
            " still rise 有批次暂缓，补贴标准未定",
            style="bold yellow",
        )


def _sums(settled: Settled) -> Iterator[Text]:
    """Totals that are not the sum of their printed lines, and why that is so."""
    differ = [
        found
        for each in (settled.totals, settled.total)
        if each is not None
        for found in differing_sums(each)
    ]
    if not differ:
        return
    yield Text(
        "\nEach printed amount is rounded once from its exact value, so a total need not be the sum"
        " of the printed lines 每个金额各修约一次，合计与行合计可有差额:",
        style="yellow",
    )
    for keys, title, total, of_lines in differ[-_SUMS_SHOWN:]:
        where = ", ".join(f"{key} {value}" for key, value in keys.items()) or "total 合计"
        yield Text(f"  {where}: {title} {total}, lines {of_lines}", style="yellow")
    if (more := len(differ) - _SUMS_SHOWN) > 0:
        yield Text(f"  … and {counted(more, 'row')} more, as the table shows", style="yellow")


def _held(settled: Settled) -> Iterator[RenderableType]:
    """Reasons, and the lots that each is a reason for."""
    if not settled.held:
        return
    yield heading("Lots not payable, by reason 暂缓原因")
    listed = table([("Reason 原因", ""), ("", ""), ("Lots 批", "right")])
    for reason, lots in settled.held:
        listed.add_row(reason, in_words(reason), count(lots))
    yield listed


def _versions(header: settlement_pb2.SettlementHeader) -> str:
    said = (
        f"Settlement rules 结算版本 {header.settlement_version} · grading 定级版本"
        f" {header.grading_version} · standard {', '.join(header.standards) or UNKNOWN}"
    )
    if header.charts:
        said += f" · charts 颜色图 {', '.join(header.charts)}"
    if header.organisation_revision:
        said += f" · organisation 机构 of revision {header.organisation_revision}"
    return f"{said} · revision 版本 {header.revision}"
