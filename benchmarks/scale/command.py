"""The command of the measurements at scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from benchmarks.common import described, finish, place, say, scratch
from benchmarks.data import BALES_A_LOT
from benchmarks.measure import today
from benchmarks.options import SETTINGS, measuring, number, places
from benchmarks.scale import index, index_report, profile, report, results, stored
from benchmarks.scale.season import Source

if TYPE_CHECKING:
    from pathlib import Path

STORED: Final = "stored"
PROFILE: Final = "profile"
INDEX: Final = "index"
PARTS: Final = (PROFILE, INDEX, STORED)

LOTS_DEFAULT: Final = 14_000
NEW_LOTS_DEFAULT: Final = 5_400
ROUNDS_DEFAULT: Final = 3
BALES_DEFAULT: Final = 2_000_000


@click.command(context_settings=SETTINGS)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(PARTS),
    help="What to measure; may be given again. Without it: all.",
)
@number(
    "--lots",
    (40, 1_000_000),
    LOTS_DEFAULT,
    "stored, index: lots of a season, of about 186 bales each; 140000 make a national one.",
)
@number(
    "--new-lots",
    (1, 100_000),
    NEW_LOTS_DEFAULT,
    "stored: about how many lots are sent beside it while the clock runs.",
)
@number("--rounds", (1, 100), ROUNDS_DEFAULT, "How often everything is repeated.")
@number(
    "--bales", (40_000, 20_000_000), BALES_DEFAULT, "profile: about how many bales a run sends."
)
@places(
    "files lie: the disk that is measured. About 400 bytes a bale.",
    "a run with at least the default sizes",
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
    chosen = parts or PARTS
    with measuring():
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
