"""`cotton deliveries list`: deliveries in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from cotton.inspection.v1 import accounts_pb2

from cotton_client.cli.account_listing import (
    limit_option,
    list_records,
    regiment_option,
    season_option,
    unit_option,
)
from cotton_client.cli.options import revision_option, talks_to_server

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection


@click.command(name="list")
@season_option
@unit_option
@regiment_option
@limit_option
@revision_option
@talks_to_server
def command(
    connection: Connection,
    season: int | None,
    traceability_unit: str,
    regiment: str,
    limit: int,
    revision: int,
    as_json: bool,
) -> None:
    """List the deliveries in force.

    By season and delivery number, with revisions, and with the sum of their weight.
    """
    list_records(
        connection,
        accounts_pb2.ACCOUNT_KIND_DELIVERY,
        season=season,
        traceability_unit=traceability_unit,
        regiment=regiment,
        limit=limit,
        revision=revision,
        as_json=as_json,
    )
