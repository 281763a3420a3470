"""Numbers for the texts that lots are grouped and filtered by, so that frames hold integers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable

UNKNOWN_WORD: Final = -1
"""Stands for a text that nothing has."""


class Words:
    """Texts by number and numbers by text; "" has number 0 and stands for absent.

    Only ever added to, so that a number means the same in frames of any age; many threads may
    use it at once.
    """

    def __init__(self, texts: Iterable[str] = ("",)) -> None:
        """Starts with the absent text alone, or with all texts of another in their order."""
        self._texts = list(texts)
        self._numbers = {text: number for number, text in enumerate(self._texts)}
        self._lock = threading.Lock()

    def __getitem__(self, number: int) -> str:
        """The text of that number."""
        return self._texts[number]

    def number_of(self, text: str) -> int:
        """Number of a text, UNKNOWN_WORD when nothing has it."""
        return self._numbers.get(text, UNKNOWN_WORD)

    def all(self) -> pl.Series:
        """Every text that has a number, in the order of these."""
        return pl.Series(self._texts[:], dtype=pl.String)

    def numbers(self, texts: pl.Series) -> pl.Series:
        """The numbers (Int32) of a column of texts, given out now where they are new."""
        if texts.is_empty():
            return pl.Series(texts.name, [], pl.Int32)
        distinct = texts.unique().sort().to_list()
        self._enter(distinct)
        return texts.replace_strict(
            distinct, [self._numbers[text] for text in distinct], return_dtype=pl.Int32
        )

    def texts(self, numbers: pl.Series) -> pl.Series:
        """The texts of a column of numbers."""
        if numbers.is_empty():
            return pl.Series(numbers.name, [], pl.String)
        distinct = numbers.unique().to_list()
        return numbers.replace_strict(
            distinct, [self._texts[number] for number in distinct], return_dtype=pl.String
        )

    def _enter(self, texts: Iterable[str]) -> None:
        with self._lock:
            for text in texts:
                if text not in self._numbers:
                    self._texts.append(text)
                    self._numbers[text] = len(self._texts) - 1
