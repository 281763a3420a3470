"""The words of the field, English and Chinese, for what the contract numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cotton.inspection.v1 import (
    accounts_pb2,
    amendments_pb2,
    common_pb2,
    lifecycle_pb2,
    lots_pb2,
    readings_pb2,
    reference_pb2,
    settlement_pb2,
    summary_pb2,
    trace_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COTTON_TYPES: Final[Mapping[int, str]] = {
    common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND: "saw-ginned upland 锯齿细绒棉",
    common_pb2.COTTON_TYPE_ROLLER_GINNED_UPLAND: "roller-ginned upland 皮辊细绒棉",
    common_pb2.COTTON_TYPE_EXTRA_LONG_STAPLE: "extra-long staple 长绒棉",
    common_pb2.COTTON_TYPE_IMPORTED_UPLAND: "imported upland 进口棉",
}

PICKING_MODES: Final[Mapping[int, str]] = {
    common_pb2.PICKING_MODE_HAND: "by hand 手摘",
    common_pb2.PICKING_MODE_MACHINE: "by machine 机采",
}

CHANNELS: Final[Mapping[int, str]] = {
    common_pb2.CHANNEL_WAREHOUSE: "supervised warehouse 专业仓储",
    common_pb2.CHANNEL_MILL_OWN_USE: "mill's own use 自用棉",
    common_pb2.CHANNEL_RESERVE_IN: "into the reserve 入储",
    common_pb2.CHANNEL_RESERVE_OUT: "out of the reserve 出储",
    common_pb2.CHANNEL_FUTURES: "futures delivery 期货交割",
}

LOT_STATES: Final[Mapping[int, str]] = {
    summary_pb2.LOT_STATE_UNREGISTERED: "not registered 未登记",
    summary_pb2.LOT_STATE_REGISTERED: "registered; neither read nor weighed 已登记",
    summary_pb2.LOT_STATE_WEIGHED: "weighed, not read 已检重量",
    summary_pb2.LOT_STATE_READ: "being read, not weighed 质量检验中",
    summary_pb2.LOT_STATE_READ_AND_WEIGHED: "being read, weighed 质量检验中，已检重量",
    summary_pb2.LOT_STATE_TESTED: "tested, not weighed 已检质量",
    summary_pb2.LOT_STATE_FINAL: "final: tested and weighed 检验完成",
    summary_pb2.LOT_STATE_REVISED: "final, and revised since 完成后有变更",
    summary_pb2.LOT_STATE_WITHDRAWN: "withdrawn 已撤销",
    summary_pb2.LOT_STATE_HELD: "held: counts do not agree 数量不符，暂缓",
}

LOT_HOLDS: Final[Mapping[int, str]] = {
    summary_pb2.LOT_HOLD_MORE_READ_THAN_DECLARED: "more bales read than declared 检验包数多于申报",
    summary_pb2.LOT_HOLD_RECEIVED_DIFFERS_FROM_DECLARED: (
        "samples received differ from bales declared 收样数与申报不符"
    ),
    summary_pb2.LOT_HOLD_TESTED_DIFFERS_FROM_RECEIVED: (
        "samples tested differ from those received 检验数与收样数不符"
    ),
    summary_pb2.LOT_HOLD_TESTED_DIFFERS_FROM_READ: (
        "samples tested differ from bales stored 检验数与入库数不符"
    ),
}

PRICE_BASES: Final[Mapping[int, str]] = {
    accounts_pb2.PRICE_BASIS_LINT: "lint 皮棉",
    accounts_pb2.PRICE_BASIS_SEED_COTTON: "seed cotton 籽棉",
}

MASS_UNITS: Final[Mapping[int, str]] = {
    accounts_pb2.MASS_UNIT_KILOGRAM: "kg",
    accounts_pb2.MASS_UNIT_POUND: "lb",
}

AMENDMENT_REASONS: Final[Mapping[int, str]] = {
    common_pb2.AMENDMENT_REASON_ENTRY_ERROR: "entry error 录入错误",
    common_pb2.AMENDMENT_REASON_INSTRUMENT_FAULT: "instrument fault 仪器故障",
    common_pb2.AMENDMENT_REASON_SAMPLE_MIX_UP: "sample mix-up 样品混淆",
    common_pb2.AMENDMENT_REASON_OBJECTION_UPHELD: "objection upheld 异议成立",
    common_pb2.AMENDMENT_REASON_SUPERVISION: "supervision 监督检验",
    common_pb2.AMENDMENT_REASON_RECORDED_IN_ERROR: "recorded in error 误录",
    common_pb2.AMENDMENT_REASON_CONFIRMED: "confirmed 确认无误",
    common_pb2.AMENDMENT_REASON_OTHER: "other 其他",
}

READING_KINDS: Final[Mapping[int, str]] = {
    readings_pb2.READING_KIND_UNSPECIFIED: "original 首检",
    readings_pb2.READING_KIND_ORIGINAL: "original 首检",
    readings_pb2.READING_KIND_REVIEW: "review 复检",
    readings_pb2.READING_KIND_SUPERVISORY: "supervisory 监督抽验",
    readings_pb2.READING_KIND_CORRECTION: "correction 更正",
}

BALE_EVENTS: Final[Mapping[int, str]] = {
    trace_pb2.BALE_EVENT_KIND_READ: "read 检验",
    trace_pb2.BALE_EVENT_KIND_CORRECTED: "corrected 更正",
    trace_pb2.BALE_EVENT_KIND_RETESTED: "re-tested 再检",
    trace_pb2.BALE_EVENT_KIND_CONFLICT: "conflict 冲突",
    trace_pb2.BALE_EVENT_KIND_CONFLICT_KEPT: "conflict resolved, kept 冲突处理：维持",
    trace_pb2.BALE_EVENT_KIND_CONFLICT_ACCEPTED: "conflict resolved, accepted 冲突处理：采纳",
    trace_pb2.BALE_EVENT_KIND_WITHDRAWN: "withdrawn 撤销",
    trace_pb2.BALE_EVENT_KIND_REINSTATED: "reinstated 恢复",
}

LOT_CHANGES: Final[Mapping[int, str]] = {
    lifecycle_pb2.LOT_CHANGE_KIND_NEW: "new 新登记",
    lifecycle_pb2.LOT_CHANGE_KIND_FINAL: "final 检验完成",
    lifecycle_pb2.LOT_CHANGE_KIND_REVISED: "revised 变更",
    lifecycle_pb2.LOT_CHANGE_KIND_WITHDRAWN: "withdrawn 撤销",
    lifecycle_pb2.LOT_CHANGE_KIND_REINSTATED: "reinstated 恢复",
}

REFERENCE_KINDS: Final[Mapping[int, str]] = {
    reference_pb2.REFERENCE_KIND_ORGANISATION: "organisation 机构",
    reference_pb2.REFERENCE_KIND_COLOUR_CHART: "colour chart 颜色分级图",
    reference_pb2.REFERENCE_KIND_SCHEDULE: "schedule 升贴水",
    reference_pb2.REFERENCE_KIND_RULE_SET: "rule set 质量挂钩",
    reference_pb2.REFERENCE_KIND_TARGET_PRICE: "target price 目标价格",
}

BASES: Final[Mapping[int, str]] = {
    summary_pb2.BASIS_IN_FORCE: "readings in force 有效结果",
    summary_pb2.BASIS_FIRST_INSPECTION: "first inspections only 仅首检",
}

SUMMARY_KEYS: Final[Mapping[int, str]] = {
    summary_pb2.SUMMARY_KEY_SEASON: "Season 年度",
    summary_pb2.SUMMARY_KEY_REGION: "Region 区域",
    summary_pb2.SUMMARY_KEY_DIVISION: "Division 师",
    summary_pb2.SUMMARY_KEY_REGIMENT: "Regiment 团场",
    summary_pb2.SUMMARY_KEY_COUNTY: "County 县",
    summary_pb2.SUMMARY_KEY_GIN: "Gin 加工厂",
    summary_pb2.SUMMARY_KEY_WAREHOUSE: "Warehouse 仓库",
    summary_pb2.SUMMARY_KEY_COTTON_TYPE: "Cotton type 棉花类型",
    summary_pb2.SUMMARY_KEY_LOT: "Lot 批号",
    summary_pb2.SUMMARY_KEY_PICKING_MODE: "Picking 采摘方式",
    summary_pb2.SUMMARY_KEY_CHANNEL: "Channel 渠道",
    summary_pb2.SUMMARY_KEY_TRACEABILITY_UNIT: "Traceability unit 追溯单元",
    summary_pb2.SUMMARY_KEY_AGENCY: "Agency 在库机构",
    summary_pb2.SUMMARY_KEY_STANDARD: "Standard 标准",
    summary_pb2.SUMMARY_KEY_PRODUCTION_LINE: "Production line 生产线",
    summary_pb2.SUMMARY_KEY_LABORATORY: "Laboratory 实验室",
    summary_pb2.SUMMARY_KEY_INSTRUMENT: "Instrument 仪器",
    summary_pb2.SUMMARY_KEY_DAY: "Day 检验日",
    summary_pb2.SUMMARY_KEY_WEEK: "Week 周",
    summary_pb2.SUMMARY_KEY_MONTH: "Month 月",
    summary_pb2.SUMMARY_KEY_STATE: "State 状态",
}

BALE_CAUSES: Final[Mapping[int, str]] = {
    summary_pb2.BALE_CAUSE_UNREGISTERED: "lot not registered 批次未登记",
    summary_pb2.BALE_CAUSE_WITHOUT_STANDARD: "no standard grades it 无适用标准",
    summary_pb2.BALE_CAUSE_UNGRADED_IN_COLOUR: "no colour grade 颜色未定级",
    summary_pb2.BALE_CAUSE_CHART_DIFFERS: "chart has another colour grade 与颜色图不符",
}

_PARTS: Final[Mapping[str, str]] = {
    "standard": "the edition itself",
    "seasons": "the seasons it holds for",
    "measures.length": "tiers of length",
    "measures.micronaire": "tiers of micronaire",
    "measures.strength": "tiers of strength",
    "measures.uniformity": "tiers of uniformity",
    "measures.rd": "rounding of Rd",
    "measures.plus_b": "rounding of +b",
    "measures.short_fibre": "tiers of short fibre",
    "colour": "colour grades",
    "colour.neighbours": "neighbours of colour grades",
    "colour.main": "share of the main colour grade",
    "preparation": "classes of preparation",
    "visual_grade": "visual grades 品级",
    "leaf": "leaf grades",
    "weight.standard_trash": "standard trash content 标准含杂率",
    "weight.official_regain": "official regain 公定回潮率",
    "rounding": "rule of rounding",
}


WORD_KEYS: Final = frozenset(
    {
        summary_pb2.SUMMARY_KEY_COTTON_TYPE,
        summary_pb2.SUMMARY_KEY_PICKING_MODE,
        summary_pb2.SUMMARY_KEY_CHANNEL,
        summary_pb2.SUMMARY_KEY_STATE,
    }
)
"""Keys whose values are words of the contract: capitals on the wire, lower case for users."""


def unverified(parts: Iterable[str]) -> str:
    """Unverified parts of standards in words; "" when there are none.

    A part is such as "GB1103.1-2023: weight.standard_trash"; one that this client does not
    know stands as it is.
    """
    named = []
    for each in parts:
        standard, _, part = each.rpartition(": ")
        named.append(f"{_PARTS.get(part, part)} of {standard}" if standard else part)
    return f"Not verified against the standard's text 未核实: {', '.join(named)}" if named else ""


def key_value(key: int, value: str) -> str | None:
    """The value of a summary's key as users read it; None for lots that lack it."""
    return (value.lower() if key in WORD_KEYS else value) or None


