"""How far a document can be trusted, as a mark that nobody overlooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

HIGH: Final = "H"

_MARKS: Final[Mapping[str, str]] = {
    HIGH: "H",
    "M": "M medium confidence 中等可信",
    "L": "L low confidence 低可信",
}


def mark(confidence: str) -> str:
    """Such as "M medium confidence 中等可信"; "H" alone says that there is nothing to say."""
    return _MARKS.get(confidence, f"{confidence or '?'} confidence not stated 可信度未说明")


def style(confidence: str) -> str:
    """How the mark is printed."""
    return "" if confidence == HIGH else "bold yellow"
