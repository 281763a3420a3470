"""Quality-linked pay (与质量挂钩) of units and regiments, exact until it is printed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from cotton_server.settlement.bale_conditions import met_column, of_column
from cotton_server.settlement.conditions import conditions_met, figures_needed
from cotton_server.settlement.document import RateUnit
from cotton_server.settlement.exact import Exact, sum_by
from cotton_server.settlement.means import by_bales, by_weight
from cotton_server.settlement.printed import as_decimal
from cotton_server.settlement.rule_set import (
    FixedRate,
    PaidOn,
    TestedOn,
    Weighting,
)
from cotton_server.settlement.units import gather_regiments, gather_units

if TYPE_CHECKING:
    from decimal import Decimal

    import polars as pl

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.exact import Int64Array
    from cotton_server.settlement.means import BoolArray
    from cotton_server.settlement.rule_set import Payment, RuleSet
    from cotton_server.settlement.units import Groups

_PER: Final = {
    RateUnit.YUAN_PER_TONNE: Fraction(1, 1000),
    RateUnit.YUAN_PER_KG: Fraction(1),
    RateUnit.YUAN_PER_MU: Fraction(1),
}
"""Yuan for a kilogram or mu at a rate of 1. Whether a rate fits what it is paid on was checked by
`pay_rules.standard_of`."""

_MISSING: Final = {
    PaidOn.SEED_COTTON: "NO_DELIVERIES",
    PaidOn.AREA: "NO_AREA",
    PaidOn.LINT: "NO_CONDITIONED_WEIGHT",
}


@dataclass(frozen=True, slots=True)
class Paid:
    """What one payment pays each unit, or each regiment where it is tested on regiments.

    `share` is the part of the quantity that is paid, 0 to 1; `quantity` what is paid of it, in
    kilograms or mu; `amount` in yuan. Where `no_quantity` or `no_amount` says that nothing is
    known, they are 0. `reasons` has the rows by why something is missing or not met, `held` those
    whose amount does not count until a reason is gone: their amounts are of what is known.
    """

    payment: Payment
    share: Exact
    quantity: Exact
    rate: Decimal | None
    amount: Exact
    no_quantity: BoolArray
    no_amount: BoolArray
    held: BoolArray
    reasons: dict[str, BoolArray]

    @property
    def by_regiment(self) -> bool:
        """Whether its rows are regiments."""
        return self.payment.tested_on is TestedOn.REGIMENT


@dataclass(frozen=True, slots=True)
class PayResult:
    """All payments of a rule set in its order, and the units and regiments as it sees them.

    `regiments` is None where no payment is tested on regiments.
    """

    rule_set: RuleSet
    units: Groups
    regiments: Groups | None
    paid: tuple[Paid, ...]


def columns_needed(rule_set: RuleSet, standard: Standard) -> tuple[str, ...]:
    """The figure columns that `settle_pay` reads of the frame of lots: sums that are additive.

    Those named `pay.…` are of `bale_conditions.count_bales`, the others of
    `grading.rollup.figure_columns`.
    """
    counts = (
        column(rule_set, payment)
        for payment in rule_set.payments
        if payment.tested_on is TestedOn.BALE
        for column in (met_column, of_column)
    )
    return (*_figures(rule_set, standard), *counts)


def rate_of(payment: Payment, rule_set: RuleSet, target_rate: Decimal | None) -> Decimal | None:
    """The rate that a payment pays; None where it is a share of one that is not known.

    A share is rounded once, to its own decimals, by the rounding of the rule set.
    """
    rate = payment.rate
    if isinstance(rate, FixedRate):
        return rate.amount
    whole = target_rate if rate.rate is None else rate.rate
    if whole is None:
        return None
    share = Fraction(whole) * Fraction(rate.percent) / 100
    return as_decimal(share, rate.decimals, rule_set.rounding.mode)


def settle_pay(
    lots: pl.DataFrame,
    units: pl.DataFrame,
    regiments: int,
    rule_set: RuleSet,
    standard: Standard,
    target_rate: Decimal | None,
) -> PayResult:
    """What a rule set pays every unit and regiment.

    `lots` has a row a lot of one family of standards, in any order: `unit` (Int32, row of `units`,
    null for none), `conditioned` (Int64, hundredths of a kilogram, null for none), `in_scope`
    (Boolean: the rule set's scope, season and standards), `payable` (Boolean: whether it can be
    settled; if not, its unit is held and its bales do not enter anything), and `columns_needed`
    (Int64, none null). A lot that is withdrawn is not in scope.

    `units` has a row a unit: `regiment` (Int32, below `regiments`, null for none), `seed_cotton`
    and `area` (Int64, hundredths of a kilogram and of a mu, null where nothing is recorded).

    `standard` is what `pay_rules.standard_of` gave; `target_rate` the rate of the season's target
    price as printed, None where there is none.
    """
    figures = _figures(rule_set, standard)
    by_unit = gather_units(lots, units, figures)
    by_regiment = None
    if any(payment.tested_on is TestedOn.REGIMENT for payment in rule_set.payments):
        by_regiment = gather_regiments(lots, units, regiments, figures)
    paid: list[Paid] = []
    # Rows that a payment before this one pays; all payments are tested on the same where it counts.
    taken: BoolArray | None = None
    for payment in rule_set.payments:
        groups = by_unit
        if payment.tested_on is TestedOn.REGIMENT and by_regiment is not None:
            groups = by_regiment
        found = _share(payment, rule_set, lots, groups, standard, taken)
        if rule_set.exclusive and found.rows is not None:
            taken = found.rows if taken is None else taken | found.rows
        paid.append(_pay(payment, groups, found, rate_of(payment, rule_set, target_rate)))
    return PayResult(rule_set, by_unit, by_regiment, tuple(paid))


@dataclass(frozen=True, slots=True)
class _Share:
    """The share of each group that is paid is `met` of `of`; `of` 0 where nothing can be said."""

    met: Int64Array
    of: Int64Array
    told: dict[str, BoolArray]
    holding: dict[str, BoolArray]
    rows: BoolArray | None
    """Rows that meet the conditions and no one before has; None where bales do."""


def _figures(rule_set: RuleSet, standard: Standard) -> tuple[str, ...]:
    payments = [each for each in rule_set.payments if each.tested_on is not TestedOn.BALE]
    return figures_needed(payments, standard)


def _share(
    payment: Payment,
    rule_set: RuleSet,
    lots: pl.DataFrame,
    groups: Groups,
    standard: Standard,
    taken: BoolArray | None,
) -> _Share:
    if payment.tested_on is TestedOn.BALE:
        return _share_of_bales(payment, rule_set, lots, groups)
    counting = lots[groups.places]
    unweighed = {"NO_CONDITIONED_WEIGHT": groups.unweighed}
    if payment.tested_on is TestedOn.LOT:
        found = conditions_met(payment, counting, standard, by_bales(counting))
        met = found.met if taken is None else found.met & ~taken
        return _Share(
            met=sum_by(np.where(met, groups.weights, 0), groups.of, groups.count),
            of=sum_by(groups.weights, groups.of, groups.count),
            told={reason: _any_of(rows, groups) for reason, rows in found.told.items()},
            holding=unweighed,
            rows=met,
        )
    by_lots = payment.weighting is Weighting.WEIGHT
    mean_of = (
        by_weight(counting, groups.weights, groups.of, groups.count)
        if by_lots
        else by_bales(groups.sums)
    )
    found = conditions_met(payment, groups.sums, standard, mean_of)
    met = found.met if taken is None else found.met & ~taken
    return _Share(
        met=met.astype(np.int64),
        of=groups.counted.astype(np.int64),
        told=found.told,
        holding=unweighed if by_lots else {},
        rows=met,
    )


def _share_of_bales(
    payment: Payment, rule_set: RuleSet, lots: pl.DataFrame, groups: Groups
) -> _Share:
    met, of = (
        sum_by(lots[column].to_numpy()[groups.places], groups.of, groups.count)
        for column in (met_column(rule_set, payment), of_column(rule_set, payment))
    )
    items = "+".join(dict.fromkeys(each.item for each in payment.conditions))
    # None of the bales that count has all items: none meets, and it is told.
    return _Share(
        met=met,
        of=np.where(groups.counted, np.maximum(of, 1), 0),
        told={f"NO_VALUE:{items}": of == 0},
        holding={},
        rows=None,
    )


def _any_of(rows: BoolArray, groups: Groups) -> BoolArray:
    """Groups in which any of the lots that count is one of `rows`."""
    any_of: BoolArray = sum_by(rows.astype(np.int64), groups.of, groups.count) > 0
    return any_of


def _pay(payment: Payment, groups: Groups, found: _Share, rate: Decimal | None) -> Paid:
    """The quantity and amount of a payment, and what they lack.

    Of what is not paid at all neither quantity nor rate is asked for.
    """
    account = groups.account(payment.paid_on)
    known = groups.concerned & (found.of > 0)
    pays = known & (found.met > 0)
    holding = {reason: rows & groups.counted for reason, rows in found.holding.items()}
    missing = _MISSING[payment.paid_on]
    holding[missing] = holding.get(missing, np.False_) | (pays & account.missing)
    holding["NO_TARGET_RATE"] = pays & (rate is None)
    told = {reason: rows & groups.counted for reason, rows in found.told.items()}

    no_quantity = ~known | (pays & account.nothing)
    no_amount = no_quantity | (pays & (rate is None))
    share = Exact(np.where(known, found.met, 0), np.maximum(found.of, 1))
    quantity = (share * np.where(no_quantity, 0, account.known)).over(100)
    per_unit = Fraction(0) if rate is None else Fraction(rate) * _PER[payment.rate.unit]
    return Paid(
        payment=payment,
        share=share,
        quantity=quantity,
        rate=rate,
        amount=quantity * per_unit,
        no_quantity=no_quantity,
        no_amount=no_amount,
        held=groups.is_held | np.any(list(holding.values()), axis=0),
        reasons={reason: rows for reason, rows in (holding | told).items() if rows.any()},
    )
