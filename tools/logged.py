"""What the service logs, read out of its source: events with their level and fields."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LEVELS: Final = ("debug", "info", "warning", "error", "exception", "critical")
_THROUGH: Final = {"_log_failure": ("error", frozenset({"error", "remedy"}))}
"""Functions that log what they are given, with level and fields."""

_SPREAD: Final = {
    "refusal_fields": frozenset({"reason", "code", "says"}),
    "told": frozenset({"producer", "ended", "batches", "repeated", "refused", "bales", "seconds"}),
}
"""Functions that give fields."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One place that logs: file, line, event, level, fields."""

    file: Path
    line: int
    event: str
    level: str
    fields: frozenset[str]


class NotPlainError(Exception):
    """A place logs something that cannot be read out of its source; the text names it."""


def logged(directory: Path) -> Iterator[Logged]:
    """Every call that logs; raises NotPlainError for one whose event is no plain text."""
    for file in sorted(directory.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and (found := _logged(file, node)) is not None:
                yield found


def _logged(file: Path, call: ast.Call) -> Logged | None:
    match call:
        case ast.Call(func=ast.Name(id=name)) if name in _THROUGH:
            level, fields = _THROUGH[name]
            return Logged(file, call.lineno, _event(file, call, 0), level, fields)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="_LOG"), attr=level)) if (
            level in _LEVELS
        ):
            if _is_passed_on(call):
                return None
            return Logged(file, call.lineno, _event(file, call, 0), _plain(level), _fields(call))
        case ast.Call(
            func=ast.Attribute(attr="run"),
            args=[ast.Attribute(value=ast.Name(id="_LOG"), attr=level), *_],
        ):
            return Logged(file, call.lineno, _event(file, call, 1), _plain(level), _fields(call))
    return None


def _is_passed_on(call: ast.Call) -> bool:
    """Whether this is the inside of a function that logs what it is given."""
    return isinstance(call.args[0], ast.Name) and call.args[0].id == "event"


def _plain(level: str) -> str:
    return "error" if level == "exception" else level


def _event(file: Path, call: ast.Call, place: int) -> str:
    node = call.args[place]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise NotPlainError(f"{file}:{call.lineno}: the event is no plain text")


def _fields(call: ast.Call) -> frozenset[str]:
    given = next((each.value for each in call.keywords if each.arg == "extra"), None)
    return frozenset() if given is None else _names(given)


def _names(node: ast.expr) -> frozenset[str]:
    match node:
        case ast.Dict(keys=keys, values=values):
            names: frozenset[str] = frozenset()
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant):
                    names |= {str(key.value)}
                else:
                    names |= _names(value)
            return names
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _SPREAD:
            return _SPREAD[name]
    raise NotPlainError(f"line {node.lineno}: the fields cannot be read out of the source")
