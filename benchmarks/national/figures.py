"""Figures that follow from raw times, and the goals that they are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.national import schedules
from benchmarks.national.questions import TABULATE
from benchmarks.national.results import (
    ALL_CLOSED,
    AT_INSTANT,
    AT_REVISION,
    IDLE,
    OTHER_CHART,
    SCANNED,
    SETTLED,
    SETTLED_UNDER_LOAD,
    TAKEN_IN,
    UNSEALED_STARTED,
    percentile_ms,
)
from benchmarks.national.settle import DIGEST
from benchmarks.results import Spread, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.national.results import Asked, Loaded, Raced, Results

ms = percentile_ms

GROUPS_MAX: Final = 1000
"""The most groups that the goals of lot-level keys are about."""

_GIN: Final = "gin"


class Times(Spread):
    """A spread of times, which can be turned into one of rates."""

    def inverse(self, amount: float) -> Spread:
        """Amount over time: the longest gives the least."""
        return Spread(amount / self.median, amount / self.greatest, amount / self.least)

    def scaled(self, factor: float) -> Spread:
        """In another unit of time."""
        return Spread(self.median * factor, self.least * factor, self.greatest * factor)


def spread_ms(took_us: Sequence[int]) -> Times:
    """Median, least and greatest in milliseconds."""
    found = spread(took_us, lambda took: took / 1000)
    return Times(found.median, found.least, found.greatest)


def in_turn(raced: Raced) -> dict[str, Times]:
    """What service and peers took, by name."""
    return {name: spread_ms(took) for name, took in raced.took_us.items()}


def of_summary(results: Results, method: str) -> list[str]:
    """The questions asked of an idle service by a method, in order."""
    return [
        each.question
        for each in results.under(IDLE, bales=results.level.bales)
        if each.method == method
    ]


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal: what it is about, what was found, and whether it is reached.

    `closest`: the goal that is meant beyond, where there is one.
    """

    about: str
    found: float
    goal: float
    unit: str
    at_least: bool = False
    beyond: float | None = None

    def line(self) -> str:
        """Such as "- …: 41.3 ms, goal 60 ms reached, 30 ms missed"."""
        said = f"- {self.about}: {self.found:.{self._decimals}f} {self.unit},"
        said += f" goal {self.goal:g} {self.unit} {self._verdict(self.goal)}"
        if self.beyond is not None and self._verdict(self.goal) == "reached":
            said += f", {self.beyond:g} {self.unit} {self._verdict(self.beyond)}"
        return said

    @property
    def _decimals(self) -> int:
        if self.found < 1:
            return 2
        return 0 if self.found >= GROUPS_MAX else 1

    def _verdict(self, goal: float) -> str:
        reached = self.found >= goal if self.at_least else self.found <= goal
        return "reached" if reached else "missed"


def goals(results: Results) -> str:
    """Every goal with what was found, in sentences of a list."""
    return "\n".join(goal.line() for goal in _goals(results))


def _goals(results: Results) -> Iterable[Goal]:
    level = results.level
    idle = [each for each in results.under(IDLE, bales=level.bales) if each.method == TABULATE]
    of_lots = [each for each in idle if each.of_lots and each.rows <= GROUPS_MAX]
    of_bales = [each for each in idle if not each.of_lots]
    slowest, p50 = _worst(of_lots, lambda each: ms(each.server_us, 50))
    yield Goal(
        f"any key of lots, in the server, the slowest ({slowest}): p50", p50, 60, "ms", beyond=30
    )
    slowest, p99 = _worst(of_lots, lambda each: ms(each.server_us, 99))
    yield Goal(f"the same ({slowest}): p99", p99, 200, "ms")
    slowest, factor = _worst(of_lots, lambda each: _growth(results, each))
    yield Goal(
        f"the same, p50 over that of {results.levels[0].bales / 1e6:.3g} M bales ({slowest})",
        factor,
        4,
        "x",
    )
    slowest, p99 = _worst(of_bales, lambda each: ms(each.server_us, 99))
    yield Goal(f"any key of bales, in the server, the slowest ({slowest}): p99", p99, 1000, "ms")
    older = [*results.under(AT_REVISION), *results.under(AT_INSTANT)]
    yield Goal("as of older revisions, in the server: p99", _p99(older), 3000, "ms")
    for condition, said in (
        (ALL_CLOSED, "as of a revision since which every lot was closed, in the server: p99"),
        (OTHER_CHART, "as of revisions that had another chart, in the server: p99"),
    ):
        if asked := results.under(condition):
            yield Goal(said, _p99(asked), 3000, "ms")
    (scanned,) = results.under(SCANNED)
    yield Goal(
        "certificates of all lots, at the client",
        scanned.rows / spread_ms(scanned.client_us).median,
        50,
        "thousand lots/s",
        at_least=True,
    )
    for graded in results.graded:
        rate = graded.bales / spread_ms(graded.took_us).median / 1000
        yield Goal(f"grading alone, {graded.function}", rate, 20, "M bales/s", at_least=True)
    yield from _of_settlement(results)
    yield from _under_load(results)
    yield Goal("start to serving", results.starts[0].serving_ms / 1000, 10, "s")
    memory = max(level.anonymous_kib, level.anonymous_answered_kib) * 1024 / level.bales
    yield Goal("memory, anonymous and resident, a bale", memory, 100, "bytes")
    yield from _of_history(results)


