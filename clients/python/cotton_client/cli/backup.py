"""`cotton backup`: a copy of a data directory that is whole, made while a server goes on."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cotton_server.config import ConfigError, load_config

from cotton_client.cli.keeping import DIRECTORY, bounds, give_way, kept_errors, quick_option
from cotton_client.cli.output import emit
from cotton_client.cli.row_progress import row_progress
from cotton_client.errors import ConfigurationError
from cotton_client.render import keeping

if TYPE_CHECKING:
    from cotton_server.keeping.backup import Made


@click.command(name="backup")
@click.argument("backups", metavar="DIR_OF_BACKUPS", type=DIRECTORY)
@click.option(
    "--data-dir",
    type=DIRECTORY,
    metavar="DIR",
    help="What to back up.  [default: the data_dir of the configuration]",
)
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration of the server.",
)
@quick_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(
    backups: Path, data_dir: Path | None, file: Path | None, quick: bool, as_json: bool
) -> None:
    """Back a data directory up, while a server goes on.

    A directory is made in DIR_OF_BACKUPS that has everything up to one entry. It is verified as
    `cotton fsck` does, then it gets its name; one that is not whole has a name that ends in
    .incomplete, and the next backup removes it. Files that an earlier backup there has already
    are not copied again: they are the same file on the disk, under both names, so any backup may be
    removed with `rm -r`, which is left to you.
    """
    directory = data_dir or _configured(file)
    give_way()
    with kept_errors(), row_progress(as_json=as_json) as progress:
        checking = import_module("cotton_server.keeping.backup_check")

        def verify(backup: Path) -> None:
            found = checking.check_backup(backup, full=not quick, step=progress.step, **bounds())
            checking.require_sound(found, "The copy")

        made: Made = import_module("cotton_server.keeping.backup").back_up(
            directory, backups, verify=verify, step=progress.step
        )
    emit(keeping.made(made, quick=quick), keeping.made_json(made, quick=quick), as_json=as_json)


def _configured(file: Path | None) -> Path:
    try:
        return load_config(file=file, environ=os.environ, flags={}).data_dir
    except ConfigError as error:
        raise ConfigurationError(
            str(error), reason="INVALID_SETTING", remedy="Correct it; see docs/configuration.md."
        ) from None
