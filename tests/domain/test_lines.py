"""Lines and blanks of documents: a fixed list, whatever Python's Unicode tables say."""

from __future__ import annotations

import sys

from cotton_server.domain.lines import lines_of, trimmed

OTHER_LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def test_a_line_ends_with_a_line_feed_and_one_carriage_return_before_it() -> None:
    """A byte order mark is no part of the first one, and a last line feed begins no other."""
    assert lines_of("\ufeffa\r\n\nb\r\r\n c") == ["a", "", "b\r", " c"]
    assert lines_of("a\n") == ["a"]
    assert lines_of("a\n\n") == ["a", ""]
    assert lines_of("") == []
    text = f"a{OTHER_LINE_ENDS}b"
    assert lines_of(text) == [text]


def test_four_characters_are_blanks() -> None:
    """Of all that there are, around a text and never inside it."""
    blanks = [
        chr(code) for code in range(sys.maxunicode + 1) if trimmed(f"{chr(code)}a b") == "a b"
    ]
    assert blanks == ["\t", " ", "\u00a0", "\u3000"]
    assert trimmed(" \u3000a b\t\u00a0") == "a b"
