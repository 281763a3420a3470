"""`cotton reference show`: one reference document and its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.options import revision_option, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.reference_kinds import ReferenceKind
from cotton_client.render import json_references
from cotton_client.render.references import ReferencePage

if TYPE_CHECKING:
    from cotton.inspection.v1 import reference_pb2

    from cotton_client.cli.options import Connection


@click.command(name="show")
@click.argument("kind", metavar="KIND", type=ReferenceKind())
@click.argument("id_", metavar="ID")
@revision_option
@click.option("--content", "only_content", is_flag=True, help="Print the file alone, as stored.")
@talks_to_server
def command(
    connection: Connection,
    kind: reference_pb2.ReferenceKind.ValueType,
    id_: str,
    revision: int,
    only_content: bool,
    as_json: bool,
) -> None:
    """Show one document and its versions.

    KIND is organisation, chart, schedule, rule-set or target-price. With --revision it is
    what was in force then.
    """
    if only_content and as_json:
        raise click.UsageError("Give --content or --json, not both; the JSON has the content.")
    answer = connection.ask(lambda client: client.reference(kind, id_, revision=revision))
    if only_content:
        click.echo(answer.reference.content, nl=False)
        return
    emit(ReferencePage(answer), json_references.reference(answer), as_json=as_json)
