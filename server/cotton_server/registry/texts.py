"""Dictionaries of the texts that bales carry: standards, laboratories, instruments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class TextBook:
    """Texts by number and numbers by text; "" has number 0 and stands for absent."""

    def __init__(self) -> None:
        """Starts with the absent text alone."""
        self._texts = [""]
        self._numbers = {"": 0}

    def __len__(self) -> int:
        """Texts in the book."""
        return len(self._texts)

    def __getitem__(self, number: int) -> str:
        """The text of that number."""
        return self._texts[number]

    def number_of(self, text: str) -> int | None:
        """Number of a text, None when it was never entered."""
        return self._numbers.get(text)

    def texts(self) -> Sequence[str]:
        """All texts in order of number, the absent one first."""
        return tuple(self._texts)

    def begin_with(self, texts: Sequence[str]) -> None:
        """Enters all texts of another book, as `texts` gives them, into an empty one."""
        if len(self._texts) > 1 or list(texts[:1]) != [""]:
            raise AssertionError("an empty book begins with the absent text")
        self._texts = list(texts)
        self._numbers = {text: number for number, text in enumerate(texts)}

    def enter(self, text: str) -> int:
        """Number of a text, given out now if it is new."""
        number = self._numbers.get(text)
        if number is None:
            number = len(self._texts)
            self._numbers[text] = number
            self._texts.append(text)
        return number
