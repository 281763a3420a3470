"""The command `cotton`: one module a command, loaded when it is used."""

from __future__ import annotations

import click

from cotton_client.cli.program import Program

_COMMANDS = {
    "serve": ("serve", "Run the service."),
    "backup": ("backup", "Back a data directory up, while a server goes on."),
    "restore": ("restore", "Put a backup back into an empty directory."),
    "fsck": ("fsck", "Go through a data directory, or a backup, from its first byte."),
    "ledger": ("ledger", "Show entries of the ledger of a data directory."),
    "send": ("send", "Send files of readings."),
    "spool": ("spool", "Show and settle what waits on this machine to be sent."),
    "lots": ("lots", "Record what becomes of lots, and list where they stand."),
    "lot": ("lot", "Show the certificate of a lot, and where it stands."),
    "deliveries": ("deliveries", "Record deliveries of seed cotton (籽棉), and list them."),
    "areas": ("areas", "Record areas that units (追溯单元) planted, and list them."),
    "prices": ("prices", "Record prices of the market and of lots sold, and list them."),
    "bale-weights": ("bale_weights", "Record what single bales weigh, and list it."),
    "summary": ("summary", "Add grades up by any keys."),
    "certificates": ("certificates", "List the certificates of lots, or write them to files."),
    "bales": ("bales", "List bales that somebody has to look at."),
    "bale": ("bale", "Show one bale, its reading, its grade and its history."),
    "correct": ("correct", "Correct the reading in force of a bale."),
    "conflicts": ("conflicts", "List readings that differ from the one in force, and decide them."),
    "withdraw": ("withdraw", "Invalidate lots or bales, or take that back."),
    "watch": ("watch", "Follow what changes of lots, from any revision on."),
    "schedules": ("schedules", "Load and show what is paid by: differentials, pay, target prices."),
    "settle": ("settle", "Price lots and settle units: a trial, which may be frozen as a run."),
    "run": ("run", "Show, compare, verify and export settlement runs."),
    "grade": ("grade", "Grade files of readings without storing them."),
    "standards": ("standards", "Show the standards: tiers, grades, sources, what is not known."),
    "charts": ("charts", "Check and show colour charts."),
    "reference": ("reference", "Load and show what lots are placed and colours graded by."),
    "producer": ("producer", "Show where a producer stands."),
    "simulate": ("simulate", "Make up warehouses, lots and bales that look real."),
    "demo": ("demo", "Show the whole path on this machine with real and simulated lots."),
}


@click.command(
    cls=Program,
    package="cotton_client.cli",
    lazy_commands=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--server",
    metavar="HOST:PORT",
    envvar="COTTON_SERVER",
    default="127.0.0.1:7410",
    show_default=True,
    show_envvar=True,
    help="The server to talk to.",
)
@click.option(
    "--allow-plaintext",
    is_flag=True,
    envvar="COTTON_ALLOW_PLAINTEXT",
    show_envvar=True,
    help="Talk to another machine without encryption; only on a trusted network.",
)
@click.option(
    "--traceback", is_flag=True, expose_value=False, help="Show where an error comes from."
)
@click.version_option(package_name="cotton-inspection", prog_name="cotton")
@click.pass_context
def main(context: click.Context, server: str, allow_plaintext: bool) -> None:
    """Cotton instrumented public inspection (棉花仪器化公证检验) from the command line.

    Exit codes: 0 done; 1 unexpected error, or the server cannot start; 2 wrong usage; 3 a
    file cannot be read as it should; 4 refused; 5 the server cannot be reached;
    6 some records were rejected or conflict, the others are stored; 7 not found; 130
    interrupted.
    """
    context.meta["cotton.server"] = server
    context.meta["cotton.allow_plaintext"] = allow_plaintext
