"""`cotton lot`: the certificate of a lot, and where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.options import (
    as_of_option,
    basis_option,
    revision_option,
    talks_to_server,
)
from cotton_client.cli.output import emit
from cotton_client.render import json_answers
from cotton_client.render.certificate import Certificate

if TYPE_CHECKING:
    from cotton.inspection.v1 import summary_pb2

    from cotton_client.cli.options import Connection


@click.command(name="lot")
@click.argument("lot_no", metavar="LOT_NO")
@revision_option
@as_of_option
@basis_option
@click.option(
    "--share-decimals",
    type=click.IntRange(1, 2),
    default=1,
    show_default=True,
    help="Digits of printed shares.",
)
@talks_to_server
def command(
    connection: Connection,
    lot_no: str,
    revision: int,
    as_of_us: int,
    basis: summary_pb2.Basis.ValueType,
    share_decimals: int,
    as_json: bool,
) -> None:
    """Show the certificate of a lot, and where it stands.

    LOT_NO is the 11-digit lot number (批号). A lot without main colour grade, without
    weight or without readings has a certificate too, and it says so. TIME is such as
    2024-11-01T12:00, with an offset where it is not China time, or a day such as
    2024-11-01; age and deadlines are told at that time.
    """
    answer = connection.ask(
        lambda client: client.lot_certificate(
            lot_no,
            revision=revision,
            as_of_us=as_of_us,
            share_decimals=share_decimals,
            basis=basis,
        )
    )
    emit(Certificate(answer), json_answers.certificate(answer), as_json=as_json)