def alone_or_beside(results: Results, bales: int, *, sent: bool) -> list[Loaded]:
    """What was asked at once about so many bales, idle or while readings were sent."""
    return [each for each in results.loaded if (each.asked_bales, each.sent) == (bales, sent)]


def pooled(loaded: Loaded) -> list[int]:
    """The times of all answers, whatever was asked."""
    return [took for of_one in loaded.took_us.values() for took in of_one]


def _under_load(results: Results) -> Iterable[Goal]:
    """One asker while readings come, held against the goals of an idle service."""
    levels = sorted({each.asked_bales for each in results.loaded})
    found = [
        {
            question: took_us
            for each in alone_or_beside(results, bales, sent=True)
            if each.askers == 1
            for question, took_us in each.took_us.items()
        }
        for bales in levels
    ]
    if not found:
        return
    asked = {name: took for name, took in found[-1].items() if name != SETTLED_UNDER_LOAD}
    slowest = max(asked, key=lambda name: ms(asked[name], 99))
    yield Goal(
        f"while readings come, one asker, the slowest ({slowest}): p99 (the goal is that of an idle"
        " service)",
        ms(asked[slowest], 99),
        200,
        "ms",
    )
    fastest = max(asked, key=lambda name: ms(asked[name], 50) / ms(found[0][name], 50))
    yield Goal(
        f"the same, p50 over that of {levels[0] / 1e6:.3g} M bales ({fastest})",
        ms(asked[fastest], 50) / ms(found[0][fastest], 50),
        4,
        "x",
    )
    yield Goal(
        "settlement by division while readings come: p50 (the goal is that of an idle service)",
        ms(found[-1][SETTLED_UNDER_LOAD], 50) / 1000,
        1,
        "s",
    )


def _of_history(results: Results) -> Iterable[Goal]:
    for start in results.restarted:
        if start.stage != UNSEALED_STARTED:
            yield Goal(f"start to serving, {start.stage}", start.serving_ms / 1000, 10, "s")
    for stood in results.stood:
        memory = stood.anonymous_kib * 1024 / stood.bales
        yield Goal(f"memory, anonymous and resident, a bale, {stood.stage}", memory, 100, "bytes")
    for kept in results.kept:
        if kept.stage != TAKEN_IN:
            size = sum(kept.sizes.values()) / kept.bales
            yield Goal(f"disk, raw entries included, a bale, {kept.stage}", size, 80, "bytes")


def _of_settlement(results: Results) -> Iterable[Goal]:
    for schedule, goal_s in ((schedules.LOTS_NAME, 1), (schedules.BALES_NAME, 5)):
        asked = [each for each in results.under(SETTLED) if each.question.startswith(schedule)]
        for digest, said in ((False, "without"), (True, "with")):
            of_one = [each for each in asked if each.question.endswith(DIGEST) is digest]
            if of_one:
                slowest, p50 = _worst(of_one, lambda each: ms(each.server_us, 50))
                yield Goal(
                    f"settled anew {said} digest, in the server, the slowest ({slowest}): p50",
                    p50 / 1000,
                    goal_s,
                    "s",
                )
    for priced in results.bale_priced:
        seconds = spread_ms(priced.took_us).median / 1000
        yield Goal(f"bales priced alone, {priced.function}", seconds, 5, "s")


def _worst(asked: Sequence[Asked], figure: Callable[[Asked], float]) -> tuple[str, float]:
    found = max(asked, key=figure)
    return found.question, figure(found)


def _p99(asked: Sequence[Asked]) -> float:
    return ms([took for each in asked for took in each.server_us], 99)


def _growth(results: Results, asked: Asked) -> float:
    """The median of a question over its median at the first level."""
    (first,) = (
        each
        for each in results.under(IDLE, bales=results.levels[0].bales)
        if (each.question, each.method) == (asked.question, asked.method)
    )
    return ms(asked.server_us, 50) / ms(first.server_us, 50)
