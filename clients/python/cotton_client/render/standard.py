"""One standard as a page for the terminal: every table, with its source and what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from cotton_client.render.parts import fields, heading, table
from cotton_client.render.standards import cotton_type, in_force, seasons
from cotton_client.render.values import fixed, share, shortest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton.inspection.v1 import grading_pb2
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

_UNKNOWN: Final = "NOT KNOWN 未知"
_TIERINGS: Final = {
    "none": "no tiers 不分档",
    "unknown": f"{_UNKNOWN}: tiers stay empty 分档未公布",
}
_CONFIDENCES: Final = {
    "H": "seen in a source or recomputed 有据",
    "M": "one weaker source, or inferred 推断",
    "L": "UNVERIFIED 未核实",
}
_CONSTANTS: Final = {
    "standard_trash": "Standard trash 标准含杂率 Z0",
    "official_regain": "Official regain 公定回潮率 R0",
}
_ROUNDINGS: Final = {"half-even": "half to even, once 四舍六入五成双，一次修约"}


class StandardPage:
    """The page of one standard."""

    def __init__(self, answer: grading_pb2.GetStandardResponse) -> None:
        self._answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What it is, then every part with its source."""
        answer = self._answer
        yield heading("Standard 标准")
        yield Text(answer.summary.id, style="bold")
        yield from _about(answer, options.max_width)
        for measure in answer.measures:
            yield from _measure(measure)
        for item in answer.items:
            yield from _item(item)
        yield from _unknown_items(answer)
        yield heading("Conditioned weight 公定重量")
        for constant in answer.constants:
            yield from _constant(constant)
        yield heading("Rounding 数值修约")
        yield Text(_ROUNDINGS.get(answer.rounding, answer.rounding))
        yield _source(answer.rounding_provenance)
        yield from _chart(answer)
        yield from _definitions(answer)
        yield Text(f"\nGrading version 定级版本 {answer.grading_version}", style="dim")


def _about(answer: grading_pb2.GetStandardResponse, width: int) -> Iterator[RenderableType]:
    summary = answer.summary
    yield Text(" ".join(filter(None, (summary.title, summary.title_zh))))
    yield _source(summary.provenance)
    yield fields(
        [
            ("Cotton 棉花类型", ", ".join(map(cotton_type, summary.cotton_types))),
            ("Issued 发布", summary.issued),
            ("In force 实施", in_force(summary)),
            ("Supersedes 代替", summary.supersedes),
            ("Units 单位", {"metric": "mm, cN/tex", "usda": "in, g/tex"}[summary.units]),
            ("Seasons 年度", seasons(summary)),
        ],
        width,
    )
    yield _source(summary.seasons_provenance)
    if summary.unknown:
        yield Text(f"{_UNKNOWN}: {', '.join(summary.unknown)}", style="bold yellow")
    if summary.unverified:
        yield Text(f"UNVERIFIED 未核实: {', '.join(summary.unverified)}", style="bold yellow")


def _measure(measure: grading_pb2.StandardMeasure) -> Iterator[RenderableType]:
    unit = f", {measure.unit}" if measure.unit else ""
    resolution = shortest(measure.resolution)
    yield heading(f"{measure.title} {measure.title_zh}{unit}, to {resolution}")
    if measure.tiering != "listed":
        style = "yellow" if measure.tiering == "unknown" else ""
        yield Text(_TIERINGS.get(measure.tiering, measure.tiering), style=style)
    else:
        yield _tiers(measure)
    yield _source(measure.provenance)


def _tiers(measure: grading_pb2.StandardMeasure) -> RenderableType:
    graded = any(tier.grade for tier in measure.tiers)
    columns = [("Tier 档", ""), ("from", "right"), ("to", "right")]
    listed = table([*columns, *([("Grade 级", "")] if graded else [])])
    listed.expand = False
    decimals = len(shortest(measure.resolution).partition(".")[2])
    for tier in measure.tiers:
        is_standard = measure.standard in {tier.name, tier.grade} and bool(measure.standard)
        listed.add_row(
            f"{tier.name} {'(standard 标准级)' if is_standard else ''}".rstrip(),
            fixed(tier.lower, decimals) if tier.HasField("lower") else "",
            fixed(tier.upper, decimals) if tier.HasField("upper") else "",
            *([tier.grade] if graded else []),
            style="bold" if is_standard else "",
        )
    return listed


def _item(item: grading_pb2.StandardItem) -> Iterator[RenderableType]:
    yield heading(f"{item.title} {item.title_zh}".rstrip())
    neighbours = any(each.neighbours for each in item.classes)
    columns = [("Class 级", ""), ("Title 名称", "")]
    listed = table([*columns, *([("Neighbours 相邻级", "")] if neighbours else [])])
    listed.expand = False
    for each in item.classes:
        is_standard = each.name == item.standard
        listed.add_row(
            f"{each.name} {'(standard 标准级)' if is_standard else ''}".rstrip(),
            " ".join(filter(None, (each.title, each.title_zh))),
            *([" ".join(each.neighbours)] if neighbours else []),
            style="bold" if is_standard else "",
        )
    yield listed
    yield _source(item.provenance)
    if item.main_share:
        yield Text(f"Main colour grade 主体颜色级: from {share(item.main_share)} of the bales")
        yield _source(item.main_provenance)
        yield Text("Neighbours 相邻级")
        yield _source(item.neighbours_provenance)


def _unknown_items(answer: grading_pb2.GetStandardResponse) -> Iterator[RenderableType]:
    """Items of which nothing is known, so that there is no table of them."""
    titles = {
        "colour": "colour grade 颜色级",
        "preparation": "ginning preparation 轧工质量",
        "visual_grade": "visual grade 品级",
        "leaf": "leaf grade",
    }
    for name, title in titles.items():
        if name in answer.summary.unknown:
            yield heading(title)
            yield Text(_UNKNOWN, style="yellow")


def _constant(constant: grading_pb2.StandardConstant) -> Iterator[RenderableType]:
    title = _CONSTANTS.get(constant.name, constant.name)
    if not constant.HasField("value"):
        yield Text.assemble(f"{title}: ", (_UNKNOWN, "yellow"))
        return
    yield Text(f"{title}: {share(constant.value)}")
    yield _source(constant.provenance)


def _chart(answer: grading_pb2.GetStandardResponse) -> Iterator[RenderableType]:
    yield heading("Colour chart 颜色分级图")
    if not answer.chart:
        yield Text("none is loaded: the laboratory's grade is the grade 未载入，以检验结果为准")
        return
    yield Text(answer.chart)
    yield _source(answer.chart_provenance)


def _definitions(answer: grading_pb2.GetStandardResponse) -> Iterator[RenderableType]:
    if not answer.definitions:
        return
    yield heading("Definitions 组合指标")
    for each in answer.definitions:
        yield Text.assemble((each.name, "bold"), f" {each.title_zh}: {each.condition}")
        yield _source(each.provenance)


def _source(provenance: grading_pb2.Provenance) -> Text:
    """Where a part comes from, and how well it is established."""
    confidence = provenance.confidence
    words = _CONFIDENCES.get(confidence, confidence)
    style = "yellow" if confidence == "L" else "dim"
    return Text(f"  {confidence} {words}: {provenance.source}", style=style)
