"""The organisation of simulated cotton: divisions (师) and regiments (团场) of the XPCC (兵团).

The names are those of real divisions and regiments; gins, warehouses and figures are made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

REGION: Final = "兵团"


@dataclass(frozen=True, slots=True)
class Regiment:
    """A regiment, its division, and whether it lies in southern Xinjiang (南疆)."""

    division: str
    name: str
    south: bool


def _division(division: str, names: str, *, south: bool = False) -> tuple[Regiment, ...]:
    return tuple(Regiment(division, name, south) for name in names.split())


REGIMENTS: Final = (
    *_division("第一师", "一团 二团 三团 七团 八团 十团 十一团 十二团 十三团 十四团", south=True),
    *_division("第二师", "二十九团 三十团 三十一团 三十三团 三十四团 三十六团", south=True),
    *_division("第三师", "四十四团 四十五团 四十九团 五十团 五十一团 五十三团", south=True),
    *_division("第十四师", "四十七团 二二四团 皮山农场", south=True),
    *_division("第五师", "八十一团 八十三团 八十六团 八十九团 九十团"),
    *_division("第六师", "一〇一团 一〇二团 一〇五团 芳草湖农场 新湖农场"),
    *_division("第七师", "一二三团 一二五团 一二七团 一二八团 一二九团 一三〇团"),
    *_division("第八师", "一二一团 一三三团 一三四团 一四四团 一四七团 一四八团 一四九团 一五〇团"),
    *_division("第十三师", "红星一场 红星二场 火箭农场"),
)
"""Cotton-growing regiments, those of a division together."""

RESERVED_GINS: Final = frozenset({"65079", "65140", "65811"})
"""Gins of the real records that come with the client: no simulated lot shares their numbers."""

GIN_CODES: Final = tuple(
    code for number in range(1, 1000) if (code := f"65{number:03d}") not in RESERVED_GINS
)
"""Codes for simulated gins: province 65, Xinjiang."""
