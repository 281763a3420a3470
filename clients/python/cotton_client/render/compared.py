"""A season beside the one before: differences of figures, exact or rounded once."""

from __future__ import annotations

from cotton_client.render.parts import UNKNOWN
from cotton_client.render.values import fixed, rounded


def difference(now: int | None, before: int | None, decimals: int = 2) -> str:
    """What hundredths went up or down by, with its sign: "+0.12"."""
    if now is None or before is None:
        return UNKNOWN
    return f"{'+' if now > before else ''}{fixed(now - before, decimals)}"


def change(now: int | None, before: int | None) -> str:
    """By how many percent a figure went up or down, rounded once to 0.1, half to even."""
    if now is None or not before:
        return UNKNOWN
    tenths = rounded((now - before) * 1000, before)
    return f"{'+' if tenths > 0 else ''}{fixed(tenths * 10, 1)} %"
