"""The tables of units and regiments: what each adds up to, is paid and is held for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.errors import Reason, ServiceError
from cotton_server.grading.families import families
from cotton_server.grading.rounding import half_even
from cotton_server.runs.columns import (
    MEASURES,
    payment_name,
    rate_decimals,
    regiment_columns,
    unit_columns,
)
from cotton_server.runs.pricing import Spread
from cotton_server.runs.reasons import Reasons
from cotton_server.runs.scopes import counts, lots_in_scope, lots_of_unknown_scope
from cotton_server.runs.table import REGIMENTS, UNITS, Table
from cotton_server.runs.units import NO_UNIT
from cotton_server.settlement.exact import Exact, sum_by
from cotton_server.settlement.pay import columns_needed, settle_pay
from cotton_server.settlement.pay_rules import PayRuleError, standard_of
from cotton_server.settlement.rule_set import PaidOn
from cotton_server.settlement.target import target_amounts
from cotton_server.summary.printing import Values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from cotton_server.grading.families import Family
    from cotton_server.grading.standard import Standard
    from cotton_server.runs.lots import LotLines
    from cotton_server.runs.sources import Sources
    from cotton_server.runs.table import BoolArray, Int64Array
    from cotton_server.runs.target import TargetOfUnits
    from cotton_server.runs.terms import Terms
    from cotton_server.runs.units import Units
    from cotton_server.settlement.exact import Rows
    from cotton_server.settlement.pay import Paid, PayResult
    from cotton_server.settlement.rule_set import RuleSet

_COUNTED: Final = "pay."
"""Columns of bales that meet conditions begin so; they are no figures of roll-ups."""


@dataclass(frozen=True, slots=True)
class PayRules:
    """A rule set, and what it is tested under: a standard, and all of its family that it names."""

    rule_set: RuleSet
    standard: Standard
    standards: tuple[str, ...]

    @property
    def figures(self) -> list[str]:
        """The figures of roll-ups that it reads."""
        every = columns_needed(self.rule_set, self.standard)
        return [name for name in every if not name.startswith(_COUNTED)]

    @property
    def counted(self) -> list[str]:
        """The counts of bales that it reads."""
        every = columns_needed(self.rule_set, self.standard)
        return [name for name in every if name.startswith(_COUNTED)]


def pay_rules(terms: Terms, standards: Mapping[str, Standard]) -> list[PayRules]:
    """The rule sets of terms; raises ServiceError for one that cannot pay the season."""
    found = []
    for loaded in terms.rule_sets:
        rule_set = loaded.value
        if terms.season not in rule_set.seasons:
            seasons = ", ".join(str(season) for season in rule_set.seasons)
            raise _refused(
                f"Rule set {rule_set.head.id} pays the seasons {seasons}, not {terms.season}. Name"
                " one of the season."
            )
        try:
            standard = standard_of(rule_set, standards)
        except PayRuleError as error:
            raise _refused(str(error)) from error
        family = _family(standard, standards)
        named = tuple(each.id for each in family.standards if each.id in rule_set.standards)
        found.append(PayRules(rule_set, standard, named))
    return found


def _refused(message: str) -> ServiceError:
    return ServiceError(Reason.INVALID_FIELD, message, {"rule_sets": message})


def _family(standard: Standard, standards: Mapping[str, Standard]) -> Family:
    (found,) = (each for each in families(standards.values()) if standard in each.standards)
    return found


@dataclass(frozen=True, slots=True)
class _Members:
    """Groups of lots: units, or the regiments of their units."""

    group: Rows
    """Of each line of lots, NO_UNIT for none."""
    rows: int


def pay_tables(
    lines: LotLines,
    units: Units,
    rules: Sequence[PayRules],
    target: TargetOfUnits | None,
    counted: pl.DataFrame,
    premiums: Exact | None,
    sources: Sources,
    terms: Terms,
) -> list[Table]:
    """The table of units, and that of regiments where a rule set pays by regiment.

    `counted` has by line of lots the bales that `bale_conditions` counts; `premiums` what the
    premiums of payable lots come to.
    """
    rate = None if target is None else target.found.rate
    frame = units.frame.select(
        pl.col("regiment_row").alias("regiment"), pl.col("seed_cotton"), pl.col("area")
    )
    results = []
    beyond = np.zeros(units.rows, np.bool_)
    for each in rules:
        lots = _lots_of(each, lines, units, counted, sources)
        rule_set = each.rule_set
        found = settle_pay(lots, frame, units.regiments.height, rule_set, each.standard, rate)
        beyond |= _paid_beyond(found, units.of_lot[~lots["in_scope"].to_numpy()], units.rows)
        results.append(found)
    standards = _of_most(lines, sources)
    unknown = _of_unknown_scope(lines, sources, terms)
    holding = {
        "SCOPE_NOT_KNOWN": counts(units.of_lot[unknown], units.rows) > 0,
        "LOTS_OUT_OF_SCOPE": beyond,
    }
    tables = [_units_table(lines, units, results, target, premiums, standards, holding, terms)]
    if any(result.regiments is not None for result in results):
        tables.append(_regiments_table(lines, units, results, standards, unknown, terms))
    return tables


def _lots_of(
    rules: PayRules, lines: LotLines, units: Units, counted: pl.DataFrame, sources: Sources
) -> pl.DataFrame:
    """The lots as `settle_pay` takes them."""
    there = [name for name in rules.standards if name in lines.places]
    spread = Spread([lines.places[name] for name in there], lines.rows)
    figures = {
        name: spread.numbers([lines.sums[standard][name].to_numpy() for standard in there])
        for name in rules.figures
    }
    in_scope = lots_in_scope(rules.rule_set.scope, lines, sources)
    # What has no standard, or no bales yet, is of any: its unit waits for it.
    of_family = lines.own.is_in([*rules.standards, ""]).to_numpy()
    unit = pl.Series(units.of_lot).cast(pl.Int32)
    weighed = lines.fact("lots_with_conditioned_weight") > 0
    return pl.DataFrame(
        {
            "unit": pl.select(pl.when(unit != NO_UNIT).then(unit)).to_series(),
            "conditioned": pl.select(
                pl.when(pl.Series(weighed)).then(pl.Series(lines.conditioned))
            ).to_series(),
            "in_scope": in_scope & of_family,
            "payable": lines.settled,
            **figures,
            **{name: counted[name] for name in rules.counted},
        }
    )


def _units_table(
    lines: LotLines,
    units: Units,
    results: Sequence[PayResult],
    target: TargetOfUnits | None,
    premiums: Exact | None,
    standards: tuple[Standard, ...],
    holding: Mapping[str, BoolArray],
    terms: Terms,
) -> Table:
    rows = units.rows
    members = _Members(units.of_lot, rows)
    reasons, held = Reasons(rows), units.differs | units.in_part
    reasons.tell("ORGANISATION_DIFFERS", units.differs)
    reasons.tell("LOTS_LEFT_OUT", units.in_part)
    figures = _sums(lines, members, standards)
    waiting = np.zeros(rows, np.bool_)
    for reason, some in holding.items():
        reasons.tell(reason, some)
        held |= some
    for result in results:
        waiting |= result.units.is_held
        reasons.tell("NO_LOTS", result.units.concerned & (result.units.lots == 0))
    paid = _Payments(rows, reasons, held, terms)
    for result in results:
        paid.add(result.rule_set, [each for each in result.paid if not each.by_regiment])
    if target is not None:
        waiting |= _target(target, lines, units, reasons, paid)
    held |= waiting | paid.held
    reasons.tell_counts("LOTS_HELD", np.where(waiting, figures["lots_held"].values, 0))
    status, payable = reasons.statuses(held)
    figures |= paid.figures()
    for name in ("seed_cotton", "area"):
        figures[name] = _recorded(units.frame[name])
    schedule = None if terms.schedule is None else terms.schedule.value
    if schedule is not None and premiums is not None:
        mine = units.of_lot != NO_UNIT
        of_lots = premiums.take(np.flatnonzero(mine)).sum_by(units.of_lot[mine], rows)
        rounding = schedule.rounding
        figures["premium_amount"] = Values(of_lots.rounded(rounding.money_decimals, rounding.mode))
    texts = {
        name: units.frame[name] for name in ("traceability_unit", "region", "division", "regiment")
    }
    texts |= {"status": status, "reasons": reasons.texts()}
    columns = unit_columns(
        [each.value for each in terms.rule_sets],
        standards,
        schedule=schedule,
        target_decimals=None if target is None else target.found.rate_decimals,
        money_decimals=terms.pay_rounding[0],
    )
    return Table(UNITS, rows, tuple(columns), texts, figures, paid.exact(payable))


def _paid_beyond(result: PayResult, units_of_others: Rows, units: int) -> BoolArray:
    """The units that are paid for what lots outside the rule set have a part in.

    Seed cotton and area are those of all lots of a unit; lint is that of each lot.
    """
    beyond = counts(units_of_others, units) > 0
    pays = np.zeros(units, np.bool_)
    for each in result.paid:
        if not each.by_regiment and each.payment.paid_on is not PaidOn.LINT:
            pays |= np.asarray(each.amount.num > 0, np.bool_)
    return beyond & pays


def _of_unknown_scope(lines: LotLines, sources: Sources, terms: Terms) -> BoolArray:
    """The lines of lots of which nobody can say whether a document is about them."""
    scopes = [each.value.scope for each in terms.rule_sets]
    if terms.target_price is not None:
        scopes.append(terms.target_price.value.scope)
    lots = np.zeros(lines.rows, np.bool_)
    for scope in scopes:
        lots |= lots_of_unknown_scope(scope, lines, sources)
    return lots


def _target(
    target: TargetOfUnits,
    lines: LotLines,
    units: Units,
    reasons: Reasons,
    paid: _Payments,
) -> BoolArray:
    """Adds what the target price pays; gives the units that wait for lots."""
    seed = units.frame["seed_cotton"]
    nothing = target.units & seed.is_null().to_numpy()
    rate = target.found.rate
    reasons.tell("NO_DELIVERIES", nothing)
    reasons.tell("NO_TARGET_RATE", target.units & (rate is None))
    paid.held |= nothing | (target.units & (rate is None))
    amounts = Exact.zeros(units.rows)
    absent = ~target.units | nothing
    if rate is not None:
        weights = np.where(absent, 0, seed.fill_null(0).to_numpy())
        amounts = target_amounts(rate, weights)
    paid.add_target(rate, target.found.rate_decimals, amounts, absent, target.units)
    without = target.units & (counts(units.of_lot[target.lots], units.rows) == 0)
    reasons.tell("NO_LOTS", without)
    unsettled = target.lots & ~lines.settled
    waiting: BoolArray = without | (counts(units.of_lot[unsettled], units.rows) > 0)
    return waiting


def _regiments_table(
    lines: LotLines,
    units: Units,
    results: Sequence[PayResult],
    standards: tuple[Standard, ...],
    of_unknown_scope: BoolArray,
    terms: Terms,
) -> Table:
    rows = units.regiments.height
    regiment_of = units.frame["regiment_row"].fill_null(NO_UNIT).to_numpy().astype(np.intp)
    members = _Members(np.append(regiment_of, NO_UNIT)[units.of_lot], rows)
    reasons = Reasons(rows)
    of_units = regiment_of != NO_UNIT
    differs = counts(regiment_of[units.differs & of_units], rows) > 0
    reasons.tell("ORGANISATION_DIFFERS", differs)
    reasons.tell("LOTS_LEFT_OUT", units.regiments_in_part)
    unknown = counts(members.group[of_unknown_scope], rows) > 0
    reasons.tell("SCOPE_NOT_KNOWN", unknown)
    figures = _sums(lines, members, standards)
    figures["units"] = Values(counts(regiment_of, rows))
    waiting = np.zeros(rows, np.bool_)
    paid = _Payments(rows, reasons, differs | units.regiments_in_part | unknown, terms)
    for result in results:
        if result.regiments is not None:
            groups = result.regiments
            waiting |= groups.is_held
            reasons.tell("NO_LOTS", groups.concerned & (groups.lots == 0))
            paid.add(result.rule_set, [each for each in result.paid if each.by_regiment])
    reasons.tell_counts("LOTS_HELD", np.where(waiting, figures["lots_held"].values, 0))
    status, payable = reasons.statuses(waiting | paid.held)
    figures |= paid.figures()
    for name in ("seed_cotton", "area"):
        known = units.frame[name].is_not_null().to_numpy() & of_units
        values = units.frame[name].fill_null(0).to_numpy()[known]
        there = counts(regiment_of[known], rows) > 0
        figures[name] = Values(sum_by(values, regiment_of[known], rows), ~there)
    texts = {name: units.regiments[name] for name in ("regiment", "division", "region")}
    texts |= {"status": status, "reasons": reasons.texts()}
    columns = regiment_columns(
        [each.rule_set for each in results if each.regiments is not None],
        standards,
        money_decimals=terms.pay_rounding[0],
    )
    return Table(REGIMENTS, rows, tuple(columns), texts, figures, paid.exact(payable))


class _Payments:
    """Payments of units or regiments, added one by one."""

    def __init__(self, rows: int, reasons: Reasons, held: BoolArray, terms: Terms) -> None:
        self._rows = rows
        self._reasons = reasons
        self._terms = terms
        self.held: BoolArray = held
        self._figures: dict[str, Values] = {}
        self._amounts: dict[str, Exact] = {}
        self._total = Exact.zeros(rows)
        self._any = np.zeros(rows, np.bool_)

    def add(self, rule_set: RuleSet, paid: Iterable[Paid]) -> None:
        """Adds payments of a rule set."""
        rounding = rule_set.rounding
        for each in paid:
            for reason, rows in each.reasons.items():
                self._reasons.tell(reason, rows)
            self.held = self.held | each.held
            quantity = each.quantity.rounded(2, rounding.mode)
            self._put(rule_set, each, "quantity", Values(quantity, each.no_quantity))
            decimals = rate_decimals(rule_set, each.payment)
            rate = 0 if each.rate is None else int(each.rate.scaleb(decimals))
            no_rate = np.full(self._rows, each.rate is None) | each.no_quantity
            self._put(rule_set, each, "rate", Values(np.full(self._rows, rate, np.int64), no_rate))
            amount = each.amount.rounded(rounding.money_decimals, rounding.mode)
            self._put(rule_set, each, "amount", Values(amount, each.no_amount))
            self._count(payment_name(rule_set, each.payment, "amount"), each.amount, each.no_amount)

    def add_target(
        self,
        rate: Decimal | None,
        decimals: int,
        amounts: Exact,
        no_amount: BoolArray,
        in_scope: BoolArray,
    ) -> None:
        """Adds what a target price pays."""
        places, mode = self._terms.pay_rounding
        printed = 0 if rate is None else int(rate.scaleb(decimals))
        nothing = np.full(self._rows, rate is None)
        self._figures["target_rate"] = Values(
            np.full(self._rows, printed, np.int64), nothing | ~in_scope
        )
        self._figures["target_amount"] = Values(amounts.rounded(places, mode), nothing | no_amount)
        self._count("target_amount", amounts, nothing | no_amount)

    def figures(self) -> dict[str, Values]:
        """Every payment, and all together rounded once."""
        decimals, mode = self._terms.pay_rounding
        total = Values(self._total.rounded(decimals, mode), ~self._any)
        return {**self._figures, "pay_amount": total}

    def exact(self, payable: BoolArray) -> dict[str, Exact]:
        """What is exact of the rows that count."""
        every = {**self._amounts, "pay_amount": self._total}
        return {
            name: Exact(np.where(payable, amount.num, 0), amount.den)
            for name, amount in every.items()
        }

    def _put(self, rule_set: RuleSet, paid: Paid, what: str, values: Values) -> None:
        self._figures[payment_name(rule_set, paid.payment, what)] = values

    def _count(self, name: str, amount: Exact, absent: BoolArray) -> None:
        known = Exact(np.where(absent, 0, amount.num), amount.den)
        self._amounts[name] = known
        self._total = self._total + known
        self._any = self._any | ~absent


def _of_most(lines: LotLines, sources: Sources) -> tuple[Standard, ...]:
    """The family of standards that most lots are of: only their means can be put together."""
    every = families(sources.standards.values())

    def lots_of(family: Family) -> int:
        return sum(len(lines.places.get(each.id, ())) for each in family.standards)

    return max(every, key=lots_of).standards


def _sums(lines: LotLines, members: _Members, standards: Sequence[Standard]) -> dict[str, Values]:
    """Counts, weights and means of groups: of the lots that nothing holds, but for `lots_held`."""
    there = members.group != NO_UNIT
    counts_in = there & lines.settled
    group, rows = members.group, members.rows
    figures = {
        "lots": Values(counts(group, rows)),
        "lots_held": Values(counts(group[there & ~lines.settled], rows)),
    }
    for name, fact in (("bales", "bales_read"), ("lint", "conditioned")):
        figures[name] = Values(
            sum_by(lines.fact(fact)[counts_in], group[counts_in], rows).astype(np.int64)
        )
    own = [each.id for each in standards if each.id in lines.places]
    spread = Spread([lines.places[name] for name in own], lines.rows)
    newest = standards[-1]
    for name in MEASURES:
        bales, total = (
            sum_by(
                spread.numbers([lines.sums[each][f"{name}.{what}"].to_numpy() for each in own])[
                    counts_in
                ],
                group[counts_in],
                rows,
            ).astype(np.int64)
            for what in ("bales", "sum")
        )
        resolution = newest.measures[name].resolution
        mean: Int64Array = half_even(total, np.maximum(bales, 1) * resolution) * resolution
        figures[f"{name}_mean"] = Values(mean, bales == 0)
    return figures


def _recorded(values: pl.Series) -> Values:
    return Values(values.fill_null(0).to_numpy(), values.is_null().to_numpy())
