"""The readings of a group as columns for a table of a database, texts as numbers.

Every peer has the same columns: both halves of the bale code, the value fields, the texts of a
reading as the numbers of a small table of texts, and the time of inspection. Columns of texts
themselves would be several times as long, and so slower for all peers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from cotton_server.domain.fields import TEXT_FIELD_NAMES, VALUE_FIELD_NAMES
from cotton_server.domain.readings import RAW_ABSENT, concatenated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from cotton_server.domain.readings import BoolArray, ReadingTable, Texts

KEY: Final = ("high", "low")
"""Each below 10**16, so that any database has a type for them."""

COLUMNS: Final[Mapping[str, np.dtype[np.signedinteger]]] = {
    **dict.fromkeys(KEY, np.dtype(np.int64)),
    **dict.fromkeys(VALUE_FIELD_NAMES, np.dtype(np.int16)),
    **dict.fromkeys(TEXT_FIELD_NAMES, np.dtype(np.int32)),
    "inspected_at_s": np.dtype(np.int64),
}
"""Every column of the table of bales with its type."""

New = list[tuple[int, str]]


class TextBook:
    """Numbers of texts, given out in order of their first use; 0 is the empty text."""

    def __init__(self) -> None:
        """Starts with the empty text alone."""
        self._numbers = {"": 0}
        self._told = 1

    def numbers(self, texts: Texts) -> npt.NDArray[np.int32]:
        """The number of the text of every row."""
        known = self._numbers
        found = [known.setdefault(text, len(known)) for text in texts.dictionary]
        return np.asarray(found, np.int32)[texts.index]

    def new(self) -> New:
        """Numbers and texts that were given out since this was asked last."""
        first, self._told = self._told, len(self._numbers)
        return [(number, text) for text, number in self._numbers.items() if number >= first]


class Group:
    """Batches that are stored together, as columns of one length.

    `columns` by name in the types of COLUMNS, those that no bale has left out; `absent` says of
    a column (bool) which bales lack it, where some do; `texts` are numbers and texts to be
    stored with them.
    """

    def __init__(self, tables: Sequence[ReadingTable], book: TextBook) -> None:
        """Takes tables as the service decodes them."""
        table = concatenated(tables)
        self.columns: dict[str, npt.NDArray[np.signedinteger]] = {
            "high": table.high.view(np.int64),
            "low": table.low.view(np.int64),
        }
        self.absent: dict[str, BoolArray] = {}
        for name, values in table.values.items():
            absent = values == RAW_ABSENT
            if absent.any():
                self.absent[name] = absent
            self.columns[name] = values.astype(np.int16)
        for name in TEXT_FIELD_NAMES:
            self.columns[name] = book.numbers(table.texts[name])
        self.columns["inspected_at_s"] = table.inspected_at_s
        self.texts = book.new()

    def __len__(self) -> int:
        """Bales of the group."""
        return len(self.columns["high"])
