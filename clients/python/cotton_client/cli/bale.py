"""`cotton bale`: one bale, its reading and its grade."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.options import revision_option, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.render import json_answers
from cotton_client.render.bale import Bale

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection


@click.command(name="bale")
@click.argument("code", metavar="CODE")
@click.option(
    "--crop-year",
    type=click.IntRange(1900, 2999),
    metavar="YEAR",
    help="CODE is a 12-digit USDA bale id of this crop year.",
)
@revision_option
@talks_to_server
def command(
    connection: Connection, code: str, crop_year: int | None, revision: int, as_json: bool
) -> None:
    """Show one bale, its reading and its grade.

    CODE is the 32-digit bar code (条码), or YEAR/ID, or with --crop-year the 12-digit id
    of a USDA bale.
    """
    year, slash, bale_id = code.partition("/")
    if slash and year.isascii() and year.isdigit():
        if crop_year not in {None, int(year)}:
            raise click.UsageError(f"CODE names crop year {year}, --crop-year {crop_year}.")
        code, crop_year = bale_id, int(year)
    answer = connection.ask(
        lambda client: client.bale(code, crop_year=crop_year, revision=revision)
    )
    emit(Bale(answer), json_answers.bale(answer), as_json=as_json)