def symbol(enum: Any, value: int, prefix: str) -> str | None:
    """A value of any enum as a lower-case word without its prefix; None when unspecified.

    A value that a newer server may send and this client does not know is its number.
    """
    if value not in enum.values():
        return str(value)
    name: str = enum.Name(value)
    word = name.removeprefix(prefix).lower()
    return None if word == "unspecified" else word


def cotton_type(value: int) -> str | None:
    """Such as "saw_ginned_upland"."""
    return symbol(common_pb2.CottonType, value, "COTTON_TYPE_")


def picking_mode(value: int) -> str | None:
    """Such as "machine"."""
    return symbol(common_pb2.PickingMode, value, "PICKING_MODE_")


def channel(value: int) -> str | None:
    """Such as "warehouse"."""
    return symbol(common_pb2.Channel, value, "CHANNEL_")


def preparation(value: int) -> str | None:
    """P1, P2 or P3."""
    word = symbol(common_pb2.Preparation, value, "PREPARATION_")
    return word.upper() if word else None


def field(value: int) -> str | None:
    """Such as "lot_no"."""
    return symbol(common_pb2.Field, value, "FIELD_")


def outcome(value: int) -> str | None:
    """Such as "exists_with_different_length"."""
    return symbol(readings_pb2.Outcome, value, "OUTCOME_")


