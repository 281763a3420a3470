"""How much is simulated, in which order it arrives, and how often questions are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

LOTS_NATIONAL: Final = 140_000
"""Lots of a national season, of about 26 million bales."""

SEASON: Final = 2024
SEED: Final = 1
SLICES: Final = 20
"""Parts of the season, by when lots came to the gate, that arrive one after the other."""

LEVELS: Final = (2, 10, 20)
"""After how many slices questions are asked: a tenth, a half, and all of the season."""

BATCH_BALES: Final = 4096
OTHER_SEASON: Final = SEASON - 2
"""What comes in while others ask about the season: new readings for as long as they ask."""

OTHER_SLICES: Final = 2
"""Parts of it that arrive one after the other; the lots of each fit in a request a warehouse."""

LAST_SEASON_SHARE: Final = 10
"""The season before is smaller by this factor: it stands beside, and is not what is measured."""

_WAREHOUSES_MAX: Final = 42
"""With 8 instruments each 336, which is about what the nation has."""
_LOTS_A_WAREHOUSE: Final = 40

ASKERS: Final = (1, 2, 4, 8)
"""How many ask at once under load."""

LANES: Final = 8
"""Producers that send at once meanwhile."""
WINDOW: Final = 4
"""Batches under way of each: enough for the full rate, and few enough that an acknowledgement is no
long queue of others."""

LOTS: Final = "lots"
READINGS: Final = "readings"
WEIGHTS: Final = "weights"
CLOSURES: Final = "closures"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    `asks`: how often each question is asked; `rounds`: how often of service and peers in turn;
    `scans`: how often what takes seconds is repeated (certificates of all lots, each settlement,
    grading and pricing alone).
    """

    lots: int
    asks: int
    rounds: int
    scans: int
    load_s: float = 0
    """How long a number of askers ask at once; 0 in older files, which have none."""

    @property
    def warehouses(self) -> int:
        """Supervised warehouses, each a producer with a laboratory of its own."""
        return max(1, min(_WAREHOUSES_MAX, self.lots // _LOTS_A_WAREHOUSE))

    @property
    def other_lots(self) -> int:
        """Lots of the other season."""
        return self.lots * 3 // 2

    @property
    def last_lots(self) -> int:
        """Lots of the season before."""
        return max(self.warehouses, self.lots // LAST_SEASON_SHARE)


def level_of(place: int) -> int:
    """The level that a slice belongs to: the first that has it."""
    return next(number for number, slices in enumerate(LEVELS) if place < slices)


def messages_path(directory: Path, place: int, producer: str, what: str) -> Path:
    """Where the messages of a producer lie that arrive in a slice."""
    return directory / f"{place:02}" / f"{producer}.{what}"


def tables_path(directory: Path, level: int, what: str) -> Path:
    """The directory of the Parquet files with what a level adds: bales or lots."""
    return directory / "tables" / what / str(level)
