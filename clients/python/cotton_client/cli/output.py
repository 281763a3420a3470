"""Where answers go: pages or JSON to standard output, progress and notes to standard error."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

PAGE_WIDTH_MAX: Final = 120
"""Wider lines are hard to follow with the eye."""

TABLE_WIDTH_MAX: Final = 240
"""A table with many keys is as wide as it must be; programs and pagers take it in one piece."""


def emit(
    page: RenderableType | Iterable[RenderableType],
    data: Any,
    *,
    as_json: bool,
    width_max: int = PAGE_WIDTH_MAX,
) -> None:
    """Prints the page, or the data as JSON."""
    if as_json:
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
        return
    console = page_console(width_max)
    for part in page if not hasattr(page, "__rich_console__") else (page,):  # type: ignore[union-attr]
        # A sentence is broken where a person reads; in a pipe its words stay findable on one line.
        console.print(part, soft_wrap=isinstance(part, Text) and not console.is_terminal)


def page_console(width_max: int = PAGE_WIDTH_MAX) -> Console:
    """The console of pages: as wide as the terminal up to `width_max`, which it is elsewhere."""
    console = Console(file=sys.stdout, highlight=False)
    width = min(console.width, width_max) if console.is_terminal else width_max
    return Console(file=sys.stdout, highlight=False, width=width)


def say(text: str, *, as_json: bool, **more: str | int) -> None:
    """Prints a note on standard error; for programs as a line of JSON, with `more` beside it."""
    line = json.dumps({"notice": text, **more}, ensure_ascii=False) if as_json else text
    click.echo(line, err=True)


def note_console() -> Console:
    """The console of progress and notes."""
    return Console(file=sys.stderr, highlight=False)
