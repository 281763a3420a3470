"""Where answers go: pages or JSON to standard output, progress and notes to standard error."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

_WIDTH_WITHOUT_TERMINAL: Final = 100
_WIDTH_MAX: Final = 120
"""Wider lines are hard to follow with the eye."""


def emit(page: RenderableType | Iterable[RenderableType], data: Any, *, as_json: bool) -> None:
    """Prints the page, or the data as JSON."""
    if as_json:
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
        return
    console = page_console()
    for part in page if not hasattr(page, "__rich_console__") else (page,):  # type: ignore[union-attr]
        console.print(part)


def page_console() -> Console:
    """The console of pages: as wide as the terminal, within what can be read."""
    console = Console(file=sys.stdout, highlight=False)
    width = console.width if console.is_terminal else _WIDTH_WITHOUT_TERMINAL
    return Console(file=sys.stdout, highlight=False, width=min(width, _WIDTH_MAX))


def note_console() -> Console:
    """The console of progress and notes."""
    return Console(file=sys.stderr, highlight=False)
