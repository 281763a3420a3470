"""Charts of a national season: time by question, and against the bales stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.dots import Row, draw_dots
from benchmarks.national.figures import alone_or_beside, in_turn, ms, pooled, spread_ms
from benchmarks.national.loaded import LOAD_PLOT
from benchmarks.national.questions import BY_GIN, BY_INSTRUMENT, TABULATE, TOTAL
from benchmarks.national.report import GROWTH_PLOT, QUESTIONS_PLOT
from benchmarks.national.results import (
    ANOTHER_RESTARTED,
    BEFOREHAND,
    IDLE,
    RESTARTED,
    SERVICE,
    TAKEN_IN,
)
from benchmarks.national.sealed import DISK_PLOT, MEMORY_PLOT
from benchmarks.national.settled import SETTLEMENT_PLOT
from benchmarks.plot import Point, Series, draw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.national.results import Results

_MEMORY_GOAL: Final = 100
_DISK_GOAL: Final = 80
"""Bytes a bale."""

_GROWING: Final = (TOTAL.name, BY_GIN.name, BY_INSTRUMENT.name)


def drawn(results: Results) -> dict[str, str]:
    """The charts by the names of their files."""
    found = {GROWTH_PLOT: against_bales(results)}
    if results.peers:
        found[QUESTIONS_PLOT] = by_question(results)
    if results.priced:
        found[SETTLEMENT_PLOT] = of_settlement(results)
    found[MEMORY_PLOT] = memory(results)
    found[DISK_PLOT] = disk(results)
    if results.loaded:
        found[LOAD_PLOT] = against_load(results)
    return found


def against_load(results: Results) -> str:
    """What answers take against askers at once, from median to p99, as SVG."""
    series = []
    for sent, said in ((False, "idle"), (True, "readings come")):
        for level in sorted({each.asked_bales for each in results.loaded}):
            points = []
            for each in alone_or_beside(results, level, sent=sent):
                if len(each.took_us) > 1:
                    took = pooled(each)
                    median = ms(took, 50)
                    points.append(Point(each.askers, median, median, ms(took, 99)))
            label = f"{level / 1e6:.3g} M bales, {said}"
            dashed = level != results.level.bales
            colour = "loaded" if sent else "idle"
            series.append(Series(label, colour, dashed=dashed, points=points))
    return draw(series, across="askers at once", up="ms, median to p99, logarithmic")


def memory(results: Results) -> str:
    """Anonymous memory of the service against the bales stored, as SVG."""
    grown = {
        "readings taken in": [(each.bales, each.anonymous_kib * 1024) for each in results.levels],
        "after all questions": [
            (each.bales, each.anonymous_answered_kib * 1024) for each in results.levels
        ],
    }
    started = {RESTARTED, ANOTHER_RESTARTED}
    sealed = {
        "sealed, started anew": [
            (each.bales, each.anonymous_kib * 1024)
            for each in results.stood
            if each.stage in started
        ]
    }
    return _sizes(grown, sealed, _MEMORY_GOAL)


def disk(results: Results) -> str:
    """Bytes on disk against the bales stored, as SVG."""
    grown = {
        "data directory": [(each.bales, each.ledger_bytes) for each in results.levels],
        "Parquet of the peers": [(each.bales, each.tables_bytes) for each in results.levels],
    }
    whole = [
        (each.bales, sum(each.sizes.values())) for each in results.kept if each.stage != TAKEN_IN
    ]
    return _sizes(grown, {"sealed": whole}, _DISK_GOAL)


def _sizes(
    grown: Mapping[str, list[tuple[int, int]]],
    sealed: Mapping[str, list[tuple[int, int]]],
    goal: int,
) -> str:
    every = [bales for points in (*grown.values(), *sealed.values()) for bales, _ in points]
    ends = (min(every), max(every))
    series = [
        Series(
            f"{goal} bytes a bale",
            "goal",
            dashed=True,
            points=_points([(bales, bales * goal) for bales in ends]),
        )
    ]
    for colour, lines in (("service", grown), ("sealed", sealed)):
        for place, (label, points) in enumerate(lines.items()):
            if points:
                series.append(Series(label, colour, dashed=place > 0, points=_points(points)))
    return draw(series, across="million bales stored", up="MiB, both axes logarithmic")


def _points(sizes: Sequence[tuple[int, int]]) -> list[Point]:
    return [
        Point(_millions(bales), mib, mib, mib)
        for bales, mib in ((bales, size / (1 << 20)) for bales, size in sorted(sizes))
    ]


def by_question(results: Results) -> str:
    """What service and peers took for each question over the whole season, as SVG."""
    rows = [
        Row(raced.question, in_turn(raced))
        for raced in results.raced
        if raced.bales == results.level.bales
    ]
    return draw_dots(rows, across="ms until the result is a frame, logarithmic")


def of_settlement(results: Results) -> str:
    """What service and peers took to price, of the peers from bales and from lots, as SVG."""
    rows = []
    for raced in results.priced:
        found = in_turn(raced)
        of_bales = {name: took for name, took in found.items() if not name.endswith(BEFOREHAND)}
        of_lots = {name: found.get(name + BEFOREHAND, took) for name, took in of_bales.items()}
        rows += [Row(raced.question, of_bales), Row(f"{raced.question}, from lots", of_lots)]
    return draw_dots(rows, across="ms until the result is a frame, logarithmic")


def against_bales(results: Results) -> str:
    """What questions take against the bales stored, of the peers one of them, as SVG."""
    series = [
        Series(f"{name}, gin", name, dashed=True, points=_raced(results, name))
        for name in results.peers
    ]
    series += [
        Series(f"{SERVICE}, {question}", SERVICE, dashed=False, points=_asked(results, question))
        for question in _GROWING
    ]
    return draw(series, across="million bales stored", up="ms, both axes logarithmic")


def _raced(results: Results, name: str) -> list[Point]:
    points = []
    for raced in results.raced:
        if raced.question == BY_GIN.name:
            found = spread_ms(raced.took_us[name])
            points.append(Point(_millions(raced.bales), found.median, found.least, found.greatest))
    return points


def _asked(results: Results, question: str) -> list[Point]:
    points = []
    for level in results.levels:
        for asked in results.under(IDLE, bales=level.bales):
            if (asked.question, asked.method) == (question, TABULATE):
                found = spread_ms(asked.client_us)
                points.append(
                    Point(_millions(level.bales), found.median, found.least, found.greatest)
                )
    return points


def _millions(bales: int) -> float:
    """Million bales, to three digits: what is written along the axis."""
    return float(f"{bales / 1e6:.3g}")
