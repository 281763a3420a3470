"""`cotton run list`: settlement runs, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.options import revision_option, talks_to_server
from cotton_client.cli.output import TABLE_WIDTH_MAX, emit
from cotton_client.render import json_runs
from cotton_client.render.run import RunList

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection


@click.command(name="list")
@click.option("--season", type=click.IntRange(min=0), default=0, metavar="YEAR", help="Only its.")
@revision_option
@talks_to_server
def command(connection: Connection, season: int, revision: int, as_json: bool) -> None:
    """List runs, oldest first.

    The revision of each is the one that it was computed at.
    """
    answer = connection.ask(lambda client: client.list_runs(season=season, revision=revision))
    emit(RunList(answer), json_runs.runs(answer), as_json=as_json, width_max=TABLE_WIDTH_MAX)
