"""Progress of uploads on standard error: bars on a terminal, nothing elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from cotton_client.cli.output import note_console, say
from cotton_client.render.values import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Task

    from cotton_client.errors import CottonError

_SAY_AGAIN_S: Final = 15.0
_NAME_WIDTH_MAX: Final = 26


class _Rate(ProgressColumn):
    """Acknowledged bales a second."""

    def render(self, task: Task) -> Text:
        """Such as "120 000 bales/s"."""
        speed = task.finished_speed or task.speed
        return Text(f"{count(int(speed))} bales/s" if speed else "", style="dim")


@contextmanager
def bars(*, as_json: bool = False) -> Iterator[Progress]:
    """Bars for uploads, a task each, in acknowledged bales; none for programs."""
    console = note_console()
    with Progress(
        # A long name must not push the bar and the numbers off the line.
        TextColumn(
            "{task.description}",
            table_column=Column(max_width=_NAME_WIDTH_MAX, no_wrap=True, overflow="ellipsis"),
        ),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
        disable=as_json or not console.is_terminal,
    ) as progress:
        yield progress


class RetryNotes:
    """Says, above the bars, that the server is away and the upload waits for it.

    The same is said again only after a while: attempts are many, and uploads may be.
    """

    def __init__(self, console: Console, *, as_json: bool = False) -> None:
        self._console = console
        self._as_json = as_json
        self._said = ""
        self._said_at = 0.0

    def __call__(self, error: CottonError, _delay_s: float) -> None:
        """Hears of an attempt that failed and will be repeated."""
        now = time.monotonic()
        if error.message == self._said and now - self._said_at < _SAY_AGAIN_S:
            return
        self._said, self._said_at = error.message, now
        text = f"{error.message} Trying again …"
        if self._as_json:
            say(text, as_json=True)
            return
        self._console.print(Text(text), soft_wrap=not self._console.is_terminal)
