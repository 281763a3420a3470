"""Results of bulk as tables of text, a chart, and a section of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.plot import Point, Series, draw
from benchmarks.results import SERVER, SINK, Results, Run, spread
from benchmarks.tables import grouped, median_and_range, of_machine, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.cases import Case

SUFFIX: Final = "-ingest.json"
PLOT: Final = "ingest.svg"

_MILLION: Final = 1e6
_READING_IT: Final = """\
- One fresh server, empty data directory and fresh client process for every run; both on this
  machine, over loopback. The client has encoded everything and read it into memory before the
  clock starts; the clock runs from the first batch written to the last answer read.
- **server** is `cotton serve` as it ships: every batch is checked, decided against all bales
  stored, chained by SHA-256 and durable before its answer: SQLite in WAL mode with
  synchronous=FULL, one fsync a group commit. Grades are computed when they are asked for, which
  nobody does here. Lots are registered beforehand.
- **sink** answers each message of the same stream with as many bytes, without decoding or
  storing anything: the ceiling that gRPC in Python sets, not another product.
- Cases are named by shape, bales a message, and streams where there is more than one;
  *existing*: every bale was stored before and comes again under a new sequence.
- A figure is the median of the repetitions, with least and greatest in parentheses. Server and
  sink take turns, each repetition in the other order.
- Ack latency is from the client's write to its read of the answer, with up to {window} batches of
  a stream under way: bulk keeps that queue full, so latency is mostly waiting in it.
- Ahead of each run 1 GiB of memory is touched and given back: the host of a virtual machine
  supplies memory when it is first touched, at a fraction of the machine's own speed, and whichever
  run came first would pay for the next. A server that grows into memory never used before is slower
  than these figures by what that costs (about 100 bytes a bale).
- Every run is checked: accepted + existing + conflicting + rejected = received, in the answers and
  in /metrics, both equal to what was sent. A run that is not is an error and has no figures.
"""


def _shown(runs: list[Run], figure: Callable[[Run], float], decimals: int) -> str:
    return median_and_range(spread(runs, figure), decimals)


def _median(runs: list[Run], figure: Callable[[Run], float], decimals: int) -> str:
    return f"{spread(runs, figure).median:.{decimals}f}"


def throughput(results: Results) -> str:
    """The table of rates, latencies and the ceiling, a row a case."""
    cells = [
        (
            "case",
            "server, M bales/s",
            "MB/s",
            "batches/s",
            "ack p50, ms",
            "ack p99, ms",
            "sink, M bales/s",
            "of sink",
        )
    ]
    for case in results.cases():
        served, sunk = results.of(case, SERVER), results.of(case, SINK)
        share = (
            spread(served, _rate).median / spread(sunk, _rate).median * 100  # percent
        )
        cells.append(
            (
                case.name,
                _shown(served, _rate, 3),
                _median(served, lambda run: run.megabytes_a_second, 1),
                _median(served, lambda run: run.messages_a_second, 0),
                _median(served, lambda run: run.fed.ack_p50_us / 1000, 1),
                _shown(served, lambda run: run.fed.ack_p99_us / 1000, 1),
                _shown(sunk, _rate, 2),
                f"{share:.0f} %",
            )
        )
    return table(cells)


def costs(results: Results) -> str:
    """The table of what the server used, a row a case."""
    cells = [
        (
            "case",
            "server CPU, s/M bales",
            "client CPU, s/M bales",
            "server cores",
            "batches a commit",
            "commit, ms",
            "decide, ms",
            "RSS peak, MiB",
            "anonymous, MiB",
            "wire, B/bale",
            "disk, B/bale",
        )
    ]
    for case in results.cases():
        served = results.of(case, SERVER)
        cells.append(
            (
                case.name,
                _median(served, lambda run: run.fed.server_cpu_ms * 1000 / run.bales, 2),
                _median(served, lambda run: run.fed.client_cpu_ms * 1000 / run.bales, 2),
                _median(served, lambda run: run.fed.server_cpu_ms * 1e6 / run.fed.elapsed_ns, 2),
                _median(served, lambda run: _a_group(run, "group_batches"), 1),
                _median(served, lambda run: _a_group(run, "commit_s") * 1000, 2),
                _median(served, lambda run: _a_group(run, "decide_s") * 1000, 2),
                _median(served, lambda run: run.fed.server_rss_peak_kib / 1024, 0),
                _median(served, lambda run: run.fed.server_rss_anonymous_kib / 1024, 0),
                _median(served, lambda run: run.bytes / run.bales, 1),
                _median(served, lambda run: run.disk_bytes / run.bales_on_disk, 1),
            )
        )
    return table(cells)


def conditions(results: Results) -> str:
    """What the run was made on, and how quiet the machine was."""
    machine = results.machine
    elapsed_ms = sum(run.fed.elapsed_ns for run in results.runs) / _MILLION
    available_ms = elapsed_ms * machine.cores
    other = sum(run.fed.other_cpu_ms for run in results.runs) / available_ms * 100
    stolen = sum(run.fed.stolen_cpu_ms for run in results.runs) / available_ms * 100
    touched = [run.memory_mb_a_second for run in results.runs]
    listed = " or ".join(grouped(bales) for bales in sorted({run.bales for run in results.runs}))
    return "\n".join(
        (
            *of_machine(machine),
            (
                f"- revision {machine.revision or 'unknown'}; {results.repetitions} repetitions, up"
                f" to {results.window} unanswered batches a stream, {listed} bales a run"
            ),
            (
                f"- other processes took {other:.1f} % of the processor time while clocks ran, the"
                f" host withheld {stolen:.1f} %"
            ),
            (
                "- memory touched ahead of each run came at"
                f" {min(touched)}-{max(touched)} MB/s; low where the host had to supply it"
            ),
        )
    )


def _rate(run: Run) -> float:
    return run.bales_a_second / _MILLION


def _a_group(run: Run, figure: str) -> float:
    """A sum of the server's metrics over the run, divided by its group commits."""
    return run.fed.metrics.get(figure, 0.0) / run.fed.metrics["groups"]


def text(results: Results) -> str:
    """Everything as plain text, for a terminal."""
    return "\n\n".join((conditions(results), throughput(results), costs(results)))


def section(results: Results, source: str) -> str:
    """What RESULTS.md says of one file of results."""
    return "\n".join(
        (
            "## Bulk",
            "",
            f"Measured on {results.measured_on}; every run is in [{source}](results/{source}).",
            "",
            conditions(results),
            "",
            "### Rate and latency",
            "",
            throughput(results),
            "",
            f"![Rate against message size]({PLOT})",
            "",
            "### What it costs",
            "",
            costs(results),
            "",
            "### How to read it",
            "",
            _READING_IT.format(window=results.window),
        )
    )


def chart(results: Results) -> str:
    """The rate of one stream of new bales against message size beside the ceiling, as SVG."""
    plain = [case for case in results.cases() if case.streams == 1 and not case.existing]
    series = [
        Series(f"{shape}, {target}", shape, dashed=target == SINK, points=points)
        for shape in ("columns", "rows")
        for target in (SINK, SERVER)
        if (points := _points(results, [case for case in plain if case.shape == shape], target))
    ]
    return draw(series, across="bales a message", up="M bales/s, both axes logarithmic")


def _points(results: Results, cases: Sequence[Case], target: str) -> list[Point]:
    points = []
    for case in cases:
        found = spread(results.of(case, target), _rate)
        points.append(Point(case.bales_a_message, found.median, found.least, found.greatest))
    return points
