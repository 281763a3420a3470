"""The measurements at scale as tables of text, charts, and sections of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from benchmarks.bars import Bar, draw_bars
from benchmarks.plot import Point, Series, draw
from benchmarks.results import spread
from benchmarks.scale.limits import NAMES
from benchmarks.scale.results import AGAIN, NEW, PLAIN, SHUFFLED, SUNK, WATCHED
from benchmarks.scale.stages import STAGES
from benchmarks.tables import grouped, median_and_range, of_machine, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.scale.results import Profile, Profiled, Run, Stored

_Run = TypeVar("_Run")

STORED_PLOT: Final = "stored.svg"
PROFILE_PLOT: Final = "profile.svg"

_KINDS: Final = {
    NEW: "new bales, one stream",
    AGAIN: "all that is stored, again",
    SHUFFLED: "a sample of it, in random order",
}

_STORED_READING: Final = """\
- Data directories with a tenth, a half and all of a season of one crop year are made beforehand by
  the service itself, and left alone until it has nothing left to do (sealing included). Every run
  is made on a copy of one, by a fresh server and a fresh client, and starts when the server rests.
- *New bales* are of the same crop year, on one stream, in messages of 4096 in columns: the same
  bytes at every level, from empty to full, in one order and then in the other.
- *All that is stored, again*: every bale of the season under new batch ids, from all warehouses at
  once; each must be answered EXISTS, for which all its fields are compared with what is stored. *In
  random order*: bales drawn from the whole season, so that no two neighbours are stored together.
- *Of empty* is the median of the ratios of each round: the rate beside so many bales divided by the
  rate of the same round beside none, with least and greatest.
"""

_PROFILE_READING: Final = """\
- Messages of 4096 bales in columns on 8 streams, which keep group commits of 4 MiB full. The
  service is watched by wrappers around functions that it calls anyway; *unwatched* shows what they
  cost.
- Times are elapsed, so whatever a stage waits for is in it: the disk, and the interpreter's lock,
  which the two threads share. *On the processor* leaves waiting out. The thread that commits works
  beside the loop, so the time of a batch is not the sum of both; the rate follows the longer one.
- What the loop takes beside decoding is told by its processor time alone.
- *Limit*: what the machine needs for the same bales when nothing else is done: the best of some
  rounds, measured in the same run.
