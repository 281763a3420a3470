"""Keys of bales in parts that vary little from bale to bale, and put together again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from cotton_server.domain.identifiers import HALF

if TYPE_CHECKING:
    from cotton_server.domain.identifiers import UInt64Array

KeyParts = tuple["UInt64Array", "UInt64Array", "UInt64Array", "UInt64Array"]
"""Prefix and gin (digits 1-7), time of baling, digits 20-26, bale number (27-32); the time is
seconds and minutes and so on by their decimal places, with 13 months of 100 days a year."""

_HEAD: Final = np.uint64(10**9)
_THOUSAND: Final = np.uint64(10**3)
_MILLION: Final = np.uint64(10**6)
_SEVEN: Final = np.uint64(10**7)
_TAIL: Final = np.uint64(10**13)
_YEAR: Final = np.uint64(10**10)
_MONTHS: Final = np.uint64(13 * 10**8)
_LEFT_OUT: Final = _YEAR - _MONTHS
"""What a year of 100 months has above one of 13: without it a span of three years fits in 32
bits, so a block of bales from before and after New Year does too."""


def split(high: UInt64Array, low: UInt64Array) -> KeyParts | None:
    """The parts of keys; None where one is not such a code and would not come back the same."""
    if int(low.max(initial=0)) >= HALF:
        return None
    prefix = high // _HEAD
    at = (high - prefix * _HEAD) * _THOUSAND
    head = low // _TAIL
    at += head
    rest = low - head * _TAIL
    opaque = rest // _MILLION
    rest -= opaque * _MILLION
    year = at // _YEAR
    at -= year * _YEAR
    if int(at.max(initial=0)) >= int(_MONTHS):
        return None
    year *= _MONTHS
    at += year
    return prefix, at, opaque, rest


def join(
    prefix: UInt64Array, at: UInt64Array, opaque: UInt64Array, number: UInt64Array
) -> tuple[UInt64Array, UInt64Array]:
    """The keys, high and low, whose parts these are."""
    decimal = at + at // _MONTHS * _LEFT_OUT
    head = decimal // _THOUSAND
    decimal -= head * _THOUSAND
    head += prefix * _HEAD
    decimal *= _SEVEN
    decimal += opaque
    decimal *= _MILLION
    decimal += number
    return head, decimal
