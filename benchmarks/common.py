"""What the commands of the benchmark share: a scratch directory, the machine, where results go."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from benchmarks import page
from benchmarks.machine import describe, file_system
from benchmarks.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.machine import Machine

HERE: Final = ROOT / "benchmarks"


@contextmanager
def scratch(directory: Path) -> Iterator[Path]:
    """A directory below another that is removed in any case."""
    directory.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="benchmark-", dir=directory))
    try:
        yield made
    finally:
        shutil.rmtree(made)


def described(directory: Path) -> Machine:
    """The machine, which is also told."""
    machine = describe(directory)
    say(
        f"data directories on {file_system(directory)}, where a write of 4 KiB with fdatasync"
        f" takes {machine.sync_p50_us} µs (median); durability: SQLite WAL,"
        " synchronous=FULL, one fsync a group commit"
    )
    return machine


def place(output: Path | None, machine: Machine, *, complete: bool) -> Path:
    """The directory for raw results: the project's for complete ones of a committed tree."""
    if output is not None:
        return output
    if complete and machine.revision.endswith("+"):
        say("the tree differs from its revision: the results are kept apart, commit and run again")
        complete = False
    return HERE / "results" if complete else ROOT / ".build"


def finish(kept: Path, tables: str) -> None:
    """Says where the raw results are, writes the page anew where they belong to it."""
    say(f"raw results: {kept}")
    if kept.parent == HERE / "results":
        rewritten()
        say(f"written anew: {HERE / page.PAGE} and its charts")
    print(tables)


def rewritten() -> str:
    """Writes the page of the newest results anew; gives its tables."""
    try:
        return page.rewrite(HERE)
    except (FileNotFoundError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def say(line: str) -> None:
    """A line of progress, to stderr."""
    print(line, file=sys.stderr, flush=True)
