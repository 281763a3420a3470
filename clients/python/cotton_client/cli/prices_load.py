"""`cotton prices load`: prices from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cotton_client.account_frames import price_messages
from cotton_client.cli.account_records import load, producer_option
from cotton_client.cli.options import talks_to_server
from cotton_client.client import CottonClient
from cotton_client.readers import read_prices

if TYPE_CHECKING:
    from cotton_client.cli.exits import Exit
    from cotton_client.cli.options import Connection


@click.command(name="load")
@click.argument("file", type=click.Path(path_type=Path))
@producer_option
@talks_to_server
def command(connection: Connection, file: Path, producer: str, as_json: bool) -> Exit:
    """Record prices of the market and of lots sold, from a CSV file.

    Columns: series, day, basis, price, and any of unit, mark, lot_no, volume (kg).
    Series, day, mark and lot_no name a price; one that takes the place of another has
    supersedes_revision, reason, decided_by and note.

    Values of basis: lint, seed_cotton.

    Values of unit: yuan/t, which it is where it is left out; yuan/kg.

    The file is checked whole before anything is sent.
    """
    return load(
        connection,
        file,
        "price",
        read=read_prices,
        messages=price_messages,
        method=CottonClient.record_market_prices,
        producer=producer,
        as_json=as_json,
    )
