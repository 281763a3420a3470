"""`cotton ledger show`: one entry, checked: header, payload, outcomes, digests."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click
from cotton_server.ledger.inspection import Inspection

from cotton_client.cli.keeping import THERE, kept_errors
from cotton_client.cli.output import emit
from cotton_client.errors import NotFound
from cotton_client.render import ledger

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.ledger.inspection import Shown


@click.command(name="show")
@click.argument("directory", metavar="DIR", type=THERE)
@click.argument("position", type=click.IntRange(min=1), metavar="POSITION")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(directory: Path, position: int, as_json: bool) -> None:
    """Show one entry, wherever its payload lies.

    Its payload is compared with its digest, and its header with its place in the chain; what is
    not as it was written is an error. Payload and outcomes are shown as JSON of the contract
    (`cotton.inspection.v1`), long ones cut; --json has all of them.
    """
    shown = entry_of(directory, position)
    emit(ledger.entry(shown), ledger.entry_json(shown), as_json=as_json)


def entry_of(directory: Path, position: int) -> Shown:
    """The entry at a position, checked; raises NotFound."""
    with kept_errors(), closing(Inspection(directory)) as inspection:
        shown = inspection.shown(position)
        last = inspection.position()
    if shown is None:
        raise NotFound(
            f"{directory} has no entry {position}; the last is {last}.",
            remedy="See `cotton ledger list`.",
        )
    return shown
