"""What a group of a summary is made of, below the table: means, classes, joint shares, weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from cotton_client.render import names
from cotton_client.render.class_bars import class_bars
from cotton_client.render.compared import change, difference
from cotton_client.render.joint_names import joint_name
from cotton_client.render.labels import Labels, in_language, parts
from cotton_client.render.parts import UNKNOWN
from cotton_client.render.values import count, counted, fixed, share, tonnes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cotton.inspection.v1 import summary_pb2
    from rich.console import RenderableType

SECTIONS: Final = (
    "means",
    "colour",
    "length",
    "micronaire",
    "strength",
    "uniformity",
    "preparation",
    "visual_grade",
    "leaf",
    "joint",
    "weights",
    "lots",
)
"""The parts of a block by the words of --show."""

BLOCK_WIDTH_MAX: Final = 160
"""Wider bars say nothing more."""

_NARROW: Final = 64
"""Columns below which figures fold."""

_WIDE: Final = 100
"""Columns from which there is room for the smallest and the largest beside the means."""


class Block:
    """Everything that is known of one group, in the sections that are asked for."""

    def __init__(
        self,
        row: summary_pb2.SummaryRow,
        width: int,
        *,
        sections: Collection[str] = SECTIONS,
        labels: Labels = "both",
    ) -> None:
        self._row = row
        there = row.HasField("last_season") and not row.last_season.withheld
        self._last = row.last_season if there else None
        self._width = min(width, BLOCK_WIDTH_MAX)
        self._sections = sections
        self._labels = labels

    def parts(self) -> Iterator[RenderableType]:
        """The parts from top to bottom; where several families of standards graded, each."""
        families = [self._row.figures, *self._row.other_figures]
        for figures in families:
            if len(families) > 1:
                bales = counted(figures.bales, "bale")
                yield Text(f"{', '.join(figures.standards) or UNKNOWN} · {bales}", style="bold")
            yield from self._figures(figures, self._of_last_season(figures))
        if "weights" in self._sections and self._row.lots_weighed:
            yield from self._counts(_weights(self._row), self._last and _weights(self._last))
        if "lots" in self._sections:
            yield from self._counts(_lots(self._row), self._last and _lots(self._last))
            if states := self._states():
                yield states

    def _of_last_season(self, figures: summary_pb2.GradeFigures) -> summary_pb2.GradeFigures | None:
        """The figures of the season before under the same standards, of whichever year."""
        if self._last is None:
            return None
        families = [self._last.figures, *self._last.other_figures]
        return next((each for each in families if _series(each) & _series(figures)), None)

    def _figures(
        self, figures: summary_pb2.GradeFigures, last: summary_pb2.GradeFigures | None
    ) -> Iterator[RenderableType]:
        """Means, bars, and lines of one family of standards."""
        if not figures.bales:
            return
        metric = all(names.is_metric(each) for each in figures.standards)
        if "means" in self._sections:
            yield self._means(figures, last, metric)
            yield Text()
        bars = class_bars(
            figures,
            self._width,
            sections=self._sections,
            labels=self._labels,
            metric=metric,
            last=last,
        )
        if bars is not None:
            yield bars
        if lines := list(self._lines(figures, last)):
            yield Text("\n".join(lines))

    def _means(
        self,
        figures: summary_pb2.GradeFigures,
        last: summary_pb2.GradeFigures | None,
        metric: bool,
    ) -> Table:
        """Both means of every measure, named by their weighting, and how the bales spread."""
        wide = self._width >= _WIDE
        headings = ["By bales 按包", "By weight 按重量", "SD 标准差"]
        headings += ["Min 最小", "Max 最大"] if wide else []
        headings += ["Tier 档"]
        headings += ["Last season 上年度", "Change 增减"] if last is not None else []
        table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
        narrow = self._width < _NARROW
        table.add_column(
            in_language("Mean 平均", self._labels), no_wrap=not narrow, overflow="fold"
        )
        for each in headings:
            over = "\n".join(filter(None, parts(in_language(each, self._labels))))
            table.add_column(over, justify="right", no_wrap=not narrow, overflow="fold")
        for name, label, unit in measures(metric=metric):
            measure: summary_pb2.MeasureSummary = getattr(figures, name)
            if not measure.bales:
                continue
            cells = [
                _optional(measure, "mean_to_hundredths"),
                _optional(measure, "weighted_mean_to_hundredths"),
                _optional(measure, "standard_deviation"),
            ]
            cells += [_optional(measure, "min", 1), _optional(measure, "max", 1)] if wide else []
            cells += [measure.tier or ""]
            if last is not None:
                before: summary_pb2.MeasureSummary = getattr(last, name)
                cells.append(_optional(before, "mean_to_hundredths"))
                cells.append(
                    difference(measure.mean_to_hundredths, before.mean_to_hundredths)
                    if before.bales
                    else UNKNOWN
                )
            table.add_row(f"{in_language(label, self._labels)} [dim]{unit}[/dim]", *cells)
        return table

    def _lines(
        self, figures: summary_pb2.GradeFigures, last: summary_pb2.GradeFigures | None
    ) -> Iterator[str]:
        """Conditions on single bales, and what else is counted bale by bale."""
        if "joint" in self._sections:
            before = {each.name: each for each in last.joint} if last is not None else {}
            for each in figures.joint:
                if each.of_bales:
                    was = before.get(each.name)
                    yield _joint(each, was.share if was and was.of_bales else None, self._labels)
        if "colour" in self._sections:
            yield from colour_lines(figures)
        if "preparation" in self._sections and figures.bales_examined_for_foreign_fibre:
            yield foreign_fibre(figures)

    def _counts(
        self, now: Iterator[_Count], before: Iterator[_Count] | None
    ) -> Iterator[RenderableType]:
        """Labelled figures, a line each; the season before and the change beside them."""
        was = {label: (value, text) for label, _, value, text in before or ()}
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", overflow="fold")
        table.add_column(justify="right", no_wrap=True)
        if was:
            table.add_column(justify="right", no_wrap=True, style="dim")
            table.add_column(justify="right", no_wrap=True)
        for label, unit, value, text in now:
            cells = [text]
            if was:
                old, said = was.get(label, (None, UNKNOWN))
                # Shares change by points, all else by percent.
                cells += [said, difference(value, old) if unit == "%" else change(value, old)]
            table.add_row(f"{in_language(label, self._labels)} {unit}".rstrip(), *cells)
        if table.row_count:
            yield Text()
            yield table

    def _states(self) -> Text | None:
        """Lots by state."""
        states = [
            f"{(names.lot_state(each.state) or UNKNOWN).replace('_', ' ')} {count(each.lots)}"
            for each in self._row.lots_by_state
        ]
        if not states:
            return None
        label = in_language("Lots by state 批次状态", self._labels)
        return Text.assemble((f"{label}  ", "dim"), " · ".join(states))


def _series(figures: summary_pb2.GradeFigures) -> set[str]:
    """The standards of some figures without their years: "GB1103.1", "USDA"."""
    return {each.rpartition("-")[0] or each for each in figures.standards}


_Count = tuple[str, str, int, str]
"""A label, the unit, a figure, and the figure as text."""


def measures(*, metric: bool) -> tuple[tuple[str, str, str], ...]:
    """Every measure: its field, its label, its unit."""
    return (
        ("length", "Length 长度", "mm" if metric else "in"),
        ("micronaire", "Micronaire 马克隆值", ""),
        ("strength", "Strength 断裂比强度", "cN/tex" if metric else "g/tex"),
        ("uniformity", "Uniformity 长度整齐度", "%"),
        ("short_fibre", "Short fibre 短纤维率", "%"),
        ("rd", "Reflectance 反射率 Rd", "%"),
        ("plus_b", "Yellowness 黄度 +b", ""),
    )


def colour_lines(figures: summary_pb2.GradeFigures) -> Iterator[str]:
    """Bales that no class of colour holds, and what the chart had to say."""
    if figures.bales_ungraded_in_colour:
        yield f"Without colour 颜色未定级: {counted(figures.bales_ungraded_in_colour, 'bale')}"
    if figures.bales_graded_by_chart:
        bales = counted(figures.bales_graded_by_chart, "bale")
        yield f"Colour by the chart 按颜色图定级: {bales} for which the laboratory reported none"
    if figures.bales_compared_with_chart:
        yield (
            f"Laboratory and chart disagree 与颜色图不符: {count(figures.bales_chart_differs)} of"
            f" {counted(figures.bales_compared_with_chart, 'bale')}; the laboratory's grade counts"
        )


def foreign_fibre(figures: summary_pb2.GradeFigures) -> str:
    """Bales with foreign fibre, of those that were looked at."""
    return (
        f"Foreign fibre 异性纤维: {count(figures.bales_with_foreign_fibre)} of"
        f" {counted(figures.bales_examined_for_foreign_fibre, 'bale')} examined"
    )


def joint_line(joint: summary_pb2.JointShare, labels: Labels = "both") -> str:
    """A condition with its share, its bales and its denominator."""
    return (
        f"{in_language(joint_name(joint.name), labels)}: {share(joint.share, 2)}"
        f" ({count(joint.bales)} of {counted(joint.of_bales, 'bale')})"
    )


def _joint(joint: summary_pb2.JointShare, before: int | None, labels: Labels) -> str:
    """The same beside the season before."""
    line = joint_line(joint, labels)
    if before is None:
        return line
    return f"{line} · last season 上年度 {share(before, 2)}, {difference(joint.share, before)}"


def _weights(row: summary_pb2.SummaryRow) -> Iterator[_Count]:
    """Weights of the lots, and what was found in them."""
    for label, value in (
        ("Gross 毛重", row.gross),
        ("Tare 皮重", row.tare),
        ("Net 净重", row.net),
    ):
        yield label, "t", value, tonnes(value)
    if row.lots_with_conditioned_weight:
        yield "Conditioned 公定重量", "t", row.conditioned, tonnes(row.conditioned)
    for label, unit, name in (
        ("Conditioned a bale 每包公定重量", "kg", "conditioned_per_bale"),
        ("Regain, mean by lots 回潮率按批平均", "%", "regain_mean_by_lots"),
        ("Regain, mean by net weight 回潮率按净重平均", "%", "regain_mean_by_net"),
        ("Trash, mean by lots 含杂率按批平均", "%", "trash_mean_by_lots"),
        ("Trash, mean by net weight 含杂率按净重平均", "%", "trash_mean_by_net"),
    ):
        if row.HasField(name):  # type: ignore[arg-type]  # names of optional fields
            yield label, unit, getattr(row, name), fixed(getattr(row, name), 2)


def _lots(row: summary_pb2.SummaryRow) -> Iterator[_Count]:
    """Gins, lots and bales, and how much of what was declared has been read."""
    for label, value in (
        ("Gins 加工厂", row.gins),
        ("Lots 批", row.lots),
        ("Lots weighed 已检重量批", row.lots_weighed),
        ("Bales declared 申报包数", row.declared_bales),
        ("Bales read 检验包数", row.bales),
        ("Lots registered elsewhere 归属与登记不符批", row.lots_organisation_differs),
    ):
        yield label, "", value, count(value)
    for label, name in (
        ("Coverage of declared bales 检验覆盖率", "coverage"),
        ("Share of the total 占总量", "share_of_total"),
    ):
        if row.HasField(name):  # type: ignore[arg-type]  # names of optional fields
            yield label, "%", getattr(row, name), fixed(getattr(row, name), 2)


def _optional(measure: summary_pb2.MeasureSummary, name: str, decimals: int = 2) -> str:
    """A figure that may be absent."""
    if not measure.HasField(name):  # type: ignore[arg-type]  # names of optional fields
        return UNKNOWN
    return fixed(getattr(measure, name), decimals)
