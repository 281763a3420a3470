"""`cotton lots`: records of lots, and where they stand; one module a command."""

from __future__ import annotations

import click

from cotton_client.cli.program import Program

_COMMANDS = {
    "register": ("lots_register", "Register the lots of a CSV file."),
    "weigh": ("lots_weigh", "Record what lots weigh, from a CSV file or for one lot."),
    "units": (
        "lots_units",
        "Say which traceability unit (追溯单元) lots belong to, from a file.",
    ),
    "close": ("lots_close", "Close lots that a laboratory has tested, from a CSV file or one lot."),
    "certify": ("lots_certify", "Record numbers of certificates, from a CSV file or for one lot."),
    "object": ("lots_object", "Record objections (异议) to lots, or decide one."),
    "list": ("lots_list", "List lots with their state, times, age and deadlines."),
}


@click.command(name="lots", cls=Program, package="cotton_client.cli", lazy_commands=_COMMANDS)
def command() -> None:
    """Record what becomes of lots, and list where they stand."""
