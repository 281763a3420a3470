"""Results of a national season as tables of text and a section of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.national import loaded, sealed, settled
from benchmarks.national.figures import goals, in_turn, ms, of_summary, spread_ms
from benchmarks.national.plan import LAST_SEASON_SHARE, SLICES
from benchmarks.national.questions import SUMMARISE, TABULATE
from benchmarks.national.results import (
    ALL_CLOSED,
    AT_INSTANT,
    AT_REVISION,
    BESIDE,
    CHART_LOADED,
    FIRST,
    FRESH,
    IDLE,
    OTHER_CHART,
    OTHER_CHART_KEPT,
    SCANNED,
    STARTED,
)
from benchmarks.national.words import READING_IT, WHAT_ELSE
from benchmarks.tables import grouped, median_and_range, of_machine, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.national.results import Asked, Results

QUESTIONS_PLOT: Final = "national-questions.svg"
GROWTH_PLOT: Final = "national-growth.svg"

_PERCENTS: Final = (50, 90, 99, 100)
_CONDITIONS: Final = {
    AT_REVISION: "as of older revisions, by gin",
    AT_INSTANT: "as of instants, by gin",
    ALL_CLOSED: "as of a revision since which every lot was closed, by gin",
    OTHER_CHART: "as of revisions that had another chart, by gin",
    OTHER_CHART_KEPT: "the same, of a revision that was asked for shortly before",
    FRESH: "after each batch of 4096 bales, total",
    CHART_LOADED: "first after a chart was loaded, total",
    STARTED: "first after a start, total",
    SCANNED: "certificates of all lots",
}


def questions(results: Results) -> str:
    """The table of the questions of an idle service that holds the whole season."""
    cells: list[tuple[str, ...]] = [
        (
            "by",
            "rows",
            "answer, kB",
            "server p50, ms",
            "p90",
            "p99",
            "max",
            "client p50, ms",
            "p90",
            "p99",
            "max",
        )
    ]
    for asked in results.under(IDLE, bales=results.level.bales):
        rows = " (typed rows)" if asked.method == SUMMARISE else ""
        cells.append(_asked(asked.question + rows, [asked]))
    cells += [
        _asked(f"{asked.question}, beside last season", [asked]) for asked in results.under(BESIDE)
    ]
    return table(cells)


def others(results: Results) -> str:
    """The table of older revisions, first answers, and what goes through all lots."""
    cells: list[tuple[str, ...]] = [
        (
            "what",
            "answers",
            "bales stored",
            "server p50, ms",
            "p90",
            "p99",
            "max",
            "client p50, ms",
            "p90",
            "p99",
            "max",
        )
    ]
    known = 0
    for first in results.under(FIRST):
        said = f"first, of {grouped(first.bales - known)} bales that came since, total"
        cells.append((said, "1", grouped(first.bales), *_times([first])))
        known = first.bales
    for condition, said in _CONDITIONS.items():
        found = results.under(condition)
        for bales in sorted({each.bales for each in found}):
            asked = [each for each in found if each.bales == bales]
            count = sum(len(each.server_us) for each in asked)
            cells.append((said, str(count), grouped(bales), *_times(asked)))
    return table(cells)


def _asked(name: str, asked: Sequence[Asked]) -> tuple[str, ...]:
    last = asked[-1]
    return (name, str(last.rows), f"{last.size_bytes / 1000:.0f}", *_times(asked))


def _times(asked: Sequence[Asked]) -> tuple[str, ...]:
    server = [took for each in asked for took in each.server_us]
    client = [took for each in asked for took in each.client_us]
    return tuple(f"{ms(took, percent):.1f}" for took in (server, client) for percent in _PERCENTS)


def growth(results: Results) -> str:
    """The table of medians in the server against the bales stored."""
    cells: list[tuple[str, ...]] = [
        (
            "by, server p50 in ms",
            *(f"{level.bales / 1e6:.3g} M bales" for level in results.levels),
            "last / first",
        )
    ]
    for question in of_summary(results, TABULATE):
        medians = [
            ms(each.server_us, 50)
            for level in results.levels
            for each in results.under(IDLE, bales=level.bales)
            if (each.question, each.method) == (question, TABULATE)
        ]
        factor = medians[-1] / medians[0]
        cells.append((question, *(f"{each:.1f}" for each in medians), f"{factor:.2f}"))
    return table(cells)


def peers(results: Results) -> str:
    """The table of service and peers in turn, over the whole season."""
    names = list(results.peers)
    cells: list[tuple[str, ...]] = [
        ("by, ms at the client", "rows", "service", *names, "values that agree")
    ]
    for raced in results.raced:
        if raced.bales != results.level.bales:
            continue
        cells.append(
            (
                raced.question,
                str(raced.rows),
                *(median_and_range(found, 1) for found in in_turn(raced).values()),
                grouped(sum(raced.values.values())),
            )
        )
    return table(cells)


def costs(results: Results) -> str:
    """The table of memory and disk, a row a level."""
    cells: list[tuple[str, ...]] = [
        (
            "bales",
            "lots",
            "revision",
            "readings, M bales/s",
            "anonymous, MiB",
            "B/bale",
            "after answers, MiB",
            "B/bale",
            "data directory, B/bale",
            "Parquet, B/bale",
        )
    ]
    for level in results.levels:
        anonymous = (level.anonymous_kib, level.anonymous_answered_kib)
        memory = [
            text
            for kib in anonymous
            for text in (f"{kib / 1024:.0f}", f"{kib * 1024 / level.bales:.1f}")
        ]
        cells.append(
            (
                grouped(level.bales),
                grouped(level.lots),
                grouped(level.revision),
                f"{level.bales / level.readings_ms / 1000:.2f}",
                *memory,
                f"{level.ledger_bytes / level.bales:.1f}",
                f"{level.tables_bytes / level.bales:.1f}",
            )
        )
    return table(cells)


def alone(results: Results) -> str:
    """The table of grading without the service around it."""
    cells: list[tuple[str, ...]] = [("function", "bales", "M bales/s", "what comes of it")]
    said = {
        "grade_codes": "the grade of every bale as small integers",
        "grade_bales": "the same with names, and the definitions that it meets",
        "roll_up": "grades added up by lot, laboratory, instrument and day",
    }
    for graded in results.graded:
        rate = spread_ms(graded.took_us).inverse(graded.bales / 1000)
        cells.append(
            (
                graded.function,
                grouped(graded.bales),
                median_and_range(rate, 1),
                said[graded.function],
            )
        )
    return table(cells)


def conditions(results: Results) -> str:
    """What the run was made on, and how quiet the machine was."""
    machine, level, chosen = results.machine, results.level, results.plan
    elapsed_ms = sum(each.elapsed_ms for each in results.levels) * machine.cores
    other = sum(each.other_cpu_ms for each in results.levels) / elapsed_ms * 100
    stolen = sum(each.stolen_cpu_ms for each in results.levels) / elapsed_ms * 100
    versions = ", ".join(
        f"{name} {about['version']} with {about['threads']} threads"
        for name, about in results.peers.items()
    )
    return "\n".join(
        (
            *of_machine(machine),
            f"- {versions or 'no peers'}",
            (
                f"- revision {machine.revision or 'unknown'}; {grouped(level.bales)} bales of"
                f" {grouped(level.lots)} lots, {results.gins} gins and {chosen.warehouses}"
                f" warehouses, each with 8 instruments, taken in as {grouped(level.revision)}"
                f" entries; the season before has {grouped(results.last_bales)} bales"
            ),
            (
                f"- every question asked {chosen.asks} times, of service and peers in turn"
                f" {chosen.rounds} times, what goes through all lots {chosen.scans} times"
            ),
            (
                f"- other processes took {other:.1f} % of the processor time while the season was"
                f" built and asked, the host withheld {stolen:.1f} %"
            ),
        )
    )


def text(results: Results) -> str:
    """Everything as plain text, for a terminal."""
    parts = [
        conditions(results),
        goals(results),
        questions(results),
        growth(results),
        *([peers(results)] if results.peers else []),
        others(results),
        *(content for _, content in loaded.parts(results)),
        *(content for _, content in settled.parts(results)),
        costs(results),
        *(content for _, content in sealed.parts(results)),
        alone(results),
    ]
    return "\n\n".join(parts)


def section(results: Results, source: str) -> str:
    """What RESULTS.md says of one file of results."""
    lines = [
        "## A national season",
        "",
        f"Measured on {results.measured_on}; every time is in [{source}](results/{source}).",
        "",
        conditions(results),
        goals(results),
        "",
        "### Questions of an idle service",
        "",
        questions(results),
        "",
        "### Against bales stored",
        "",
        growth(results),
        "",
        f"![Time against bales stored]({GROWTH_PLOT})",
        "",
    ]
    if results.peers:
        lines += [
            "### Beside others",
            "",
            peers(results),
            "",
            f"![Time by question, service and peers]({QUESTIONS_PLOT})",
            "",
            table(WHAT_ELSE),
            "",
        ]
    lines += ["### Older revisions, first answers, all lots", "", others(results), ""]
    for title, content in (
        *loaded.parts(results, with_plot=True),
        *settled.parts(results, with_plot=True),
    ):
        lines += [f"### {title}", "", content, ""]
    lines += [
        "### Memory and disk",
        "",
        costs(results),
        "",
        f"![Memory against bales stored]({sealed.MEMORY_PLOT})",
        "",
        f"![Disk against bales stored]({sealed.DISK_PLOT})",
        "",
    ]
    for title, content in sealed.parts(results):
        lines += [f"### {title}", "", content, ""]
    lines += [
        "### Grading alone",
        "",
        alone(results),
        "",
        "### How a season is measured",
        "",
        READING_IT.format(slices=SLICES, share=LAST_SEASON_SHARE)
        + (settled.READING_IT if results.settled else "")
        + loaded.reading_it(results)
        + sealed.reading_it(results),
    ]
    return "\n".join(lines)
