"""The command of the benchmark: chooses cases, runs them, writes results, page and plot."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from benchmarks import report, results
from benchmarks.cases import STANDARD
from benchmarks.data import CaseData, prepare
from benchmarks.errors import BenchmarkError
from benchmarks.machine import describe, file_system
from benchmarks.measure import measure, today
from benchmarks.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.cases import Case
    from benchmarks.results import Run

HERE: Final = ROOT / "benchmarks"
BALES_DEFAULT: Final = 2_000_000
ROW_BALES_DEFAULT: Final = 200_000
REPETITIONS_DEFAULT: Final = 3
WINDOW_DEFAULT: Final = 16
"""As many as the server reads ahead from one stream."""

_NAMES: Final = [case.name for case in STANDARD]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--case",
    "names",
    multiple=True,
    type=click.Choice(_NAMES),
    metavar="NAME",
    help=f"A case to measure; may be given again. Without it: all, {', '.join(_NAMES)}.",
)
@click.option(
    "--bales",
    type=click.IntRange(1000, 20_000_000),
    default=BALES_DEFAULT,
    show_default=True,
    help="About how many bales a run of columns sends.",
)
@click.option(
    "--row-bales",
    type=click.IntRange(1000, 20_000_000),
    default=ROW_BALES_DEFAULT,
    show_default=True,
    help="About how many bales a run of rows sends.",
)
@click.option(
    "--repetitions",
    type=click.IntRange(1, 100),
    default=REPETITIONS_DEFAULT,
    show_default=True,
    help="Runs of every case, into the server and into the sink each.",
)
@click.option(
    "--window",
    type=click.IntRange(1, 1024),
    default=WINDOW_DEFAULT,
    show_default=True,
    help="Most unanswered batches of one stream.",
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / ".build",
    show_default=".build in the project",
    help="Where the temporary data directories lie: the disk that is measured.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the raw results go. Without it: benchmarks/results for a complete run, with the"
    " default options and on a committed tree, from which RESULTS.md is then written anew;"
    " .build otherwise.",
)
@click.option(
    "--report",
    "only_report",
    is_flag=True,
    help="Measure nothing; write RESULTS.md anew from the newest file in benchmarks/results.",
)
def main(
    names: tuple[str, ...],
    bales: int,
    row_bales: int,
    repetitions: int,
    window: int,
    directory: Path,
    output: Path | None,
    *,
    only_report: bool,
) -> None:
    """Measure how fast readings are taken in, durably, beside a service that only acknowledges.

    Progress goes to stderr, the tables to stdout. Exit codes: 0 measured; 1 something did not
    start, failed, or lost or double-counted a bale; 2 wrong usage.
    """
    if only_report:
        print(_rewritten())
        return
    signal.signal(signal.SIGTERM, _interrupt)
    cases = [case for case in STANDARD if case.name in names] or list(STANDARD)
    sizes = {"columns": bales, "rows": row_bales}
    complete = (
        len(cases) == len(STANDARD)
        and (bales, row_bales) == (BALES_DEFAULT, ROW_BALES_DEFAULT)
        and window == WINDOW_DEFAULT
        and repetitions >= REPETITIONS_DEFAULT
    )
    try:
        measured = _measured(cases, sizes, directory, repetitions, window)
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    if complete and measured.machine.revision.endswith("+"):
        _say("the tree differs from its revision: the results are kept apart, commit and run again")
        complete = False
    kept = output or (HERE / "results" if complete else ROOT / ".build") / (today() + report.SUFFIX)
    results.write(measured, kept)
    _say(f"raw results: {kept}")
    if output is None and complete:
        _rewritten()
        _say(f"written anew: {HERE / report.PAGE}, {HERE / report.PLOT}")
    print(report.text(measured))


def _measured(
    cases: Sequence[Case], sizes: dict[str, int], directory: Path, repetitions: int, window: int
) -> results.Results:
    """Prepares and runs the cases below `directory`, and leaves nothing there."""
    directory.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="benchmark-", dir=directory))
    try:
        machine = describe(scratch)
        _say(
            f"data directories on {file_system(scratch)}, where a write of 4 KiB with fdatasync"
            f" takes {machine.sync_p50_us} µs (median); durability: SQLite WAL,"
            " synchronous=FULL, one fsync a group commit"
        )
        prepared: dict[Case, CaseData] = {}
        for case in cases:
            prepared[case] = data = prepare(case, sizes[case.shape], scratch)
            _say(f"prepared {case.name}: {data.bales} bales in {data.messages} messages")
        runs = measure(prepared, scratch, repetitions=repetitions, window=window, told=_told)
    finally:
        shutil.rmtree(scratch)
    return results.Results(today(), machine, repetitions, window, tuple(runs))


def _told(run: Run, of: int) -> None:
    fed = run.fed
    _say(
        f"{run.place:3}/{of} {run.case.name:24} {run.target:6}"
        f" {run.bales_a_second / 1e6:7.3f} M bales/s  ack p50 {fed.ack_p50_us / 1000:7.1f} ms"
        f"  p99 {fed.ack_p99_us / 1000:7.1f} ms  others' CPU {fed.other_cpu_ms} ms"
        f" in {fed.elapsed_ns // 1_000_000} ms"
    )


def _rewritten() -> str:
    try:
        return report.rewrite(HERE)
    except (FileNotFoundError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _interrupt(_number: int, _frame: Any) -> None:
    """Ends as Ctrl-C does, so that the children are ended and the directories removed."""
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
