"""`cotton bale-weights`: weights of bales are recorded and listed; one module a command."""

from __future__ import annotations

import click

from cotton_client.cli.program import Program

_COMMANDS = {
    "load": ("bale_weights_load", "Record what single bales weigh, from a CSV file."),
    "list": ("bale_weights_list", "List the weights of bales in force."),
}


@click.command(
    name="bale-weights", cls=Program, package="cotton_client.cli", lazy_commands=_COMMANDS
)
def command() -> None:
    """Record what single bales weigh, and list it.

    A schedule that prices every bale by itself multiplies with them.
    """
