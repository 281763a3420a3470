"""The command of the benchmark: chooses cases and loads, runs them, writes results and page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from benchmarks import report, results
from benchmarks.cases import STANDARD
from benchmarks.common import described, finish, place, rewritten, say, scratch
from benchmarks.data import CaseData, prepare
from benchmarks.instruments import report as instruments_report
from benchmarks.instruments import results as instruments_results
from benchmarks.instruments.loads import RATE_MAX, Load, Plan
from benchmarks.instruments.loads import STANDARD as STANDARD_LOADS
from benchmarks.instruments.measure import measure as measure_instruments
from benchmarks.measure import measure, today
from benchmarks.options import SETTINGS, measuring, number, places

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.cases import Case
    from benchmarks.instruments.results import Run as InstrumentsRun
    from benchmarks.results import Run

BALES_DEFAULT: Final = 2_000_000
ROW_BALES_DEFAULT: Final = 200_000
REPETITIONS_DEFAULT: Final = 3
WINDOW_DEFAULT: Final = 16
"""As many as the server reads ahead from one stream."""

BULK: Final = "bulk"
INSTRUMENTS: Final = "instruments"
PLAN_DEFAULT: Final = Plan(
    instruments=200, generators=2, warm_up_s=3, seconds=10, window=WINDOW_DEFAULT
)

_NAMES: Final = [case.name for case in STANDARD]


@click.command(context_settings=SETTINGS)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice([BULK, INSTRUMENTS]),
    help="What to measure: bulk, or single readings of instruments. Without it: what --case or"
    " --rate choose, or both.",
)
@click.option(
    "--case",
    "names",
    multiple=True,
    type=click.Choice(_NAMES),
    metavar="NAME",
    help=f"A case of bulk to measure; may be given again. Without it: all, {', '.join(_NAMES)}.",
)
@number(
    "--bales",
    (1000, 20_000_000),
    BALES_DEFAULT,
    "About how many bales a run of bulk in columns sends.",
)
@number(
    "--row-bales",
    (1000, 20_000_000),
    ROW_BALES_DEFAULT,
    "About how many bales a run of bulk in rows sends.",
)
@number(
    "--repetitions",
    (1, 100),
    REPETITIONS_DEFAULT,
    "Runs of every case, into the server and into the sink each, and of every load.",
)
@number("--window", (1, 1024), WINDOW_DEFAULT, "Most unanswered batches of one stream of bulk.")
@click.option(
    "--rate",
    "rates",
    multiple=True,
    type=click.IntRange(100, RATE_MAX),
    metavar="N",
    help="Single readings a second in all; may be given again. Without it: the standard loads, "
    f"{', '.join(load.name for load in STANDARD_LOADS)}, then higher until one is too much.",
)
@click.option(
    "--backfill", is_flag=True, help="With --rate: a backfill streams beside each of the rates."
)
@number(
    "--instruments",
    (1, 500),
    PLAN_DEFAULT.instruments,
    "Instruments, each with a connection, a stream and a producer of its own.",
)
@number(
    "--generators",
    (1, 16),
    PLAN_DEFAULT.generators,
    "Processes that the instruments are spread over.",
)
@number(
    "--seconds",
    (1, 600),
    PLAN_DEFAULT.seconds,
    "How long each load is measured, after 3 s to warm up.",
)
@places(
    "data directories lie: the disk that is measured.",
    "a complete run, with the default options",
)
@click.option(
    "--report",
    "only_report",
    is_flag=True,
    help="Measure nothing; write RESULTS.md anew from the newest files in benchmarks/results.",
)
def main(
    parts: tuple[str, ...],
    names: tuple[str, ...],
    bales: int,
    row_bales: int,
    repetitions: int,
    window: int,
    rates: tuple[int, ...],
    instruments: int,
    generators: int,
    seconds: int,
    directory: Path,
    output: Path | None,
    *,
    backfill: bool,
    only_report: bool,
) -> None:
    """Measure how fast readings are taken in, durably: bulk, and single readings of instruments.

    Bulk is measured beside a service that only acknowledges; instruments send on schedule, at
    rising rates, alone and beside a backfill. Progress goes to stderr, the tables to stdout.
    Exit codes: 0 measured; 1 something did not start, failed, or lost or double-counted a bale;
    2 wrong usage.
    """
    if only_report:
        print(rewritten())
        return
    if backfill and not rates:
        raise click.UsageError("--backfill goes with --rate.")
    chosen = parts or _chosen(names, rates)
    with measuring():
        if BULK in chosen:
            cases = [case for case in STANDARD if case.name in names] or list(STANDARD)
            sizes = {"columns": bales, "rows": row_bales}
            bulk = _measured(cases, sizes, directory, repetitions, window)
            complete = (
                len(cases) == len(STANDARD)
                and (bales, row_bales) == (BALES_DEFAULT, ROW_BALES_DEFAULT)
                and window == WINDOW_DEFAULT
                and repetitions >= REPETITIONS_DEFAULT
            )
            kept = place(output, bulk.machine, complete=complete) / (today() + report.SUFFIX)
            results.write(bulk, kept)
            finish(kept, report.text(bulk))
        if INSTRUMENTS in chosen:
            loads = [Load(rate, backfill) for rate in rates] or list(STANDARD_LOADS)
            plan = Plan(instruments, generators, PLAN_DEFAULT.warm_up_s, seconds, window)
            single = _measured_instruments(loads, plan, directory, repetitions)
            complete = not rates and plan == PLAN_DEFAULT and repetitions >= REPETITIONS_DEFAULT
            kept = place(output, single.machine, complete=complete) / (
                today() + instruments_results.SUFFIX
            )
            instruments_results.write(single, kept)
            finish(kept, instruments_report.text(single))


def _chosen(names: Sequence[str], rates: Sequence[int]) -> Sequence[str]:
    """The parts that cases and rates belong to; all when neither is given."""
    given = [part for part, of_part in ((BULK, names), (INSTRUMENTS, rates)) if of_part]
    return given or (BULK, INSTRUMENTS)


def _measured(
    cases: Sequence[Case], sizes: dict[str, int], directory: Path, repetitions: int, window: int
) -> results.Results:
    """Prepares and runs the cases below `directory`, and leaves nothing there."""
    with scratch(directory) as made:
        machine = described(made)
        prepared: dict[Case, CaseData] = {}
        for case in cases:
            prepared[case] = data = prepare(case, sizes[case.shape], made)
            say(f"prepared {case.name}: {data.bales} bales in {data.messages} messages")
        runs = measure(prepared, made, repetitions=repetitions, window=window, told=_told)
    return results.Results(today(), machine, repetitions, window, tuple(runs))


def _measured_instruments(
    loads: list[Load], plan: Plan, directory: Path, repetitions: int
) -> instruments_results.Results:
    """Prepares and runs the loads below `directory`, and leaves nothing there."""
    with scratch(directory) as made:
        machine = described(made)
        runs = measure_instruments(
            loads,
            plan,
            made,
            repetitions=repetitions,
            until_broken=loads == list(STANDARD_LOADS),
            told=_told_of_instruments,
        )
    return instruments_results.Results(today(), machine, repetitions, plan, tuple(runs))


def _told(run: Run, of: int) -> None:
    fed = run.fed
    say(
        f"{run.place:3}/{of} {run.case.name:24} {run.target:6}"
        f" {run.bales_a_second / 1e6:7.3f} M bales/s  ack p50 {fed.ack_p50_us / 1000:7.1f} ms"
        f"  p99 {fed.ack_p99_us / 1000:7.1f} ms  others' CPU {fed.other_cpu_ms} ms"
        f" in {fed.elapsed_ns // 1_000_000} ms"
    )


def _told_of_instruments(run: InstrumentsRun) -> None:
    figures = run.figures
    kept_up = "keeps up" if figures.kept_up else f"backlog grew by {figures.growth:.0%}"
    say(
        f"{run.place:3} {run.load.name:>15} readings/s"
        f"  server p50 {figures.server.ms(50):6.1f} ms  p99 {figures.server.ms(99):7.1f} ms"
        f"  client p50 {figures.client.ms(50):7.1f} ms  p99 {figures.client.ms(99):7.1f} ms"
        f"  late p99 {figures.late.ms(99):5.1f} ms  {kept_up}  others' CPU {run.other_cpu_ms} ms"
    )
