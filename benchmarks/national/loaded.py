"""Answers under load in the results: their tables, and what the page says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.national.figures import alone_or_beside, ms, pooled
from benchmarks.national.plan import LANES, LEVELS, WINDOW
from benchmarks.tables import grouped, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.national.results import Results

LOAD_PLOT: Final = "national-load.svg"

LACKING: Final = "Answers under load were not measured yet when these results were made."

_READING_IT: Final = """\
- *Under load*: a service of its own holds the first {first} slices of the season, or all of it,
  every lot weighed and closed. Askers each ask one question after the other, in turn: {questions},
  always of the season. Meanwhile nothing comes, or another season of half as many bales again
  does, from one more process, {lanes} producers at once with {window} batches of 4096 bales under
  way each, as fast as they are taken. So every answer is at another revision, for which the
  service has to take up what has come, and has the same figures: one of each kind and time is
  compared. Where *sent again* is not 0 % the other season had come whole, and came once more, under
  new sequences.
- Times under load end with the last byte of the answer, which is not decoded: the askers share a
  process, and its decoding would be taken for delay. *Settlement* is asked for by one at a time;
  idle a lot of another season is registered before each, so that nothing of it was computed before.
"""


def one_asker(results: Results) -> str:
    """The table of each question by one asker, a row idle and a row beside readings."""
    levels = sorted({each.asked_bales for each in results.loaded})
    cells: list[tuple[str, ...]] = [
        (
            "one asker, ms at the client",
            *(
                head
                for bales in levels
                for head in (f"{bales / 1e6:.3g} M bales: p50", "p90", "p99", "answers")
            ),
            "p50, last / first",
        )
    ]
    for question, sent in _questions(results):
        of_levels = [
            took
            for bales in levels
            for each in alone_or_beside(results, bales, sent=sent)
            if each.askers == 1 and (took := each.took_us.get(question))
        ]
        growth = ms(of_levels[-1], 50) / ms(of_levels[0], 50)
        cells.append(
            (
                f"{question}{', while readings come' if sent else ''}",
                *(text for took in of_levels for text in (*_times(took), str(len(took)))),
                f"{growth:.2f}",
            )
        )
    return table(cells)


def _questions(results: Results) -> list[tuple[str, bool]]:
    found = [
        (question, each.sent)
        for each in results.loaded
        if each.askers == 1
        for question in each.took_us
    ]
    names = list(dict.fromkeys(question for question, _ in found))
    return sorted(dict.fromkeys(found), key=lambda one: (names.index(one[0]), one[1]))


def at_once(results: Results) -> str:
    """The table of several askers, idle and beside readings, and of the readings meanwhile."""
    cells: list[tuple[str, ...]] = [
        (
            "bales asked about",
            "askers",
            "answers/s",
            "p50, ms",
            "p90",
            "p99",
            "bales stored",
            "readings, M bales/s",
            "sent again",
            "ack p50, ms",
            "p90",
            "p99",
            "max",
            "server, cores",
            "askers",
            "sender",
            "others",
        )
    ]
    for each in results.loaded:
        took = pooled(each)
        settles = " (settlement)" if each.askers and len(each.took_us) == 1 else ""
        cells.append(
            (
                f"{each.asked_bales / 1e6:.3g} M{settles}",
                str(each.askers),
                f"{len(took) * 1e3 / each.elapsed_ms:.1f}" if took else "",
                *_times(took),
                grouped(each.bales),
                f"{each.bales_a_second / 1e6:.2f}" if each.sent else "",
                f"{each.existing / max(each.created + each.existing, 1):.0%}" if each.sent else "",
                *(f"{took_us / 1000:.0f}" for took_us in each.acks_us or ()),
                *("" for _ in range(0 if each.acks_us else 4)),
                *(
                    f"{spent_ms / each.elapsed_ms:.2f}"
                    for spent_ms in (
                        each.server_cpu_ms,
                        each.askers_cpu_ms,
                        each.sender_cpu_ms,
                        each.other_cpu_ms,
                    )
                ),
            )
        )
    return table(cells)


def _times(took_us: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{ms(took_us, percent):.1f}" if took_us else "" for percent in (50, 90, 99))


def parts(results: Results, *, with_plot: bool = False) -> Iterator[tuple[str, str]]:
    """Every part with its title."""
    if not results.loaded:
        yield "Under load", LACKING
        return
    yield "Under load, one asker", one_asker(results)
    plot = f"\n\n![Latency against askers at once]({LOAD_PLOT})" if with_plot else ""
    yield "Under load, several askers", f"{at_once(results)}{plot}"


def reading_it(results: Results) -> str:
    """How answers under load are measured; nothing where they are not."""
    asked = next((each.took_us for each in results.loaded if len(each.took_us) > 1), None)
    if asked is None:
        return ""
    return _READING_IT.format(
        first=LEVELS[0], lanes=LANES, window=WINDOW, questions=", ".join(asked)
    )
