"""A season beside the one before: differences of figures, exact or rounded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cotton_client.render.parts import UNKNOWN
from cotton_client.render.values import fixed, rounded, share

if TYPE_CHECKING:
    from cotton.inspection.v1 import summary_pb2


def difference(now: int | None, before: int | None, decimals: int = 2) -> str:
    """What hundredths went up or down by, with its sign: "+0.12"."""
    if now is None or before is None:
        return UNKNOWN
    return f"{'+' if now > before else ''}{fixed(now - before, decimals)}"


def change(now: int | None, before: int | None) -> str:
    """By how many percent a figure went up or down, rounded once to 0.01, half to even."""
    if now is None or not before:
        return UNKNOWN
    return _signed(rounded((now - before) * 10_000, before))


def year_on_year(row: summary_pb2.SummaryRow, name: Literal["bales", "conditioned"]) -> str:
    """The change of a row on the season before as the service says it, else worked out here."""
    if name == "bales" and row.HasField("bales_on_last_season"):
        return _signed(row.bales_on_last_season)
    if name == "conditioned" and row.HasField("conditioned_on_last_season"):
        return _signed(row.conditioned_on_last_season)
    return change(getattr(row, name), getattr(row.last_season, name))


def _signed(hundredths: int) -> str:
    """Hundredths of a percent with their sign."""
    return f"{'+' if hundredths > 0 else ''}{share(hundredths, 2)}"
