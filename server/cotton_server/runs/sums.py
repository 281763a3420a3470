"""Figures of lots from the cells of a standing: only the columns that are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cotton_server.summary.cube import in_lots, lookup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cotton_server.summary.standing import Standing


def lot_sums(
    stands: Standing, standard: str, lots: pl.DataFrame, columns: Sequence[str]
) -> pl.DataFrame:
    """Sums of the cells of lots under one standard, a row a lot in the order given, Int64.

    `lots` has `lot` and `part` as the standing has them; `columns` are additive figures. A lot
    without bales of the standard has 0.
    """
    numbers = pl.int_range(lots.height, dtype=pl.Int32, eager=True)
    found = [
        in_lots(part[standard].select("lot", *columns), lookup(lots, number, numbers))
        for number, part in stands.parts_with(lots)
        if not part[standard].is_empty()
    ]
    if not found:
        nothing = np.zeros(lots.height, np.int64)
        return pl.DataFrame(dict.fromkeys(columns, nothing))
    cells = pl.concat(found)
    place = cells["group"].to_numpy()
    # Nearly every lot is one cell.
    shared = np.bincount(place, minlength=lots.height)[place] > 1
    alone = ~shared
    sums = {}
    for name in columns:
        figures = cells[name].to_numpy()
        total = np.zeros(lots.height, np.int64)
        total[place[alone]] = figures[alone]
        np.add.at(total, place[shared], figures[shared])
        sums[name] = total
    return pl.DataFrame(sums)
