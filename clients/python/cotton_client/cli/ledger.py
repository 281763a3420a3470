"""`cotton ledger`: what is in the ledger of a data directory; one module a command."""

from __future__ import annotations

import click

from cotton_client.cli.program import Program

_COMMANDS = {
    "list": ("ledger_list", "List entries by position, producer, kind or time."),
    "show": ("ledger_show", "Show one entry: header, payload, outcomes, digests."),
    "export": ("ledger_export", "Write the exact bytes of a payload to a file."),
}


@click.command(name="ledger", cls=Program, package="cotton_client.cli", lazy_commands=_COMMANDS)
def command() -> None:
    """Show entries of the ledger of a data directory.

    They work on the files of this machine, also of a backup (its directory `data`), whether or
    not a server runs, and change nothing. `cotton fsck` checks all of it.
    """
