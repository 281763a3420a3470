"""`cotton prices`: prices are recorded and listed; one module a command."""

from __future__ import annotations

import click

from cotton_client.cli.program import Program

_COMMANDS = {
    "load": ("prices_load", "Record prices of the market and of lots sold, from a CSV file."),
    "list": ("prices_list", "List the prices in force."),
}


@click.command(name="prices", cls=Program, package="cotton_client.cli", lazy_commands=_COMMANDS)
def command() -> None:
    """Record prices of the market and of lots sold, and list them.

    Market prices are what a target price (目标价格) is compared with.
    """
