"""`cotton demo`: the whole path on this machine, to watch."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import click
from rich.text import Text

from cotton_client.cli.invocation import started_as
from cotton_client.cli.output import page_console
from cotton_client.cli.progress import bars
from cotton_client.demo import Answers, Server, run
from cotton_client.render.bale import Bale
from cotton_client.render.certificate import Certificate
from cotton_client.render.parts import heading
from cotton_client.render.summary import Summary

if TYPE_CHECKING:
    from rich.console import Console

DATA_DIR_DEFAULT: Final = Path("cotton-data") / "demo"
REAL_LOT_NOTE: Final = (
    "Of this lot micronaire, strength and weights are real; the other values are filled in to"
    " meet its published aggregates."
)


@click.command(name="demo")
@click.option("--keep-serving", is_flag=True, help="Serve on until Ctrl-C, and keep the data.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help=f"Where the ledger lies.  [default: temporary; {DATA_DIR_DEFAULT} with --keep-serving]",
)
@click.option(
    "--lots",
    type=click.IntRange(min=3),
    default=90,
    show_default=True,
    metavar="N",
    help="Simulated lots.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="S",
    help="Of the simulation.",
)
def command(keep_serving: bool, data_dir: Path | None, lots: int, seed: int) -> int:
    """Show the whole path on this machine with real and simulated lots.

    Starts the service, lets three simulated warehouses and the owner of a real lot send
    at once, and prints the real lot's certificate and a summary of grades by division.
    """
    if data_dir is not None or keep_serving:
        return _run(data_dir or DATA_DIR_DEFAULT, lots, seed, keep_serving=keep_serving)
    with TemporaryDirectory(prefix="cotton-demo-") as directory:
        return _run(Path(directory) / "data", lots, seed, keep_serving=False)


def _run(data_dir: Path, lots: int, seed: int, *, keep_serving: bool) -> int:
    """Runs the demo with bars on a terminal; its exit status."""
    click.echo("Starting the service and three warehouses …", err=True)
    with bars() as progress:

        def show(server: Server, answers: Answers) -> None:
            progress.stop()
            _print(page_console(), server, answers, keep_serving=keep_serving)

        status = asyncio.run(
            run(
                data_dir,
                lots=lots,
                seed=seed,
                keep_serving=keep_serving,
                progress=progress,
                show=show,
            )
        )
    if keep_serving:
        click.echo("Stopped.")
    return status


def _print(console: Console, server: Server, answers: Answers, *, keep_serving: bool) -> None:
    """What was sent, the real lot's certificate, the summary, and where to look on."""
    console.print(heading("Sent and stored"))
    for each in answers.sent:
        for part in each.page():
            console.print(part)
    console.print()
    console.print(Certificate(answers.certificate))
    console.print(Text(REAL_LOT_NOTE, style="dim"))
    console.print()
    console.print(Bale(answers.bale))
    console.print()
    console.print(heading("Grades by division 各师"))
    console.print(Summary(answers.by_division))
    if keep_serving:
        lot_no = answers.certificate.lot.lot_no
        console.print()
        console.print(heading("Addresses"))
        console.print(Text(f"Service   {server.listen}   (gRPC, with reflection and health)"))
        console.print(Text(f"Metrics   http://{server.metrics_listen}/metrics"))
        console.print(Text(f"Data      {server.data_dir}"))
        # A line to copy: it is never broken.
        console.print(
            Text(f"Try       {started_as()} --server {server.listen} lot {lot_no}"),
            soft_wrap=True,
        )
        console.print(Text("\nServing until Ctrl-C.", style="bold"))
