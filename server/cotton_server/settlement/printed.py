"""Single figures as they are printed: rounded once from exact ones."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cotton_server.settlement.exact import Exact

if TYPE_CHECKING:
    from fractions import Fraction

    from cotton_server.settlement.document import RoundingMode


def in_units(value: Fraction, decimals: int, mode: RoundingMode) -> int:
    """The value rounded once, in units of 10 to the power -`decimals`.

    Raises OverflowError where it does not fit 64 bits.
    """
    return int(Exact.full(1, value).rounded(decimals, mode)[0])


def as_decimal(value: Fraction, decimals: int, mode: RoundingMode) -> Decimal:
    """The same as a decimal with so many places."""
    return Decimal(in_units(value, decimals, mode)).scaleb(-decimals)
