"""Columns that only grow: read at any time by others than the one thread that appends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

PIECE: Final = 1 << 16
"""Rows of one piece: growing copies nothing, and reading holds up others for one piece at most."""


class NumberColumn:
    """Integers of one dtype in pieces; what was there when a reader began stays as it was."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        """Starts empty."""
        self._dtype = np.dtype(dtype)
        self._pieces: list[npt.NDArray[Any]] = []
        self._count = 0

    def __len__(self) -> int:
        """Rows."""
        return self._count

    def __getitem__(self, row: int) -> int:
        """The number of a row."""
        return int(self._pieces[row // PIECE][row % PIECE])

    def extend(self, numbers: Sequence[int]) -> None:
        """Appends numbers."""
        taken = 0
        while taken < len(numbers):
            place = self._count % PIECE
            if place == 0:
                self._pieces.append(np.zeros(PIECE, self._dtype))
            some = numbers[taken : taken + PIECE - place]
            self._pieces[-1][place : place + len(some)] = some
            taken += len(some)
            self._count += len(some)

    def begin_with(self, numbers: npt.NDArray[Any]) -> None:
        """Takes numbers into an empty column, which keeps no other memory."""
        if self._count:
            raise AssertionError("what was there comes before all others")
        for start in range(0, len(numbers), PIECE):
            some = numbers[start : start + PIECE].astype(self._dtype)
            if len(some) < PIECE:
                some = np.append(some, np.zeros(PIECE - len(some), self._dtype))
            self._pieces.append(some)
        self._count = len(numbers)

    def first(self, count: int) -> npt.NDArray[Any]:
        """A copy of the first `count` numbers."""
        copy = np.empty(count, self._dtype)
        for start in range(0, count, PIECE):
            stop = min(start + PIECE, count)
            copy[start:stop] = self._pieces[start // PIECE][: stop - start]
        return copy


class NameColumn:
    """Texts of which nearly every row has its own, in pieces."""

    def __init__(self) -> None:
        """Starts empty."""
        self._pieces: list[list[str]] = []

    def __getitem__(self, row: int) -> str:
        """The text of a row."""
        return self._pieces[row // PIECE][row % PIECE]

    def extend(self, names: Sequence[str]) -> None:
        """Appends texts."""
        taken = 0
        while taken < len(names):
            if not self._pieces or len(self._pieces[-1]) == PIECE:
                self._pieces.append([])
            piece = self._pieces[-1]
            some = names[taken : taken + PIECE - len(piece)]
            piece.extend(some)
            taken += len(some)

    def begin_with(self, names: pl.Series) -> None:
        """Takes texts into an empty column."""
        if self._pieces:
            raise AssertionError("what was there comes before all others")
        self._pieces = [names[at : at + PIECE].to_list() for at in range(0, len(names), PIECE)]

    def first(self, count: int) -> pl.Series:
        """The first `count` texts."""
        pieces = [
            pl.Series(self._pieces[start // PIECE][: min(PIECE, count - start)], dtype=pl.String())
            for start in range(0, count, PIECE)
        ]
        return pl.concat(pieces) if pieces else pl.Series([], dtype=pl.String())
