"""Charts of a national season: time by question, and against the bales stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.dots import Row, draw_dots
from benchmarks.national.figures import in_turn, spread_ms
from benchmarks.national.questions import BY_GIN, BY_INSTRUMENT, TABULATE, TOTAL
from benchmarks.national.report import GROWTH_PLOT, QUESTIONS_PLOT
from benchmarks.national.results import BEFOREHAND, IDLE, SERVICE
from benchmarks.national.settled import SETTLEMENT_PLOT
from benchmarks.plot import Point, Series, draw

if TYPE_CHECKING:
    from benchmarks.national.results import Results

_GROWING: Final = (TOTAL.name, BY_GIN.name, BY_INSTRUMENT.name)


def drawn(results: Results) -> dict[str, str]:
    """The charts by the names of their files."""
    found = {GROWTH_PLOT: against_bales(results)}
    if results.peers:
        found[QUESTIONS_PLOT] = by_question(results)
    if results.priced:
        found[SETTLEMENT_PLOT] = of_settlement(results)
    return found


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
