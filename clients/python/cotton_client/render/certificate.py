"""A lot's certificate as a page for the terminal, in English and Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import summary_pb2
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.class_bars import ITEMS
from cotton_client.render.class_names import class_name
from cotton_client.render.labels import parts
from cotton_client.render.parts import UNKNOWN, WIDE, Bar, fields, heading, or_unknown
from cotton_client.render.status import banners, course
from cotton_client.render.summary_blocks import colour_lines, joint_line, measures
from cotton_client.render.values import china_time, count, counted, fixed, kilograms, share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from cotton_client.render.class_bars import Item

_OUTSTANDING: Final = "bold yellow"
_OFFICIAL: Final = "bold green"
_WRONG: Final = "bold red"

_SHARES: Final = "Shares are of bales; the last class takes the rest, so that they total 100 %."
_WIDE_MEANS: Final = 80
"""Columns from which the bales of each measure have room beside its figures."""

_EXTRACT: Final = "Printed from the service's ledger; not an official document."


class Certificate:
    """The page of one certificate; it fits terminals from 72 columns on."""

    def __init__(self, answer: summary_pb2.GetLotCertificateResponse) -> None:
        self._answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Heading, lot, course, weight, quality, classes, and what the figures rest on."""
        width = options.max_width
        status = self._answer.status if self._answer.HasField("status") else None
        yield _heading(self._answer)
        if status is not None:
            yield from banners(status)
        yield from _unlike_declared(self._answer)
        yield heading("Lot 批次")
        yield fields(_lot(self._answer), width)
        yield from _placing(self._answer)
        if status is not None:
            yield heading("Course 进程")
            yield from course(status, width)
        yield heading("Weight 重量")
        yield from _weight(self._answer, width)
        yield heading("Quality 质量")
        yield from _quality(self._answer, width)
        yield from _notes(self._answer)


