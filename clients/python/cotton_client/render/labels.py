"""Labels in one language or both: English, then Chinese, as every label of a page is written."""

from __future__ import annotations

import re
from typing import Final, Literal

Labels = Literal["both", "en", "zh"]

LABELS: Final = ("both", "en", "zh")

_LABEL: Final = re.compile(r"([^\u3400-\u9fff]*?) ?([\u3400-\u9fff].*)?", re.DOTALL)


def parts(text: str) -> tuple[str, str]:
    """The English and the Chinese part of a label such as "Colour 颜色级"; "" for none."""
    match = _LABEL.fullmatch(text)
    return (match[1], match[2] or "") if match else (text, "")


def in_language(text: str, labels: Labels) -> str:
    """The part of a label that is asked for, or what there is."""
    if labels == "both":
        return text
    english, chinese = parts(text)
    return (english if labels == "en" else chinese) or text
