"""Rows for the bale store, parts of them that pretend to lie on disk, and a plain model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from cotton_server.domain.fields import VALUE_FIELD_NAMES, VALUE_FIELDS
from cotton_server.domain.identifiers import USDA_HIGH
from cotton_server.registry.bale_columns import NAMES, REFERENCES, TYPES
from cotton_server.registry.bales import BaleColumns, BaleStore
from cotton_server.registry.key_filter import KeyFilter
from cotton_server.registry.key_zones import KeyZones

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Columns = dict[str, npt.NDArray[Any]]
Key = tuple[int, int]


def code(number: int, *, gin: int = 65001, day: int = 240930, second: int = 0) -> Key:
    """The key of a 32-digit bale code."""
    high = (32 * 10**5 + gin) * 10**9 + day * 1000 + second // 1000
    return high, (second % 1000 * 10**7 + 121) * 10**6 + number


def usda(number: int, crop_year: int = 2021) -> Key:
    """The key of a USDA bale."""
    return USDA_HIGH + crop_year, number


def keys_array(keys: Sequence[Key]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """High and low of keys."""
    high = np.asarray([key[0] for key in keys], np.uint64)
    return high, np.asarray([key[1] for key in keys], np.uint64)


def rows_of_keys(keys: Sequence[Key], position: int, known: Mapping[Key, int]) -> Columns:
    """Rows with these keys, whose other values follow from the place and the position.

    Some columns are the same for all, some come in runs, some vary; what of `known` or repeated is
    no first row.
    """
    count = len(keys)
    place, random = np.arange(count), np.random.default_rng(position)
    columns: Columns = dict(zip(("high", "low"), keys_array(keys), strict=True))
    for number, of in enumerate(VALUE_FIELDS):
        most = np.iinfo(of.dtype).max
        kinds = [
            np.full(count, position % 3 - 1),
            random.integers(-1, 1 + most // (position % 5 + 1), count),
            place // 7 % most - 1,
        ]
        columns[of.name] = kinds[(number + position) % 3].astype(of.dtype)
    for number, name in enumerate(REFERENCES):
        columns[name] = (place // (9 * number + 1) + position * 1000 * (number % 2)).astype(
            np.int32
        )
    columns["position"] = np.full(count, position, np.uint32)
    columns["batch_row"] = (place + position).astype(np.uint16)
    columns["kind"] = (1 + place // 50 % 2).astype(np.uint8)
    columns["inspected_at_s"] = random.integers(0, 2**32, count).astype(np.uint32)
    seen: set[Key] = set()
    first = [not (key in known or key in seen or seen.add(key)) for key in keys]  # type: ignore[func-returns-value]  # the usual way to tell the first of each
    columns["is_first"] = np.asarray(first, np.bool_)
    return {name: columns[name].astype(TYPES[name]) for name in NAMES}


def as_bales(columns: Columns, store: BaleStore) -> BaleColumns:
    """Rows in the form in which they are appended."""
    return BaleColumns(
        high=columns["high"],
        low=columns["low"],
        hashes=store.index.hashes(columns["high"], columns["low"]),
        values={name: columns[name] for name in VALUE_FIELD_NAMES},
        references={name: columns[name] for name in REFERENCES},
        kind=columns["kind"],
        position=columns["position"],
        batch_row=columns["batch_row"],
        inspected_at_s=columns["inspected_at_s"],
        is_first=columns["is_first"],
    )


@dataclass
class FakePart:
    """A part whose columns are in memory; `reads` counts how often each kind of read was asked."""

    first_row: int
    columns: Columns
    reads: list[str] = field(default_factory=list)

    @property
    def stop_row(self) -> int:
        """The row after the last."""
        return self.first_row + len(self.columns["high"])

    @property
    def bales(self) -> int:
        """How many rows are first."""
        return int(self.columns["is_first"].sum())

    def zones(self) -> KeyZones:
        """Where the keys lie."""
        return KeyZones.of(*self._firsts())

    def filter(self) -> KeyFilter:
        """Their hashes; not counted, for they are not read to memory."""
        known = KeyFilter.of(*self._firsts())
        return KeyFilter(known.words, known.hashes, 0)

    def read(self) -> Columns:
        """All columns."""
        self.reads.append("rows")
        return {name: column.copy() for name, column in self.columns.items()}

    def read_keys(self) -> Columns:
        """The columns of keys."""
        self.reads.append("keys")
        return {name: self.columns[name].copy() for name in ("high", "low", "is_first")}

    def _firsts(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        first = self.columns["is_first"]
        return self.columns["high"][first], self.columns["low"][first]


class Rows:
    """What a store is to hold: all rows in plain arrays, and a dictionary of keys."""

    def __init__(self) -> None:
        """Starts empty."""
        self.columns: Columns = {name: np.zeros(0, TYPES[name]) for name in NAMES}
        self.first_of: dict[Key, int] = {}
        self.position = 0

    def __len__(self) -> int:
        """Rows."""
        return len(self.columns["high"])

    def add(self, keys: Sequence[Key]) -> Columns:
        """Adds rows with these keys, at the next position; gives their columns."""
        self.position += 1
        start, new = len(self), rows_of_keys(keys, self.position, self.first_of)
        for row, (key, first) in enumerate(zip(keys, new["is_first"].tolist(), strict=True)):
            if first:
                self.first_of[key] = start + row
        self.columns = {
            name: np.concatenate([column, new[name]]) for name, column in self.columns.items()
        }
        return new

    def part(self, start: int, stop: int) -> FakePart:
        """Rows [start, stop) as a part."""
        return FakePart(start, {name: each[start:stop] for name, each in self.columns.items()})
