"""Rule sets to test with, and frames as `settle_pay` takes them, made of plain lots of bales."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import polars as pl
from cotton_server.domain.fields import VALUE_FIELDS
from cotton_server.grading.rollup import roll_up
from cotton_server.grading.standard import Confidence, Provenance
from cotton_server.grading.standards import load_standards
from cotton_server.settlement.bale_conditions import count_bales
from cotton_server.settlement.document import Head, MoneyFrom, RateUnit, Rounding, RoundingMode
from cotton_server.settlement.pay import columns_needed, settle_pay
from cotton_server.settlement.pay_rules import standard_of
from cotton_server.settlement.rule_set import (
    FixedRate,
    PaidOn,
    PayCondition,
    Payment,
    RuleSet,
    TestedOn,
    Values,
    Weighting,
)

from tests.golden.lots import bale_frame
from tests.support.pay_oracle import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.pay import PayResult
    from cotton_server.settlement.rule_set import Rate

    from tests.support.pay_oracle import Bale, Lot, Unit

STANDARDS: Final = ("GB1103.1-2012", "GB1103.1-2023")

LENGTH_29: Final = PayCondition("length", at_least=2900)
STRENGTH_29: Final = PayCondition("strength", at_least=2900)
A_OR_B2: Final = PayCondition("micronaire", classes=("A", "B2"))


def head(name: str) -> Head:
    """The head of a document that is made up."""
    return Head(
        id=name,
        title=name,
        title_zh="规则",
        series=name,
        effective_from=None,
        effective_through=None,
        supersedes="",
        provenance=Provenance("made up", Confidence.HIGH),
        note="",
    )


def rounding(mode: RoundingMode = RoundingMode.HALF_UP) -> Rounding:
    """Amounts with two decimals."""
    return Rounding(mode, 2, 2, MoneyFrom.EXACT)


def fixed(amount: str, unit: RateUnit = RateUnit.YUAN_PER_KG) -> FixedRate:
    return FixedRate(Decimal(amount), unit)


def payment(
    *conditions: PayCondition,
    name: str = "pay",
    on: TestedOn = TestedOn.UNIT,
    values: Values = Values.ROUNDED,
    weighting: Weighting = Weighting.BALES,
    rate: Rate | None = None,
    paid_on: PaidOn = PaidOn.SEED_COTTON,
) -> Payment:
    """A payment of 0.35 yuan a kilogram, unless another rate is given."""
    return Payment(
        name, name, "支付", conditions, on, values, weighting, rate or fixed("0.35"), paid_on
    )


def rule_set(
    *payments: Payment,
    exclusive: bool = False,
    mode: RoundingMode = RoundingMode.HALF_UP,
    standards: tuple[str, ...] = STANDARDS,
) -> RuleSet:
    return RuleSet(head("rules"), (2023,), standards, {}, exclusive, rounding(mode), payments)


def bale(**values: int | None) -> Bale:
    """A bale with some values, the others absent."""
    return {field.name: None for field in VALUE_FIELDS} | values


def standard_for(rules: RuleSet) -> Standard:
    return standard_of(rules, load_standards())


def lot_frame(lots: Sequence[Lot], rules: RuleSet) -> pl.DataFrame:
    """The frame of lots that `settle_pay` takes, added up by the code that grades."""
    standard = standard_for(rules)
    every = [(number, each) for number, lot in enumerate(lots) for each in lot.bales]
    columns = {field.name: [each[field.name] for _, each in every] for field in VALUE_FIELDS}
    bales = bale_frame(lot=[number for number, _ in every], **columns)
    frame = pl.DataFrame(
        {
            "lot": range(len(lots)),
            "unit": [lot.unit for lot in lots],
            "conditioned": [lot.weight for lot in lots],
            "payable": [lot.payable for lot in lots],
            "in_scope": [lot.in_scope for lot in lots],
        },
        schema={
            "lot": pl.Int32,
            "unit": pl.Int32,
            "conditioned": pl.Int64,
            "payable": pl.Boolean,
            "in_scope": pl.Boolean,
        },
    )
    for part in (roll_up(bales, standard), count_bales(bales, [rules], standard)):
        frame = frame.join(part, on="lot", how="left", maintain_order="left")
    return frame.with_columns(pl.col(columns_needed(rules, standard)).fill_null(0))


def unit_frame(units: Sequence[Unit]) -> pl.DataFrame:
    """The frame of units that `settle_pay` takes."""
    return pl.DataFrame(
        {
            "regiment": pl.Series([unit.regiment for unit in units], dtype=pl.Int32),
            "seed_cotton": pl.Series([unit.seed_cotton for unit in units], dtype=pl.Int64),
            "area": pl.Series([unit.area for unit in units], dtype=pl.Int64),
        }
    )


def settled(
    rules: RuleSet,
    lots: Sequence[Lot],
    units: Sequence[Unit],
    *,
    regiments: int = 0,
    target_rate: Decimal | None = None,
) -> PayResult:
    """What the rule set pays them."""
    frame = lot_frame(lots, rules)
    standard = standard_for(rules)
    return settle_pay(frame, unit_frame(units), regiments, rules, standard, target_rate)


def lines(result: PayResult) -> dict[str, list[Line]]:
    """A result as the oracle says it."""
    found: dict[str, list[Line]] = {}
    for paid in result.paid:
        groups = result.regiments if paid.by_regiment else result.units
        assert groups is not None
        columns = (paid.share.fractions(), paid.quantity.fractions(), paid.amount.fractions())
        found[paid.payment.name] = [
            Line(
                share=None if without and not quantity and not share else share,
                quantity=None if without else quantity,
                amount=None if paid.no_amount[row] else amount,
                held=bool(paid.held[row]),
                reasons={reason for reason, rows in paid.reasons.items() if rows[row]},
            )
            for row, (share, quantity, amount, without) in enumerate(
                zip(*columns, paid.no_quantity, strict=True)
            )
        ]
        assert all(Fraction(0) <= share <= 1 for share in columns[0])
    return found
