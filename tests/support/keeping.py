"""Backups of small data directories, and what is done to these meanwhile."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING, Any, Final

from click.testing import CliRunner
from cotton_client.cli import main
from cotton_server.keeping.backup import back_up
from cotton_server.keeping.backup_check import check_backup, require_sound
from cotton_server.keeping.check import check
from cotton_server.keeping.restore import restore

from tests.support.bales import bale
from tests.support.committing import committing
from tests.support.sealing import BALES_MAX, recovered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result
    from cotton_server.keeping.backup import Made
    from cotton_server.keeping.findings import Checked

BOUNDS: Final[dict[str, Any]] = {"bales_max": BALES_MAX, "resident_bales_max": 0}


def tell_new(directory: Path, first: int = 900_000, count: int = 8) -> None:
    """Appends batches of a bale each that the story does not have."""

    async def play() -> None:
        async with committing(directory, resident=1000) as running:
            for number in range(first, first + count):
                await running.stored(f"new-{number}", [bale(number)])

    asyncio.run(play())


def cotton(*arguments: str | int | Path) -> Result:
    """Runs the command."""
    return CliRunner().invoke(main, [str(each) for each in arguments], prog_name="cotton")


def silent(_name: str) -> Callable[[int, int], None]:
    """A step of which nobody is told."""
    return lambda _done, _of: None


def at_step(name: str, work: Callable[[], object]) -> Callable[[str], Callable[[int, int], None]]:
    """Steps, of which one has something done when it has begun, and is told for the first time."""
    done: list[object] = []

    def step(begun: str) -> Callable[[int, int], None]:
        def told(_done: int, _of: int) -> None:
            if begun == name and not done:
                done.append(None)
                work()

        return told

    return step


def checked(directory: Path, *, full: bool = True) -> Checked:
    """What is found in a data directory."""
    return check(directory, full=full, step=silent, **BOUNDS)


def backed_up(
    data_dir: Path,
    backups: Path,
    step: Callable[[str], Callable[[int, int], None]] = silent,
    *,
    full: bool = True,
) -> Made:
    """A backup, verified."""

    def verify(backup: Path) -> None:
        require_sound(check_backup(backup, full=full, step=silent, **BOUNDS), "The copy")

    return back_up(data_dir, backups, verify=verify, step=step)


def restored(backup: Path, data_dir: Path) -> Path:
    """A backup put back, verified."""

    def verify(directory: Path) -> None:
        found = check(directory, full=True, step=silent, is_unfinished=True, **BOUNDS)
        require_sound(found, "What was put back")

    restore(backup, data_dir, verify=verify, step=silent)
    return data_dir


def registry_of(directory: Path) -> dict[str, Any]:
    """Some figures of what a directory comes to when a server starts on it."""
    registry, _ = recovered(directory)
    return {
        "revision": registry.revision,
        "bales": len(registry.bales.index),
        "rows": registry.bales.count,
        "lots": len(registry.lots),
        "conflicts": registry.conflicts.open,
    }


def flip(path: Path, place: int | None = None) -> None:
    """Changes one bit, in the middle of a file unless told where; other names keep theirs."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= 1
    other = path.with_name(f"{path.name}.other")
    other.write_bytes(content)
    shutil.copymode(path, other)
    other.replace(path)


def said(result: Result) -> dict[str, Any]:
    """The JSON of a command."""
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two names are of one file."""
    return one.samefile(other)
