"""Settlement in the results: its tables, and what the page says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.national.figures import in_turn, ms, spread_ms
from benchmarks.national.results import FROZEN, SETTLED, SETTLED_KEPT, VERIFIED
from benchmarks.tables import grouped, median_and_range, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.national.results import Results

SETTLEMENT_PLOT: Final = "national-settlement.svg"

LACKING: Final = "Settlement was not measured yet when these results were made."

_CONDITIONS: Final = {
    SETTLED: "",
    SETTLED_KEPT: " (kept)",
    FROZEN: ": a run frozen",
    VERIFIED: ": a run verified",
}

READING_IT: Final = """\
- All lots of the season are final: read, weighed and closed. Before each of these answers a lot of
  the season before is registered, so that the revision is another one and nothing of the settlement
  was computed before; *(kept)* is the same question at the same revision again, which the service
  answers from the settlement that it keeps. All answers by one schedule have the same figures. Rows
  come with all columns. With the digest, the canonical content of all lines is made as well, which
  what is frozen later is checked by.
- A run is *frozen* after its trial, whose settlement the service still keeps: its digest is
  compared, its lines are archived, and it is on stable storage (at the client; the server does not
  tell this time). *Verified* is the whole settlement computed anew, with its digest.
- *futures 2016/17* is the schedule that the service brings along. *by bale* is made up, with the
  shape of the USDA loan: rates by colour and length, and premiums by micronaire, strength and
  uniformity of every bale.
- **Peers** price by the futures schedule with exact shares, since shares that are printed to total
  100 % are unreasonable in SQL; and so does the service beside them, asked anew after a change. In
  one statement the peers add the bales of each lot up, price the lots in whole numbers and round
  each figure once; *lots added up before* leaves the first out, from a file that was made before
  the clock. Price, money, status, weight and bales of every lot, and sums and means by gin, are
  compared value by value; sums of exact money are made of the peers' exact premiums with Python's
  fractions. A run in which one value differs is an error.
- *Bales priced alone* is BalePrices of the settlement in a process of its own, over random bales
  within the ranges of the shipped USDA loan schedule, in portions as the service reads them.
"""


def answers(results: Results) -> str:
    """The table of settlements that were asked for, frozen and verified."""
    cells: list[tuple[str, ...]] = [
        ("what", "rows", "answer, kB", "answers", "server p50, s", "max", "client p50, s", "max")
    ]
    for condition, said in _CONDITIONS.items():
        cells += [
            (
                asked.question + said,
                grouped(asked.rows),
                f"{asked.size_bytes / 1000:.0f}",
                str(len(asked.client_us)),
                *_times(asked.server_us),
                *_times(asked.client_us),
            )
            for asked in results.under(condition)
        ]
    return table(cells)


def _times(took_us: Sequence[int]) -> tuple[str, str]:
    if not took_us:
        return "", ""
    return f"{ms(took_us, 50) / 1000:.3f}", f"{ms(took_us, 100) / 1000:.3f}"


def peers(results: Results) -> str:
    """The table of service and peers that price in turn."""
    contestants = list(results.priced[0].took_us)
    cells: list[tuple[str, ...]] = [
        ("s at the client", *(raced.question for raced in results.priced)),
        ("rows", *(grouped(raced.rows) for raced in results.priced)),
    ]
    for name in contestants:
        times = [in_turn(raced)[name] for raced in results.priced]
        cells.append((name, *(median_and_range(each.scaled(0.001), 3) for each in times)))
    agreeing = (sum(raced.values.values()) for raced in results.priced)
    cells.append(("values that agree", *(grouped(each) for each in agreeing)))
    return table(cells)


def alone(results: Results) -> str:
    """The table of bales priced without the service around it."""
    cells: list[tuple[str, ...]] = [("schedule", "bales", "s", "M bales/s")]
    for priced in results.bale_priced:
        took = spread_ms(priced.took_us)
        cells.append(
            (
                priced.function,
                grouped(priced.bales),
                median_and_range(took.scaled(0.001), 2),
                median_and_range(took.inverse(priced.bales / 1000), 1),
            )
        )
    return table(cells)


def parts(results: Results, *, with_plot: bool = False) -> Iterator[tuple[str, str]]:
    """Every part with its title."""
    if not results.settled:
        yield "Settlement", LACKING
        return
    yield "Settlement", f"{_payable(results)}\n\n{answers(results)}"
    if results.priced:
        added_up = ", ".join(
            f"{name} {took / 1e6:.2f} s" for name, took in results.added_up_us.items()
        )
        said = f"The bales of lots added up beforehand took {added_up}."
        plot = f"\n\n![Time of pricing, service and peers]({SETTLEMENT_PLOT})" if with_plot else ""
        yield "Settlement beside others", f"{peers(results)}\n\n{said}{plot}"
    yield "Bales priced alone", alone(results)


def _payable(results: Results) -> str:
    of_each = ", ".join(f"{grouped(count)} ({name})" for name, count in results.payable.items())
    return (
        f"Payable lots, of {grouped(results.level.lots)}: {of_each}. The others are priced as well,"
        " and held."
    )
