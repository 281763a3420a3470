"""`cotton deliveries`: deliveries are recorded and listed; one module a command."""

from __future__ import annotations

import click

from cotton_client.cli.program import Program

_COMMANDS = {
    "load": ("deliveries_load", "Record deliveries of seed cotton (籽棉) from a CSV file."),
    "list": ("deliveries_list", "List the deliveries in force."),
}


@click.command(name="deliveries", cls=Program, package="cotton_client.cli", lazy_commands=_COMMANDS)
def command() -> None:
    """Record deliveries of seed cotton (籽棉), and list them.

    A delivery is seed cotton that a grower's traceability unit (追溯单元) brought to a gin,
    with its verified net weight. Target prices (目标价格) and pay for quality are paid on it.
    """
