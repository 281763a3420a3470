"""`cotton bale`: one bale, its reading, its grade and its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cotton_client.cli.options import revision_option, talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.parameters import bale_name, bale_options
from cotton_client.render import json_answers
from cotton_client.render.bale import Bale

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection


@click.command(name="bale")
@bale_options
@revision_option
@talks_to_server
def command(
    connection: Connection, code: str, crop_year: int | None, revision: int, as_json: bool
) -> None:
    """Show one bale, its reading, its grade and its history.

    CODE is the 32-digit bar code (条码), or YEAR/ID, or with --crop-year the 12-digit id
    of a USDA bale. The history tells every reading, correction, re-test, conflict and
    withdrawal, with revision, time, instrument, reason and who decided.
    """
    code, crop_year = bale_name(code, crop_year)
    answer = connection.ask(
        lambda client: client.bale(code, crop_year=crop_year, revision=revision)
    )
    emit(Bale(answer), json_answers.bale(answer), as_json=as_json)
