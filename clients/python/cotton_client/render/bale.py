"""One bale as a page for the terminal: who it is, what was read, how it is graded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.history import history
from cotton_client.render.parts import fields, heading, or_unknown
from cotton_client.render.values import china_time, fixed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton.inspection.v1 import readings_pb2, trace_pb2
    from rich.console import Console, ConsoleOptions, RenderResult


class Bale:
    """The page of one bale."""

    def __init__(self, answer: trace_pb2.GetBaleResponse) -> None:
        self._answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Identity, reading with grade, where it is recorded, and all that happened to it."""
        width = options.max_width
        yield heading("Bale 棉包")
        yield Text(_name(self._answer), style="bold")
        yield from _banners(self._answer)
        yield fields(_identity(self._answer), width)
        yield heading("Reading and grade 检验结果")
        yield _reading(self._answer)
        yield heading("Record 记录")
        yield fields(_record(self._answer), width)
        if self._answer.history:
            yield heading("History 历史")
            yield from history(self._answer.history)
        yield Text(f"\nRevision 版本 {self._answer.revision}", style="dim")


def _name(answer: trace_pb2.GetBaleResponse) -> str:
    """32 digits, or crop year and USDA bale id."""
    reading = answer.reading
    if reading.WhichOneof("bale") == "usda_bale":
        return f"{reading.usda_bale.crop_year}/{reading.usda_bale.bale_id}"
    return reading.bale_code


def _banners(answer: trace_pb2.GetBaleResponse) -> Iterator[Text]:
    """What must not be overlooked: the reading shown is in no figure."""
    if answer.withdrawn:
        yield Text(
            "WITHDRAWN 已撤销: the last reading that was in force is shown", style="bold red"
        )
    if answer.lot_withdrawn:
        yield Text("ITS LOT IS WITHDRAWN 所在批次已撤销", style="bold red")
    if answer.awaiting_original:
        yield Text(
            "Awaiting its original reading 待首检: only re-tests have arrived, the first is shown",
            style="bold yellow",
        )


def _identity(answer: trace_pb2.GetBaleResponse) -> Iterator[tuple[str, str]]:
    """What the bale's name says, and the lot it belongs to."""
    lot = answer.reading.lot_no
    registered = "" if answer.lot_registered else " (not registered 未登记)"
    yield "Gin 加工厂", answer.gin_code
    yield "Baled on 成包日期", answer.baled_on
    yield "Bale number 包号", answer.bale_number
    yield "Lot 批号", f"{lot}{registered}" if lot else "none 无"


def _reading(answer: trace_pb2.GetBaleResponse) -> Table:
    """Every value that was read, with its tier."""
    reading, grade = answer.reading, answer.grade
    usda = reading.WhichOneof("bale") == "usda_bale"
    metric = not usda and names.is_metric(grade.standard or reading.standard)
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    table.add_column("Measure 指标", no_wrap=True)
    table.add_column("Value 值", justify="right", no_wrap=True)
    table.add_column("Unit", no_wrap=True, style="dim")
    table.add_column("Grade 级", no_wrap=True, style="bold")
    micronaire = " ".join(filter(None, (grade.micronaire_tier, grade.micronaire_grade)))
    if grade.micronaire_tier == grade.micronaire_grade:
        micronaire = grade.micronaire_grade
    measures = [
        ("Length 长度", "length", "mm" if metric else "in", grade.length_level),
        ("Micronaire 马克隆值", "micronaire", "", micronaire),
        ("Strength 断裂比强度", "strength", "cN/tex" if metric else "g/tex", grade.strength_tier),
        ("Uniformity 长度整齐度", "uniformity", "%", grade.uniformity_tier),
        ("Reflectance 反射率 Rd", "rd", "%", ""),
        ("Yellowness 黄度 +b", "plus_b", "", ""),
        ("Short fibre 短纤维率", "short_fibre", "%", grade.short_fibre_tier),
        ("Elongation 断裂伸长率", "elongation", "%", ""),
        ("Maturity 成熟度", "maturity", "", ""),
        ("Trash area 杂质面积", "trash_area", "%", ""),
        ("Moisture 水分", "moisture", "%", ""),
    ]
    present = {field.name for field, _ in reading.ListFields()}
    for label, name, unit, tier in measures:
        if name in present:
            table.add_row(label, fixed(getattr(reading, name), 1), unit, tier)
    numbers = [
        ("Trash count 杂质粒数", "trash_count"),
        ("Spinning consistency", "spinning_consistency"),
        ("Instrument colour 仪器颜色级", "instrument_colour_grade"),
        ("Colour quadrant", "colour_quadrant"),
        ("Extraneous matter", "extraneous_matter"),
    ]
    for label, name in numbers:
        if name in present:
            table.add_row(label, str(getattr(reading, name)), "", "")
    classes = [
        ("Leaf grade", "leaf_grade", grade.leaf_grade),
        ("Visual grade 品级", "visual_grade", grade.visual_grade),
    ]
    for label, name, its_class in classes:
        if name in present:
            table.add_row(label, str(getattr(reading, name)), "", its_class)
    for row in _judged(reading, grade):
        table.add_row(*row)
    return table


def _judged(
    reading: readings_pb2.Reading, grade: trace_pb2.BaleGrade
) -> Iterator[tuple[str, str, str, str]]:
    """Colour, what was judged by eye, and what the bale is besides, as rows of the table."""
    colour = str(reading.colour_grade) if reading.HasField("colour_grade") else ""
    by_chart = " by the chart 据颜色分级图" if grade.colour_from_chart else ""
    graded = f"{grade.colour_grade}{by_chart}" if grade.colour_grade else "ungraded 未定级"
    yield "Colour grade 颜色级", colour, "", graded
    if grade.chart_colour_grade and not grade.colour_from_chart:
        yield "By the chart 据颜色分级图", "", "", grade.chart_colour_grade
    if preparation := names.preparation(reading.preparation):
        yield "Preparation 轧工质量", preparation, "", grade.preparation
    if reading.HasField("foreign_fibre"):
        yield "Foreign fibre 异性纤维", "found 有" if reading.foreign_fibre else "none 无", "", ""
    if grade.definitions:
        yield "Is also 另属", "", "", ", ".join(grade.definitions)


def _record(answer: trace_pb2.GetBaleResponse) -> Iterator[tuple[str, str]]:
    """Who read it, who sent it, and where it lies in the ledger."""
    reading = answer.reading
    yield "Kind 类别", names.READING_KINDS.get(reading.kind, names.reading_kind(reading.kind))
    yield "Standard 标准", or_unknown(answer.grade.standard or reading.standard)
    yield "Laboratory 实验室", reading.laboratory
    yield "Instrument 仪器", reading.instrument
    yield "Inspected 检验", china_time(reading.inspected_at_s)
    yield "Sent by 发送方", answer.producer_id
    yield "Received 接收", china_time(answer.received_at_us // 1_000_000)
    yield "Stored at 存于版本", f"{answer.stored_at_revision}, row {answer.row}"
