"""Dictionaries of the texts that bales carry: standards, laboratories, instruments."""

from __future__ import annotations


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

    def enter(self, text: str) -> int:
        """Number of a text, given out now if it is new."""
        number = self._numbers.get(text)
        if number is None:
            number = len(self._texts)
            self._numbers[text] = number
            self._texts.append(text)
        return number