def _heading(answer: summary_pb2.GetLotCertificateResponse) -> Panel:
    """Lot number and mark, or why there is no mark."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("Lot 批号", Text(answer.lot.lot_no, style="bold"))
    grid.add_row("Mark 质量标识", _mark(answer))
    grid.add_row("State 状态", _state(answer))
    return Panel(
        grid,
        title="Inspection certificate 棉花公证检验证书",
        title_align="left",
        border_style="dim",
    )


def _state(answer: summary_pb2.GetLotCertificateResponse) -> str:
    """What has arrived of the lot."""
    if answer.state != summary_pb2.LOT_STATE_UNREGISTERED:
        return or_unknown(names.LOT_STATES.get(answer.state, ""))
    arrived = (("read", answer.bales), ("weighed", answer.HasField("weight")))
    done = " and ".join(word for word, is_there in arrived if is_there)
    unregistered = names.LOT_STATES[answer.state]
    return f"{done}, {unregistered}" if done else unregistered


def _unlike_declared(answer: summary_pb2.GetLotCertificateResponse) -> Iterator[Text]:
    """A line that cannot be overlooked where bales read are not those declared."""
    read, declared = answer.bales, answer.lot.declared_bales
    if not (read and declared) or read == declared:
        return
    line = f"{counted(read, 'bale')} read, {count(declared)} declared: "
    if read > declared:
        yield Text(f"{line}{count(read - declared)} too many 检验包数多于申报", style=_WRONG)
    else:
        yield Text(f"{line}{count(declared - read)} not read 检验包数少于申报", style=_OUTSTANDING)


def _mark(answer: summary_pb2.GetLotCertificateResponse) -> Text:
    """The mark, or the part of it that is not there."""
    if answer.mark:
        return Text(answer.mark, style=_OFFICIAL)
    if not answer.figures.bales:
        reason = _why_ungraded(answer)
    elif not answer.main_colour:
        by_bales = sorted(answer.figures.colours, key=lambda each: -each.bales)
        shares = ", ".join(f"{each.name} {share(each.share)}" for each in by_bales)
        reason = f"the lot has no main colour grade 无主体颜色级\n({shares or 'no bale has one'})"
    elif not answer.length_level:
        reason = "no bale has a length 无长度值"
    else:
        reason = "main micronaire grade undefined 无主体马克隆值级"
    return Text(f"none: {reason}", style=_OUTSTANDING)


def _why_ungraded(answer: summary_pb2.GetLotCertificateResponse) -> str:
    """Why no bale has a grade."""
    if not answer.bales:
        return "no bale of the lot has been read 尚未检验"
    read = f"{counted(answer.bales, 'bale')} read, none graded"
    if answer.state == summary_pb2.LOT_STATE_UNREGISTERED:
        return f"{read}: the lot is not registered 未登记"
    return f"{read}: no standard that is loaded grades them 无适用标准"


def _lot(answer: summary_pb2.GetLotCertificateResponse) -> Iterator[tuple[str, str]]:
    """What is known of the lot; what is not is left out."""
    lot = answer.lot
    gin = " ".join(filter(None, (lot.gin_code, lot.gin_name)))
    yield "Bales 包数", _bales(answer)
    yield "Season 年度", f"{answer.season}/{(answer.season + 1) % 100:02d}" if answer.season else ""
    yield "Standard 标准", or_unknown(answer.standard)
    yield "Cotton type 类型", names.COTTON_TYPES.get(lot.cotton_type, "")
    yield "Gin 加工厂", gin
    yield "Picked 采摘", names.PICKING_MODES.get(lot.picking_mode, "")
    yield "Warehouse 仓库", lot.warehouse
    yield "Agency 在库机构", lot.agency
    yield "Region 区域", lot.region
    yield "Division 师", lot.division
    yield "Regiment 团场", lot.regiment
    yield "County 县", lot.county
    yield "Origin 产地", lot.origin
    yield "Traceability 追溯", lot.traceability_unit
    yield "Channel 渠道", names.CHANNELS.get(lot.channel, "")
    yield "Laboratory 实验室", ", ".join(answer.laboratories)
    yield "Inspected 检验日期", _days(answer)
    yield "Certificate 证书号", lot.quality_certificate_no


def _placing(answer: summary_pb2.GetLotCertificateResponse) -> Iterator[Text]:
    """Where summaries count the lot, if that is not where it is registered."""
    lot = answer.lot
    placed = (answer.region, answer.division, answer.regiment, answer.county)
    if not any(placed) or placed == (lot.region, lot.division, lot.regiment, lot.county):
        return
    where = " · ".join(filter(None, placed))
    line = f"Counted in 统计归属: {where}, by the organisation 机构"
    if answer.organisation_revision:
        line += f" of revision {answer.organisation_revision}"
    if answer.organisation_differs:
        yield Text(
            f"{line}; registered in another division or region 归属与登记不符", style=_OUTSTANDING
        )
    else:
        yield Text(line, style="dim")


def _bales(answer: summary_pb2.GetLotCertificateResponse) -> str:
    """Bales read, and of how many declared."""
    read = count(answer.bales)
    declared = answer.lot.declared_bales
    return f"{read} read of {count(declared)} declared" if declared else f"{read} read"


def _days(answer: summary_pb2.GetLotCertificateResponse) -> str:
    """The day or days of inspection."""
    first, last = answer.first_inspected_on, answer.last_inspected_on
    return first if first == last else f"{first} to {last}"


def _weight(answer: summary_pb2.GetLotCertificateResponse, width: int) -> Iterator[RenderableType]:
    """Gross to conditioned, as the scale's record states them."""
    if not answer.HasField("weight"):
        yield Text("not weighed yet 尚未检重", style=_OUTSTANDING)
        return
    weight, record = answer.weight, answer.weight.record
    yield fields(
        [
            ("Gross 毛重", f"{kilograms(record.gross)} kg"),
            ("Tare 皮重", f"{kilograms(record.tare)} kg"),
            ("Net 净重", f"{kilograms(weight.net)} kg"),
            ("Regain 回潮率", share(record.regain) if record.HasField("regain") else UNKNOWN),
            ("Trash 含杂率", share(record.trash) if record.HasField("trash") else UNKNOWN),
            (
                "Truck gross 满车",
                f"{kilograms(record.truck_gross)} kg" if record.truck_gross else "",
            ),
            ("Truck tare 空车", f"{kilograms(record.truck_tare)} kg" if record.truck_tare else ""),
            ("Scale 衡器", record.scale),
            ("Operator 检重员", record.operator),
            ("Weighed 检重时间", china_time(record.weighed_at_s)),
            ("Certificate 证书号", record.weight_certificate_no),
        ],
        width,
    )
    if weight.HasField("conditioned"):
        line = Text("Conditioned weight 公定重量  ", style="bold")
        line.append(f"{kilograms(weight.conditioned)} kg", style=_OFFICIAL)
        # The scale weighs the lot; it is known how many bales that is where all agree.
        if answer.bales and answer.bales == answer.lot.declared_bales:
            per_bale = _per_bale(weight.conditioned, answer.bales)
            line.append(f"  ({kilograms(per_bale, 1)} kg a bale)", "dim")
        yield line
    else:
        yield Text(
            f"No conditioned weight 无公定重量: {_why_not_conditioned(answer)}", style=_OUTSTANDING
        )


