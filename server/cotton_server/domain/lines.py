r"""Texts in lines, read the same by every version of Python.

What `str.splitlines`, `str.strip` and `\s` take for the end of a line or for a blank follows
Python's Unicode tables; a document that was taken once must be read the same for ever.
"""

from __future__ import annotations

from typing import Final

_BYTE_ORDER_MARK: Final = "\ufeff"
_BLANKS: Final = " \t\u00a0\u3000"


def lines_of(text: str) -> list[str]:
    """The lines of a text, numbered as an editor does: each ends with LF or CR LF."""
    lines = text.removeprefix(_BYTE_ORDER_MARK).split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def trimmed(text: str) -> str:
    """The text without blanks around it: space, tab, no-break space, ideographic space."""
    return text.strip(_BLANKS)
