"""What the figures of a file rest on: said in the file itself, so that it can be checked later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import summary_pb2

from cotton_client.render import names
from cotton_client.render.json_parts import instant_us
from cotton_client.render.parts import UNKNOWN
from cotton_client.render.values import china_time, count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cotton_client.tables import Table

_SHARES_GRADES: Final = (
    "Shares are of bales that have the item, in percent; those of an item total 100 %: each is"
    " cut to the printed digits and the largest remainders get what is missing 最大余数法."
)
_SHARES_CERTIFICATES: Final = (
    "Shares are of bales that have the item, in percent; each is rounded and the last class takes"
    " the rest, so that those of an item total 100 % 末级取余."
)
_PRINTED: Final = {1: "They are told to 0.1 %.", 2: "They are told to 0.01 %."}
_WEIGHTING: Final = (
    "Means are weighted by bales, unless their name says weighted_mean: those are weighted by the"
    " conditioned weight of lots, over lots that have one; lots_weighted counts them. A lot counts"
    " in one row: by laboratory, instrument or day where most of its bales were read."
    " 平均值按包加权；weighted_mean 按批公定重量加权."
)
_PLACING: Final = (
    "Lots are counted where the organisation of their day puts them, else as they were registered;"
    " lots_organisation_differs counts those registered in another division or region."
)
_ON_LAST_SEASON: Final = (
    "Bales and conditioned weight of a row less those of the season before, over those of the"
    " season before: columns bales_on_last_season and conditioned_on_last_season."
)
_ROUNDING: Final = (
    "Every figure is computed from exact integer sums and rounded once, half to even:"
    " 四舍六入五成双."
)
_UNITS: Final = (
    "Weights in kg, shares, regain and trash in percent, length in mm, strength in cN/tex under"
    " Chinese standards and in inches and g/tex under USDA. The sheet Columns 列 has the unit of"
    " each column."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One fact: its name for programs, what it is called, what it is."""

    name: str
    title: str
    value: str


@dataclass(frozen=True, slots=True)
class About:
    """All facts of a file, in the order in which they are read."""

    title: str
    title_zh: str
    lines: tuple[Line, ...]


def about_grades(table: Table, query: summary_pb2.SummariseGradesRequest) -> About:
    """What a table of grades rests on."""
    header = table.header
    withheld = f"{count(header.rows_withheld)} of {count(header.rows)} rows"
    if query.withhold_below:
        withheld += (
            f": rows of at least one bale and fewer than {count(query.withhold_below)}, and as"
            " many more as it takes so that what the total has beyond the rows that are told is of"
            " two rows and as many bales at least; where the rows do not suffice the total is"
            " withheld too"
        )
    lines = [
        *_header_lines(header),
        Line("keys", "Grouped by 分组", ", ".join(table.key_names) or "nothing: the total alone"),
        *_filter_lines(query.filters),
        Line("inspected", "Days of inspection 检验日期", _days(header)),
    ]
    if query.with_last_season:
        last = _between(header.last_inspected_from, header.last_inspected_through)
        lines += [
            Line("last_season", "Last season, days of inspection 上年度检验日期", last),
            Line("on_last_season", "Year on year 同比", _ON_LAST_SEASON),
        ]
    lines += [
        Line("placing", "Placing of lots 归属", _PLACING),
        Line("withheld", "Withheld 不公布", withheld),
        *_rules(query.share_decimals or 2, _SHARES_GRADES),
    ]
    return About("Grade summary", "质量汇总", tuple(lines))


def about_certificates(
    table: Table, filters: Iterable[summary_pb2.KeyFilter], share_decimals: int
) -> About:
    """What a table of certificates rests on."""
    lines = [
        *_header_lines(table.header),
        *_filter_lines(filters),
        Line("lots", "Lots 批", count(table.frame.height)),
        *_rules(share_decimals or 1, _SHARES_CERTIFICATES),
    ]
    return About("Certificates of lots", "批次检验证书", tuple(lines))


def _header_lines(header: summary_pb2.SummaryHeader) -> Iterator[Line]:
    """The revision, and by what bales were graded and lots placed."""
    yield Line("revision", "Revision 版本", str(header.revision))
    received = header.received_at_us
    yield Line(
        "received_at",
        "The revision was received 版本时间",
        f"{instant_us(received)} ({china_time(received // 1_000_000)})" if received else UNKNOWN,
    )
    yield Line("standards", "Standards 标准", ", ".join(header.standards) or UNKNOWN)
    yield Line("grading_version", "Grading rules 规则版本", header.grading_version or UNKNOWN)
    yield Line("unverified", "Not verified 未核实", ", ".join(header.unverified) or "nothing")
    yield Line("charts", "Colour charts 颜色图", ", ".join(header.charts) or "none")
    organisation = header.organisation_revision
    yield Line(
        "organisation_revision",
        "Organisation of revision 机构版本",
        str(organisation) if organisation else "as each lot was registered",
    )
    if header.labels:
        named = (
            f"{names.key_value(each.key, each.value)} = {each.label_en}" for each in header.labels
        )
        yield Line("labels", "English names 英文名", "; ".join(named))
    basis = header.basis or summary_pb2.BASIS_IN_FORCE
    yield Line("basis", "Readings that count 数据口径", names.BASES.get(basis, str(basis)))


def _filter_lines(filters: Iterable[summary_pb2.KeyFilter]) -> Iterator[Line]:
    """What is in the figures at all."""
    said = [
        f"{names.summary_key(each.key)} = "
        + " or ".join(names.key_value(each.key, value) or "not given" for value in each.values)
        for each in filters
    ]
    yield Line("filters", "Filters 筛选", "; ".join(said) or "none: everything")


def _rules(share_decimals: int, shares: str) -> Iterator[Line]:
    """How figures were computed."""
    yield Line("weighting", "Weighting 加权", _WEIGHTING)
    yield Line("shares", "Shares 占比", f"{shares} {_PRINTED[share_decimals]}")
    yield Line("rounding", "Rounding 修约", _ROUNDING)
    yield Line("units", "Units 单位", _UNITS)


def _days(header: summary_pb2.SummaryHeader) -> str:
    """The days of inspection that were counted."""
    return _between(header.inspected_from, header.inspected_through)


def _between(first: str, last: str) -> str:
    """Two days, either of which may be open."""
    if not (first or last):
        return "all"
    return f"{first or 'the beginning'} to {last or 'the revision'}"
