"""`cotton ledger`: the data directory of a server on this machine; one module a command."""

from __future__ import annotations

import click

from cotton_client.cli.program import Program

_COMMANDS = {
    "verify": ("ledger_verify", "Go through a data directory from its first byte."),
}


@click.command(name="ledger", cls=Program, package="cotton_client.cli", lazy_commands=_COMMANDS)
def command() -> None:
    """Check the data directory of a server on this machine."""
