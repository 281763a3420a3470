"""`cotton schedules`: documents that money is computed by; one module a command."""

from __future__ import annotations

import click

from cotton_client.cli.program import Program

_COMMANDS = {
    "list": ("schedules_list", "List the documents in force, or those that can be loaded."),
    "load": ("schedules_load", "Load documents from files, or those that come with the service."),
    "show": ("schedules_show", "Show what a document says, entry by entry."),
    "compare": ("schedules_compare", "Show where two documents differ."),
}


@click.command(name="schedules", cls=Program, package="cotton_client.cli", lazy_commands=_COMMANDS)
def command() -> None:
    """Load and show what is paid by: differentials, pay, target prices.

    Schedules of quality differentials (升贴水), rule sets of quality-linked pay (与质量挂钩) and
    target prices (目标价格) are documents: each has a source and a confidence, H seen in a source,
    M one weaker source or inferred, L recalled. Some come with the service; none is in force until
    it is loaded.
    """
