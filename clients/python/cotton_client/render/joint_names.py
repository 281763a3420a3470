"""What named conditions on single bales are called: 双29, A+B, 优质棉."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

JOINT: Final[Mapping[str, str]] = {
    "double_28": "length and strength 28 双28",
    "double_29": "length and strength 29 双29",
    "double_29a": "length and strength 29, micronaire A 双29A",
    "double_29b2": "length and strength 29, micronaire B2 双29B2",
    "double_30": "length and strength 30 双30",
    "length_28": "length 28 and above 长度28毫米及以上",
    "length_29": "length 29 and above 长度29毫米及以上",
    "micronaire_a_b": "micronaire A and B 马克隆值A级和B级",
    "strength_s1_s2": "strength S1 and S2 断裂比强度S1和S2",
    "uniformity_u1_u2": "uniformity U1 and U2 长度整齐度U1和U2",
    "quality_xpcc_2023": "quality cotton, XPCC 2023 兵团优质棉（2023年）",
}
"""Definitions that services bring along; of others the id is shown."""


def joint_name(definition: str) -> str:
    """Both names of a definition, or its id."""
    return JOINT.get(definition, definition)
