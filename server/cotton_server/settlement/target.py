"""The rate of a target price (目标价格): fund over seed cotton delivered, and what it pays."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from cotton_server.settlement.exact import Exact
from cotton_server.settlement.market import Lack, MarketFound, Problem
from cotton_server.settlement.printed import as_decimal, in_units

if TYPE_CHECKING:
    from decimal import Decimal

    from cotton_server.settlement.document import RoundingMode
    from cotton_server.settlement.exact import Int64Array
    from cotton_server.settlement.target_price import Cap, SeasonTarget, TargetPrice

ANNOUNCED: Final = "announced"
COMPUTED: Final = "computed"

_TONNE: Final = 100_000
"""Hundredths of a kilogram."""


@dataclass(frozen=True, slots=True)
class PrintedTarget:
    """The figures of `TargetFound` as they are printed, None where nothing says.

    Prices in hundredths of a yuan per tonne, weights in hundredths of a kilogram, the fund in
    hundredths of a yuan, the rate in units of 10 to the power -`rate_decimals` per kilogram.
    """

    target: int | None
    market: int | None
    output: int | None
    cap: int | None
    eligible_output: int | None
    fund: int | None
    delivered: int | None
    rate: int | None
    rate_decimals: int


@dataclass(frozen=True, slots=True)
class TargetFound:
    """How the rate of a season came about, exact; None where nothing says.

    `target` and `market` in yuan per tonne of lint; `output`, `cap`, `eligible_output` (lint) and
    `delivered` (seed cotton) in hundredths of a kilogram; `fund` in yuan; `rate` in yuan per
    kilogram of seed cotton, as printed. `market_by` is "announced" or says in words how the price
    was determined, `rate_by` "announced" or "computed", "" without a rate. `problem` says why there
    is none.
    """

    target: Fraction | None
    market: Fraction | None
    market_by: str
    market_prices: int
    output: int | None
    cap: Fraction | None
    eligible_output: Fraction | None
    fund: Fraction | None
    delivered: int | None
    rate: Decimal | None
    rate_decimals: int
    rate_by: str
    problem: Problem | None
    rounding: RoundingMode

    def printed(self) -> PrintedTarget:
        """Each figure rounded once from the exact one."""
        return PrintedTarget(
            target=self._printed(self.target, 2),
            market=self._printed(self.market, 2),
            output=self.output,
            cap=self._printed(self.cap, 0),
            eligible_output=self._printed(self.eligible_output, 0),
            fund=self._printed(self.fund, 2),
            delivered=self.delivered,
            rate=None if self.rate is None else int(self.rate.scaleb(self.rate_decimals)),
            rate_decimals=self.rate_decimals,
        )

    def _printed(self, value: Fraction | None, decimals: int) -> int | None:
        return None if value is None else in_units(value, decimals, self.rounding)


def target_pay(
    target_price: TargetPrice,
    season: int,
    market: MarketFound | None,
    output: int | None,
    delivered: int | None,
    eligible_output: int | None,
) -> TargetFound:
    """The rate of a season: max(0, target - market) x eligible output / seed cotton delivered.

    `market` is what `market_price` found, None where the target price has no determination; a
    market price or a rate that was announced takes the place of what was found. `output` is the
    lint of the season in scope, `delivered` its seed cotton, in hundredths of a kilogram, None or 0
    where there is none. `eligible_output` is stated where others determined it, and then is paid
    for as it is; otherwise it is the output up to the cap. Where the market is at the target or
    above, the rate is 0 whatever the output.
    """
    stated = target_price.seasons.get(season)
    decimals = target_price.rounding.price_decimals
    mode = target_price.rounding.mode
    if stated is None:
        return _nothing(target_price, season, output, delivered)
    price, market_by, market_prices = _market(stated, market)
    cap, eligible, problem = _eligible(stated, output, eligible_output)
    target = Fraction(stated.target)
    fund = None
    if price is None:
        problem = _market_problem(target_price, season, market)
    elif price >= target:
        fund, problem = Fraction(0), None
    elif eligible is not None:
        fund = (target - price) * eligible / _TONNE

    rate, rate_by = stated.rate, ANNOUNCED
    if rate is not None:
        problem = None
        decimals = max(decimals, -int(rate.as_tuple().exponent))
    elif fund is not None and (delivered or fund == 0):
        # Without a fund there is nothing to divide, also before the first delivery.
        exact = fund * 100 / delivered if delivered else fund
        rate, rate_by = as_decimal(exact, decimals, mode), COMPUTED
    else:
        rate_by = ""
        problem = problem or _no_deliveries(season)
    return TargetFound(
        target=target,
        market=price,
        market_by=market_by,
        market_prices=market_prices,
        output=output,
        cap=cap,
        eligible_output=eligible,
        fund=fund,
        delivered=delivered,
        rate=rate,
        rate_decimals=decimals,
        rate_by=rate_by,
        problem=problem,
        rounding=mode,
    )


def target_amounts(rate: Decimal, seed_cotton: Int64Array) -> Exact:
    """Yuan for seed cotton in hundredths of a kilogram, a row each, at a rate as printed."""
    return Exact(seed_cotton, 100) * Fraction(rate)


def _market(stated: SeasonTarget, market: MarketFound | None) -> tuple[Fraction | None, str, int]:
    """The market price, how it came about, and of how many prices."""
    if stated.market is not None:
        return Fraction(stated.market), ANNOUNCED, 0
    if market is None or market.price is None:
        return None, "", 0
    return market.price, market.by, market.prices


def _market_problem(target_price: TargetPrice, season: int, market: MarketFound | None) -> Problem:
    if market is not None and market.problem is not None:
        return market.problem
    return Problem(
        Lack.DETERMINATION,
        f"{target_price.head.id} has no market price of {season} and does not say how to determine "
        "one; load a target price that does.",
    )


def _eligible(
    stated: SeasonTarget, output: int | None, given: int | None
) -> tuple[Fraction | None, Fraction | None, Problem | None]:
    """The cap and the eligible output in hundredths of a kilogram, or why there is none."""
    cap = _cap(stated.cap) if stated.cap is not None else None
    if given is not None:
        return cap, Fraction(given), None
    if stated.cap is not None and cap is None:
        text = (
            f"The output that is paid for in {stated.season} has a cap that is not known; state "
            "the eligible output in the terms, or load a target price with the base output."
        )
        return None, None, Problem(Lack.CAP, text)
    if not output:
        text = (
            f"No lint of {stated.season} is in scope and weighed; state the eligible output in the "
            "terms, or settle at a revision with final lots."
        )
        return cap, None, Problem(Lack.OUTPUT, text)
    return cap, Fraction(output) if cap is None else min(Fraction(output), cap), None


def _cap(cap: Cap) -> Fraction | None:
    """In hundredths of a kilogram; None where it is not known."""
    if cap.tonnes is not None:
        return Fraction(cap.tonnes) * _TONNE
    if cap.percent is None or cap.base_tonnes is None:
        return None
    return Fraction(cap.percent) * Fraction(cap.base_tonnes) * _TONNE / 100


def _no_deliveries(season: int) -> Problem:
    return Problem(
        Lack.DELIVERIES,
        f"No seed cotton of {season} was delivered in scope, so the fund cannot be divided; record "
        "deliveries (RecordDeliveries), or load a target price that states the rate.",
    )


def _nothing(
    target_price: TargetPrice, season: int, output: int | None, delivered: int | None
) -> TargetFound:
    """Of a season that the target price does not have."""
    seasons = ", ".join(str(each) for each in sorted(target_price.seasons))
    text = (
        f"{target_price.head.id} says nothing of {season}, only of {seasons}; settle by a target "
        "price that has the season."
    )
    return TargetFound(
        target=None,
        market=None,
        market_by="",
        market_prices=0,
        output=output,
        cap=None,
        eligible_output=None,
        fund=None,
        delivered=delivered,
        rate=None,
        rate_decimals=target_price.rounding.price_decimals,
        rate_by="",
        problem=Problem(Lack.SEASON, text),
        rounding=target_price.rounding.mode,
    )
