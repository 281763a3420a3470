"""`cotton areas load`: areas from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cotton_client.account_frames import area_messages
from cotton_client.cli.account_records import load, producer_option
from cotton_client.cli.options import talks_to_server
from cotton_client.client import CottonClient
from cotton_client.readers import read_areas

if TYPE_CHECKING:
    from cotton_client.cli.exits import Exit
    from cotton_client.cli.options import Connection


@click.command(name="load")
@click.argument("file", type=click.Path(path_type=Path))
@producer_option
@talks_to_server
def command(connection: Connection, file: Path, producer: str, as_json: bool) -> Exit:
    """Record areas that units planted, from a CSV file.

    Columns: season, traceability_unit, area (mu), and any of region, division, regiment.
    Season and unit name an area; one that takes the place of another has
    supersedes_revision, reason, decided_by and note.

    The file is checked whole before anything is sent.
    """
    return load(
        connection,
        file,
        "area",
        read=read_areas,
        messages=area_messages,
        method=CottonClient.record_areas,
        producer=producer,
        as_json=as_json,
    )
