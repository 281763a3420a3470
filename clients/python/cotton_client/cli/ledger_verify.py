"""`cotton ledger verify`: every entry read, decided again, and compared with what is sealed."""

from __future__ import annotations

from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cotton_server.config import Config
from cotton_server.errors import StartError
from cotton_server.ledger.errors import LedgerError

from cotton_client.cli.output import emit
from cotton_client.cli.row_progress import row_progress
from cotton_client.errors import CottonError
from cotton_client.render.ledger import verified

if TYPE_CHECKING:
    from cotton_server.sealing.verify import Verified


@click.command(name="verify")
@click.argument(
    "directory",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(directory: Path, as_json: bool) -> None:
    """Go through a data directory from its first byte.

    Every entry is read and its digests are computed, every decision is made again and compared, and
    every sealed file is compared with what the entries come to, value by value. What differs or
    cannot be read is named, and the command fails. Nothing is changed, and a server may go on
    writing meanwhile. A national season takes about a minute and 3 GB of memory.
    """
    settings = Config()
    try:
        with row_progress(as_json=as_json) as progress:
            found: Verified = import_module("cotton_server.sealing.verify").verify(
                directory,
                bales_max=settings.bales_max,
                resident_bales_max=settings.resident_bales_max,
                told=progress.step("Entries"),
            )
    except LedgerError as error:
        raise CottonError(
            str(error),
            reason="LEDGER_DIFFERS",
            remedy="Keep the directory as it is, and bring the file back from a backup.",
        ) from error
    except StartError as error:
        raise CottonError(
            str(error),
            reason="LEDGER_DIFFERS",
            remedy="Then run the command again: it went no further.",
        ) from error
    emit(verified(directory, found), asdict(found), as_json=as_json)
