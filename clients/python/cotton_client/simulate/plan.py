"""The plan of a simulated season: which gin presses which lots when, and how each lot lies.

Arrays over all lots (a national season has 140 000), from which any bale can be drawn alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import sqrt
from typing import Final

import numpy as np

from cotton_client.simulate import distributions, noise
from cotton_client.simulate.organisation import GIN_CODES, REGIMENTS

LOTS_MAX: Final = 1_000_000
LOTS_PER_GIN: Final = 140
PRODUCTION_LINES: Final = 2
DAY_S: Final = 86_400
CHINA_OFFSET_S: Final = 8 * 3600

_SEASON_DAYS: Final = 150
_LOT_HOURS_MAX: Final = 20
_PLACES_PER_LOT: Final = 210
_WORD: Final = 1 << 16
_USUAL_BALES: Final = 186
_FEWEST_BALES: Final = 180
_USUAL_SHARE: Final = 0.7
_PURITY_LOWEST: Final = 0.70
_PRIMES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds for a whole simulation."""

    lots: int
    seed: int
    season: int
    warehouses: int

    def __post_init__(self) -> None:
        """Refuses what cannot be simulated with a ValueError."""
        if not 1 <= self.lots <= LOTS_MAX:
            raise ValueError(f"lots must be 1 to {LOTS_MAX}, not {self.lots}")
        gins_max = min(self.lots, len(GIN_CODES))
        if not 1 <= self.warehouses <= gins_max:
            raise ValueError(
                f"warehouses must be 1 to {gins_max} for {self.lots} lots, not {self.warehouses}"
            )
        first, last = 2000, 2099
        if not first <= self.season <= last:
            raise ValueError(
                f"season must be {first} to {last} (the first year of 2024/25 is 2024), "
                f"not {self.season}"
            )
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, not {self.seed}")


class Plan:
    """All lots of a season, as arrays in the order of gins.

    Times are seconds since 1970-01-01 UTC; scores are in 1/1024 standard deviations.
    """

    def __init__(self, conditions: Conditions) -> None:
        self.conditions = conditions
        lots = np.arange(conditions.lots, dtype=np.int64)
        wanted = max(conditions.warehouses, -(-conditions.lots // LOTS_PER_GIN), 1)
        self.gins = min(max(wanted, min(conditions.lots, len(REGIMENTS))), len(GIN_CODES))
        self.gin = lots * self.gins // conditions.lots
        self.regiment = self.gin * len(REGIMENTS) // self.gins
        self.warehouse = self.gin * conditions.warehouses // self.gins
        self.south = np.array([regiment.south for regiment in REGIMENTS])[self.regiment]
        in_gin = lots - np.searchsorted(self.gin, self.gin)
        self.line = in_gin % PRODUCTION_LINES + 1
        self.serial = in_gin // PRODUCTION_LINES + 1
        self._time_lots()
        self._size_lots()

    def _time_lots(self) -> None:
        slots = int(self.serial.max())
        lot_s = min(_LOT_HOURS_MAX * 3600, _SEASON_DAYS * DAY_S // slots)
        first_day = datetime(self.conditions.season, 10, 1, tzinfo=UTC)
        self.season_start_s = int(first_day.timestamp()) - CHINA_OFFSET_S
        self.bale_s = lot_s // _PLACES_PER_LOT
        """Seconds from one bale of a lot to the next."""
        self.baled_from_s = self.season_start_s + (self.serial - 1) * lot_s
        self.gate_in_s = self.baled_from_s + lot_s + DAY_S + self.words(0) % (2 * DAY_S // 60) * 60
        self.inspected_from_s = self.gate_in_s + DAY_S + self.words(1) % (3 * DAY_S // 60) * 60
        days = (slots * lot_s) // DAY_S + 2
        dates = [first_day + timedelta(days=day) for day in range(days)]
        self.dates = np.array([int(date.strftime("%y%m%d")) for date in dates], dtype=np.uint64)
        """YYMMDD of each day since the season's first."""

    def _size_lots(self) -> None:
        usual = self.words(2) < _WORD * _USUAL_SHARE
        other = _FEWEST_BALES + self.words(3) % 11
        self.bales = np.where(usual, _USUAL_BALES, other)
        self.bale_start = np.concatenate(([0], np.cumsum(self.bales)))
        """Place of each lot's first bale in the season; one more entry than lots."""
        gin_first = np.searchsorted(self.gin, np.arange(self.gins))
        self.gin_bale_start = self.bale_start[gin_first]

    def words(self, stream: int) -> np.ndarray:
        """An evenly spread number of 16 bits for each lot; int64."""
        multiplier = sqrt(_PRIMES[stream]) % 1
        words = noise.spread_words(self.conditions.seed, stream, multiplier, self.conditions.lots)
        return words.astype(np.int64)

    @cached_property
    def scores(self) -> dict[str, np.ndarray]:
        """The lot's part of the score of each measure; int32."""
        south_share = float(self.south.mean())
        scores = {}
        for place, (name, measure) in enumerate(distributions.MEASURES.items()):
            zone = np.where(self.south, 1 - south_share, -south_share) * measure.south
            zone_variance = south_share * (1 - south_share) * measure.south**2
            deviation = sqrt(measure.between**2 - zone_variance)
            table = distributions.scores_of_words(deviation)
            own = table[self.words(4 + place)]
            scores[name] = own + np.rint(zone * distributions.SCORE_ONE).astype(np.int32)
        return scores

    @cached_property
    def machine_picked(self) -> np.ndarray:
        """Whether the lot was machine-picked (机采)."""
        return self.words(14) < _WORD * distributions.MACHINE_PICKED_SHARE

    @cached_property
    def colour(self) -> np.ndarray:
        """The place of each lot's main grade in distributions.COLOURS."""
        codes = [colour.code for colour in distributions.COLOURS]
        words = self.words(15)
        # What the shares leave over is yellow.
        main = np.full(len(words), codes.index(distributions.YELLOW))
        for picking, picked in (("machine", self.machine_picked), ("hand", ~self.machine_picked)):
            shares = distributions.MAIN_COLOUR_SHARES[picking]
            limits = np.rint(np.cumsum(list(shares.values())) * _WORD)
            place = np.searchsorted(limits, words, side="right")
            table = np.array([codes.index(code) for code in (*shares, distributions.YELLOW)])
            main[picked] = table[place[picked]]
        return main

    @cached_property
    def neighbour(self) -> np.ndarray:
        """The place in distributions.COLOURS of the grade that is found beside the main one."""
        codes = [colour.code for colour in distributions.COLOURS]
        table = np.array([[codes.index(c) for c in g.neighbours] for g in distributions.COLOURS])
        beside: np.ndarray = table[self.colour, self.words(16) % 2]
        return beside

    @cached_property
    def purity(self) -> np.ndarray:
        """Random numbers of 16 bits below this give the main grade; int64."""
        lowest = int(_WORD * _PURITY_LOWEST)
        return lowest + self.words(17) * (_WORD - lowest) // _WORD
