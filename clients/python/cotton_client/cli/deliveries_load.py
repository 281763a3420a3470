"""`cotton deliveries load`: deliveries from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cotton_client.account_frames import delivery_messages
from cotton_client.cli.account_records import load, producer_option
from cotton_client.cli.options import talks_to_server
from cotton_client.client import CottonClient
from cotton_client.readers import read_deliveries

if TYPE_CHECKING:
    from cotton_client.cli.exits import Exit
    from cotton_client.cli.options import Connection


@click.command(name="load")
@click.argument("file", type=click.Path(path_type=Path))
@producer_option
@talks_to_server
def command(connection: Connection, file: Path, producer: str, as_json: bool) -> Exit:
    """Record deliveries of seed cotton (籽棉) from a CSV file.

    Columns: season, delivery_no, traceability_unit, weight (kg), and any of region,
    division, regiment, gin_code, delivered_at. Season and delivery_no name a delivery; one
    that takes the place of another has supersedes_revision, reason, decided_by and note.

    The file is checked whole before anything is sent.
    """
    return load(
        connection,
        file,
        "delivery",
        read=read_deliveries,
        messages=delivery_messages,
        method=CottonClient.record_deliveries,
        producer=producer,
        as_json=as_json,
    )
