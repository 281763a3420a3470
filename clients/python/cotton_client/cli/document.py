"""Writes the --help text of every command into docs/cli.md, between its markers.

Usage: python -m cotton_client.cli.document docs/cli.md
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cotton_client.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN: Final = "<!-- help: begin -->"
END: Final = "<!-- help: end -->"
_WIDTH: Final = 96


def help_texts() -> str:
    """The --help text of `cotton` and of every command, as Markdown."""
    parts = [
        f"### `{path}`\n\n```text\n{text}\n```\n" for path, text in _helps(main, "cotton", None)
    ]
    return "\n".join(parts)


def with_help_texts(document: str) -> str:
    """The document with what stands between its markers made anew.

    Raises ValueError for a document that lacks the markers.
    """
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no {BEGIN} … {END}")
    return f"{head}{BEGIN}\n\n{help_texts()}\n{END}{tail}"


def _helps(
    command: click.Command, path: str, parent: click.Context | None
) -> Iterator[tuple[str, str]]:
    """Name and help of a command, then of those below it."""
    context = click.Context(
        command,
        info_name=path.rpartition(" ")[2],
        parent=parent,
        **{**command.context_settings, "terminal_width": _WIDTH},
    )
    yield path, command.get_help(context).strip()
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _helps(below, f"{path} {name}", context)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(with_help_texts(target.read_text(encoding="utf-8")), encoding="utf-8")