- Bales are not graded on this way: a lot is graded when somebody asks for its figures.
"""


def stored_rates(results: Stored) -> str:
    """The table of rates, a row for every level and kind."""
    cells = [
        (
            "sent",
            "stored before",
            "M bales/s",
            "of empty",
            "ack p50, ms",
            "ack p99, ms",
            "server CPU, s/M bales",
            "served after, s",
            "anonymous at rest, MiB",
        )
    ]
    for kind, name in _KINDS.items():
        for level in results.levels():
            runs = results.of(kind, level)
            if not runs:
                continue
            shares = _shares(results, runs) if kind == NEW and level else []
            cells.append(
                (
                    f"{name}: {grouped(runs[0].bales)}",
                    grouped(level),
                    median_and_range(spread(runs, _rate), 3),
                    median_and_range(spread(shares, float), 2) if shares else "",
                    _median(runs, lambda run: run.fed.ack_p50_us / 1000, 1),
                    _median(runs, lambda run: run.fed.ack_p99_us / 1000, 1),
                    _median(runs, lambda run: run.fed.server_cpu_ms * 1000 / run.bales, 2),
                    _median(runs, lambda run: run.start_ms / 1000, 1),
                    _median(runs, lambda run: run.started_anonymous_kib / 1024, 0),
                )
            )
    return table(cells)


def _shares(results: Stored, runs: Sequence[Run]) -> list[float]:
    """Of every round, the rate divided by that beside nothing."""
    empty = {run.round: run.bales_a_second for run in results.of(NEW, 0)}
    return [run.bales_a_second / empty[run.round] for run in runs]


def stored_conditions(results: Stored) -> str:
    """What the runs were made on."""
    return "\n".join(
        (
            *of_machine(results.machine),
            f"- revision {results.machine.revision or 'unknown'}; {results.rounds} rounds",
            _others(results.runs, results.machine.cores),
        )
    )


def stored_text(results: Stored) -> str:
    """Everything as plain text, for a terminal."""
    return "\n\n".join((stored_conditions(results), stored_rates(results)))


def stored_section(results: Stored, source: str) -> str:
    """What RESULTS.md says of one file of results."""
    return "\n".join(
        (
            "## Bulk beside bales that are stored",
            "",
            f"Measured on {results.measured_on}; every run is in [{source}](results/{source}).",
            "",
            stored_conditions(results),
            "",
            stored_rates(results),
            "",
            f"![Rate against bales stored]({STORED_PLOT})",
            "",
            "### How it is measured",
            "",
            _STORED_READING,
        )
    )


def stored_chart(results: Stored) -> str:
    """Rates against millions of bales stored, as SVG."""
    series = [
        Series(label, colour, dashed=False, points=points)
        for kind, label, colour in (
            (NEW, "new bales", "service"),
            (AGAIN, "all again", "peer"),
            (SHUFFLED, "in random order", "chDB"),
        )
        if (points := _points(results, kind))
    ]
    return draw(series, across="million bales stored before", up="M bales/s", even=True)


def _points(results: Stored, kind: str) -> list[Point]:
    points = []
    for level in results.levels():
        if runs := results.of(kind, level):
            found = spread(runs, _rate)
            points.append(Point(level / 1e6, found.median, found.least, found.greatest))
    return points


def stages(results: Profile) -> str:
    """The table of stages, a row each."""
    watched = results.of(WATCHED)
    cells = [("stage", "thread", "µs/1000 bales", "on the processor", "limit", "of what")]
    for stage in STAGES:
        limit = _limit_us(results, stage.limit) if stage.limit else None
        cells.append(
            (
                stage.name,
                "event loop" if stage.thread == "loop" else "committing",
                median_and_range(spread(watched, _us(stage.key)), 0),
                _median(watched, _us(stage.key, on_processor=True), 0),
                "" if limit is None else f"{limit:.1f}",
                NAMES.get(stage.limit, ""),
            )
        )
    cells += [
        (name, "", _median(watched, _whole(key), 0), _median(watched, _whole(key), 0), "", "")
        for name, key in (
            ("event loop, in all", "loop"),
            ("committing thread, in all", "committer"),
            ("all threads, gRPC's own included", "process"),
        )
    ]
    cells.append(
        (
            "a batch, from the first to the last",
            "",
            _median(watched, _whole("elapsed"), 0),
            "",
            "",
            "",
        )
    )
    return table(cells)


def profile_conditions(results: Profile) -> str:
    """What the runs were made on, and what watching costs."""
    groups = spread(results.of(WATCHED), lambda run: run.bales / 1000 / run.fed.metrics["groups"])
    return "\n".join(
        (
            *of_machine(results.machine),
            (
                f"- revision {results.machine.revision or 'unknown'}; {results.rounds} rounds of"
                f" {grouped(results.runs[0].bales)} bales, {groups.median:.0f} thousand a group"
            ),
            *(
                f"- {name}: {median_and_range(spread(results.of(kind), _rate), 3)} M bales/s"
                for kind, name in (
                    (WATCHED, "watched"),
                    (PLAIN, "unwatched"),
                    (SUNK, "a server that only acknowledges"),
                )
            ),
            _others(results.runs, results.machine.cores),
        )
    )


def profile_text(results: Profile) -> str:
    """Everything as plain text, for a terminal."""
    return "\n\n".join((profile_conditions(results), stages(results)))


def profile_section(results: Profile, source: str) -> str:
    """What RESULTS.md says of one file of results."""
    return "\n".join(
        (
            "## Where the time of a batch goes",
            "",
            f"Measured on {results.measured_on}; every run is in [{source}](results/{source}).",
            "",
            profile_conditions(results),
            "",
            stages(results),
            "",
            f"![Time of a batch by stage]({PROFILE_PLOT})",
            "",
            "### How it is watched",
            "",
            _PROFILE_READING,
        )
    )


def profile_chart(results: Profile) -> str:
    """Both threads and the limits as bars, as SVG."""
    watched = results.of(WATCHED)
    bars = [
        Bar(
            name,
            {
                stage.name: spread(watched, _us(stage.key)).median
                for stage in STAGES
                if stage.thread == thread
            },
        )
        for name, thread in (("event loop", "loop"), ("committing thread", "committer"))
    ]
    limits = {stage.name: _limit_us(results, stage.limit) for stage in STAGES if stage.limit}
    return draw_bars([*bars, Bar("limits", limits)], across="µs for 1000 bales")


def _limit_us(results: Profile, key: str) -> float:
    """Microseconds for a thousand bales, which is nanoseconds for one."""
    if key == "loopback":
        return 1e9 / spread(results.of(SUNK), lambda run: run.bales_a_second).median
    return results.limits_ns[key]


def _us(stage: str, *, on_processor: bool = False) -> Callable[[Profiled], float]:
    return lambda run: (run.cpu_ns if on_processor else run.elapsed_ns).get(stage, 0) / run.bales


def _whole(key: str) -> Callable[[Profiled], float]:
    return lambda run: run.spent_ns[key] / run.bales


def _others(runs: Sequence[Run] | Sequence[Profiled], cores: int) -> str:
    available_ms = sum(run.fed.elapsed_ns for run in runs) / 1e6 * cores
    other = sum(run.fed.other_cpu_ms for run in runs) / available_ms
    stolen = sum(run.fed.stolen_cpu_ms for run in runs) / available_ms
    return (
        f"- other processes took {other:.1%} of the processor time while clocks ran, the host"
        f" withheld {stolen:.1%}"
    )


def _median(runs: Sequence[_Run], figure: Callable[[_Run], float], decimals: int) -> str:
    return f"{spread(runs, figure).median:.{decimals}f}"


def _rate(run: Run | Profiled) -> float:
    return run.bales_a_second / 1e6
