"""`cotton bale-weights load`: weights of bales from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cotton_client.account_frames import bale_weight_messages
from cotton_client.cli.account_records import load, producer_option
from cotton_client.cli.options import talks_to_server
from cotton_client.client import CottonClient
from cotton_client.readers import read_bale_weights

if TYPE_CHECKING:
    from cotton_client.cli.exits import Exit
    from cotton_client.cli.options import Connection


@click.command(name="load")
@click.argument("file", type=click.Path(path_type=Path))
@producer_option
@talks_to_server
def command(connection: Connection, file: Path, producer: str, as_json: bool) -> Exit:
    """Record what single bales weigh, from a CSV file.

    Columns: bale (32 digits, or YEAR/12 digits), net, and unit: kg, which it is where it is
    left out, or lb. A weight that takes the place of another has supersedes_revision,
    reason, decided_by and note.

    The file is checked whole before anything is sent.
    """
    return load(
        connection,
        file,
        "weight",
        read=read_bale_weights,
        messages=bale_weight_messages,
        method=CottonClient.record_bale_weights,
        producer=producer,
        as_json=as_json,
    )
