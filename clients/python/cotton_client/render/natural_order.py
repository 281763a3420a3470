"""Names in the order in which people count them: 第二师 before 第十师, lot 9 before lot 10."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = {
    **{character: value for value, character in enumerate("〇一二三四五六七八九")},
    "零": 0,
    "两": 2,
}
_UNITS: Final = {"十": 10, "百": 100, "千": 1000}
_NUMERALS: Final = "".join((*_DIGITS, *_UNITS))
_NUMBER: Final = re.compile(f"([0-9]+|[{_NUMERALS}]+)")

Part = tuple[bool, int, str]
"""Whether it is text, its number, its text."""


def natural_key(name: str) -> tuple[tuple[Part, ...], str]:
    """What to sort names by: numbers in them count by value, everything else as text.

    Numbers are runs of the digits 0-9 or of Chinese numerals, with units (十四, 一百二十)
    or digit by digit (一四九). Names that differ in nothing else, such as 07 and 7, are
    ordered as texts; "" comes first.
    """
    parts = []
    for place, run in enumerate(_NUMBER.split(name)):
        if place % 2:
            parts.append((False, int(run) if run.isascii() else chinese_number(run), ""))
        elif run:
            parts.append((True, 0, run))
    return tuple(parts), name


def chinese_number(numerals: str) -> int:
    """The value of Chinese numerals up to 千: 十四 is 14, 一百零二 is 102, 一四九 is 149.

    Raises KeyError for any other character.
    """
    total = digits = 0
    stated = False
    for character in numerals:
        if character in _UNITS:
            total += (digits if stated else 1) * _UNITS[character]
            digits, stated = 0, False
        else:
            digits, stated = digits * 10 + _DIGITS[character], True
    return total + digits
