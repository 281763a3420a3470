"""How bales, lots and producers are named, and what can be read out of a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

HALF: Final = 10**16
"""A 32-digit bale code is two numbers of 16 digits, high and low, each below this."""

USDA_HIGH: Final = HALF
"""The high half of a USDA bale is this plus its crop year: no 32-digit code has it."""

USDA_CROP_YEARS: Final = (1980, 2100)
"""First and last crop year that is taken for one."""

UInt64Array = npt.NDArray[np.uint64]

_BALE_CODE: Final = re.compile(r"[0-9]{32}", re.ASCII)
_USDA_ID: Final = re.compile(r"[0-9]{12}", re.ASCII)
_YEAR: Final = re.compile(r"[0-9]{4}", re.ASCII)
_LOT_NO: Final = re.compile(r"[0-9]{11}", re.ASCII)
_PRODUCER_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_STANDARD_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./-]{0,31}", re.ASCII)
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class BaleKey:
    """What a bale is found by, for ever: two numbers below 2**64."""

    high: int
    low: int

    @property
    def is_usda(self) -> bool:
        """Whether this is a USDA bale id of a crop year."""
        return self.high >= USDA_HIGH

    @property
    def crop_year(self) -> int:
        """Crop year of a USDA bale."""
        return self.high - USDA_HIGH

    @property
    def code(self) -> str:
        """32 digits, or the 12 digits of a USDA bale id."""
        return f"{self.low:012d}" if self.is_usda else f"{self.high:016d}{self.low:016d}"

    def __str__(self) -> str:
        """32 digits, or crop year, a slash and 12 digits."""
        return f"{self.crop_year}/{self.code}" if self.is_usda else self.code


def bale_key(code: str) -> BaleKey | None:
    """Key of a 32-digit bar code (条码), None when it is not 32 digits."""
    if not _BALE_CODE.fullmatch(code):
        return None
    return BaleKey(int(code[:16]), int(code[16:]))


def usda_bale_key(crop_year: int, bale_id: str) -> BaleKey | None:
    """Key of a 12-digit USDA bale id in its crop year, None when either has no such form."""
    first, last = USDA_CROP_YEARS
    if not _USDA_ID.fullmatch(bale_id) or not first <= crop_year <= last:
        return None
    return BaleKey(USDA_HIGH + crop_year, int(bale_id))


def bale_key_of(name: str) -> BaleKey | None:
    """Key of 32 digits, or of crop year, a slash and 12 digits; None for any other text."""
    crop_year, slash, bale_id = name.partition("/")
    if not slash:
        return bale_key(name)
    # Four digits, so that one bale has one name and no number is too long to be read.
    if not _YEAR.fullmatch(crop_year):
        return None
    return usda_bale_key(int(crop_year), bale_id)


@dataclass(frozen=True, slots=True)
class BaleCodeParts:
    """What a 32-digit bale code says; digits 20-26 stay opaque."""

    gin_code: str
    baled_on: date | None
    bale_number: str


def bale_code_parts(code: str) -> BaleCodeParts:
    """Gin (digits 3-7), date of baling (8-13) and bale number (27-32) of a 32-digit code.

    The date is None when the digits are no date: no check digit is known, so a code is not
    refused for it.
    """
    try:
        baled_on = date(2000 + int(code[7:9]), int(code[9:11]), int(code[11:13]))
    except ValueError:
        baled_on = None
    return BaleCodeParts(code[2:7], baled_on, code[26:])


def gins_of(high: UInt64Array) -> UInt64Array:
    """Gin codes, as numbers, of the high halves of 32-digit bale codes."""
    return high // np.uint64(10**9) % np.uint64(10**5)


def dates_are_plausible(high: UInt64Array) -> npt.NDArray[np.bool_]:
    """Whether digits 8-13 of 32-digit bale codes can be a date (month 1-12, day 1-31)."""
    month = high // np.uint64(10**5) % np.uint64(100)
    day = high // np.uint64(10**3) % np.uint64(100)
    return (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)  # noqa: PLR2004 - the calendar


def is_plain_text(text: str) -> bool:
    """Whether text has no control, separator or direction characters.

    A fixed list: what Python calls printable changes with its version, and what was accepted
    once must be accepted when the ledger is replayed.
    """
    return _CONTROL.search(text) is None


def is_standard_id(text: str) -> bool:
    """Whether text can be the id of a standard: 1 to 32 ASCII letters, digits and ` ./-`."""
    return _STANDARD_ID.fullmatch(text) is not None


def is_lot_no(text: str) -> bool:
    """Whether text is an 11-digit lot number: gin 5, crop year 2, line 1, serial 3."""
    return _LOT_NO.fullmatch(text) is not None


def crop_year_of_lot(lot_no: str) -> int:
    """Crop year of an 11-digit lot number: 2016 for the season 2016/17."""
    return 2000 + int(lot_no[5:7])


def gin_of_lot(lot_no: str) -> str:
    """Gin code of an 11-digit lot number."""
    return lot_no[:5]


def line_of_lot(lot_no: str) -> str:
    """Production line of an 11-digit lot number."""
    return lot_no[7]


def is_producer_id(text: str) -> bool:
    """Whether text is 1 to 64 letters, digits, dots, dashes, underscores or colons."""
    return _PRODUCER_ID.fullmatch(text) is not None


def is_token(text: str) -> bool:
    """Whether text is 1 to 64 printable ASCII characters without space: batch, request ids."""
    return _TOKEN.fullmatch(text) is not None
