"""Results of the instruments as tables of text, a chart, and a section of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.instruments.figures import GROWTH_MAX
from benchmarks.instruments.generate import DRAIN_S_MAX
from benchmarks.instruments.loads import STEP
from benchmarks.plot import Point, Series, draw
from benchmarks.results import spread
from benchmarks.tables import grouped, median_and_range, of_machine, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.instruments.figures import Latency
    from benchmarks.instruments.loads import Load
    from benchmarks.instruments.results import Results, Run

PLOT: Final = "instruments.svg"

GOALS_MS: Final = {50: 3, 99: 10}
"""The latency in the server to reach at GOAL_RATE, by percent."""
GOAL_RATE: Final = 1000

_PERCENTS: Final = (50, 99)
_READING_IT: Final = """\
- Every instrument has a connection, a stream and a producer of its own, and sends messages of one
  reading as rows, each encoded ahead. In every period it sends one, at a moment drawn at random: in
  all they come as those of instruments that know nothing of each other. The schedule is an *open
  loop*: what is due is sent however many are unanswered, and **client** latency counts from when a
  reading was due, not from when it was sent. So a stall counts for every reading that it delays.
- **server** is `cotton serve` as it ships, with exact times noted beside: from receipt, when the
  handler has the message in hand, to the acknowledgement in the handler's hands, after checks,
  decision, group commit and fsync. **durable** ends with the commit, as the histogram
  cotton_ack_latency_seconds does; the difference is the way from the committing thread to the event
  loop. Before the receipt lies what gRPC and the event loop have not taken up yet (*inward*), after
  the acknowledgement the way back (*outward*): overload piles up there, so that the latency in the
  server alone would not show it.
- *late* is how long after its time a reading was sent: what the generators themselves missed. They
  are {generators} processes of Python on the same {cores} cores as the server, and compete with it:
  with the clients on other machines both would be faster. A generator that takes a whole core
  ("a generator, cores" near 1) is at its own limit, and the rate is then its, not the server's.
- *acknowledged* is how many were answered while measured. The service **keeps up** when its
  backlog, readings due and not answered, was in the last tenth of the time larger than in the first
  by no more than {growth:.0f} % of the readings sent between. It **breaks** at the first rate at
  which the median of the repetitions is above that, looked for in steps of {step} readings a second
  where it keeps up with all of the standard rates; what it acknowledges then is what it can at that
  load. Readings are all answered in the end, for which up to {drain} s are given.
- *backfill*: one more client streams columns of 4096 bales as fast as they are taken, with up to
  {window} unanswered batches; latencies are those of the instruments alone, group commits those of
  all.
- One fresh server, empty data directory and fresh clients for every run; the first {warm_up} s
  are left out. A figure is the median of the repetitions, with least and greatest in parentheses;
  a percentile is taken of all readings of a run, by nearest rank.
- Every run is checked: every reading answered as new, once, in order; the server noted the very
  same readings at the same positions; /metrics counts as many bales as were sent. A run that is
  not so is an error and has no figures.
