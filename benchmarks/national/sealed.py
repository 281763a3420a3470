"""Sealed history in the results: its tables, goals, and what the page says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.tables import grouped, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.national.results import Kept, Restarted, Results, Stood

MEMORY_PLOT: Final = "national-memory.svg"
DISK_PLOT: Final = "national-disk.svg"

LACKING: Final = "Sealed history was not measured yet when these results were made."

_PARTS: Final = {
    "ledger.sqlite": "ledger file",
    "ledger.sqlite-wal": "its log",
    "sealed/entries": "raw entries",
    "sealed/readings": "readings",
    "sealed/state": "state",
}
"""What is told of a data directory, by what it is part of; everything else is together."""

_READING_IT: Final = """\
- *Sealed history*: one data directory from nothing on. The season is taken in, weighed and closed
  by a service that seals nothing. The next one is started on that and seals all of it, in ranges of
  {seal} bales; then come a start, a summary and a settlement by bale, another season at the full
  rate, and a start with both. Up to {resident} sealed bales are kept in memory, the newest ones;
  what is older lies on disk. In the end that is the season that is settled.
- The *steady feed* comes on a schedule from two more processes: columns of 4096 bales, 200 000
  bales a second, and 200 single readings a second of 100 instruments. Times are from when each was
  due, however many are unanswered. Without sealing it comes to the service that has just taken
  the season in; beside sealing from the start of the next one until all was sealed and freed,
  in two parts: up to the first summary, for which all of the season is read, and after it.
- *A start* counts from when the process was made; a summary is asked for as soon as it serves. The
  processes that seal are looked at every 0.2 s; their peak has pages in it that they share with
  others, such as files that they read. Disk is measured after nothing was sealed any more, the
  ledger's file had given back what it does, and the service had ended.
"""


def memory(results: Results) -> str:
    """The table of memory by stage."""
    cells: list[tuple[str, ...]] = [
        ("stage", "bales", "anonymous, MiB", "B/bale", "columns of readings, MiB")
    ]
    cells += [
        (
            each.stage,
            grouped(each.bales),
            f"{each.anonymous_kib / 1024:.0f}",
            f"{bytes_a_bale(each):.1f}",
            f"{each.readings_bytes / (1 << 20):.0f}",
        )
        for each in results.stood
    ]
    return table(cells)


def disk(results: Results) -> str:
    """The table of what lies on disk by stage."""
    cells: list[tuple[str, ...]] = [("stage, B/bale", "bales", "all", *_PARTS.values(), "others")]
    for each in results.kept:
        of_parts = [each.sizes.get(name, 0) for name in _PARTS]
        whole = sum(each.sizes.values())
        sizes = (whole, *of_parts, whole - sum(of_parts))
        cells.append(
            (each.stage, grouped(each.bales), *(f"{size / each.bales:.1f}" for size in sizes))
        )
    return table(cells)


def starts(results: Results) -> str:
    """The table of starts."""
    cells: list[tuple[str, ...]] = [
        ("start", "bales", "of them sealed", "serves, s", "all in memory, s", "first summary, s")
    ]
    cells += [
        (
            each.stage,
            grouped(each.bales),
            grouped(each.sealed),
            *(
                f"{took_ms / 1000:.1f}"
                for took_ms in (each.serving_ms, each.resident_ms, each.first_answer_ms)
            ),
        )
        for each in results.restarted
    ]
    return table(cells)


def steady(results: Results) -> str:
    """The table of the steady feed without sealing and beside it."""
    cells: list[tuple[str, ...]] = [
        (
            "steady feed",
            "s",
            "bales/s",
            "ack p50, ms",
            "p90",
            "p99",
            "max",
            "readings/s",
            "ack p50, ms",
            "p90",
            "p99",
            "max",
        )
    ]
    cells += [
        (
            each.stage,
            f"{each.elapsed_ms / 1000:.0f}",
            grouped(round(each.bales * 1e3 / each.elapsed_ms)),
            *_four(each.bulk_us),
            f"{each.singles * 1e3 / each.elapsed_ms:.0f}",
            *_four(each.singles_us),
        )
        for each in results.steady
    ]
    return table(cells)


def _four(took_us: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{took / 1000:.1f}" for took in took_us) or ("",) * 4


def work(results: Results) -> str:
    """The table of what sealing took."""
    cells: list[tuple[str, ...]] = [
        (
            "sealing",
            "bales",
            "ranges",
            "processes",
            "they ran, s",
            "CPU, s",
            "peak, MiB",
            "all freed after, s",
        )
    ]
    cells += [
        (
            each.stage,
            grouped(each.bales),
            str(each.ranges),
            str(each.processes),
            f"{each.running_ms / 1000:.1f}",
            f"{each.cpu_ms / 1000:.1f}",
            f"{each.peak_kib / 1024:.0f}",
            f"{each.freed_ms / 1000:.1f}",
        )
        for each in results.sealed
    ]
    return table(cells)


def bytes_a_bale(stood: Stood) -> float:
    """Anonymous memory of a server over the bales that it holds, in memory or on disk."""
    return stood.anonymous_kib * 1024 / stood.bales


def at(results: Results, stage: str) -> tuple[Stood | None, Kept | None, Restarted | None]:
    """What was found at a stage: memory, disk, start; None of what was not."""
    return (
        next((each for each in results.stood if each.stage == stage), None),
        next((each for each in results.kept if each.stage == stage), None),
        next((each for each in results.restarted if each.stage == stage), None),
    )


def parts(results: Results) -> Iterator[tuple[str, str]]:
    """Every part with its title."""
    if not results.stood:
        yield "Sealed history", LACKING
        return
    yield "Sealed history: starts and memory", f"{starts(results)}\n\n{memory(results)}"
    yield "Sealed history: disk", disk(results)
    yield "Sealing beside a steady feed", f"{steady(results)}\n\n{work(results)}"


def reading_it(results: Results) -> str:
    """How sealed history is measured; nothing where it is not."""
    if not results.sealing:
        return ""
    return _READING_IT.format(
        seal=grouped(results.sealing["seal_bales"]),
        resident=grouped(results.sealing["resident_bales_max"]),
    )
