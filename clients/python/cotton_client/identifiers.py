"""The identifiers of bales and lots: their form, and what can be read out of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import polars as pl

CHINA_TIME: Final = timezone(timedelta(hours=8), "UTC+08:00")
"""The time zone of bar codes and of every date that public inspection prints."""

BALE_CODE_DIGITS: Final = 32
LOT_NO_DIGITS: Final = 11
GIN_CODE_DIGITS: Final = 5
USDA_BALE_ID_DIGITS: Final = 12

_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)
_HALF: Final = 16
_NINE: Final = 9


class IdentifierError(ValueError):
    """An identifier is not of its form; the message says which form it must have."""


class BaleCodeError(IdentifierError):
    """A bale code is not 32 digits, or cannot be the code of a GB bale."""


class LotNumberError(IdentifierError):
    """A lot number is not 11 digits."""


class UsdaBaleIdError(IdentifierError):
    """A USDA bale id is not 12 digits, or its crop year is missing or impossible."""


def _require_digits(text: str, digits: int, what: str, error: type[IdentifierError]) -> None:
    if len(text) != digits or _DIGITS.fullmatch(text) is None:
        raise error(
            f"{what} {text!r} is not {digits} digits (it has {len(text)} characters); "
            "write it as printed, without spaces, dashes or a decimal point"
        )


@dataclass(frozen=True, slots=True)
class BaleCode:
    """The 32-digit bar code (条码) of a bale.

    Digits 3-7 are the gin, 8-19 the time of baling (YYMMDDhhmmss, China time), 27-32 the
    bale number; the others are kept and not interpreted.
    """

    text: str

    def __post_init__(self) -> None:
        """Refuses any other text with a BaleCodeError."""
        _require_digits(self.text, BALE_CODE_DIGITS, "the bale code", BaleCodeError)

    @property
    def high(self) -> int:
        """The first 16 digits as a number, as the contract's columns carry them."""
        return int(self.text[:_HALF])

    @property
    def low(self) -> int:
        """The last 16 digits as a number."""
        return int(self.text[_HALF:])

    @property
    def gin_code(self) -> str:
        """The gin, 5 digits."""
        return self.text[2:7]

    @property
    def baled_at(self) -> datetime | None:
        """When the bale was pressed, China time; None when the digits hold no time."""
        try:
            return datetime.strptime(self.text[7:19], "%y%m%d%H%M%S").replace(tzinfo=CHINA_TIME)
        except ValueError:
            return None

    @property
    def bale_number(self) -> str:
        """The bale number, 6 digits."""
        return self.text[26:]


@dataclass(frozen=True, slots=True)
class LotNumber:
    """The 11-digit number of a lot (批): gin 5, crop year 2, production line 1, serial 3."""

    text: str

    def __post_init__(self) -> None:
        """Refuses any other text with a LotNumberError."""
        _require_digits(self.text, LOT_NO_DIGITS, "the lot number", LotNumberError)

    @property
    def gin_code(self) -> str:
        """The gin, 5 digits."""
        return self.text[:5]

    @property
    def crop_year(self) -> int:
        """The year in which the season begins: 2016 for 2016/17."""
        return 2000 + int(self.text[5:7])

    @property
    def production_line(self) -> int:
        """The gin's production line, one digit."""
        return int(self.text[7])

    @property
    def serial(self) -> int:
        """The lot's serial on its line and season."""
        return int(self.text[8:])


@dataclass(frozen=True, slots=True)
class UsdaBaleId:
    """A USDA bale: gin code 5 and gin bale number 7 digits, scoped to a crop year.

    The id is reused after five years, so it names a bale together with the crop year only.
    """

    text: str
    crop_year: int

    def __post_init__(self) -> None:
        """Refuses an id of another form and a crop year outside 1901-2999."""
        _require_digits(self.text, USDA_BALE_ID_DIGITS, "the USDA bale id", UsdaBaleIdError)
        if not is_crop_year(self.crop_year):
            raise UsdaBaleIdError(
                f"the crop year {self.crop_year} is not a year in four digits; "
                "state the year in which the crop was picked, such as 2006"
            )

    @property
    def gin_code(self) -> str:
        """The gin, 5 digits."""
        return self.text[:5]

    @property
    def gin_bale(self) -> str:
        """The gin's bale number, 7 digits."""
        return self.text[5:]


def is_crop_year(year: int) -> bool:
    """Whether a number can be a crop year: four digits, not before machine classing began."""
    return 1900 < year < 3000  # noqa: PLR2004 (the bounds are what this function states)


def digit_matrix(texts: pl.Series, digits: int) -> tuple[np.ndarray, int | None]:
    """Digits of many identifiers at once.

    `texts`: String without nulls. Returns a uint8 matrix of shape (rows, digits) and None;
    or an empty matrix and the row of the first text that is not exactly `digits` ASCII digits.
    """
    nothing = np.empty((0, digits), dtype=np.uint8)
    if not len(texts):
        return nothing, None
    wrong = texts.str.len_bytes() != digits
    if wrong.any():
        return nothing, int(wrong.arg_max() or 0)
    joined: str = texts.str.join("").item()
    matrix = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(-1, digits) - ord("0")
    if matrix.max() > _NINE:
        return nothing, int((matrix > _NINE).any(axis=1).argmax())
    return matrix, None


def digits_to_numbers(matrix: np.ndarray) -> np.ndarray:
    """Numbers of at most 16 digits, uint64, of a matrix of shape (rows, digits)."""
    rows, digits = matrix.shape
    if digits < _HALF:
        padded = np.zeros((rows, _HALF), dtype=np.uint8)
        padded[:, _HALF - digits :] = matrix
        matrix = padded
    # Neighbours are merged pairwise, each time into the next wider type: 2, 4, 8, 16 digits.
    numbers: Any = matrix
    for scale, dtype in ((10, np.uint8), (100, np.uint16), (10_000, np.uint32), (10**8, np.uint64)):
        wide = numbers.astype(dtype, copy=False)
        numbers = wide[:, ::2] * scale + wide[:, 1::2]
    flat: np.ndarray = numbers.reshape(rows)
    return flat
