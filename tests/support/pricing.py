"""Schedules put together in a test, and lots of bales priced by them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from cotton_server.domain.fields import VALUE_FIELD_NAMES
from cotton_server.grading.rollup import roll_up
from cotton_server.grading.shares import ShareRule
from cotton_server.grading.standard import Confidence, Provenance
from cotton_server.grading.standards import load_standards
from cotton_server.settlement.document import (
    Band,
    Head,
    MoneyFrom,
    RateUnit,
    Rounding,
    RoundingMode,
)
from cotton_server.settlement.library import shipped
from cotton_server.settlement.lots import figures_needed, price_lots
from cotton_server.settlement.schedule import (
    Classes,
    MainFactor,
    MeanFactor,
    Per,
    Quantity,
    Schedule,
    ShareFactor,
    Ties,
    Ungraded,
)

from tests.golden.lots import bale_frame
from tests.grading import oracle as grades

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.grading.standard import Standard
    from cotton_server.settlement.priced import Priced
    from cotton_server.settlement.schedule import Factor, Refusal

    from tests.support.money_oracle import Bale

FUTURES: Final = "futures-2016-17"
TABLE_A: Final = "table-a"
LOAN: Final = "usda-loan-2021"

STANDARD: Final = load_standards()[grades.OLD]
LATER: Final = load_standards()[grades.NEW]
USDA: Final = load_standards()[grades.USDA]


def document(name: str, **changes: Any) -> Schedule:
    """A schedule that the service brings along, with fields changed."""
    (found,) = (each.value for each in shipped() if each.id == name)
    assert isinstance(found, Schedule)
    return replace(found, **changes)


def schedule(*factors: Factor, refusals: Sequence[Refusal] = (), **changes: Any) -> Schedule:
    """A schedule of lots with exact shares, yuan per tonne, two decimals half to even."""
    made = Schedule(
        head=Head(
            "made-up", "Made up", "表", "made-up", None, None, "",
            Provenance("made up", Confidence.LOW), "",
        ),
        unit=RateUnit.YUAN_PER_TONNE,
        standards=(grades.OLD, grades.NEW),
        per=Per.LOT,
        quantity=Quantity.CONDITIONED,
        base_quality={},
        base_rate=Decimal(0),
        share_decimals=None,
        share_rule=ShareRule.LARGEST_REMAINDER,
        rounding=Rounding(RoundingMode.HALF_EVEN, 2, 2, MoneyFrom.EXACT),
        ungraded=Ungraded.HOLD,
        bale_weights=False,
        factors=factors,
        refusals=tuple(refusals),
        patch_of="",
    )  # fmt: skip
    return replace(made, **changes)


def named(item: str, *names: str, **covers: tuple[str, ...]) -> Classes:
    """Classes by name."""
    return Classes(item, names, covers=covers)


def bands(item: str, *ends: tuple[int | None, int | None]) -> Classes:
    """Bands b0, b1 … of values in hundredths."""
    return Classes(item, bands=tuple(Band(f"b{n}", *each) for n, each in enumerate(ends)))


def rates(classes: Classes, *amounts: str) -> dict[str, Decimal]:
    """A rate for each class, in order."""
    return dict(zip(classes.all, map(Decimal, amounts), strict=True))


def share(classes: Classes, *amounts: str, others: str | None = None) -> ShareFactor:
    """A factor by share, called as its item."""
    rest = None if others is None else Decimal(others)
    return ShareFactor(classes.item, classes, rates(classes, *amounts), rest)


def by_mean(classes: Classes, *amounts: str, others: str | None = None) -> MeanFactor:
    """A factor by the class of the mean, called as its item."""
    rest = None if others is None else Decimal(others)
    return MeanFactor(classes.item, classes, rates(classes, *amounts), rest)


def main(classes: Classes, *amounts: str, ties: Ties, others: str | None = None) -> MainFactor:
    """A factor by main class, called as its item."""
    rest = None if others is None else Decimal(others)
    return MainFactor(classes.item, classes, rates(classes, *amounts), rest, ties)


def bale(**values: int | None) -> Bale:
    """A bale with these values and no others."""
    return dict.fromkeys(VALUE_FIELD_NAMES) | values


def frame_of(bales: Sequence[Bale], lots: Sequence[int]) -> pl.DataFrame:
    """Bales as a frame, each with the number of its lot."""
    columns = {name: [each[name] for each in bales] for name in VALUE_FIELD_NAMES}
    return bale_frame(lot=lots, **columns)


def sums_of(
    lots: Sequence[Sequence[Bale]],
    by: Schedule,
    sampled: Sequence[tuple[int | None, int | None]] | None = None,
    standard: Standard = STANDARD,
) -> pl.DataFrame:
    """Lots as `price_lots` takes them, of the columns that are needed only.

    Each has a bale at least; `sampled` is trash and regain of each.
    """
    rolled = roll_up(
        frame_of([each for lot in lots for each in lot],
                 [number for number, lot in enumerate(lots) for _ in lot]),
        standard,
    )  # fmt: skip
    trash, regain = zip(*(sampled or [(None, None)] * len(lots)), strict=True)
    return rolled.select("lot", *figures_needed(by, standard)).with_columns(
        pl.Series("trash", trash, pl.Int64), pl.Series("regain", regain, pl.Int64)
    )


def priced(
    lots: Sequence[Sequence[Bale]],
    by: Schedule,
    sampled: Sequence[tuple[int | None, int | None]] | None = None,
    standard: Standard = STANDARD,
) -> Priced:
    """Lots of bales, priced."""
    return price_lots(sums_of(lots, by, sampled, standard), by, standard)


def reasons(found: Priced, lot: int = 0) -> set[str]:
    """Why a lot is held, with the numbers of what is counted."""
    return {
        f"{code}:{found.counts[code][lot]}" if code in found.counts else code
        for code, lots in found.held.items()
        if lots[lot]
    }


def printed(found: Priced, factor: str, by: Schedule, lot: int = 0) -> int | None:
    """What a factor pays a lot, as printed; None where it has no amount."""
    rounding = by.rounding
    amounts = found.factors[factor].rounded(rounding.price_decimals, rounding.mode)
    return None if found.absent[factor][lot] else int(amounts[lot])
