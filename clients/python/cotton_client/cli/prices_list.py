"""`cotton prices list`: prices in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from cotton.inspection.v1 import accounts_pb2

from cotton_client.cli.account_listing import (
    limit_option,
    list_records,
    series_option,
)
from cotton_client.cli.options import revision_option, talks_to_server

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection


@click.command(name="list")
@series_option
@limit_option
@revision_option
@talks_to_server
def command(
    connection: Connection,
    series: str,
    limit: int,
    revision: int,
    as_json: bool,
) -> None:
    """List the prices in force.

    By series, day, mark and lot, with revisions, and with the sum of the known volumes.
    Prices are in yuan per tonne.
    """
    list_records(
        connection,
        accounts_pb2.ACCOUNT_KIND_MARKET_PRICE,
        series=series,
        limit=limit,
        revision=revision,
        as_json=as_json,
    )