"""


def _shown(runs: list[Run], figure: Callable[[Run], float], decimals: int) -> str:
    return median_and_range(spread(runs, figure), decimals)


def _median(runs: list[Run], figure: Callable[[Run], float], decimals: int) -> str:
    return f"{spread(runs, figure).median:.{decimals}f}"


def _percentile(which: Callable[[Run], Latency], percent: float) -> Callable[[Run], float]:
    return lambda run: which(run).ms(percent)


def _server(run: Run) -> Latency:
    return run.figures.server


def _client(run: Run) -> Latency:
    return run.figures.client


def latencies(results: Results) -> str:
    """The table of latencies, a row a load."""
    cells = [
        (
            "readings/s",
            "server p50, ms",
            "server p99, ms",
            "server p99.9",
            "durable p50",
            "durable p99",
            "client p50, ms",
            "client p99, ms",
            "late p50",
            "late p99",
            "acknowledged/s",
            "keeps up",
        )
    ]
    seconds = results.plan.seconds
    for load in results.loads():
        runs = results.of(load)
        kept_up = sum(run.figures.kept_up for run in runs)
        cells.append(
            (
                load.name,
                _shown(runs, _percentile(_server, 50), 1),
                _shown(runs, _percentile(_server, 99), 1),
                _median(runs, _percentile(_server, 99.9), 1),
                _median(runs, lambda run: run.figures.durable.ms(50), 1),
                _median(runs, lambda run: run.figures.durable.ms(99), 1),
                _shown(runs, _percentile(_client, 50), 1),
                _shown(runs, _percentile(_client, 99), 1),
                _median(runs, lambda run: run.figures.late.ms(50), 1),
                _median(runs, lambda run: run.figures.late.ms(99), 1),
                _median(runs, lambda run: run.figures.answered / seconds, 0),
                f"{kept_up} of {len(runs)}",
            )
        )
    return table(cells)


def costs(results: Results) -> str:
    """The table of what was used and where the time went, a row a load."""
    cells = [
        (
            "readings/s",
            "server, cores",
            "a generator, cores",
            "server CPU, ms/batch",
            "batches a commit",
            "decide, ms",
            "commit, ms",
            "of it sync",
            "apply, ms",
            "inward p50, ms",
            "inward p99",
            "outward p50",
            "outward p99",
            "backfill, M bales/s",
        )
    ]
    plan = results.plan
    elapsed_ms = plan.seconds * 1000
    generators_ms = elapsed_ms * plan.generators
    for load in results.loads():
        runs = results.of(load)
        cells.append(
            (
                load.name,
                _median(runs, lambda run: run.server_cpu_ms / elapsed_ms, 2),
                _median(runs, lambda run: run.generators_cpu_ms / generators_ms, 2),
                _median(runs, lambda run: run.server_cpu_ms / run.figures.batches, 2),
                _median(runs, lambda run: run.figures.batches / run.figures.groups, 1),
                _median(runs, lambda run: _a_group(run, run.figures.decide_s), 2),
                _median(runs, lambda run: _a_group(run, run.figures.commit_s), 2),
                _median(runs, lambda run: _a_group(run, run.figures.sync_s), 2),
                _median(runs, lambda run: _a_group(run, run.figures.apply_s), 2),
                _median(runs, lambda run: run.figures.inward.ms(50), 1),
                _median(runs, lambda run: run.figures.inward.ms(99), 1),
                _median(runs, lambda run: run.figures.outward.ms(50), 1),
                _median(runs, lambda run: run.figures.outward.ms(99), 1),
                _median(runs, lambda run: run.backfill_bales / plan.seconds / 1e6, 2)
                if load.backfill
                else "",
            )
        )
    return table(cells)


def _a_group(run: Run, seconds: float) -> float:
    """A sum over the group commits as the mean of one, in ms."""
    return seconds * 1000 / run.figures.groups


def goals(results: Results) -> str:
    """Whether the goal is reached, and where the service breaks, in sentences of a list."""
    lines = [
        _goal(load, results.of(load))
        for load in results.loads()
        if load.readings_a_second == GOAL_RATE
    ]
    alone = [load for load in results.loads() if not load.backfill]
    if alone:
        lines.append(_breaks(results, alone))
    return "\n".join(lines)


def _goal(load: Load, runs: list[Run]) -> str:
    said = []
    for percent, goal_ms in GOALS_MS.items():
        found = spread(runs, _percentile(_server, percent))
        reached = "reached" if found.median <= goal_ms else "missed"
        said.append(f"p{percent} {found.median:.1f} ms, goal {goal_ms} ms {reached}")
    return f"- {load.name} readings a second, in the server: {'; '.join(said)}"


def _breaks(results: Results, alone: Sequence[Load]) -> str:
    def keeps_up(load: Load) -> bool:
        return spread(results.of(load), lambda run: run.figures.growth).median <= GROWTH_MAX

    always = [load.readings_a_second for load in alone if keeps_up(load)]
    broken = [load for load in alone if not keeps_up(load)]
    if not broken:
        return f"- keeps up with every rate that was measured, the highest {grouped(max(always))}"
    first = broken[0]
    below = [rate for rate in always if rate < first.readings_a_second]
    kept = f"keeps up with {grouped(max(below))} readings a second" if below else "never keeps up"
    answered = spread(
        results.of(first), lambda run: run.figures.answered / results.plan.seconds
    ).median
    return (
        f"- {kept}; breaks at {grouped(first.readings_a_second)}, of which it acknowledges"
        f" {grouped(round(answered))} a second"
    )


def conditions(results: Results) -> str:
    """What the run was made on, and how quiet the machine was."""
    machine, plan = results.machine, results.plan
    available_ms = len(results.runs) * plan.seconds * 1000 * machine.cores
    other = sum(run.other_cpu_ms for run in results.runs) / available_ms * 100
    stolen = sum(run.stolen_cpu_ms for run in results.runs) / available_ms * 100
    return "\n".join(
        (
            *of_machine(machine),
            (
                f"- revision {machine.revision or 'unknown'}; {results.repetitions} repetitions of"
                f" {plan.seconds} s after {plan.warm_up_s} s to warm up; {plan.instruments}"
                f" instruments in {plan.generators} processes"
            ),
            (
                f"- other processes took {other:.1f} % of the processor time while measured, the"
                f" host withheld {stolen:.1f} %"
            ),
        )
    )


def text(results: Results) -> str:
    """Everything as plain text, for a terminal."""
    return "\n\n".join((conditions(results), goals(results), latencies(results), costs(results)))


def section(results: Results, source: str) -> str:
    """What RESULTS.md says of one file of results."""
    plan = results.plan
    return "\n".join(
        (
            "## Single readings of instruments",
            "",
            f"Measured on {results.measured_on}; every run is in [{source}](results/{source}).",
            "",
            conditions(results),
            goals(results),
            "",
            "### Latency against rate",
            "",
            latencies(results),
            "",
            f"![Latency against rate]({PLOT})",
            "",
            "### Where the time goes",
            "",
            costs(results),
            "",
            "### How instruments are measured",
            "",
            _READING_IT.format(
                generators=plan.generators,
                cores=results.machine.cores,
                growth=GROWTH_MAX * 100,
                step=STEP,
                drain=DRAIN_S_MAX,
                window=plan.window,
                warm_up=plan.warm_up_s,
            ),
        )
    )


def chart(results: Results) -> str:
    """Latency in the server and at the clients against the rate, without a backfill, as SVG."""
    alone = [load for load in results.loads() if not load.backfill] or results.loads()
    series = [
        Series(f"{name}, p{percent}", name, dashed=percent == _PERCENTS[0], points=points)
        for name, which in (("client", _client), ("server", _server))
        for percent in reversed(_PERCENTS)
        if (points := _points(results, alone, _percentile(which, percent)))
    ]
    return draw(series, across="readings a second, in all", up="ms, both axes logarithmic")


def _points(results: Results, loads: Sequence[Load], figure: Callable[[Run], float]) -> list[Point]:
    points = []
    for load in loads:
        found = spread(results.of(load), figure)
        points.append(Point(load.readings_a_second, found.median, found.least, found.greatest))
    return points
