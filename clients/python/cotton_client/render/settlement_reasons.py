"""Why lots and units are held, in words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WORDS: Final[Mapping[str, str]] = {
    "NOT_FINAL": "not tested and weighed yet 检验未完成",
    "WITHDRAWN": "withdrawn 已撤销",
    "OBJECTED": "objection not decided 异议未裁定",
    "NO_BALES": "no bale was read 无检验结果",
    "NO_STANDARD": "no standard grades it 无适用标准",
    "OTHER_STANDARD": "graded by a standard that the schedule does not price 标准不在价表内",
    "NOT_WEIGHED": "not weighed 未检重量",
    "NO_CONDITIONED_WEIGHT": "no conditioned weight 无公定重量",
    "UNGRADED": "bales without a class 有包未定级",
    "NO_RATE": "a class without a rate 档级无价",
    "TIE": "two main classes 主体级并列",
    "NO_VALUE": "no value 无数据",
    "NOT_SAMPLED": "not sampled 未取样",
    "BALES_WITHOUT_RATE": "bales without a rate 有包无价",
    "NOT_DELIVERABLE": "not deliverable 不可交割",
    "LOTS_HELD": "lots held 有批次暂缓",
    "NO_LOTS": "no lots 无批次",
    "LOTS_LEFT_OUT": "lots that the filters leave out 筛选未含全部批次",
    "LOTS_OUT_OF_SCOPE": "has lots that the rule set is not about 有批次不在适用范围",
    "SCOPE_NOT_KNOWN": "a lot lacks what a document is about 适用范围不明",
    "NO_DELIVERIES": "no deliveries recorded 无交售记录",
    "NO_AREA": "no area recorded 无面积记录",
    "NO_TARGET_RATE": "no rate of the target price 无补贴标准",
    "ORGANISATION_DIFFERS": "its lots are of several organisations 归属不一",
}


def counted_reasons(texts: Iterable[str | None]) -> tuple[tuple[str, int], ...]:
    """The reasons of lines, each with how many have it, most first; counts in them are left out."""
    found: Counter[str] = Counter()
    for text in texts:
        found.update({_without_count(each) for each in (text or "").split(";") if each})
    return tuple(sorted(found.items(), key=lambda each: (-each[1], each[0])))


def in_words(reason: str) -> str:
    """Such as "bales without a class 有包未定级: colour"; a code that is not known as it is."""
    code, _, concerned = reason.partition(":")
    words = _WORDS.get(code, code)
    return f"{words}: {concerned}" if concerned else words


def _without_count(reason: str) -> str:
    code, _, concerned = reason.partition(":")
    return code if concerned.isdigit() else reason
