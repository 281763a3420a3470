"""`cotton schedules list`: the documents of money in force, or those that can be loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.options import revision_option, talks_to_server
from cotton_client.cli.output import TABLE_WIDTH_MAX, emit
from cotton_client.cli.reference_kinds import MONEY
from cotton_client.cli.schedule_names import kind_option
from cotton_client.render import json_schedules
from cotton_client.render.schedules import ScheduleList, ShippedList

if TYPE_CHECKING:
    from cotton.inspection.v1 import reference_pb2

    from cotton_client.cli.options import Connection


@click.command(name="list")
@click.option("--shipped", is_flag=True, help="Those that come with the service, loaded or not.")
@kind_option
@revision_option
@talks_to_server
def command(
    connection: Connection,
    shipped: bool,
    kind: reference_pb2.ReferenceKind.ValueType | None,
    revision: int,
    as_json: bool,
) -> None:
    """List the documents in force, or those that can be loaded.

    What is not of high confidence is marked, and below it stands what it assumes because no
    source states it.
    """
    wanted = set(MONEY.values()) if kind is None else {kind}
    if shipped:
        if revision:
            raise click.UsageError("What comes with the service has no revision.")
        known = connection.ask(lambda client: client.list_shipped())
        documents = [each for each in known.documents if each.kind in wanted]
        emit(
            ShippedList(documents),
            json_schedules.shipped(documents),
            as_json=as_json,
            width_max=TABLE_WIDTH_MAX,
        )
        return
    answer = connection.ask(lambda client: client.references(revision=revision))
    loaded = [each for each in answer.references if each.kind in wanted]
    emit(
        ScheduleList(loaded, answer.revision),
        json_schedules.loaded(loaded, answer.revision),
        as_json=as_json,
        width_max=TABLE_WIDTH_MAX,
    )