def _why_not_conditioned(answer: summary_pb2.GetLotCertificateResponse) -> str:
    """What the conditioned weight lacks."""
    record = answer.weight.record
    if not (record.HasField("regain") and record.HasField("trash")):
        return "regain and trash are not both known"
    if answer.state == summary_pb2.LOT_STATE_UNREGISTERED:
        return "the lot is not registered"
    return "no standard is loaded for this cotton"


def _per_bale(hundredths: int, bales: int) -> int:
    """Hundredths of a kg a bale, rounded once to 0.1 kg, half to even."""
    tenths, rest = divmod(hundredths, 10 * bales)
    if 2 * rest > 10 * bales or (2 * rest == 10 * bales and tenths % 2):
        tenths += 1
    return tenths * 10


def _quality(answer: summary_pb2.GetLotCertificateResponse, width: int) -> Iterator[RenderableType]:
    """Main grades, means, and every class with a bar."""
    figures = answer.figures
    if not figures.bales:
        why = _why_ungraded(answer) if answer.bales else "not inspected yet 尚未检验质量"
        yield Text(why, style=_OUTSTANDING)
        return
    yield fields(_main(answer), width)
    yield Text()
    yield _means(figures, names.is_metric(answer.standard), width)
    yield Text()
    yield _classes(figures, width, metric=names.is_metric(answer.standard))
    if lines := [*_joint(figures), *colour_lines(figures)]:
        yield Text("\n" + "\n".join(lines))


def _main(answer: summary_pb2.GetLotCertificateResponse) -> Iterator[tuple[str, str]]:
    """The grades that stand for the whole lot."""
    figures = answer.figures
    colour = answer.main_colour or "none 无主体颜色级"
    yield "Main colour 主体颜色级", colour
    yield "Length level 长度级", str(answer.length_level or UNKNOWN)
    yield "Main micronaire 主体级", answer.main_micronaire or "undefined 无"
    yield "Strength 断裂比强度", or_unknown(figures.strength.tier)
    yield "Uniformity 长度整齐度", or_unknown(figures.uniformity.tier)
    yield "Foreign fibre 异性纤维", _foreign_fibre(figures)


def _foreign_fibre(figures: summary_pb2.GradeFigures) -> str:
    """Bales with foreign fibre, of those that were looked at."""
    if not figures.bales_examined_for_foreign_fibre:
        return "not examined 未检"
    return (
        f"{count(figures.bales_with_foreign_fibre)} of"
        f" {count(figures.bales_examined_for_foreign_fibre)} bales"
    )


