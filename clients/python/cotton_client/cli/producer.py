"""`cotton producer`: where a producer stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.options import talks_to_server
from cotton_client.cli.output import emit
from cotton_client.render import json_status
from cotton_client.render.producer import Producer

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection


@click.command(name="producer")
@click.argument("producer_id", metavar="ID")
@talks_to_server
def command(connection: Connection, producer_id: str, as_json: bool) -> None:
    """Show where a producer stands.

    That is the sequence that its next batch must carry, what is stored of it, and whether
    a stream of it is open.
    """
    answer = connection.ask(lambda client: client.producer(producer_id))
    emit(Producer(answer), json_status.producer(answer), as_json=as_json)
