"""`cotton lots list`: where lots stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from cotton.inspection.v1 import summary_pb2

from cotton_client.cli.filters import parse_filters, where_option
from cotton_client.cli.options import revision_option, talks_to_server
from cotton_client.cli.output import TABLE_WIDTH_MAX, emit
from cotton_client.cli.parameters import Duration, Word
from cotton_client.render import json_status
from cotton_client.render.lot_table import LotTable

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient


@click.command(name="list")
@click.option(
    "--state",
    "states",
    type=Word(summary_pb2.LotState, "LOT_STATE_", many=True),
    default=(),
    metavar="STATE[,…]",
    help="Only lots in these states.",
)
@where_option
@click.option("--objected", is_flag=True, help="Only lots with an undecided objection.")
@click.option("--overdue", is_flag=True, help="Only lots whose decision is overdue.")
@click.option(
    "--older-than",
    "age_s",
    type=Duration(),
    default=0,
    metavar="DURATION",
    help="Only lots without quality certificate that came in at least so long ago: 10d, 36h.",
)
@click.option(
    "--limit", type=click.IntRange(min=0), default=0, metavar="N", help="At most so many lots."
)
@revision_option
@talks_to_server
def command(
    connection: Connection,
    states: tuple[summary_pb2.LotState.ValueType, ...],
    where: tuple[str, ...],
    objected: bool,
    overdue: bool,
    age_s: int,
    limit: int,
    revision: int,
    as_json: bool,
) -> None:
    """List lots with their state, times, age and deadlines.

    States: unregistered, registered, weighed, read, read_and_weighed, tested, final,
    revised, withdrawn, held. Keys of --where are those of `cotton summary`, without those of
    single bales: standard, laboratory, instrument, day, week, month.
    """
    filters = parse_filters(where)

    async def ask(client: CottonClient) -> tuple[int, list[summary_pb2.LotStatus]]:
        listing = client.lots(
            filters,
            states=states,
            objected=objected,
            overdue=overdue,
            age_s_min=age_s,
            limit=limit,
            revision=revision,
        )
        lots = [each async for each in listing]
        return listing.revision, lots

    at, lots = connection.ask(ask)
    emit(
        LotTable(at, lots),
        json_status.lots(at, lots),
        as_json=as_json,
        width_max=TABLE_WIDTH_MAX,
    )
