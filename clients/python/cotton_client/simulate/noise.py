"""Random numbers by counter: the n-th number of a stream, whichever numbers were drawn before.

Every number is a pure function of seed, stream and counter (SplitMix64, a public-domain mixing
function), in integers only. So a season is the same however it is cut into chunks, on every
machine and with every version of numpy.
"""

from __future__ import annotations

from typing import Final

import numpy as np

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
_MIX_1: Final = 0xBF58476D1CE4E5B9
_MIX_2: Final = 0x94D049BB133111EB


def _mixed(number: int) -> int:
    number = (number ^ (number >> 30)) * _MIX_1 & _MASK
    number = (number ^ (number >> 27)) * _MIX_2 & _MASK
    return number ^ (number >> 31)


def random_words(seed: int, stream: int, counters: np.ndarray) -> np.ndarray:
    """64 random bits for each counter; uint64 in and out, the counters are left alone."""
    start = _mixed(_mixed(seed * _GOLDEN + 1 & _MASK) + stream * _GOLDEN & _MASK)
    words: np.ndarray = counters * np.uint64(_GOLDEN)
    words += np.uint64(start)
    words ^= words >> np.uint64(30)
    words *= np.uint64(_MIX_1)
    words ^= words >> np.uint64(27)
    words *= np.uint64(_MIX_2)
    words ^= words >> np.uint64(31)
    return words


def quarters(words: np.ndarray) -> np.ndarray:
    """Four independent numbers of 16 bits from each word; uint16, shape (4, rows)."""
    return np.ascontiguousarray(words.astype("<u8", copy=False).view("<u2").reshape(-1, 4).T)


def spread_words(seed: int, stream: int, multiplier: float, count: int) -> np.ndarray:
    """`count` numbers of 16 bits that fill the range evenly (an additive recurrence).

    `multiplier` is an irrational number in (0, 1) of the stream's own: streams with different
    ones are spread evenly together too. A thousand lots then meet the shares of a season,
    where independent numbers would need a hundred times as many. uint16.
    """
    step = np.uint64(int(multiplier * 2**53) << 11 & _MASK)
    start = np.uint64(_mixed(_mixed(seed * _GOLDEN + 2 & _MASK) + stream * _GOLDEN & _MASK))
    places = np.arange(count, dtype=np.uint64) * step + start
    return (places >> np.uint64(48)).astype(np.uint16)
