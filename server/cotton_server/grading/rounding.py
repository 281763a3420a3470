"""Rounds integers half to even (GB/T 8170), as numbers and as polars columns alike."""

from __future__ import annotations

from typing import TypeVar

import polars as pl

IntOrExpr = TypeVar("IntOrExpr", int, pl.Expr)
"""A Python integer, or a polars expression of an integer type."""


def half_even(numerator: IntOrExpr, denominator: IntOrExpr | int) -> IntOrExpr:
    """The whole number nearest to numerator / denominator; of two equally near the even one.

    The denominator is positive. In an expression a zero denominator gives null, and no
    intermediate exceeds twice the denominator or the numerator, so that nothing overflows
    in the numerator's own type.
    """
    floor = numerator // denominator
    remainder = numerator - floor * denominator
    # Rounds up where 2 x remainder > denominator, or where both are equal and the floor is odd.
    return floor + (2 * remainder + floor % 2) // (denominator + 1)


def round_to(value: IntOrExpr, resolution: int) -> IntOrExpr:
    """The multiple of `resolution` nearest to `value`; of two equally near the even multiple."""
    return half_even(value, resolution) * resolution
