"""`cotton standards`: what bales are graded by, with its sources and what is not known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.list_by_default import ListByDefault
from cotton_client.cli.options import talks_to_server
from cotton_client.cli.output import emit
from cotton_client.render import json_standards
from cotton_client.render.standard import StandardPage
from cotton_client.render.standards import StandardList

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection


@click.command(name="standards", cls=ListByDefault)
def command() -> None:
    """Show the standards: tiers, grades, sources, what is not known.

    Every part has a source and a confidence: H seen in a source or recomputed from published
    records, M one weaker source or inferred, L recalled and unverified. What is not known stays
    empty, and no bale is graded by it. Without a command it lists.
    """


@command.command(name="list")
@talks_to_server
def list_standards(connection: Connection, as_json: bool) -> None:
    """List the standards that the server grades by, oldest first."""
    answer = connection.ask(lambda client: client.standards())
    emit(StandardList(answer), json_standards.standards(answer), as_json=as_json)


@command.command(name="show")
@click.argument("standard", metavar="ID")
@talks_to_server
def show(connection: Connection, standard: str, as_json: bool) -> None:
    """Show one standard with every table.

    ID is that of the list, such as GB1103.1-2023.
    """
    answer = connection.ask(lambda client: client.standard(standard))
    emit(StandardPage(answer), json_standards.standard(answer), as_json=as_json)
