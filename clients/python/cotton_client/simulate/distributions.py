"""What simulated cotton measures: built to meet published season statistics.

The source is the national statistics of instrumented public inspection of a season to the end of
February, 22 499 128 bales: class shares of micronaire, strength and uniformity, mean length and
the share of 28 mm and more, shares of colour types and of ginning preparation; and one real lot
of 186 bales for the spread within a lot (micronaire 0.20, strength 0.78 cN/tex).

A measure is a monotone function of a normal score. The score is the sum of the lot's and the
bale's own part, whose variances add up to one; the function goes in straight lines through the
class limits at the scores that the published shares give. So the shares hold by construction,
and the ratio of the two parts gives the spread within a lot.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import sqrt
from statistics import NormalDist
from typing import Final

import numpy as np

SCORE_ONE: Final = 1024
"""Normal scores are integers in 1/1024 of a standard deviation."""

_SCORE_MAX: Final = 6 * SCORE_ONE
_WORDS: Final = 1 << 16
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Measure:
    """The distribution of one measure over a season.

    `knots`: pairs of a value in hundredths and the share of bales below it, ascending.
    `within`: the standard deviation of the scores within a lot. `step`: resolution of the
    printed value, in hundredths. `south`: how much higher, in scores, lots of southern Xinjiang
    lie than northern ones.
    """

    knots: tuple[tuple[float, float], ...]
    within: float
    step: int
    lowest: int
    highest: int
    south: float = 0.0

    @property
    def between(self) -> float:
        """The standard deviation of the scores of lots."""
        return sqrt(1 - self.within**2)


def _straight(mean: float, deviation: float) -> tuple[tuple[float, float], ...]:
    return ((mean - deviation, _NORMAL.cdf(-1)), (mean + deviation, _NORMAL.cdf(1)))


MEASURES: Final = {
    # Class limits stand where rounding to 0.1, half to even, changes the class.
    "micronaire": Measure(
        ((345.5, 0.0042), (365.5, 0.0107), (425.5, 0.1607), (494.5, 0.8032)),
        within=0.527,
        step=1,
        lowest=250,
        highest=640,
        south=0.29,
    ),
    "strength": Measure(
        ((2395, 0.0030), (2595, 0.0939), (2895, 0.7162), (3095, 0.9528)),
        within=0.485,
        step=10,
        lowest=2000,
        highest=3900,
        south=-0.50,
    ),
    "length": Measure(
        ((2794.5, 0.0744), (2901, 0.5)), within=0.55, step=1, lowest=2400, highest=3350, south=-0.14
    ),
    "uniformity": Measure(
        ((7995, 0.0127), (8295, 0.6587)), within=0.70, step=10, lowest=7650, highest=8790
    ),
    # Not among the published shares: plausible for machine-picked upland.
    "short_fibre": Measure(_straight(1250, 130), within=0.60, step=10, lowest=400, highest=1950),
    "elongation": Measure(_straight(670, 25), within=0.60, step=10, lowest=500, highest=900),
    "maturity": Measure(_straight(85.5, 1.2), within=0.60, step=1, lowest=78, highest=93),
    "moisture": Measure(_straight(700, 40), within=0.40, step=10, lowest=500, highest=900),
    "trash_count": Measure(_straight(32, 9), within=0.70, step=1, lowest=2, highest=110),
    "trash_area": Measure(_straight(32, 9), within=0.70, step=1, lowest=2, highest=150),
}
"""Every measure that is drawn as a normal score; Rd and +b follow from the colour grade."""


@cache
def scores_of_words(deviation: float) -> np.ndarray:
    """Normal scores by random number of 16 bits: int32, 65 536 entries, unit 1/SCORE_ONE."""
    scores = [
        round(_NORMAL.inv_cdf((word + 0.5) / _WORDS) * deviation * SCORE_ONE)
        for word in range(_WORDS)
    ]
    return np.array(scores, dtype=np.int32)


@cache
def values_of_scores(name: str) -> np.ndarray:
    """Values of a measure by score, int16; entry SCORE_MAX is the score 0."""
    measure = MEASURES[name]
    knot_scores = [_NORMAL.inv_cdf(share) * SCORE_ONE for _, share in measure.knots]
    knot_values = [value for value, _ in measure.knots]
    scores = np.arange(-_SCORE_MAX, _SCORE_MAX + 1)
    values = np.interp(scores, knot_scores, knot_values)
    # Beyond the outermost knots the outermost lines go on.
    for end, inner, beyond in (
        (0, 1, scores < knot_scores[0]),
        (-1, -2, scores > knot_scores[-1]),
    ):
        slope = (knot_values[end] - knot_values[inner]) / (knot_scores[end] - knot_scores[inner])
        values[beyond] = knot_values[end] + slope * (scores[beyond] - knot_scores[end])
    stepped = np.rint(values / measure.step) * measure.step
    table: np.ndarray = np.clip(stepped, measure.lowest, measure.highest).astype(np.int16)
    return table


def values(name: str, scores: np.ndarray) -> np.ndarray:
    """The values of a measure at integer scores; int16."""
    place = np.clip(scores, -_SCORE_MAX, _SCORE_MAX) + _SCORE_MAX
    found: np.ndarray = values_of_scores(name)[place]
    return found


@dataclass(frozen=True, slots=True)
class ColourGrade:
    """A colour grade, its typical Rd and +b in hundredths, and the two grades found beside it."""

    code: int
    rd: int
    plus_b: int
    neighbours: tuple[int, int]


COLOURS: Final = (
    ColourGrade(11, 8350, 800, (21, 21)),
    ColourGrade(21, 8140, 810, (31, 11)),
    ColourGrade(31, 7920, 820, (21, 41)),
    ColourGrade(41, 7620, 830, (31, 51)),
    ColourGrade(51, 7250, 840, (41, 41)),
    ColourGrade(12, 8050, 950, (22, 22)),
    ColourGrade(22, 7750, 970, (12, 32)),
    ColourGrade(32, 7350, 990, (22, 22)),
    ColourGrade(13, 7800, 1090, (23, 23)),
    ColourGrade(23, 7500, 1110, (13, 33)),
    ColourGrade(14, 7550, 1250, (24, 24)),
    ColourGrade(24, 7200, 1270, (14, 14)),
    ColourGrade(33, 7100, 1130, (23, 23)),
)
"""The thirteen grades. Rd and +b are typical values, no chart: the grade is what is reported."""

MAIN_COLOUR_SHARES: Final = {
    # Published by type: white 96.2, light spotted 3.5, the yellow types 0.4 %, together 100.1.
    # Within the white type hand-picked lots are mostly 21 and machine-picked ones mostly 31.
    "machine": {31: 0.680, 21: 0.200, 41: 0.070, 51: 0.011, 22: 0.022, 12: 0.009, 32: 0.004},
    "hand": {21: 0.700, 31: 0.170, 11: 0.080, 41: 0.011, 12: 0.020, 22: 0.015},
}
"""The share of lots with each main colour grade; what is missing to 1 is yellow (23)."""

YELLOW: Final = 23
MACHINE_PICKED_SHARE: Final = 0.9

PREPARATION_SHARES: Final = (0.0343, 0.9531, 0.0126)
"""P1, P2, P3."""

FOREIGN_FIBRE_SHARE: Final = 0.002
"""Bales with foreign fibre; not published for the season, rare."""
