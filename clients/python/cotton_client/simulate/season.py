"""Seasons of simulated cotton as frames: lots, weights and readings, warehouse by warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from cotton_client import frames
from cotton_client.simulate import distributions, files, noise
from cotton_client.simulate.organisation import GIN_CODES, REGIMENTS, REGION
from cotton_client.simulate.plan import DAY_S, Conditions, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

ROWS_PER_FRAME: Final = 65_536
READING_COLUMNS: Final = (
    "bale_code",
    "lot_no",
    "length",
    "uniformity",
    "short_fibre",
    "strength",
    "elongation",
    "micronaire",
    "maturity",
    "rd",
    "plus_b",
    "trash_area",
    "trash_count",
    "moisture",
    "colour_grade",
    "preparation",
    "foreign_fibre",
    "laboratory",
    "instrument",
    "inspected_at_s",
)
"""The columns of a readings frame that simulated readings fill; the others are null."""

_WORD: Final = 1 << 16
_INSTRUMENTS: Final = 8
_SECONDS_PER_SAMPLE: Final = 50
_HIGHEST_RD: Final = 8590
_OPAQUE_DIGITS: Final = 120
_CONDITIONED_PER_BALE: Final = 22_615
"""Hundredths of kg: season totals always give 225.7-226.6 kg a bale."""
_TARE_PER_BALE: Final = 132
_TRUCK_TARE: Final = 1_690_000
_TRUCK_STEP: Final = 2_000
"""Truck scales show steps of 20 kg."""
_RESOLUTION: Final = 10


def _stepped(numbers: np.ndarray, step: int) -> np.ndarray:
    """The nearest multiples of `step`."""
    return (numbers + step // 2) // step * step


def _texts(texts: list[str], places: np.ndarray) -> pl.Series:
    return pl.Series(texts, dtype=pl.String).gather(pl.Series(places))


@dataclass(frozen=True)
class Simulation:
    """A season of `lots` lots, the same for the same arguments whatever is drawn of it first.

    `seed`: 0 and up. `season`: the crop year, 2024 for 2024/25. `warehouses`: supervised
    warehouses, each with its own laboratory and regiments; at most as many as lots. Raises
    ValueError for what cannot be simulated. Iterating gives the warehouses.
    """

    lots: int
    seed: int
    season: int = 2024
    warehouses: int = 3
    plan: Plan = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lays the plan of all lots."""
        conditions = Conditions(self.lots, self.seed, self.season, self.warehouses)
        object.__setattr__(self, "plan", Plan(conditions))

    @property
    def bales(self) -> int:
        """Bales of the season."""
        return int(self.plan.bale_start[-1])

    def warehouse(self, place: int) -> SimulatedWarehouse:
        """The warehouse at a place from 0. Raises IndexError."""
        if not 0 <= place < self.warehouses:
            raise IndexError(f"there are {self.warehouses} warehouses, no place {place}")
        first, last = np.searchsorted(self.plan.warehouse, (place, place + 1))
        return SimulatedWarehouse(self, place, int(first), int(last))

    def __iter__(self) -> Iterator[SimulatedWarehouse]:
        """The warehouses in order."""
        return (self.warehouse(place) for place in range(self.warehouses))

    def write(self, directory: str | PathLike[str]) -> list[Path]:
        """Writes lots.csv, weights.csv and a readings-<warehouse>.csv each; returns the paths.

        The directory is made when it is not there; files of these names are replaced. The
        readers read the very same frames back. Raises OSError.
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        lots, weights = directory / "lots.csv", directory / "weights.csv"
        files.write_lots((warehouse.lots() for warehouse in self), lots)
        files.write_weights((warehouse.weights() for warehouse in self), weights)
        written = [lots, weights]
        for warehouse in self:
            path = directory / f"readings-{warehouse.name}.csv"
            files.write_readings(warehouse.readings(), path, READING_COLUMNS)
            written.append(path)
        return written


@dataclass(frozen=True)
class SimulatedWarehouse:
    """One supervised warehouse (监管仓库) of a simulation, with its laboratory.

    `first_lot` and `last_lot` bound its lots in the plan: from first_lot up to last_lot - 1.
    """

    simulation: Simulation
    place: int
    first_lot: int
    last_lot: int

    @property
    def name(self) -> str:
        """Code of the warehouse, such as "W01"; usable as a producer id."""
        return f"W{self.place + 1:02d}"

    @property
    def laboratory(self) -> str:
        """Code of its laboratory, such as "LAB-01"."""
        return f"LAB-{self.place + 1:02d}"

    @property
    def bales(self) -> int:
        """Bales of all its lots."""
        start = self.simulation.plan.bale_start
        return int(start[self.last_lot] - start[self.first_lot])

    def _lot_numbers(self, lots: slice) -> list[str]:
        plan = self.simulation.plan
        year = self.simulation.season % 100
        return [
            f"{GIN_CODES[gin]}{year:02d}{line}{serial:03d}"
            for gin, line, serial in zip(
                plan.gin[lots].tolist(),
                plan.line[lots].tolist(),
                plan.serial[lots].tolist(),
                strict=True,
            )
        ]

    def lots(self) -> pl.DataFrame:
        """Its lots as a lots frame, in the order of their readings."""
        plan = self.simulation.plan
        own = slice(self.first_lot, self.last_lot)
        rows = self.last_lot - self.first_lot
        regiment = plan.regiment[own]
        gins = plan.gin[own]
        frame = pl.DataFrame(
            {
                "lot_no": self._lot_numbers(own),
                "gin_code": _texts(list(GIN_CODES), gins),
                "gin_name": _texts([f"{GIN_CODES[gin]}轧花厂" for gin in range(plan.gins)], gins),
                "warehouse": [self.name] * rows,
                "region": [REGION] * rows,
                "division": _texts([entry.division for entry in REGIMENTS], regiment),
                "regiment": _texts([entry.name for entry in REGIMENTS], regiment),
                "cotton_type": ["SAW_GINNED_UPLAND"] * rows,
                "picking_mode": _texts(["HAND", "MACHINE"], plan.machine_picked[own].astype(int)),
                "channel": ["WAREHOUSE"] * rows,
                "traceability_unit": [
                    f"{GIN_CODES[gin]}-U{serial % 20 + 1:02d}"
                    for gin, serial in zip(gins.tolist(), plan.serial[own].tolist(), strict=True)
                ],
                "origin": ["新疆"] * rows,
                "agency": [f"AGENCY-{self.place + 1:02d}"] * rows,
                "declared_bales": plan.bales[own],
                "gate_in_at_s": plan.gate_in_s[own],
            }
        )
        return frames.conform(frame, frames.LOTS_SCHEMA)

    def weights(self) -> pl.DataFrame:
        """The weights of its lots as a weights frame, in the order of the lots."""
        plan = self.simulation.plan
        own = slice(self.first_lot, self.last_lot)
        rows = self.last_lot - self.first_lot
        counters = np.arange(self.first_lot, self.last_lot, dtype=np.uint64)
        words = noise.quarters(noise.random_words(self.simulation.seed, 100, counters))
        one = distributions.SCORE_ONE
        scores = [distributions.scores_of_words(1.0)[row].astype(np.int64) for row in words]
        regain = _stepped(550 + scores[0] * 60 // one, 10)
        trash = _stepped(230 + scores[1] * 35 // one, 10)
        bales = plan.bales[own]
        conditioned = (_CONDITIONED_PER_BALE + scores[2] * 60 // one) * bales
        # The net weight that conditions to it: GB 1103.1, 2.5 % trash and 8.5 % regain.
        net = conditioned * 9750 * (10_000 + regain) // ((10_000 - trash) * 10_850)
        tare = _stepped(bales * _TARE_PER_BALE, _RESOLUTION)
        gross = _stepped(net + tare, _TRUCK_STEP)
        truck_tare = _TRUCK_TARE + words[3].astype(np.int64) % 30 * _TRUCK_STEP
        frame = pl.DataFrame(
            {
                "lot_no": self._lot_numbers(own),
                "gross": gross,
                "tare": tare,
                "regain": regain,
                "trash": trash,
                "resolution": [_RESOLUTION] * rows,
                "truck_gross": gross + truck_tare,
                "truck_tare": truck_tare,
                "scale": [f"SCALE-{self.place + 1:02d}"] * rows,
                "operator": [f"OPERATOR-{self.place + 1:02d}"] * rows,
                "weighed_at_s": plan.gate_in_s[own] + 900,
            }
        )
        return frames.conform(frame, frames.WEIGHTS_SCHEMA)

    def readings(self, bales_per_frame: int = ROWS_PER_FRAME) -> Iterator[pl.DataFrame]:
        """Its bales in order as readings frames of `bales_per_frame` rows; the last is shorter.

        Memory is bounded by the size of a frame. Raises ValueError below 1.
        """
        if bales_per_frame < 1:
            raise ValueError(f"a frame must have at least 1 bale, not {bales_per_frame}")
        start = self.simulation.plan.bale_start
        first, last = int(start[self.first_lot]), int(start[self.last_lot])
        return (
            self._frame(place, min(place + bales_per_frame, last))
            for place in range(first, last, bales_per_frame)
        )

    def _frame(self, first: int, last: int) -> pl.DataFrame:
        """The readings of the bales `first` up to `last` - 1 of the season."""
        plan, seed = self.simulation.plan, self.simulation.seed
        first_lot = int(np.searchsorted(plan.bale_start, first, side="right")) - 1
        last_lot = int(np.searchsorted(plan.bale_start, last, side="left"))
        starts = plan.bale_start[first_lot : last_lot + 1]
        counts = np.diff(np.clip(starts, first, last))
        lot = np.repeat(np.arange(first_lot, last_lot), counts)
        bales = np.arange(first, last, dtype=np.uint64)
        words = [
            quarter
            for stream in range(4)
            for quarter in noise.quarters(noise.random_words(seed, 200 + stream, bales))
        ]
        columns = _measures(plan, lot, words)
        columns |= _colours(plan, lot, words)
        in_lot = bales.astype(np.int64) - plan.bale_start[lot]
        half = max(plan.bale_s // 2, 1)
        baled_s = plan.baled_from_s[lot] + in_lot * plan.bale_s + words[15] % half
        columns |= {
            "bale_code": _bale_codes(plan, lot, bales, baled_s),
            "lot_no": _texts(self._lot_numbers(slice(first_lot, last_lot)), lot - first_lot),
            "laboratory": pl.repeat(self.laboratory, len(lot), dtype=pl.String, eager=True),
            "instrument": _texts(
                [f"HVI-{self.place + 1:02d}-{number + 1}" for number in range(_INSTRUMENTS)],
                lot % _INSTRUMENTS,
            ),
            "inspected_at_s": pl.Series(
                plan.inspected_from_s[lot] + in_lot * _SECONDS_PER_SAMPLE, dtype=pl.Int64
            ),
        }
        rows = len(lot)
        return pl.DataFrame(
            [
                columns[name].alias(name)
                if name in columns
                else pl.repeat(None, rows, dtype=dtype, eager=True).alias(name)
                for name, dtype in frames.READINGS_SCHEMA.items()
            ]
        )


def _integers(numbers: np.ndarray) -> pl.Series:
    return pl.Series(numbers.astype(np.int32, copy=False))


def _measures(plan: Plan, lot: np.ndarray, words: list[np.ndarray]) -> dict[str, pl.Series]:
    columns = {}
    for place, (name, measure) in enumerate(distributions.MEASURES.items()):
        own = distributions.scores_of_words(measure.within)[words[place]]
        columns[name] = _integers(distributions.values(name, own + plan.scores[name][lot]))
    return columns


def _colours(plan: Plan, lot: np.ndarray, words: list[np.ndarray]) -> dict[str, pl.Series]:
    """Colour grade, Rd, +b, preparation and foreign fibre."""
    grade = np.where(words[12] < plan.purity[lot], plan.colour[lot], plan.neighbour[lot])
    grades = distributions.COLOURS
    one = distributions.SCORE_ONE
    rd_noise = distributions.scores_of_words(1.0)[words[10]] * 70 // one
    plus_b_noise = distributions.scores_of_words(1.0)[words[11]] * 25 // one
    rd = np.array([entry.rd for entry in grades], dtype=np.int32)[grade] + rd_noise
    plus_b = np.array([entry.plus_b for entry in grades], dtype=np.int32)[grade] + plus_b_noise
    limits = np.rint(np.cumsum(distributions.PREPARATION_SHARES[:-1]) * _WORD)
    return {
        "colour_grade": _integers(np.array([entry.code for entry in grades])[grade]),
        "rd": _integers(np.minimum(_stepped(rd, 10), _HIGHEST_RD)),
        "plus_b": _integers(_stepped(plus_b, 10)),
        "preparation": _integers(1 + np.searchsorted(limits, words[13], side="right")),
        "foreign_fibre": _integers(words[14] < _WORD * distributions.FOREIGN_FIBRE_SHARE),
    }


def _bale_codes(plan: Plan, lot: np.ndarray, bales: np.ndarray, baled_s: np.ndarray) -> pl.Series:
    """32 digits: "32", gin 5, YYMMDDhhmmss, seven digits with the line, bale number 6."""
    since = baled_s - plan.season_start_s
    day, second = since // DAY_S, since % DAY_S
    hour, minute, second = second // 3600, second // 60 % 60, second % 60
    gin = plan.gin[lot]
    codes = np.array([int(code) for code in GIN_CODES], dtype=np.uint64)[gin]
    # A gin counts its own bales, from 1.
    number = bales - plan.gin_bale_start[gin].astype(np.uint64) + np.uint64(1)
    clock = (hour * 10 + minute // 10).astype(np.uint64)
    high = (codes + np.uint64(3_200_000)) * np.uint64(10**9)
    high += plan.dates[day] * np.uint64(1000) + clock
    seconds = (minute % 10 * 100 + second).astype(np.uint64)
    opaque = (plan.line[lot] + _OPAQUE_DIGITS).astype(np.uint64)
    low = (seconds * np.uint64(10**7) + opaque) * np.uint64(10**6) + number
    return pl.select(
        pl.concat_str(
            pl.Series(high).cast(pl.String), pl.Series(low).cast(pl.String).str.zfill(16)
        ).alias("bale_code")
    ).to_series()
