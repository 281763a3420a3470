"""The rate of a target price at a revision: market, output and deliveries found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import settlement_pb2

from cotton_server.runs.lots import lot_lines
from cotton_server.runs.scopes import lots_in_scope, units_in_scope
from cotton_server.runs.units import units_of
from cotton_server.settlement.market import market_price
from cotton_server.settlement.target import TargetFound, target_pay

if TYPE_CHECKING:
    from cotton_server.runs.lots import LotLines
    from cotton_server.runs.sources import Sources
    from cotton_server.runs.table import BoolArray
    from cotton_server.runs.terms import Terms
    from cotton_server.runs.units import Units
    from cotton_server.settlement.target_price import TargetPrice

TARGET_FIGURES: Final = (
    "target",
    "market",
    "output",
    "cap",
    "eligible_output",
    "fund",
    "delivered",
    "rate",
)
"""Figures of a target price that may be absent, in the order of the manifest."""


@dataclass(frozen=True, slots=True)
class TargetOfUnits:
    """The rate that was found, and the lots and units that it is of.

    `left_out` counts the lots in scope whose output is not in, because something holds them.
    """

    found: TargetFound
    lots: BoolArray
    units: BoolArray
    left_out: int


def target_of(
    target_price: TargetPrice, lines: LotLines, units: Units, sources: Sources, terms: Terms
) -> TargetOfUnits:
    """The rate of the season, which is one whatever lots are chosen.

    Output is the conditioned weight of the lots in scope that nothing holds, deliveries those of
    the units in scope.
    """
    lots = lots_in_scope(target_price.scope, lines, sources)
    of_units = units_in_scope(target_price.scope, lots, units)
    if terms.filtered:
        whole = terms.of_season
        every = lot_lines(sources, whole, {})
        of_season = target_of(target_price, every, units_of(every, sources, whole), sources, whole)
        return TargetOfUnits(of_season.found, lots, of_units, of_season.left_out)
    output = int(lines.conditioned[lots & lines.settled].sum())
    delivered = int(units.frame["seed_cotton"].fill_null(0).to_numpy()[of_units].sum())
    determination = target_price.determination
    market = None
    if determination is not None:
        prices = sources.registry.accounts.prices(terms.revision)
        market = market_price(determination, prices, terms.season)
    found = target_pay(target_price, terms.season, market, output, delivered, terms.eligible_output)
    withdrawn = lines.fact("lots_withdrawn") > 0
    left_out = int((lots & ~lines.settled & ~withdrawn).sum())
    return TargetOfUnits(found, lots, of_units, left_out)


def target_message(target: TargetOfUnits) -> settlement_pb2.TargetPriceResult:
    """How the rate came about, as it is printed."""
    found = target.found
    printed = found.printed()
    return settlement_pb2.TargetPriceResult(
        market_by=found.market_by,
        market_prices=found.market_prices,
        rate_decimals=printed.rate_decimals,
        rate_by=found.rate_by,
        problem="" if found.problem is None else found.problem.text,
        lots_left_out=target.left_out,
        **{name: getattr(printed, name) for name in TARGET_FIGURES},
    )
