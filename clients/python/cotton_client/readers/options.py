"""What the sender states for a whole file, and how it is held against each line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_client.identifiers import LotNumber, UsdaBaleIdError, is_crop_year

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton_client.readers.bale_codes import BaleCodes

STRENGTH_UNITS: Final = ("cN/tex", "g/tex")
"""The units that an instrument states breaking tenacity in."""

_TEXT_BYTES_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class FileOptions:
    """Values for every line of a file; None leaves it to the line.

    A value stands where the line has none; a line that says otherwise is refused, so that no
    option silently overrides a record. Raises IdentifierError or ValueError for a value that
    cannot be right.
    """

    lot_no: str | None = None
    laboratory: str | None = None
    standard: str | None = None
    crop_year: int | None = None
    bale_codes: BaleCodes | None = None
    """The bales of the sample numbers of an Uster report."""
    strength_unit: str | None = None
    """The unit of strength of an Uster report that does not state it."""
    instrument_colour_is_grade: bool = False
    """Whether the instrument of an Uster report works by the chart of the bales' standard."""

    def __post_init__(self) -> None:
        """Checks the form of each value."""
        if self.lot_no is not None:
            LotNumber(self.lot_no)
        for name in ("laboratory", "standard"):
            text = getattr(self, name)
            if text is not None and not 0 < len(text.encode()) <= _TEXT_BYTES_MAX:
                raise ValueError(f"the {name} must be 1 to {_TEXT_BYTES_MAX} bytes, not {text!r}")
        if self.crop_year is not None and not is_crop_year(self.crop_year):
            raise UsdaBaleIdError(
                f"the crop year {self.crop_year} is not a year in four digits; "
                "state the year in which the crop was picked, such as 2006"
            )
        if self.strength_unit not in {None, *STRENGTH_UNITS}:
            raise ValueError(
                f"the strength unit must be one of {', '.join(STRENGTH_UNITS)}, "
                f"not {self.strength_unit!r}"
            )

    def texts(self) -> Iterator[tuple[str, str]]:
        """Name and value of each text that is stated."""
        for name in ("lot_no", "laboratory", "standard"):
            text = getattr(self, name)
            if text is not None:
                yield name, text


def filled(texts: pl.Series, value: str) -> tuple[pl.Series, int | None]:
    """The column with `value` where it is null, and the first row that says otherwise."""
    other = (texts != value).fill_null(value=False)
    row = int(other.arg_max() or 0) if other.any() else None
    return texts.fill_null(value), row


def repeated(value: str, rows: int) -> pl.Series:
    """A String column of one value."""
    return pl.repeat(value, rows, dtype=pl.String, eager=True)
