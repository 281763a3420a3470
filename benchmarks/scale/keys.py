"""Bale codes of whole seasons, made with numpy: as those of a simulation are, only faster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.data import BALES_A_LOT

if TYPE_CHECKING:
    from cotton_server.domain.identifiers import UInt64Array

GINS: Final = 996

_DAY_S: Final = 86_400
_BALE_S: Final = 300
"""From one bale of a gin to the next."""
_PREFIX: Final = 6_500_000
_NUMBERS: Final = 10**6


def season_keys(year: int, lots: int, *, missed: bool = False) -> tuple[UInt64Array, UInt64Array]:
    """High and low of the bales of a season, lot by lot as they are read.

    A code is a prefix with the gin, date and time of baling, seven digits, and the number of the
    bale in its gin. `missed`: other codes of the same times, none of which any season has.
    """
    lot = np.arange(lots, dtype=np.int64)
    gins = min(GINS, lots)
    gin = lot * gins // lots
    in_gin = lot - np.searchsorted(gin, gin)
    # Lots arrive by turns from all gins.
    lot = lot[np.argsort(in_gin, kind="stable")]
    number = (in_gin[lot][:, None] * BALES_A_LOT + np.arange(BALES_A_LOT)).ravel()
    of_gin = np.repeat(gin[lot], BALES_A_LOT)
    begun = datetime(year, 10, 1, tzinfo=UTC)
    last_day = int(number.max(initial=0)) * _BALE_S // _DAY_S
    dates = np.asarray(
        [int((begun + timedelta(days=day)).strftime("%y%m%d")) for day in range(last_day + 1)],
        np.uint64,
    )
    second = number * _BALE_S
    of_day = second % _DAY_S
    clock = of_day // 3600 * 10_000 + of_day // 60 % 60 * 100 + of_day % 60
    time = dates[second // _DAY_S] * np.uint64(10**6) + clock.astype(np.uint64)
    opaque = np.uint64(9_000_001 if missed else 1)
    high = (of_gin + _PREFIX).astype(np.uint64) * np.uint64(10**9) + time // np.uint64(1000)
    low = time % np.uint64(1000) * np.uint64(10**7) + opaque
    low = low * np.uint64(_NUMBERS) + (number % _NUMBERS).astype(np.uint64)
    return high, low
