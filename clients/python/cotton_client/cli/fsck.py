"""`cotton fsck`: a data directory or a backup gone through; what is damaged is named."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click

from cotton_client.cli.exits import Exit
from cotton_client.cli.keeping import THERE, bounds, give_way, kept_errors, quick_option
from cotton_client.cli.output import emit
from cotton_client.cli.row_progress import row_progress
from cotton_client.render import keeping

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.keeping.findings import Checked


@click.command(name="fsck")
@click.argument("directory", metavar="DIR", type=THERE)
@quick_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(directory: Path, quick: bool, as_json: bool) -> Exit:
    """Go through a data directory, or a backup, from its first byte.

    Every entry is read and its digests are computed, every decision is made again and compared, and
    every sealed file is compared with what the entries come to, value by value; archived runs,
    names, owners and modes are looked at too. All that is damaged is named, with what to do; what
    is odd and no damage is told beside. Nothing is changed, and a server may go on writing
    meanwhile. A national season takes about a minute and 3 GB of memory.

    Exits 0 where everything is sound, 1 where something is damaged, 2 for what is no data directory
    or of a newer version of the service.
    """
    give_way()
    with kept_errors(), row_progress(as_json=as_json) as progress:
        is_backup = (directory / "backup.json").is_file()
        name = "backup_check" if is_backup else "check"
        module = import_module(f"cotton_server.keeping.{name}")
        found: Checked = (module.check_backup if is_backup else module.check)(
            directory, full=not quick, step=progress.step, **bounds()
        )
    emit(
        keeping.checked(directory, found),
        keeping.checked_json(directory, found),
        as_json=as_json,
    )
    return Exit.OK if found.is_sound else Exit.UNEXPECTED