def rule(value: int) -> str | None:
    """Such as "above"."""
    return symbol(readings_pb2.Rule, value, "RULE_")


def lot_outcome(value: int) -> str | None:
    """Such as "exists"."""
    return symbol(lots_pb2.LotOutcome, value, "LOT_OUTCOME_")


def lot_state(value: int) -> str | None:
    """Such as "read_and_weighed"."""
    return symbol(summary_pb2.LotState, value, "LOT_STATE_")


def lot_hold(value: int) -> str | None:
    """Such as "more_read_than_declared"."""
    return symbol(summary_pb2.LotHold, value, "LOT_HOLD_")


def lot_change(value: int) -> str | None:
    """Such as "revised"."""
    return symbol(lifecycle_pb2.LotChangeKind, value, "LOT_CHANGE_KIND_")


def basis(value: int) -> str | None:
    """Such as "in_force"."""
    return symbol(summary_pb2.Basis, value, "BASIS_")


def reason(value: int) -> str | None:
    """Such as "entry_error"."""
    return symbol(common_pb2.AmendmentReason, value, "AMENDMENT_REASON_")


def decision(value: int) -> str | None:
    """Such as "upheld"; None while there is none."""
    return symbol(lots_pb2.ObjectionDecision, value, "OBJECTION_DECISION_")


