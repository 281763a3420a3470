"""Traceability units (追溯单元) and regiments (团场): what their lots and accounts add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.settlement.exact import sum_by
from cotton_server.settlement.rule_set import PaidOn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.settlement.exact import Int64Array, Rows
    from cotton_server.settlement.means import BoolArray

NO_GROUP: Final = -1


@dataclass(frozen=True, slots=True)
class Account:
    """A quantity of each group in hundredths (of a kilogram, of a mu): the sum of what is known."""

    known: Int64Array
    missing: BoolArray
    """Groups in which a member has none."""
    nothing: BoolArray
    """Groups in which no member has any."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Units, or regiments, that a rule set may pay, a row each.

    `concerned`: groups with a lot in scope, or with a unit that has no lots at all; of the others,
    all of whose lots are out of scope, nothing is said. `lots` are those in scope, `held` those of
    them that cannot be settled yet. All else is of the lots that count: in scope and payable;
    `places` has their rows in the frame of lots, `of` the group of each, `weights` their
    conditioned weights, 0 for none, and `sums` the figures added up by group.
    """

    count: int
    concerned: BoolArray
    lots: Int64Array
    held: Int64Array
    places: Rows
    of: Rows
    weights: Int64Array
    sums: pl.DataFrame
    seed_cotton: Account
    area: Account

    @property
    def counted(self) -> BoolArray:
        """Groups with a lot that counts."""
        return self.lots > self.held

    @property
    def is_held(self) -> BoolArray:
        """Groups with a lot that is held, or without lots."""
        held: BoolArray = self.concerned & ((self.held > 0) | (self.lots == 0))
        return held

    @property
    def reasons(self) -> dict[str, BoolArray]:
        """The groups by why they are held: `LOTS_HELD:<n>`, `NO_LOTS`."""
        counts = np.unique(self.held[self.held > 0]).tolist()
        reasons = {f"LOTS_HELD:{count}": self.held == count for count in counts}
        without = self.concerned & (self.lots == 0)
        return reasons | ({"NO_LOTS": without} if without.any() else {})

    def account(self, paid_on: PaidOn) -> Account:
        """The quantity that something is paid on; lint is that of the lots that count."""
        if paid_on is PaidOn.SEED_COTTON:
            return self.seed_cotton
        if paid_on is PaidOn.AREA:
            return self.area
        known = sum_by(self.weights, self.of, self.count)
        return Account(known, self.unweighed, known == 0)

    @property
    def unweighed(self) -> BoolArray:
        """Groups with a lot that counts and has no conditioned weight."""
        unweighed: BoolArray = sum_by(1 - np.sign(self.weights), self.of, self.count) > 0
        return unweighed


def gather_units(lots: pl.DataFrame, units: pl.DataFrame, figures: Sequence[str]) -> Groups:
    """The units, from the frames that `pay.settle_pay` takes."""
    return _gather(lots, units, np.arange(len(units)), len(units), figures)


def gather_regiments(
    lots: pl.DataFrame, units: pl.DataFrame, count: int, figures: Sequence[str]
) -> Groups:
    """`count` regiments, likewise: of all lots and accounts of their units."""
    return _gather(lots, units, _places(units["regiment"]), count, figures)


def _gather(
    lots: pl.DataFrame, units: pl.DataFrame, group_of: Rows, count: int, figures: Sequence[str]
) -> Groups:
    """Groups of units; `group_of` has that of each, NO_GROUP for none."""
    unit = _places(lots["unit"])
    of = np.append(group_of, NO_GROUP)[unit]
    there, in_scope = of != NO_GROUP, lots["in_scope"].to_numpy()
    payable = lots["payable"].to_numpy()
    places = np.flatnonzero(there & in_scope & payable)

    in_scope_by_unit = _count(unit[(unit != NO_GROUP) & in_scope], len(units))
    any_by_unit = _count(unit[unit != NO_GROUP], len(units))
    members = (group_of != NO_GROUP) & ((in_scope_by_unit > 0) | (any_by_unit == 0))
    return Groups(
        count=count,
        concerned=_count(group_of[members], count) > 0,
        lots=_count(of[there & in_scope], count),
        held=_count(of[there & in_scope & ~payable], count),
        places=places,
        of=of[places],
        weights=lots["conditioned"].fill_null(0).to_numpy()[places],
        sums=pl.DataFrame(
            {name: sum_by(lots[name].to_numpy()[places], of[places], count) for name in figures}
        ),
        seed_cotton=_account(units["seed_cotton"], members, group_of, count),
        area=_account(units["area"], members, group_of, count),
    )


def _account(quantities: pl.Series, members: BoolArray, group_of: Rows, count: int) -> Account:
    """The sum of the quantities of the members of each group, null where one has none."""
    missing = quantities.is_null().to_numpy()
    known = members & ~missing
    return Account(
        known=sum_by(quantities.fill_null(0).to_numpy()[known], group_of[known], count),
        missing=_count(group_of[members & missing], count) > 0,
        nothing=_count(group_of[known], count) == 0,
    )


def _places(references: pl.Series) -> Rows:
    """References to rows, NO_GROUP for null."""
    return references.fill_null(NO_GROUP).to_numpy().astype(np.intp)


def _count(groups: Rows, count: int) -> Int64Array:
    """How often each group occurs."""
    return np.bincount(groups, minlength=count).astype(np.int64)
