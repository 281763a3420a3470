"""What pricing says of each lot: classes, amounts per unit, and what it cannot say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton_server.settlement.exact import Exact, Int64Array

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Priced:
    """Prices of lots, in the order of the rows that were given; amounts are per unit.

    - `classes`: by factor, the class that decided it (String, null where none did);
    - `factors`: by factor, its amount, which is 0 where `absent` says that it has none;
    - `rate`: the base rate and all factors together;
    - `held`: by reason, the lots to which it applies; reasons that apply to none are left out.
      Reasons in `counts` are followed by the number that stands there.
    """

    classes: dict[str, pl.Series]
    factors: dict[str, Exact]
    absent: dict[str, BoolArray]
    rate: Exact
    held: dict[str, BoolArray]
    counts: dict[str, Int64Array] = field(default_factory=dict)

    @property
    def without_rate(self) -> BoolArray:
        """The lots of which a factor has no amount, so that `rate` is none."""
        missing: BoolArray = np.zeros(len(self.rate), np.bool_)
        for absent in self.absent.values():
            missing |= absent
        return missing


def reason_texts(held: Mapping[str, BoolArray], counts: Mapping[str, Int64Array]) -> pl.Series:
    """The reasons of each lot, joined with ";" in the order of `held`; "" where there is none.

    Reasons in `counts` are followed by a colon and the number. `held` has one reason at least.
    """
    some: BoolArray = np.logical_or.reduce(list(held.values()))
    # Texts are made of the few lots that have any.
    rows = np.flatnonzero(some)
    texts = []
    for reason, lots in held.items():
        text = pl.repeat(reason, len(rows), dtype=pl.String, eager=True)
        if reason in counts:
            numbers = pl.Series(counts[reason][rows]).cast(pl.String)
            text = text + ":" + numbers
        texts.append(text.set(pl.Series(~lots[rows]), None).alias(reason))
    joined = pl.DataFrame(texts).select(pl.concat_str(pl.all(), separator=";", ignore_nulls=True))
    answer = pl.repeat("", len(some), dtype=pl.String, eager=True)
    return answer.scatter(rows, joined.to_series())
