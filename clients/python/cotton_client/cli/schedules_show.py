"""`cotton schedules show`: what a document of money says, entry by entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.options import revision_option, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.schedule_names import kind_option, resolve
from cotton_client.render import json_schedules
from cotton_client.render.schedules import DescribedPage

if TYPE_CHECKING:
    from cotton.inspection.v1 import reference_pb2

    from cotton_client.cli.options import Connection
    from cotton_client.cli.schedule_names import Named
    from cotton_client.client import CottonClient


@click.command(name="show")
@click.argument("name", metavar="ID|FILE")
@kind_option
@revision_option
@talks_to_server
def command(
    connection: Connection,
    name: str,
    kind: reference_pb2.ReferenceKind.ValueType | None,
    revision: int,
    as_json: bool,
) -> None:
    """Show what a document says, entry by entry.

    Of a patch with its base. It is the one that is loaded, ID@REVISION what was in force then;
    else the one that comes with the service. A FILE that ends with .toml is shown as it would be
    loaded.
    """

    async def ask(
        client: CottonClient,
    ) -> tuple[Named, reference_pb2.DescribeReferenceResponse]:
        named = await resolve(client, name, kind, revision)
        answer = await client.describe_reference(
            named.kind, named.id, revision=named.revision, content=named.content
        )
        return named, answer

    named, answer = connection.ask(ask)
    loaded = not named.content
    emit(
        DescribedPage(answer, loaded=loaded),
        json_schedules.described(answer, loaded=loaded),
        as_json=as_json,
    )
