"""What the command lines of the benchmark share."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from benchmarks.errors import BenchmarkError
from benchmarks.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_F = TypeVar("_F", bound="Callable[..., Any]")

SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""For the context of a command."""


def number(name: str, bounds: tuple[int, int], default: int, about: str) -> Callable[[_F], _F]:
    """An option for a number between two, which may be either."""
    return click.option(
        name, type=click.IntRange(*bounds), default=default, show_default=True, help=about
    )


def places(temporary: str, complete: str) -> Callable[[_F], _F]:
    """The options --directory, where the temporary files lie, and --output.

    `complete` says which runs are kept in the project.
    """
    directory = click.option(
        "--directory",
        type=click.Path(file_okay=False, path_type=Path),
        default=ROOT / ".build",
        show_default=".build in the project",
        help=f"Where the temporary {temporary}",
    )
    output = click.option(
        "--output",
        type=click.Path(file_okay=False, path_type=Path),
        help=f"Directory where the raw results go. Without it: benchmarks/results for {complete}"
        " and on a committed tree, from which RESULTS.md is then written anew; .build otherwise.",
    )
    return lambda command: directory(output(command))


@contextmanager
def measuring() -> Iterator[None]:
    """Tells what fails as an error of the command; ends at SIGTERM as Ctrl-C does.

    So that the children are ended and the directories removed.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error


def _interrupt(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt
