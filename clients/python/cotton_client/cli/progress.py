"""Progress of uploads on standard error: bars on a terminal, nothing elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cotton_client.cli.output import note_console
from cotton_client.render.values import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Task

    from cotton_client.errors import CottonError


class _Rate(ProgressColumn):
    """Acknowledged bales a second."""

    def render(self, task: Task) -> Text:
        """Such as "120 000 bales/s"."""
        speed = task.finished_speed or task.speed
        return Text(f"{count(int(speed))} bales/s" if speed else "", style="dim")


@contextmanager
def bars() -> Iterator[Progress]:
    """Bars for uploads, a task each, in acknowledged bales."""
    console = note_console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        yield progress


def say_retry(error: CottonError, delay_s: float) -> None:
    """Says that the server is away and the upload waits for it."""
    click.echo(f"{error.message} Trying again in {delay_s:.1f} s.", err=True)
