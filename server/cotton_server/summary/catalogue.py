"""What the figures of a summary are called: names, titles, units and decimals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_server.grading.standard import MEASURE_NAMES
from cotton_server.summary.facts import SAMPLED, STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cotton_server.grading.definitions import Definition
    from cotton_server.grading.standard import Measure, Standard


@dataclass(frozen=True, slots=True)
class Column:
    """A column of figures: a value stands for itself divided by 10 to the power of `decimals`."""

    name: str
    title: str
    title_zh: str
    unit: str = ""
    decimals: int = 0
    standards: tuple[str, ...] = ()
    """Ids of the standards whose items and classes these are; none for what is of no standard."""
    last_season: bool = False
    is_text: bool = False


_STATES_ZH: Final = {
    "UNREGISTERED": "未登记",
    "REGISTERED": "已登记",
    "WEIGHED": "已称重",
    "READ": "检验中",
    "READ_AND_WEIGHED": "检验中已称重",
    "TESTED": "已检毕",
    "FINAL": "已完成",
    "REVISED": "已修订",
    "WITHDRAWN": "已撤销",
    "HELD": "暂扣",
}

_SAMPLED: Final = {"regain": ("Moisture regain", "回潮率"), "trash": ("Trash content", "含杂率")}


def row_columns() -> tuple[Column, ...]:
    """The figures of a row that are of no standard."""
    return tuple(_row_columns())


def _row_columns() -> Iterator[Column]:
    yield Column("lots", "Lots", "批数", "lots")
    yield Column("lots_unregistered", "Lots not registered", "未登记批数", "lots")
    yield Column("lots_weighed", "Lots weighed", "已称重批数", "lots")
    yield Column(
        "lots_with_conditioned_weight", "Lots with conditioned weight", "有公定重量批数", "lots"
    )
    yield Column("lots_withdrawn", "Lots withdrawn", "撤销批数", "lots")
    yield Column(
        "lots_organisation_differs",
        "Lots the organisation places otherwise",
        "组织归属不一致批数",
        "lots",
    )
    for state in STATES:
        words = state.lower().replace("_", " ")
        yield Column(
            f"lots.{state.lower()}", f"Lots: {words}", f"批数：{_STATES_ZH[state]}", "lots"
        )
    yield Column("gins", "Gins", "加工企业数", "gins")
    yield Column("declared_bales", "Bales declared", "申报包数", "bales")
    yield Column("bales", "Bales", "包数", "bales")
    yield Column("bales_unregistered", "Bales not registered", "未登记包数", "bales")
    yield Column("bales_without_lot", "Bales without lot", "无批号包数", "bales")
    yield Column("bales_without_standard", "Bales without standard", "无适用标准包数", "bales")
    yield Column("bales_withdrawn", "Bales withdrawn", "撤销包数", "bales")
    yield Column("coverage", "Inspected of declared", "检验覆盖率", "%", 2)
    yield Column("share_of_total", "Share of total", "占比", "%", 2)
    yield Column("gross", "Gross weight", "毛重", "kg", 2)
    yield Column("tare", "Tare", "皮重", "kg", 2)
    yield Column("net", "Net weight", "净重", "kg", 2)
    yield Column("conditioned", "Conditioned weight", "公定重量", "kg", 2)
    yield Column("conditioned_per_bale", "Conditioned weight a bale", "包均公定重量", "kg", 2)
    for item in SAMPLED:
        title, title_zh = _SAMPLED[item]
        yield Column(
            f"{item}.mean_by_lots", f"{title}, mean of lots", f"{title_zh}（批平均）", "%", 2
        )
        yield Column(
            f"{item}.mean_by_net",
            f"{title}, weighted by net weight",
            f"{title_zh}（净重加权）",
            "%",
            2,
        )


_CERTIFICATE_TEXTS: Final = {
    "lot_no": ("Lot number", "批号"),
    "season": ("Season", "年度"),
    "state": ("State", "状态"),
    "standard": ("Standard", "标准"),
    "region": ("Region", "地区"),
    "division": ("Division", "师"),
    "regiment": ("Regiment", "团场"),
    "county": ("County", "县"),
    "gin": ("Gin", "加工企业"),
    "production_line": ("Production line", "生产线"),
    "warehouse": ("Warehouse", "仓库"),
    "cotton_type": ("Cotton type", "棉花类型"),
    "picking_mode": ("Picking", "采摘方式"),
    "channel": ("Channel", "检验渠道"),
    "traceability_unit": ("Traceability unit", "追溯单元"),
    "agency": ("On-site agency", "在库机构"),
    "quality_certificate_no": ("Quality certificate", "品质证书号"),
    "weight_certificate_no": ("Weight certificate", "重量证书号"),
    "laboratories": ("Laboratories", "公检实验室"),
    "first_inspected_on": ("First inspected on", "检验起日"),
    "last_inspected_on": ("Last inspected on", "检验止日"),
}

_CERTIFICATE_FIGURES: Final = {
    "declared_bales": ("Bales declared", "申报包数", "bales", 0),
    "bales": ("Bales", "包数", "bales", 0),
    "bales_without_standard": ("Bales without standard", "无适用标准包数", "bales", 0),
    "bales_withdrawn": ("Bales withdrawn", "撤销包数", "bales", 0),
    "gross": ("Gross weight", "毛重", "kg", 2),
    "tare": ("Tare", "皮重", "kg", 2),
    "net": ("Net weight", "净重", "kg", 2),
    "conditioned": ("Conditioned weight", "公定重量", "kg", 2),
}


def certificate_columns() -> tuple[Column, ...]:
    """What a certificate in a table has beside its figures, texts first."""
    texts = (
        Column(name, title, title_zh, is_text=True)
        for name, (title, title_zh) in _CERTIFICATE_TEXTS.items()
    )
    figures = (Column(name, *titles) for name, titles in _CERTIFICATE_FIGURES.items())
    return (*texts, *figures)


def year_on_year_columns() -> tuple[Column, ...]:
    """What stands beside a season and the one before."""
    return (
        Column("bales_on_last_season", "Bales, year on year", "包数同比", "%", 2),
        Column(
            "conditioned_on_last_season", "Conditioned weight, year on year", "公定重量同比", "%", 2
        ),
    )


GRADE_TEXTS: Final = {
    "main_colour": ("Main colour grade", "主体颜色级"),
    "length_level": ("Length level of the mean", "长度级"),
    "main_micronaire": ("Main micronaire grade", "主体马克隆值级"),
    "micronaire_tier": ("Micronaire tier of the mean", "平均马克隆值档"),
    "strength_tier": ("Strength tier of the mean", "断裂比强度档"),
    "uniformity_tier": ("Uniformity tier of the mean", "长度整齐度指数档"),
    "mark": ("Mark", "标识"),
}
"""What a set of bales is graded as, by name."""


def grade_columns(
    standards: Sequence[Standard], definitions: Sequence[Definition]
) -> tuple[Column, ...]:
    """The figures under standards of one family, in the order of `printing.print_figures`."""
    return tuple(_grade_columns(standards, definitions))


def _grade_columns(
    standards: Sequence[Standard], definitions: Sequence[Definition]
) -> Iterator[Column]:
    newest = standards[-1]
    under = _Under(tuple(each.id for each in standards))
    for name, (title, title_zh) in GRADE_TEXTS.items():
        yield Column(name, title, title_zh, standards=under.standards, is_text=True)
    yield under.column("graded.bales", "Bales graded", "已评级包数", "bales")
    yield from under.colour(newest)
    for item in newest.items.values():
        title, title_zh = item.title.capitalize(), item.title_zh
        yield under.column(f"{item.name}.bales", f"{title}: bales", f"{title_zh}：包数", "bales")
        yield from under.classes(item.name, title, title_zh, [each.name for each in item.classes])
    for name in MEASURE_NAMES:
        yield from under.measure(newest.measures[name])
    yield under.column(
        "foreign_fibre.bales", "Examined for foreign fibre", "异性纤维检验包数", "bales"
    )
    yield under.column("foreign_fibre.found", "With foreign fibre", "含异性纤维包数", "bales")
    for definition in definitions:
        yield from under.joint(definition)


@dataclass(frozen=True, slots=True)
class _Under:
    """Makes columns of figures under some standards."""

    standards: tuple[str, ...]

    def column(
        self, name: str, title: str, title_zh: str, unit: str = "", decimals: int = 0
    ) -> Column:
        """One column."""
        return Column(name, title, title_zh, unit, decimals, self.standards)

    def classes(
        self, item: str, title: str, title_zh: str, names: Iterable[str], unit: str | None = None
    ) -> Iterator[Column]:
        """Bales and share of each class, and its mean where there is a unit."""
        for name in names:
            yield from self.one_class(item, name, f"{title} {name}", f"{title_zh}{name}")
            if unit is not None:
                there, there_zh = f"{title} {name}: mean", f"{title_zh}{name}：平均"
                yield self.column(f"{item}.{name}.mean", there, there_zh, unit, 2)

    def one_class(self, item: str, name: str, title: str, title_zh: str) -> Iterator[Column]:
        """Bales and share of one class."""
        yield self.column(f"{item}.{name}.bales", f"{title}: bales", f"{title_zh}：包数", "bales")
        yield self.column(f"{item}.{name}.share", f"{title}: share", f"{title_zh}：占比", "%", 2)

    def colour(self, standard: Standard) -> Iterator[Column]:
        """Colour grades and types."""
        if standard.colour is None:
            return
        for name, (title, title_zh) in _OF_COLOUR.items():
            yield self.column(name, title, title_zh, "bales")
        names = [grade.name for grade in standard.colour.grades]
        yield from self.classes("colour", "Colour", "颜色级", names)
        for each in standard.colour.types:
            title = f"Colour type {each.title}"
            yield from self.one_class("colour_type", each.name, title, each.title_zh)

    def measure(self, measure: Measure) -> Iterator[Column]:
        """Everything of one measure."""
        name, unit = measure.name, measure.unit
        title, title_zh = measure.title[:1].upper() + measure.title[1:], measure.title_zh
        for what, (words, words_zh) in _OF_MEASURES.items():
            counted = _UNIT_OF.get(what)
            yield self.column(
                f"{name}.{what}",
                f"{title}: {words}",
                f"{title_zh}：{words_zh}",
                unit if counted is None else counted,
                2 if counted is None else 0,
            )
        tiers = [tier.name for tier in measure.tiers]
        yield from self.classes(name, title, title_zh, tiers, unit)
        grades = f"{title} grade", f"{title_zh}级"
        yield from self.classes(f"{name}_grade", *grades, measure.grades, unit)

    def joint(self, definition: Definition) -> Iterator[Column]:
        """The bales that meet a definition."""
        item, title, title_zh = f"joint.{definition.id}", definition.title, definition.title_zh
        yield self.column(f"{item}.bales", f"{title}: bales", f"{title_zh}：包数", "bales")
        yield self.column(f"{item}.of", f"{title}: of bales", f"{title_zh}：基数", "bales")
        yield self.column(f"{item}.share", f"{title}: share", f"{title_zh}：占比", "%", 2)


_OF_COLOUR: Final = {
    "colour.bales": ("Bales graded in colour", "有颜色级包数"),
    "colour.ungraded": ("Bales not graded in colour", "无颜色级包数"),
    "colour.by_chart": ("Colour from the chart", "按图定颜色级包数"),
    "chart.bales": ("Compared with the chart", "与颜色图比对包数"),
    "chart.differing": ("Chart differs", "与颜色图不一致包数"),
}
"""Counts of bales about colour."""

_OF_MEASURES: Final = {
    "bales": ("bales", "包数"),
    "sum": ("sum of bales", "合计"),
    "mean_to_hundredths": ("mean by bales, to 0.01", "包平均（0.01）"),
    "mean_to_tenths": ("mean by bales, to 0.1", "包平均（0.1）"),
    "weighted_mean_to_hundredths": ("mean by weight, to 0.01", "重量加权平均（0.01）"),
    "weighted_mean_to_tenths": ("mean by weight, to 0.1", "重量加权平均（0.1）"),
    "lots_weighted": ("lots in the mean by weight", "重量加权批数"),
    "min": ("least", "最小"),
    "max": ("greatest", "最大"),
    "standard_deviation": ("standard deviation of bales", "标准差"),
}
"""Figures of every measure."""

_UNIT_OF: Final = {"bales": "bales", "lots_weighted": "lots"}
"""Units of those that are not in the unit of the measure."""
