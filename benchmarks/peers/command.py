"""The command of the race: the same stream into the service and into other stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from benchmarks.common import described, finish, place, say, scratch
from benchmarks.measure import today
from benchmarks.options import SETTINGS, measuring, number, places
from benchmarks.peers import report, results
from benchmarks.peers.measure import measure, missing
from benchmarks.peers.plan import PEERS

if TYPE_CHECKING:
    from pathlib import Path

LOTS_DEFAULT: Final = 5400
ROUNDS_DEFAULT: Final = 3

_NAMES: Final = [peer.name for peer in PEERS]


@click.command(context_settings=SETTINGS)
@number("--lots", (10, 1_000_000), LOTS_DEFAULT, "Lots whose bales a run sends, about 186 each.")
@number("--rounds", (1, 100), ROUNDS_DEFAULT, "Runs into each.")
@click.option(
    "--peer",
    "names",
    multiple=True,
    type=click.Choice(_NAMES),
    metavar="NAME",
    help=f"Who is measured beside the service; may be given again. Without it: all,"
    f" {', '.join(_NAMES)}.",
)
@places(
    "directories lie: the disk that is measured.",
    "a complete run, with at least the default sizes, all peers",
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
    with measuring(), scratch(directory) as made:
        machine = described(made)
        found = measure(lots, rounds, made, names or _NAMES, say)
    raced = results.Results(today(), machine, rounds, found.about, found.runs)
    complete = not names and lots >= LOTS_DEFAULT and rounds >= ROUNDS_DEFAULT
    kept = place(output, machine, complete=complete) / (today() + results.SUFFIX)
    results.write(raced, kept)
    finish(kept, report.text(raced))