def _joint(figures: summary_pb2.GradeFigures) -> Iterator[str]:
    """The conditions on single bales that any bale could be held to."""
    for each in figures.joint:
        if each.of_bales:
            yield joint_line(each)


def _means(figures: summary_pb2.GradeFigures, metric: bool, width: int) -> Table:
    """Mean, spread, smallest and largest of every measure that was taken."""
    wide = width >= _WIDE_MEANS
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    table.add_column("Measure 指标", no_wrap=True)
    headings = ["Mean 平均", "SD 标准差", "Min 最小", "Max 最大", *(["Bales 包数"] if wide else [])]
    for name in headings:
        table.add_column(name, justify="right", no_wrap=True)
    for name, label, unit in measures(metric=metric):
        measure: summary_pb2.MeasureSummary = getattr(figures, name)
        if not measure.bales:
            continue
        spread = (
            fixed(measure.standard_deviation, 2)
            if measure.HasField("standard_deviation")
            else UNKNOWN
        )
        table.add_row(
            f"{label} [dim]{unit}[/dim]",
            fixed(measure.mean_to_hundredths, 2),
            spread,
            fixed(measure.min, 1),
            fixed(measure.max, 1),
            *([count(measure.bales)] if wide else []),
        )
    return table


def _classes(figures: summary_pb2.GradeFigures, width: int, *, metric: bool) -> Table:
    """Every class that has bales: bales, printed share, mean, and a bar."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim", expand=True)
    table.add_column("Item 项目", no_wrap=True)
    table.add_column("Class 级", no_wrap=True)
    table.add_column("Bales 包数", justify="right", no_wrap=True)
    table.add_column("Share 占比", justify="right", no_wrap=True)
    table.add_column("Mean 平均", justify="right", no_wrap=True)
    table.add_column("", ratio=1)
    for item in ITEMS:
        for place, each in enumerate(item.classes(figures)):
            table.add_row(
                "" if place else item.title,
                _class(item, each.name, metric=metric) if width >= WIDE else each.name,
                count(each.bales),
                share(each.share),
                fixed(each.mean, 1) if each.HasField("mean") else "",
                Bar(each.share, 10_000, style=item.style),
            )
    return table


def _class(item: Item, code: str, *, metric: bool) -> str:
    """A class by its code, with its Chinese name where it has one."""
    _, chinese = parts(class_name(item.name, code, metric=metric))
    return f"{code.replace('_', ' ')} [dim]{chinese}[/dim]" if chinese else code.replace("_", " ")


def _notes(answer: summary_pb2.GetLotCertificateResponse) -> Iterator[RenderableType]:
    """What the figures rest on, and what a reader must know of them."""
    notes = []
    if answer.bales_under_other_standards:
        bales = counted(answer.bales_under_other_standards, "bale")
        notes.append(f"{bales} of this lot graded by another standard: left out.")
    if answer.bales_without_standard and answer.figures.bales:
        bales = counted(answer.bales_without_standard, "bale")
        notes.append(f"{bales} of this lot that no standard grades: stored, not graded.")
    if answer.basis == summary_pb2.BASIS_FIRST_INSPECTION:
        notes.append("First inspections only, as corrected: re-tests are left out 仅首检.")
    if notes:
        yield Group(Text(), *[Text(note, style=_OUTSTANDING) for note in notes])
    if unverified := names.unverified(answer.unverified):
        yield Text(f"\n{unverified}", style="dim")
    rules = f" · rules 规则 {answer.grading_version}" if answer.grading_version else ""
    charts = f" · charts 颜色图 {', '.join(answer.charts)}" if answer.charts else ""
    yield Text(f"\nRevision 版本 {answer.revision}{rules}{charts}", style="dim")
    shares = f"{_SHARES} " if answer.figures.bales else ""
    yield Text(f"{shares}{_EXTRACT}", style="dim")
