"""`cotton schedules compare`: where two documents of money differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.options import talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.schedule_names import kind_option, resolve
from cotton_client.render import json_schedules, names
from cotton_client.render.schedules import ComparedPage

if TYPE_CHECKING:
    from cotton.inspection.v1 import reference_pb2

    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient


@click.command(name="compare")
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@kind_option
@talks_to_server
def command(
    connection: Connection,
    one: str,
    other: str,
    kind: reference_pb2.ReferenceKind.ValueType | None,
    as_json: bool,
) -> None:
    """Show where two documents differ.

    A and B are as in `cotton schedules show`: ID, ID@REVISION, or a FILE that ends with .toml.
    """

    async def ask(client: CottonClient) -> reference_pb2.DescribeReferenceResponse:
        first = await resolve(client, one, kind)
        second = await resolve(client, other, kind or first.kind)
        if first.kind != second.kind:
            raise click.UsageError(
                f"{one} is a {names.REFERENCE_KINDS[first.kind]} and {other} a"
                f" {names.REFERENCE_KINDS[second.kind]}: they have no entries in common."
            )
        return await client.describe_reference(
            first.kind,
            first.id,
            revision=first.revision,
            content=first.content,
            other_id=second.id,
            other_revision=second.revision,
            other_content=second.content,
        )

    answer = connection.ask(ask)
    emit(ComparedPage(answer), json_schedules.compared(answer), as_json=as_json)
