"""`cotton restore`: a backup put back into an empty directory, verified."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click

from cotton_client.cli.keeping import DIRECTORY, THERE, bounds, kept_errors, quick_option
from cotton_client.cli.output import emit
from cotton_client.cli.row_progress import row_progress
from cotton_client.render import keeping

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.keeping.record import Record


@click.command(name="restore")
@click.argument("backup", metavar="BACKUP", type=THERE)
@click.argument("data_dir", metavar="DATA_DIR", type=DIRECTORY)
@quick_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(backup: Path, data_dir: Path, quick: bool, as_json: bool) -> None:
    """Put a backup back into an empty directory.

    Every file is compared with its digest as it is copied, and the directory is verified as `cotton
    fsck` does; then a server may start on it. What was acknowledged after the backup is not in
    it: docs/keeping.md says how to get it back. A directory that has anything in it is refused.
    """
    with kept_errors(), row_progress(as_json=as_json) as progress:
        checking = import_module("cotton_server.keeping.check")
        sound = import_module("cotton_server.keeping.backup_check").require_sound

        def verify(directory: Path) -> None:
            found = checking.check(
                directory, full=not quick, step=progress.step, is_unfinished=True, **bounds()
            )
            sound(found, "What was put back")

        record: Record = import_module("cotton_server.keeping.restore").restore(
            backup, data_dir, verify=verify, step=progress.step
        )
    emit(
        keeping.restored(data_dir, record),
        keeping.restored_json(data_dir, record, quick=quick),
        as_json=as_json,
    )
