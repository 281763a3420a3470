"""`cotton reference list`: the reference documents in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.options import revision_option, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.render import json_references
from cotton_client.render.references import ReferenceList

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection


@click.command(name="list")
@revision_option
@talks_to_server
def command(connection: Connection, revision: int, as_json: bool) -> None:
    """List the documents in force.

    Charts that come with the service are not among them.
    """
    answer = connection.ask(lambda client: client.references(revision=revision))
    emit(ReferenceList(answer), json_references.references(answer), as_json=as_json)
