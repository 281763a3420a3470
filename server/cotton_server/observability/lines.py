"""What may stand in a line of the log: bounded texts that forge no line, and no secret."""

from __future__ import annotations

import json
import re
from typing import Any, Final

TEXT_CHARACTERS_MAX: Final = 2_000
"""Of one value."""

EXCEPTION_CHARACTERS_MAX: Final = 16_000

LEFT_OUT: Final = "[left out]"
"""Stands where a secret was."""

_SECRET_NAME: Final = re.compile(
    r"authorization|cookie|credential|pass(word|wd|phrase)|secret|token|api_?key|private_?key",
    re.IGNORECASE,
)
_SECRETS: Final = (
    re.compile(r"(?<=\bbearer )\s*[^\s\"',;]+|(?<=\bbasic )\s*[A-Za-z0-9+/=]{8,}", re.IGNORECASE),
    re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
    ),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
)
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""Control characters, ends of lines of any kind, and what turns the direction of a text."""

_PLAIN: Final = re.compile(r"[^\s=\"]+")


def without_secrets(text: str) -> str:
    """The text without what looks like a secret, whatever it stands in."""
    for pattern in _SECRETS:
        text = pattern.sub(LEFT_OUT, text)
    return text


def bounded(name: str, value: object) -> Any:
    """A value as it may be logged under a name: numbers as they are, all else a short text."""
    if _SECRET_NAME.search(name):
        return LEFT_OUT
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): bounded(str(key), each) for key, each in value.items()}
    return cut(without_secrets(str(value)), TEXT_CHARACTERS_MAX)


def cut(text: str, characters_max: int) -> str:
    """The beginning of a text, and how much of it was left out."""
    if len(text) <= characters_max:
        return text
    return f"{text[:characters_max]}… ({len(text) - characters_max} more characters)"


def printable(text: str) -> str:
    """The text with an escape for whatever would end a line or hide a part of one."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def pair(name: str, value: object) -> str:
    """`name=value` for people; a value that could be taken for several is in quotes."""
    text = str(value)
    if isinstance(value, dict):
        text = " ".join(pair(key, each) for key, each in value.items())
    quoted = text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
    return f"{name}={printable(quoted)}"
