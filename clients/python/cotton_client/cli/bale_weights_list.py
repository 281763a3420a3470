"""`cotton bale-weights list`: weights of bales in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from cotton.inspection.v1 import accounts_pb2

from cotton_client.cli.account_listing import limit_option, list_records
from cotton_client.cli.options import revision_option, talks_to_server

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection


@click.command(name="list")
@limit_option
@revision_option
@talks_to_server
def command(
    connection: Connection,
    limit: int,
    revision: int,
    as_json: bool,
) -> None:
    """List the weights of bales in force.

    By bale, with revisions, and with the sum of the weights in each unit.
    """
    list_records(
        connection,
        accounts_pb2.ACCOUNT_KIND_BALE_WEIGHT,
        limit=limit,
        revision=revision,
        as_json=as_json,
    )
