"""What the code raises, read out of its source: which error, with which texts."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANYTHING: Final = "…"
"""Stands in a text for what is only known when it is said."""

_TEXTS_MAX: Final = 8
"""Of one place that raises: more ways to say it than anybody reads."""


@dataclass(frozen=True, slots=True)
class Raised:
    """One call that makes an error: the name of its class, and its arguments as texts.

    `arguments` has what was given by position under "0", "1" …, else under the keyword. A text
    that depends on a condition has every form that it can take.
    """

    file: Path
    line: int
    error: str
    arguments: dict[str, tuple[str, ...]]


def raised(directory: Path, errors: frozenset[str]) -> Iterator[Raised]:
    """Every call of one of the classes, in the order of files; those of `super()` within them too.

    The latter is where a class makes its text of what it is given.
    """
    for file in sorted(directory.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in errors:
                yield Raised(file, node.lineno, _name(node.func), _arguments(node))
            elif isinstance(node, ast.ClassDef) and node.name in errors:
                for call in filter(_makes_super, ast.walk(node)):
                    yield Raised(file, node.lineno, node.name, _arguments(call))


def _makes_super(node: ast.AST) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "__init__"
    )


def _arguments(call: ast.Call) -> dict[str, tuple[str, ...]]:
    numbered = {str(number): _texts(each) for number, each in enumerate(call.args)}
    return numbered | {each.arg: _texts(each.value) for each in call.keywords if each.arg}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _texts(node: ast.expr) -> tuple[str, ...]:
    """The forms of a text; a name of an enumeration is its last part."""
    match node:
        case ast.Constant(value=str(text)):
            return (text,)
        case ast.JoinedStr(values=parts):
            return _joined([_texts(part) for part in parts])
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _joined([_texts(left), _texts(right)])
        case ast.IfExp(body=one, orelse=other):
            return (*_texts(one), *_texts(other))
        case ast.FormattedValue(value=ast.IfExp() as inner):
            return _texts(inner)
    return (node.attr if isinstance(node, ast.Attribute) and node.attr.isupper() else ANYTHING,)


def _joined(parts: list[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys("".join(each) for each in product(*parts)))[:_TEXTS_MAX]
