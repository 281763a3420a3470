"""What is measured of instruments: readings a second in all, alone or beside a backfill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Load:
    """One load: single readings a second of all instruments, and whether a backfill streams."""

    readings_a_second: int
    backfill: bool = False

    @property
    def name(self) -> str:
        """Such as "1000" or "1000 + backfill"."""
        return f"{self.readings_a_second}{' + backfill' if self.backfill else ''}"


RATES: Final = (1000, 2000, 3000, 4000, 5000)
STANDARD: Final = (Load(1000), Load(1000, backfill=True), *(Load(rate) for rate in RATES[1:]))
"""The loads of a complete run, in the order in which they are measured and printed."""

STEP: Final = 1000
"""How much a load is raised, after the standard ones, until one is not kept up with."""
RATE_MAX: Final = 12_000
"""Where raising ends in any case: beyond what a client in Python can send."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How every load is measured.

    A run lasts `warm_up_s`, which is left out, and `seconds`. `generators`: processes that
    the instruments are spread over. `window`: most unanswered batches of the backfill.
    """

    instruments: int
    generators: int
    warm_up_s: int
    seconds: int
    window: int

    @property
    def total_s(self) -> int:
        """How long readings are sent in all."""
        return self.warm_up_s + self.seconds

    def readings_of_one(self, load: Load) -> int:
        """How many readings each instrument sends in a run."""
        return load.readings_a_second * self.total_s // self.instruments
