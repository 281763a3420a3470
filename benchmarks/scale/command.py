"""The command of the measurements at scale."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

import click

from benchmarks.common import described, finish, interrupt, place, say, scratch
from benchmarks.data import BALES_A_LOT
from benchmarks.errors import BenchmarkError
from benchmarks.measure import today
from benchmarks.processes import ROOT
from benchmarks.scale import index, index_report, profile, report, results, stored
from benchmarks.scale.season import Source

STORED: Final = "stored"
PROFILE: Final = "profile"
INDEX: Final = "index"
PARTS: Final = (PROFILE, INDEX, STORED)

LOTS_DEFAULT: Final = 14_000
NEW_LOTS_DEFAULT: Final = 5_400
ROUNDS_DEFAULT: Final = 3
BALES_DEFAULT: Final = 2_000_000


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(PARTS),
    help="What to measure; may be given again. Without it: all.",
)
@click.option(
    "--lots",
    type=click.IntRange(40, 1_000_000),
    default=LOTS_DEFAULT,
    show_default=True,
    help="stored, index: lots of a season, of about 186 bales each; 140000 make a national one.",
)
@click.option(
    "--new-lots",
    type=click.IntRange(1, 100_000),
    default=NEW_LOTS_DEFAULT,
    show_default=True,
    help="stored: about how many lots are sent beside it while the clock runs.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    default=ROUNDS_DEFAULT,
    show_default=True,
    help="How often everything is repeated.",
)
@click.option(
    "--bales",
    type=click.IntRange(40_000, 20_000_000),
    default=BALES_DEFAULT,
    show_default=True,
    help="profile: about how many bales a run sends.",
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / ".build",
    show_default=".build in the project",
    help="Where the temporary files lie: the disk that is measured. About 400 bytes a bale.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory where the raw results go. Without it: benchmarks/results for a run with at"
    " least the default sizes and on a committed tree, from which RESULTS.md is then written anew;"
    " .build otherwise.",
)
def main(
    parts: tuple[str, ...],
    lots: int,
    new_lots: int,
    rounds: int,
    bales: int,
    directory: Path,
    output: Path | None,
) -> None:
    """Measure bulk beside a season that is stored, the duplicate index, and the way of a batch.

    Progress goes to stderr, the tables to stdout.
    Exit codes: 0 measured; 1 something did not start, failed, or lost or double-counted a bale;
    2 wrong usage.
    """
    signal.signal(signal.SIGTERM, interrupt)
    chosen = parts or PARTS
    try:
        if PROFILE in chosen:
            with scratch(directory) as made:
                machine = described(made)
                limits, profiled = profile.measure(bales, rounds, made, say)
            of_profile = results.Profile(today(), machine, rounds, limits, profiled)
            complete = bales >= BALES_DEFAULT and rounds >= ROUNDS_DEFAULT
            kept = place(output, machine, complete=complete) / (today() + results.PROFILE_SUFFIX)
            results.write_profile(of_profile, kept)
            finish(kept, report.profile_text(of_profile))
        if INDEX in chosen:
            with scratch(directory) as made:
                machine = described(made)
                indexed = index.measure(lots, made, say)
            of_index = results.Index(today(), machine, indexed)
            complete = lots >= LOTS_DEFAULT
            kept = place(output, machine, complete=complete) / (today() + results.INDEX_SUFFIX)
            results.write_index(of_index, kept)
            finish(kept, index_report.text(of_index))
        if STORED in chosen:
            with scratch(directory) as made:
                machine = described(made)
                source = Source(lots, new_lots, lots * BALES_A_LOT // 10, str(made / "season"))
                runs = stored.measure(source, rounds, made, say)
            of_stored = results.Stored(today(), machine, rounds, runs)
            complete = (
                lots >= LOTS_DEFAULT and new_lots >= NEW_LOTS_DEFAULT and rounds >= ROUNDS_DEFAULT
            )
            kept = place(output, machine, complete=complete) / (today() + results.STORED_SUFFIX)
            results.write_stored(of_stored, kept)
            finish(kept, report.stored_text(of_stored))
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