def reading_kind(value: int) -> str:
    """Such as "review"; a reading that names no kind is the original."""
    return symbol(readings_pb2.ReadingKind, value, "READING_KIND_") or "original"


def bale_event(value: int) -> str | None:
    """Such as "corrected"."""
    return symbol(trace_pb2.BaleEventKind, value, "BALE_EVENT_KIND_")


def conflict_state(value: int) -> str | None:
    """Such as "open"."""
    return symbol(amendments_pb2.ConflictState, value, "CONFLICT_STATE_")


def amendment_outcome(value: int) -> str | None:
    """Such as "applied"."""
    return symbol(amendments_pb2.AmendmentOutcome, value, "AMENDMENT_OUTCOME_")


def reference_kind(value: int) -> str | None:
    """Such as "colour_chart"."""
    return symbol(reference_pb2.ReferenceKind, value, "REFERENCE_KIND_")


def account_field(name: str) -> str | None:
    """A field of a record of what money needs as files and answers call it: "delivered_at"."""
    return (name.removesuffix("_s") if name.endswith("_at_s") else name) or None


def price_basis(value: int) -> str | None:
    """Such as "seed_cotton"."""
    return symbol(accounts_pb2.PriceBasis, value, "PRICE_BASIS_")


def settlement_table(value: int) -> str | None:
    """Such as "units"."""
    return symbol(settlement_pb2.SettlementTable, value, "SETTLEMENT_TABLE_")


def summary_key(value: int) -> str | None:
    """Such as "division"."""
    return symbol(summary_pb2.SummaryKey, value, "SUMMARY_KEY_")


def bale_cause(value: int) -> str | None:
    """Such as "unregistered"."""
    return symbol(summary_pb2.BaleCause, value, "BALE_CAUSE_")


def is_metric(standard: str) -> bool:
    """Whether the standard measures in mm and cN/tex; USDA measures in inches and g/tex."""
    return not standard.upper().startswith("USDA")
