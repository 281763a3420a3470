"""What the classes of GB 1103.1 are called beside their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLOUR_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "1": ("white", "白棉"),
    "2": ("light spotted", "淡点污棉"),
    "3": ("light yellow", "淡黄染棉"),
    "4": ("yellow", "黄染棉"),
}
"""Types by the second digit of a colour grade; the first is the level within the type."""

_TYPES: Final[Mapping[str, str]] = {
    "white": "白棉",
    "light_spotted": "淡点污棉",
    "light_yellow_tinged": "淡黄染棉",
    "yellow_tinged": "黄染棉",
}

_LEVELS: Final = "一二三四五六七"

_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "strength": {
        "S1": "very strong 很强",
        "S2": "strong 强",
        "S3": "medium 中等",
        "S4": "weak 差",
        "S5": "very weak 很差",
    },
    "uniformity": {
        "U1": "very high 很高",
        "U2": "high 高",
        "U3": "medium 中等",
        "U4": "low 低",
        "U5": "very low 很低",
    },
    "preparation": {"P1": "good 好", "P2": "medium 中", "P3": "poor 差"},
}


def class_name(item: str, code: str, *, metric: bool = True) -> str:
    """Such as "white 3 白棉三级" for the colour 31; "" for a class without another name.

    Classes of a standard that is not metric have other names, which stand in their codes.
    """
    if item == "colour_type":
        return f"{code.replace('_', ' ')} {_TYPES.get(code, '')}".rstrip()
    if not metric:
        return ""
    if item == "colour":
        return _colour(code)
    if item == "length":
        return "mm 毫米级"
    if item == "visual_grade" and code.isdigit() and 0 < int(code) <= len(_LEVELS):
        return f"grade {_LEVELS[int(code) - 1]}级"
    return _NAMES.get(item, {}).get(code, "")


def _colour(code: str) -> str:
    """The type and the level of a colour grade of two digits."""
    if len(code) != len("31") or code[1] not in _COLOUR_TYPES or code[0] not in "12345":
        return ""
    english, chinese = _COLOUR_TYPES[code[1]]
    return f"{english} {code[0]} {chinese}{_LEVELS[int(code[0]) - 1]}级"
