"""Lot numbers of lots that are not made: by number and back, in some twenty bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import cast

import numpy as np
import polars as pl


class Names:
    """Lot numbers with their seasons, which never change; any thread may look."""

    def __init__(self, lot_nos: pl.Series, seasons: pl.Series) -> None:
        """Takes String and Int32, a row for each lot."""
        self._lot_nos = lot_nos.rechunk()
        self._seasons = seasons.cast(pl.Int16).rechunk()
        # By the bytes of UTF-8, which is the order in which the texts are compared below.
        order = lot_nos.arg_sort(descending=False, nulls_last=True)
        self._order = array("i", order.to_numpy().astype(np.int32).tobytes())

    def __len__(self) -> int:
        """Lots."""
        return len(self._order)

    def lot_no(self, number: int) -> str:
        """The lot number of a lot."""
        return cast("str", self._lot_nos[number])

    def lot_nos(self) -> pl.Series:
        """All lot numbers (String), in order of number."""
        return self._lot_nos

    def seasons(self) -> pl.Series:
        """All seasons (Int32), in order of number."""
        return self._seasons.cast(pl.Int32)

    def number_of(self, lot_no: str, season: int) -> int | None:
        """Number of a lot, None when it is none of these."""
        # Bales without a lot are kept by season under the same empty lot number.
        for place in range(bisect_left(self._order, lot_no, key=self.lot_no), len(self)):
            number = self._order[place]
            if self.lot_no(number) != lot_no:
                break
            if self._seasons[number] == season:
                return number
        return None
