"""Why lines are held: codes by row, put together to texts, and the status that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_server.settlement.priced import reason_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from cotton_server.runs.table import BoolArray, Int64Array

    Places = npt.NDArray[np.intp]

PAYABLE: Final = "PAYABLE"
HELD: Final = "HELD"
NOT_DELIVERABLE: Final = "NOT_DELIVERABLE"
WITHDRAWN: Final = "WITHDRAWN"

_STATUSES: Final = (PAYABLE, HELD, NOT_DELIVERABLE, WITHDRAWN)


class Reasons:
    """Reasons by code, and the rows of each."""

    def __init__(self, rows: int) -> None:
        """No row has any yet."""
        self._rows = rows
        self._held: dict[str, BoolArray] = {}
        self._counts: dict[str, Int64Array] = {}

    def tell(self, code: str, rows: BoolArray, places: Places | None = None) -> None:
        """Adds a reason to rows; `rows` are those of `places` where these are given."""
        if not rows.any():
            return
        held = self._held.setdefault(code, np.zeros(self._rows, np.bool_))
        if places is None:
            held |= rows
        else:
            held[places[rows]] = True

    def tell_counts(self, code: str, counts: Int64Array, places: Places | None = None) -> None:
        """Adds a reason that a number follows to every row whose number is above 0."""
        self.tell(code, counts > 0, places)
        numbers = self._counts.setdefault(code, np.zeros(self._rows, np.int64))
        numbers[slice(None) if places is None else places] += counts

    def copy(self) -> Reasons:
        """The same, to be added to by itself."""
        copied = Reasons(self._rows)
        copied._held = {code: held.copy() for code, held in self._held.items()}
        copied._counts = {code: counts.copy() for code, counts in self._counts.items()}
        return copied

    def any(self) -> BoolArray:
        """The rows that have a reason."""
        return self._of(self._held)

    def texts(self) -> pl.Series:
        """The reasons of each row in order of their codes, joined with ";"; "" for none."""
        if not self._held:
            return pl.Series([""]).new_from_index(0, self._rows)
        return reason_texts(dict(sorted(self._held.items())), self._counts)

    def statuses(self, held: BoolArray | None = None) -> tuple[pl.Series, BoolArray]:
        """The status of each row, and which are payable.

        Without `held`, the rows that are, every reason holds: withdrawn by the reason of that name;
        not deliverable where only refusals stand against it.
        """
        refusals = [code for code in self._held if code.startswith(NOT_DELIVERABLE)]
        place = np.where(self._of(refusals), _STATUSES.index(NOT_DELIVERABLE), 0)
        others = self._of(self._held.keys() - refusals) if held is None else held
        place = np.where(others, _STATUSES.index(HELD), place)
        withdrawn = self._of(self._held.keys() & {WITHDRAWN})
        place = np.where(withdrawn, _STATUSES.index(WITHDRAWN), place)
        return pl.Series(_STATUSES).gather(place.astype(np.uint32)), place == 0

    def _of(self, codes: Iterable[str]) -> BoolArray:
        found = np.zeros(self._rows, np.bool_)
        for code in codes:
            found |= self._held[code]
        return found
