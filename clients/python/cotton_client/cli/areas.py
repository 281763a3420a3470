"""`cotton areas`: areas are recorded and listed; one module a command."""

from __future__ import annotations

import click

from cotton_client.cli.program import Program

_COMMANDS = {
    "load": ("areas_load", "Record areas that units planted, from a CSV file."),
    "list": ("areas_list", "List the areas in force."),
}


@click.command(name="areas", cls=Program, package="cotton_client.cli", lazy_commands=_COMMANDS)
def command() -> None:
    """Record areas that units (追溯单元) planted, and list them.

    Areas are in mu (亩). What is paid by area is paid on them.
    """
