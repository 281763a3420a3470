"""The command of the benchmark of a national season."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import click

from benchmarks.common import described, finish, place, say, scratch
from benchmarks.measure import today
from benchmarks.national import report, results
from benchmarks.national.measure import measure
from benchmarks.national.plan import LOTS_NATIONAL, SLICES, Plan
from benchmarks.options import SETTINGS, measuring, number, places

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.machine import Machine
    from benchmarks.national.measure import Found

PLAN_DEFAULT: Final = Plan(lots=LOTS_NATIONAL, asks=50, rounds=5, scans=5, load_s=4)

_PEERS: Final = ("duckdb", "chdb")


@click.command(context_settings=SETTINGS)
@number(
    "--lots", (SLICES, 1_000_000), PLAN_DEFAULT.lots, "Lots of the season, of about 186 bales each."
)
@number(
    "--asks",
    (1, 10_000),
    PLAN_DEFAULT.asks,
    "How often each question is asked of the idle service.",
)
@number(
    "--rounds",
    (1, 1000),
    PLAN_DEFAULT.rounds,
    "How often each question is asked of service and peers in turn.",
)
@number(
    "--scans",
    (1, 1000),
    PLAN_DEFAULT.scans,
    "How often what goes through all lots or bales is repeated.",
)
@click.option(
    "--load-seconds",
    "load_s",
    type=click.FloatRange(0, 3600),
    default=PLAN_DEFAULT.load_s,
    show_default=True,
    help="How long each number of askers asks at once, idle and while readings come.",
)
@click.option("--without-peers", is_flag=True, help="Measure the service alone.")
@places(
    "files lie, about 400 bytes a bale.",
    "a complete run, with at least the default sizes, with peers",
)
def main(
    lots: int,
    asks: int,
    rounds: int,
    scans: int,
    load_s: float,
    directory: Path,
    output: Path | None,
    *,
    without_peers: bool,
) -> None:
    """Measure summaries and settlement of a national season, beside other engines.

    The season is simulated and taken in by the service; questions are asked while it grows, and
    in the end it is settled. What peers answer over the same bales is compared value by value.
    Progress goes to stderr, the tables to stdout.
    Exit codes: 0 measured; 1 something did not start, failed, or two answers differ; 2 wrong usage.
    """
    missing = [name for name in _PEERS if find_spec(name) is None]
    if missing and not without_peers:
        raise click.UsageError(
            f"{' and '.join(missing)} cannot be imported: `make bench-national` installs what is"
            " compared, --without-peers measures the service alone."
        )
    chosen = Plan(lots, asks, rounds, scans, load_s)
    with measuring(), scratch(directory) as made:
        machine = described(made)
        found = measure(chosen, made, with_peers=not without_peers, told=say)
    of_season = _results(chosen, machine, found)
    complete = not without_peers and all(
        getattr(chosen, name) >= getattr(PLAN_DEFAULT, name)
        for name in ("lots", "asks", "rounds", "scans", "load_s")
    )
    kept = place(output, machine, complete=complete) / (today() + results.SUFFIX)
    results.write(of_season, kept)
    finish(kept, report.text(of_season))


def _results(chosen: Plan, machine: Machine, found: Found) -> results.Results:
    return results.Results(
        measured_on=today(),
        machine=machine,
        plan=chosen,
        gins=found.gins,
        peers=found.peers,
        last_bales=found.last_bales,
        acks_us=tuple(found.acks_us),
        levels=tuple(found.levels),
        starts=tuple(found.starts),
        asked=tuple(found.asked),
        raced=tuple(found.raced),
        graded=tuple(found.graded),
        priced=tuple(found.priced),
        added_up_us=found.added_up_us,
        payable=found.payable,
        bale_priced=tuple(found.bale_priced),
        loaded=tuple(found.loaded),
        sealing=found.history.settings,
        stood=tuple(found.history.stood),
        kept=tuple(found.history.kept),
        steady=tuple(found.history.steady),
        sealed=tuple(found.history.sealed),
        restarted=tuple(found.history.restarted),
    )
