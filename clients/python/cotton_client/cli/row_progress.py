"""Progress of tables on standard error: rows that came or were written, on a terminal only."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cotton_client.cli.output import note_console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class RowProgress:
    """Bars for the steps of a table, one after the other."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def step(self, name: str) -> Callable[[int, int], None]:
        """A step that has begun; what it gives is told of rows done and of all there are."""
        task = self._progress.add_task(name, total=None)

        def heard(done: int, total: int) -> None:
            self._progress.update(task, completed=done, total=total or None)

        return heard


@contextmanager
def row_progress(*, as_json: bool = False) -> Iterator[RowProgress]:
    """Bars until the block ends; none for programs, and none stays behind."""
    console = note_console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=as_json or not console.is_terminal,
    ) as progress:
        yield RowProgress(progress)
