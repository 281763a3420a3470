"""`cotton run`: settlement runs; one module a command."""

from __future__ import annotations

import click

from cotton_client.cli.program import Program

_COMMANDS = {
    "list": ("run_list", "List runs, oldest first."),
    "show": ("run_show", "Show what a run came to, and what it rests on."),
    "compare": ("run_compare", "Show every line in which two runs differ."),
    "verify": ("run_verify", "Compute a run anew, and compare the digests."),
    "export": ("run_export", "Write a run to files that anybody can check."),
}


@click.command(name="run", cls=Program, package="cotton_client.cli", lazy_commands=_COMMANDS)
def command() -> None:
    """Show, compare, verify and export settlement runs.

    A run is what `cotton settle --freeze` froze: terms, revision and the digest of every line. It
    never changes; a run that names it as predecessor takes its place.
    """
