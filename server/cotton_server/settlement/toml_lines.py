"""Reads the part of TOML that documents of money are written in, and where each entry stands.

A document that was taken once must be read the same for ever, and what is wrong with one is on
record: both must not change with a version of Python, nor may a document of a megabyte that is made
for it take minutes or all memory. So this reads tables, arrays of tables, strings, whole numbers,
true and false, arrays and inline tables. It does not read dotted keys of values, floats, days
and times: a decimal or a day is a string.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Step: TypeAlias = str | int
"""A key, or the place of an element of an array, from 1; of an array of tables also a `name`."""

BYTES_MAX: Final = 256 << 10
VALUES_MAX: Final = 50_000
DEPTH_MAX: Final = 6

_SHOWN_MAX: Final = 40
_KEY: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_BARE: Final = re.compile(r"[^ \t\n,\[\]{}#=\"']+")
_WHOLE: Final = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})", re.ASCII)
# Groups are not repeated possessively: Python before 3.11.5 matches such a pattern wrongly. Each
# round begins with what nothing else in the pattern takes, so there is one way to match.
_BASIC: Final = re.compile(r'"([^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*)"')
_LITERAL: Final = re.compile(r"'([^'\n]*+)'")
_LONG: Final = re.compile(r'"""\n?([^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*)"""', re.DOTALL)
_LONG_LITERAL: Final = re.compile(r"'''\n?([^']*+(?:'(?!'')[^']*+)*)'''")
_ESCAPE: Final = re.compile(r"\\(?:([\"\\nt])|u([0-9A-Fa-f]{4})|[ \t]*\n[ \t\n]*|(.))", re.DOTALL)
_BLANKS: Final = re.compile(r"[ \t]*+")
_LINES: Final = re.compile(r"[ \t\n]*+(?:#[^\n]*+[ \t\n]*+)*")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_STEPS: Final = re.compile(r'"([^"]*+)"|\[([0-9]{1,9})\]|([^.\["]++)', re.ASCII)
_SURROGATES: Final = range(0xD800, 0xE000)
_SHORT: Final = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}


class TomlError(ValueError):
    """A text is not of the form: which line, what is wrong, and what to do."""

    def __init__(self, line: int, problem: str, remedy: str) -> None:
        self.line = line
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"line {line}: {problem} {remedy}")


class TomlText:
    """A document and the lines of its entries."""

    def __init__(self, text: str) -> None:
        """Reads a document; raises TomlError."""
        reader = _Reader(text)
        self.entries: dict[str, Any] = reader.read()
        # By the identity of a table or array, all of which `entries` keeps, and key or place in it.
        self._lines = reader.lines

    def indexed(self, steps: Iterable[Step]) -> tuple[Step, ...]:
        """The steps as far as there are entries, with elements of arrays by their places."""
        found: list[Step] = []
        node: Any = self.entries
        for step in steps:
            at = _at(node, step)
            if at is None:
                break
            found.append(at)
            node = node[at - 1] if isinstance(at, int) else node[at]
        return tuple(found)

    def line_of(self, steps: Iterable[Step]) -> int:
        """The line of an entry, else of the closest one around it that is there; else 1."""
        line = 1
        node: Any = self.entries
        for step in self.indexed(steps):
            line = self._lines[id(node), step]
            node = node[step - 1] if isinstance(step, int) else node[step]
        return line


def steps_of(place: str) -> tuple[Step, ...]:
    """The steps of a place such as `factors[2].bands[3].to` or `rates."29.0"`."""
    return tuple(
        int(index) if index else quoted or plain for quoted, index, plain in _STEPS.findall(place)
    )


def place_of(steps: Iterable[Step]) -> str:
    """Steps as a place: `factors[2].bands[3].to`; what is no plain key stands in quotes."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            key = step if _KEY.fullmatch(step) else f'"{step}"'
            text += f".{key}" if text else key
    return text


def _at(node: Any, step: Step) -> Step | None:
    """The key or place of a step below a table or array; None where there is none."""
    if isinstance(node, dict):
        return step if step in node else None
    if not isinstance(node, list):
        return None
    if isinstance(step, int):
        return step if 0 < step <= len(node) else None
    named = (
        place
        for place, each in enumerate(node, start=1)
        if isinstance(each, dict) and each.get("name") == step
    )
    return next(named, None)


class _Reader:
    """One pass over a text."""

    def __init__(self, text: str) -> None:
        size = len(text.encode())
        if size > BYTES_MAX:
            raise TomlError(
                1,
                f"It has {size} bytes; at most {BYTES_MAX} are read.",
                "Leave out what it does not need, or split it into several documents.",
            )
        self._text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        self._position = 0
        self._line = 1
        self._values = 0
        self._root: dict[str, Any] = {}
        self._implied: set[int] = set()
        """Tables that only headers of tables below them have named."""
        self._headed: set[int] = {id(self._root)}
        """Tables, and arrays of them, that headers may enter; what is inline they may not."""
        self.lines: dict[tuple[int, Step], int] = {}

    def read(self) -> dict[str, Any]:
        control = _CONTROL.search(self._text)
        if control is not None:
            line = self._text.count("\n", 0, control.start()) + 1
            raise TomlError(line, "There is a control character.", "Take it out.")
        table = self._root
        self._skip(_LINES)
        while self._position < len(self._text):
            if self._text.startswith("[", self._position):
                table = self._header()
            else:
                self._entry(table)
            self._skip(_BLANKS)
            if self._text.startswith("#", self._position):
                self._skip(_LINES)
            elif self._position < len(self._text) and self._text[self._position] != "\n":
                raise self._wrong("Something follows where the line should end.", "Break the line.")
            self._skip(_LINES)
        return self._root

    def _wrong(self, problem: str, remedy: str) -> TomlError:
        return TomlError(self._line, problem, remedy)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._position)
        if found is not None:
            self._line += self._text.count("\n", self._position, found.end())
            self._position = found.end()

    def _takes(self, mark: str) -> bool:
        if not self._text.startswith(mark, self._position):
            return False
        self._position += len(mark)
        return True

    def _expect(self, mark: str, what: str) -> None:
        if not self._takes(mark):
            raise self._wrong(f"There is no {mark} {what}.", f"Write {mark} there.")

    def _header(self) -> dict[str, Any]:
        line = self._line
        is_array = self._takes("[[")
        if not is_array:
            self._position += 1
        keys: list[str] = []
        while not keys or self._takes("."):
            self._skip(_BLANKS)
            keys.append(self._key())
            self._skip(_BLANKS)
            if len(keys) > DEPTH_MAX:
                raise self._wrong("The table lies too deep.", "No document has such a table.")
        self._expect("]]" if is_array else "]", "after the name of a table")
        node = self._root
        for key in keys[:-1]:
            node = self._entered(node, key, line)
        key = keys[-1]
        return self._element(node, key, line) if is_array else self._table(node, key, line)

    def _entered(self, node: dict[str, Any], key: str, line: int) -> dict[str, Any]:
        """The table below one that a header goes through."""
        if key not in node:
            below: dict[str, Any] = {}
            self._put(node, key, below, line)
            self._headed.add(id(below))
            self._implied.add(id(below))
        found = node[key]
        if isinstance(found, list) and id(found) in self._headed:
            found = found[-1]
        if id(found) not in self._headed:
            raise TomlError(line, f"{_shown(key)} is there already.", "Write it once.")
        entered: dict[str, Any] = found
        return entered

    def _table(self, node: dict[str, Any], key: str, line: int) -> dict[str, Any]:
        found = node.get(key)
        if found is None:
            found = {}
            self._put(node, key, found, line)
            self._headed.add(id(found))
        elif id(found) in self._implied:
            self._implied.remove(id(found))
            self.lines[id(node), key] = line
        else:
            raise self._twice(node, key, line)
        table: dict[str, Any] = found
        return table

    def _element(self, node: dict[str, Any], key: str, line: int) -> dict[str, Any]:
        found = node.get(key)
        if found is None:
            found = []
            self._put(node, key, found, line)
            self._headed.add(id(found))
        elif not (isinstance(found, list) and id(found) in self._headed):
            raise self._twice(node, key, line)
        element: dict[str, Any] = {}
        found.append(element)
        self._headed.add(id(element))
        self.lines[id(found), len(found)] = line
        return element

    def _twice(self, node: dict[str, Any], key: str, line: int) -> TomlError:
        first = self.lines[id(node), key]
        return TomlError(
            line, f"{_shown(key)} is in line {first} already.", "Write it once, in one place."
        )

    def _put(self, node: dict[str, Any], key: str, value: Any, line: int) -> None:
        node[key] = value
        self.lines[id(node), key] = line

    def _entry(self, table: dict[str, Any], depth: int = 0) -> None:
        line = self._line
        key = self._key()
        self._skip(_BLANKS)
        if self._text.startswith(".", self._position):
            raise self._wrong("Keys with points are not read.", "Write a table with a header.")
        self._expect("=", f"after the key {_shown(key)}")
        self._skip(_BLANKS)
        if key in table:
            raise self._twice(table, key, line)
        self._put(table, key, self._value(depth), line)

    def _key(self) -> str:
        if self._text.startswith(('"', "'"), self._position):
            return self._string()
        found = _KEY.match(self._text, self._position)
        if found is None:
            raise self._wrong("There is no key.", 'Write an entry as name = "value".')
        self._position = found.end()
        return found[0]

    def _value(self, depth: int) -> Any:
        self._values += 1
        if self._values > VALUES_MAX:
            raise self._wrong(
                f"There are more than {VALUES_MAX} values.", "Split it into several documents."
            )
        if depth > DEPTH_MAX:
            raise self._wrong("The value lies too deep.", "No document has such a value.")
        mark = self._text[self._position : self._position + 1]
        if mark in {'"', "'"}:
            return self._string()
        if mark == "[":
            return self._array(depth)
        if mark == "{":
            return self._inline(depth)
        return self._word()

    def _word(self) -> int | bool:
        found = _BARE.match(self._text, self._position)
        word = "" if found is None else found[0]
        if word in {"true", "false"}:
            value: int | bool = word == "true"
        elif _WHOLE.fullmatch(word):
            value = int(word)
        else:
            raise self._wrong(
                f"{_shown(word)} is no value." if word else "There is no value.",
                'Write texts, decimals and days in quotation marks: "500", "29.0", "2016-09-01".',
            )
        self._position += len(word)
        return value

    def _string(self) -> str:
        text, at = self._text, self._position
        is_basic = text[at] == '"'
        is_long = text.startswith(text[at] * 3, at)
        if is_long:
            found = (_LONG if is_basic else _LONG_LITERAL).match(text, at)
        else:
            found = (_BASIC if is_basic else _LITERAL).match(text, at)
        if found is None or text.startswith(text[at], found.end()):
            raise self._wrong(
                "A text does not end as it began.", "Close it with the same quotation marks."
            )
        value = _ESCAPE.sub(self._unescaped, found[1]) if is_basic else found[1]
        self._position = found.end()
        self._line += text.count("\n", at, found.end())
        return value

    def _unescaped(self, found: re.Match[str]) -> str:
        short, code, other = found.groups()
        if short is not None:
            return _SHORT[short]
        if code is not None and int(code, 16) not in _SURROGATES:
            return chr(int(code, 16))
        if code is not None or other is not None:
            raise self._wrong(
                f"{_shown(found[0])} in a text stands for nothing.",
                r"Write the character itself, and \\ for a backslash.",
            )
        return ""

    def _array(self, depth: int) -> list[Any]:
        self._position += 1
        values: list[Any] = []
        self._skip(_LINES)
        while not self._takes("]"):
            line = self._line
            values.append(self._value(depth + 1))
            self.lines[id(values), len(values)] = line
            self._skip(_LINES)
            if self._takes(","):
                self._skip(_LINES)
            elif not self._text.startswith("]", self._position):
                raise self._wrong("A list does not go on.", "Write , between values and ] at last.")
        return values

    def _inline(self, depth: int) -> dict[str, Any]:
        self._position += 1
        table: dict[str, Any] = {}
        self._skip(_BLANKS)
        if self._takes("}"):
            return table
        while True:
            self._skip(_BLANKS)
            self._entry(table, depth + 1)
            self._skip(_BLANKS)
            if self._takes("}"):
                return table
            if not self._takes(","):
                raise self._wrong(
                    "A table in braces does not go on.",
                    "Write , between entries and } at last, all in one line.",
                )


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
