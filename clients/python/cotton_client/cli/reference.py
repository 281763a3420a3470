"""`cotton reference`: documents that lots are placed and bales graded by; one module a command."""

from __future__ import annotations

import click

from cotton_client.cli.program import Program

_COMMANDS = {
    "load": (
        "reference_load",
        "Load organisations, charts and documents of money from files.",
    ),
    "list": ("reference_list", "List the documents in force."),
    "show": ("reference_show", "Show one document and its versions."),
}


@click.command(name="reference", cls=Program, package="cotton_client.cli", lazy_commands=_COMMANDS)
def command() -> None:
    """Load and show what lots are placed and colours graded by.

    An organisation says which regiment (团场) belongs to which division (师) and region, with
    names and days; a colour chart (颜色分级图) gives the colour grade of Rd and +b under a
    standard; documents of money are those of `cotton schedules`. Each document is in force from
    the revision that it is loaded at.
    """
