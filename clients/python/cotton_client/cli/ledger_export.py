"""`cotton ledger export`: the exact bytes that were received, in a file."""

from __future__ import annotations

from pathlib import Path

import click

from cotton_client.cli.keeping import THERE
from cotton_client.cli.ledger_show import entry_of
from cotton_client.cli.output import emit
from cotton_client.errors import ConfigurationError
from cotton_client.render import ledger


@click.command(name="export")
@click.argument("directory", metavar="DIR", type=THERE)
@click.argument("position", type=click.IntRange(min=1), metavar="POSITION")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Where to; a file that is there is not overwritten.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(directory: Path, position: int, output: Path, as_json: bool) -> None:
    """Write the payload of an entry to a file, byte for byte as it was received.

    `sha256sum` of the file is the digest in the ledger; the message says what it is: `protoc
    --decode` reads it by the protos.
    """
    shown = entry_of(directory, position)
    try:
        with output.open("xb") as file:
            file.write(shown.entry.content.payload)
    except FileExistsError:
        raise ConfigurationError(
            f"{output} is there already.",
            reason="FILE_EXISTS",
            remedy="Name another file, or remove that one.",
        ) from None
    emit(ledger.exported(shown, output), ledger.exported_json(shown, output), as_json=as_json)
