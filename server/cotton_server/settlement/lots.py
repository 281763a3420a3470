"""Prices lots by a schedule: what each factor pays them, and what they are held for."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from cotton_server.settlement.exact import Exact
from cotton_server.settlement.factors import Lots, figures_of, paid
from cotton_server.settlement.priced import Priced
from cotton_server.settlement.refusals import refusal_figures, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.priced import BoolArray
    from cotton_server.settlement.schedule import Schedule


def figures_needed(schedule: Schedule, standard: Standard) -> tuple[str, ...]:
    """The columns of `grading.rollup.figure_columns` that pricing reads, each once.

    Raises PricingError where the standard has no classes of an item that is asked for.
    """
    figures = ["bales"]
    for factor in schedule.factors:
        figures += figures_of(factor, standard)
    for refusal in schedule.refusals:
        figures += refusal_figures(refusal, standard)
    return tuple(dict.fromkeys(figures))


def price_lots(lots: pl.DataFrame, schedule: Schedule, standard: Standard) -> Priced:
    """Prices lots of one standard per unit of the schedule, in the order of the rows.

    `lots` has a row a lot: `bales` and the columns of `figures_needed` (Int64, additive sums), and
    `trash` and `regain` (Int64, hundredths of a percent, null where not sampled). A lot that is not
    deliverable has its amounts all the same. Raises PricingError.
    """
    sums = Lots(lots, schedule, standard)
    held: dict[str, BoolArray] = {}
    by_factor = {factor.name: paid(factor, sums) for factor in schedule.factors}
    rate = Exact.full(len(sums), Fraction(schedule.base_rate))
    for each in by_factor.values():
        rate += each.amount
        _hold(held, each.held)
    for refusal in schedule.refusals:
        broken, unsaid = refused(refusal, sums)
        _hold(held, unsaid)
        _hold(held, {f"NOT_DELIVERABLE:{refusal.name}": broken})
    return Priced(
        {name: each.classes for name, each in by_factor.items()},
        {name: each.amount for name, each in by_factor.items()},
        {name: each.absent for name, each in by_factor.items()},
        rate,
        held,
    )


def _hold(held: dict[str, BoolArray], more: Mapping[str, BoolArray]) -> None:
    """Adds reasons to those that lots are held for, unless they are of none."""
    for code, rows in more.items():
        if rows.any():
            held[code] = held[code] | rows if code in held else rows
