"""Lot numbers of lots that are not made: by number and back, in some twenty bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl


class Names:
    """Lot numbers with their seasons, which never change; any thread may look."""

    def __init__(self, lot_nos: pl.Series, seasons: pl.Series) -> None:
        """Takes String and Int32, a row for each lot."""
        self._text = "".join(lot_nos.to_list()).encode()
        ends = lot_nos.str.len_bytes().cum_sum().to_numpy()
        self._offsets = array("I", np.concatenate([[0], ends]).astype(np.uint32).tobytes())
        self._seasons = array("h", seasons.to_numpy().astype(np.int16).tobytes())
        # By the bytes of UTF-8, as the texts are compared below.
        order = lot_nos.arg_sort(descending=False, nulls_last=True)
        self._order = array("i", order.to_numpy().astype(np.int32).tobytes())

    def __len__(self) -> int:
        """Lots."""
        return len(self._order)

    def lot_no(self, number: int) -> str:
        """The lot number of a lot."""
        return self._bytes(number).decode()

    def lot_nos(self) -> list[str]:
        """All lot numbers, in order of number."""
        return [self.lot_no(number) for number in range(len(self))]

    def seasons(self) -> list[int]:
        """All seasons, in order of number."""
        return self._seasons.tolist()

    def number_of(self, lot_no: str, season: int) -> int | None:
        """Number of a lot, None when it is none of these."""
        wanted = lot_no.encode()
        # Bales without a lot are kept by season under the same empty lot number.
        for place in range(bisect_left(self._order, wanted, key=self._bytes), len(self)):
            number = self._order[place]
            if self._bytes(number) != wanted:
                break
            if self._seasons[number] == season:
                return number
        return None

    def _bytes(self, number: int) -> bytes:
        return self._text[self._offsets[number] : self._offsets[number + 1]]
