"""Lots where an organisation has them: told by what each says itself, which stands beside.

So a document about organisations moves lots without any of them, or its bales, being looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from cotton_server.reference.placing import DIFFERS
from cotton_server.reference.units import LEVELS
from cotton_server.summary.keys import key_column

if TYPE_CHECKING:
    from cotton_server.reference.placing import Placing
    from cotton_server.summary.words import Words

PLACED_ON: Final = "placed_on"
"""The day by which a lot is placed (Int32, `facts.day_of`)."""

SAID: Final = {level: f"said.{level}" for level in LEVELS}
"""By level the column of what a lot says itself (Int32, a number of `Words`)."""

_LOTS_DIFFER: Final = "lots_organisation_differs"

PLACED: Final = (*(key_column(level) for level in LEVELS), DIFFERS, _LOTS_DIFFER)
"""The columns that follow from an organisation."""


def placed(lots: pl.DataFrame, words: Words, placing: Placing | None) -> pl.DataFrame:
    """Lots as an organisation has them on their day, as they say themselves without one.

    `lots` has SAID, PLACED_ON and `lots`, a row each; the order stays, and all columns but PLACED
    are shared with the result.
    """
    if placing is None:
        found = lots.select(
            *(pl.col(SAID[level]).alias(key_column(level)) for level in LEVELS),
            pl.lit(value=False).alias(DIFFERS),
        )
    else:
        found = _found(lots.select(*SAID.values(), PLACED_ON), words, placing)
    return lots.with_columns(
        *found, (found[DIFFERS].cast(pl.Int64) * lots["lots"]).alias(_LOTS_DIFFER)
    )


def _found(said: pl.DataFrame, words: Words, placing: Placing) -> pl.DataFrame:
    """The keys LEVELS and DIFFERS of each row."""
    # Lots are many, and what they say on a day is said again and again.
    distinct = said.unique(maintain_order=True)
    texts = distinct.select(
        *(words.texts(distinct[SAID[level]]).alias(level) for level in LEVELS), PLACED_ON
    )
    units = placing.place(texts, PLACED_ON)
    coded = distinct.with_columns(
        *(words.numbers(units[level]).alias(key_column(level)) for level in LEVELS), units[DIFFERS]
    )
    joined = said.join(coded, on=said.columns, how="left", maintain_order="left")
    return joined.drop(said.columns)
