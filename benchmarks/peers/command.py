"""The command of the race: the same stream into the service and into other stores."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

import click

from benchmarks.common import described, finish, interrupt, place, say, scratch
from benchmarks.errors import BenchmarkError
from benchmarks.measure import today
from benchmarks.peers import report, results
from benchmarks.peers.measure import measure, missing
from benchmarks.peers.plan import PEERS
from benchmarks.processes import ROOT

LOTS_DEFAULT: Final = 5400
ROUNDS_DEFAULT: Final = 3

_NAMES: Final = [peer.name for peer in PEERS]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--lots",
    type=click.IntRange(10, 1_000_000),
    default=LOTS_DEFAULT,
    show_default=True,
    help="Lots whose bales a run sends, about 186 each.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    default=ROUNDS_DEFAULT,
    show_default=True,
    help="Runs into each.",
)
@click.option(
    "--peer",
    "names",
    multiple=True,
    type=click.Choice(_NAMES),
    metavar="NAME",
    help=f"Who is measured beside the service; may be given again. Without it: all,"
    f" {', '.join(_NAMES)}.",
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / ".build",
    show_default=".build in the project",
    help="Where the temporary directories lie: the disk that is measured.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory where the raw results go. Without it: benchmarks/results for a complete run,"
    " with at least the default sizes, all peers and on a committed tree, from which RESULTS.md is"
    " then written anew; .build otherwise.",
)
def main(
    lots: int, rounds: int, names: tuple[str, ...], directory: Path, output: Path | None
) -> None:
    """Measure how fast the same stream of readings goes into the service and into other stores.

    PostgreSQL is set up and ended here; who begins changes with each round. Progress goes to
    stderr, the tables to stdout.
    Exit codes: 0 measured; 1 something did not start, failed, or lost a bale; 2 wrong usage.
    """
    if absent := missing():
        raise click.UsageError(
            f"{' and '.join(absent)} cannot be imported: `make bench` installs what is compared."
        )
    signal.signal(signal.SIGTERM, interrupt)
    try:
        with scratch(directory) as made:
            machine = described(made)
            found = measure(lots, rounds, made, names or _NAMES, say)
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    raced = results.Results(today(), machine, rounds, found.about, found.runs)
    complete = not names and lots >= LOTS_DEFAULT and rounds >= ROUNDS_DEFAULT
    kept = place(output, machine, complete=complete) / (today() + results.SUFFIX)
    results.write(raced, kept)
    finish(kept, report.text(raced))
